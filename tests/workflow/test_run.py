"""The whole workflow on a tiny study, and what a second run finds to do."""

import csv
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from running_snakemake import snakemake

from thermolatent.files.artifacts import load_json
from thermolatent.status.files import described
from thermolatent.study.layout import Layout
from thermolatent.study.loading import load_study

pytestmark = pytest.mark.workflow

HOME = Path(__file__).parents[2]
TINY = ("--config", "studies=[three_hole]", "scale=smoke")
STUDY = load_study("three_hole@smoke", HOME / "studies")
PATHS = Layout("results/three_hole@smoke")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder in which the workflow has run."""
    folder = tmp_path_factory.mktemp("run")
    done = snakemake(folder, "--cores", "2", *TINY)
    assert done.code == 0, (done.out + done.error)[-5000:]
    return folder


@pytest.fixture
def copied(finished, tmp_path):
    """A copy of that folder, to break something in."""
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)  # with the times of its files
    return tmp_path


def rules_to_run(folder, *arguments):
    done = snakemake(folder, "-n", *(arguments or TINY))
    assert done.code == 0, done.error
    return done.counts


def test_every_file_of_the_study_is_there(finished):
    files = [PATHS.study, PATHS.report, PATHS.all_scores, PATHS.all_populations, PATHS.metrics]
    for T in STUDY.temperatures.simulated:
        files += [PATHS.protocol(T), PATHS.features(T), *PATHS.trajectories(T, STUDY.simulate.walkers)]
    for model in STUDY.models:
        files += [PATHS.model(model, 0), PATHS.surfaces(model, 0), PATHS.profiles(model, 0)]
        files += [
            f(model, 0, T)
            for T in STUDY.temperatures.generated
            for f in (PATHS.samples, PATHS.structures, PATHS.medoids)
        ]
    assert not [file for file in files if not (finished / file).stat().st_size]
    figures = load_json(finished / PATHS.figures)["files"]
    assert {Path(name).suffix for name in figures} >= {".pdf", ".png"}
    assert load_json(finished / PATHS.study)["name"] == "three_hole@smoke"


def test_scores_cover_every_temperature_model_and_baseline(finished):
    with (finished / PATHS.all_scores).open() as file:
        rows = list(csv.DictReader(file))
    assert {float(row["temperature"]) for row in rows} >= set(STUDY.temperatures.generated)
    assert {row["model"] for row in rows} >= {*STUDY.models, "floor", "nearest", "mbar", "conditional"}


def test_nothing_is_left_to_do(finished):
    done = snakemake(finished, "-n", *TINY)
    assert done.code == 0
    assert "Nothing to be done" in done.out + done.error
    assert done.counts == {}


def test_the_command_says_what_a_finished_study_found(finished):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("THERMOLATENT")}
    done = subprocess.run(
        [sys.executable, "-m", "thermolatent.cli", "run", "three_hole", "--scale", "smoke"],
        cwd=finished,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr.startswith("Nothing to be done")) == (0, True), done.stderr
    report, *answers = done.stdout.splitlines()
    assert report == PATHS.report
    asked = [T for T in STUDY.temperatures.generated if T not in STUDY.temperatures.train]
    assert [line.split()[2] for line in answers] == [f"{T:g}:" for T in asked]
    assert all(state in line for line in answers for state in STUDY.validate_.states.names)


def test_every_file_of_the_results_is_described(finished):
    files = [path for path in (finished / "results").rglob("*") if path.is_file()]
    assert [line.partition(": ")[0] for line in described(finished / "results")] == sorted(map(str, files))


def test_no_job_wrote_outside_results_and_logs(finished):
    assert {path.name for path in finished.iterdir()} == {"results", "logs", ".snakemake"}
    assert not list(finished.glob("results/**/.*"))


@pytest.mark.parametrize("kind", ["samples", "structures"])
def test_a_deleted_sample_file_is_noticed_and_made_again_alone(copied, kind):
    model = next(iter(STUDY.models))
    lost = copied / getattr(PATHS, kind)(model, 0, 1.0)
    kept = copied / PATHS.samples(model, 0, 0.75)
    before, stamp = lost.read_bytes(), kept.stat().st_mtime_ns
    lost.unlink()
    assert rules_to_run(copied) == {
        **{"generate": 1, "validate": 1, "gather": 1, "figures": 1, "report": 1, "all": 1},
    }
    if kind == "structures":
        return
    done = snakemake(copied, "--cores", "1", *TINY, "--until", "generate")
    assert done.code == 0, done.error
    assert lost.read_bytes() == before
    assert kept.stat().st_mtime_ns == stamp


def test_a_deleted_figure_is_noticed(copied):
    next((copied / PATHS.figures).parent.glob("*.pdf")).unlink()
    assert rules_to_run(copied) == {"figures": 1, "report": 1, "all": 1}


def test_a_lost_trajectory_never_repeats_md_by_itself(copied):
    (copied / PATHS.trajectory(0.5, 0)).unlink()
    assert rules_to_run(copied) == {}


def changed_study(folder, old, new):
    text = (HOME / "studies/three_hole.yaml").read_text()
    assert old in text
    (folder / "studies").mkdir()
    (folder / "studies/three_hole.yaml").write_text(text.replace(old, new))


def test_a_new_prediction_inside_the_learning_range_trains_nothing(copied):
    changed_study(copied, "predict: [0.75, 1.0, 1.25]", "predict: [0.75, 0.9, 1.0, 1.25]")
    assert set(rules_to_run(copied)) == {
        *("generate", "validate", "validate_baselines", "gather", "figures", "report", "all"),
    }


def test_a_new_training_temperature_simulates_only_that_one(copied):
    changed_study(copied, "train: [0.5, 1.5]", "train: [0.5, 0.6, 1.5]")
    planned = rules_to_run(copied)
    assert (planned["simulate"], planned["featurize"]) == (1, 1)
    assert {"represent", "reweight", "learn", "generate", "validate"} <= set(planned)


def test_a_new_comment_in_the_study_repeats_nothing(copied):
    changed_study(copied, "models:", "# which models\nmodels:")
    assert rules_to_run(copied) == {}


def test_a_touched_file_repeats_nothing(copied):
    time.sleep(0.01)
    (copied / PATHS.features_header(0.5)).touch()
    assert rules_to_run(copied) == {}
