"""The whole workflow on a tiny study, and what a second run finds to do."""

import csv
import shutil
import time
from pathlib import Path

import pytest
from running_snakemake import snakemake, thermolatent

from thermolatent.files.artifacts import load_json
from thermolatent.status.files import described
from thermolatent.study.layout import Layout
from thermolatent.study.loading import load_study

pytestmark = pytest.mark.workflow

HOME = Path(__file__).parents[2]
ONE_SEED = ("--config", "seeds=[0]")
PATHS = Layout("results/lj7")


@pytest.fixture(scope="module", params=["stages", pytest.param("workflow", marks=pytest.mark.slow)])
def finished(request, untouched, tmp_path_factory):
    """A folder in which the small study has run: its stages in this process, or the workflow's jobs."""
    folder = tmp_path_factory.mktemp("run")
    if request.param == "stages":
        shutil.copytree(untouched, folder, dirs_exist_ok=True)
        done = snakemake(
            folder, "--cores", "1", "--touch", "--forceall", *ONE_SEED
        )  # Snakemake notes what it is made with
    else:
        shutil.copytree(untouched / "studies", folder / "studies")
        done = snakemake(folder, "--cores", "2", *ONE_SEED)
    assert done.code == 0, (done.out + done.error)[-5000:]
    return folder


@pytest.fixture(scope="module")
def study(finished):
    return load_study("lj7", finished / "studies")


@pytest.fixture
def copied(finished, tmp_path):
    """A copy of that folder, to break something in."""
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)  # with the times of its files
    return tmp_path


def rules_to_run(folder, *arguments):
    done = snakemake(folder, "-n", *(arguments or ONE_SEED))
    assert done.code == 0, done.error
    return done.counts


def test_every_file_of_the_study_is_there(finished, study):
    files = [PATHS.study, PATHS.report, PATHS.all_scores, PATHS.all_populations, PATHS.metrics]
    for T in study.temperatures.simulated:
        files += [PATHS.protocol(T), PATHS.features(T), *PATHS.trajectories(T, study.simulate.walkers)]
    for model in study.models:
        files += [PATHS.model(model, 0), PATHS.surfaces(model, 0), PATHS.profiles(model, 0)]
        files += [
            f(model, 0, T)
            for T in study.temperatures.generated
            for f in (PATHS.samples, PATHS.structures, PATHS.medoids)
        ]
    assert not [file for file in files if not (finished / file).stat().st_size]
    figures = load_json(finished / PATHS.figures)["files"]
    assert {Path(name).suffix for name in figures} >= {".pdf", ".png"}
    assert (finished / PATHS.report).stat().st_size < 3e6
    assert load_json(finished / PATHS.study)["name"] == "lj7"


def test_scores_cover_every_temperature_model_and_baseline(finished, study):
    with (finished / PATHS.all_scores).open() as file:
        rows = list(csv.DictReader(file))
    assert {float(row["temperature"]) for row in rows} >= set(study.temperatures.generated)
    assert {row["model"] for row in rows} >= {*study.models, "floor", "nearest", "mbar", "conditional"}


def test_nothing_is_left_to_do(finished):
    done = snakemake(finished, "-n", *ONE_SEED)
    assert done.code == 0
    assert "Nothing to be done" in done.out + done.error
    assert done.counts == {}


def test_the_command_says_what_a_finished_study_found(finished, study):
    done = thermolatent(finished, "run", "lj7", "--seeds", "0")
    assert (done.code, done.error.startswith("Nothing to be done")) == (0, True), done.error
    report, *answers = done.out.splitlines()
    assert report == PATHS.report
    asked = [T for T in study.temperatures.generated if T not in study.temperatures.train]
    assert [line.split()[2] for line in answers] == [f"{T:g}:" for T in asked]
    assert all(state in line for line in answers for state in study.validate_.states.names)


def test_every_file_of_the_results_is_described(finished):
    files = sorted(path for path in (finished / "results").rglob("*") if path.is_file())
    assert [line.partition(": ")[0] for line in described(finished / "results")] == [*map(str, files)]


def test_no_job_wrote_outside_results_and_logs(finished):
    assert {path.name for path in finished.iterdir()} <= {"studies", "results", "logs", ".snakemake"}
    assert not list(finished.glob("results/**/.*"))


@pytest.mark.parametrize("kind", ["structures", pytest.param("samples", marks=pytest.mark.slow)])
def test_a_deleted_sample_file_is_noticed(copied, kind):
    (copied / getattr(PATHS, kind)("latf", 0, 0.4)).unlink()
    assert rules_to_run(copied) == {
        **{"generate": 1, "validate": 1, "gather": 1, "figures": 1, "report": 1, "all": 1},
    }


@pytest.mark.slow
def test_a_deleted_sample_file_is_made_again_alone(copied):
    lost, kept = (copied / PATHS.samples("latf", 0, T) for T in (0.4, 0.3))
    before, stamp = lost.read_bytes(), kept.stat().st_mtime_ns
    lost.unlink()
    done = snakemake(copied, "--cores", "1", *ONE_SEED, "--until", "generate")
    assert done.code == 0, done.error
    assert lost.read_bytes() == before
    assert kept.stat().st_mtime_ns == stamp


@pytest.mark.parametrize("finished", [pytest.param("workflow", marks=pytest.mark.slow)], indirect=True)
def test_the_workflow_finds_what_the_stages_find(finished, untouched):
    for table in (PATHS.all_scores, PATHS.all_populations, PATHS.predictions):
        assert (finished / table).read_bytes() == (untouched / table).read_bytes()


def test_a_deleted_figure_is_noticed(copied):
    next((copied / PATHS.figures).parent.glob("*.pdf")).unlink()
    assert rules_to_run(copied) == {"figures": 1, "report": 1, "all": 1}


def changed_study(folder, old, new):
    path = folder / "studies/lj7.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_comment_a_new_time_and_a_lost_trajectory_repeat_nothing(copied):
    """MD above all is never repeated by itself."""
    changed_study(copied, "models:", "# which models\nmodels:")
    time.sleep(0.01)
    (copied / PATHS.features_header(0.5)).touch()
    (copied / PATHS.trajectory(0.5, 0)).unlink()
    assert rules_to_run(copied) == {}


def test_a_new_prediction_inside_the_learning_range_trains_nothing(copied):
    changed_study(copied, "  predict:\n", "  predict:\n  - 0.35\n")
    assert set(rules_to_run(copied)) == {
        *("generate", "validate", "validate_baselines", "gather", "figures", "report", "all"),
    }


def test_a_new_training_temperature_simulates_only_that_one(copied):
    changed_study(copied, "  train:\n", "  train:\n  - 0.25\n")
    planned = rules_to_run(copied)
    assert (planned["simulate"], planned["featurize"]) == (1, 1)
    assert {"represent", "reweight", "learn", "generate", "validate"} <= set(planned)
