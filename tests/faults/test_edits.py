"""What an edit of code or study repeats, what a clock does, what a new name does: never MD, and never too little."""

import os
import shutil
import time
from pathlib import Path

import pytest
import yaml
from faults_for_tests import CONFIG, NAME, TINY, content, one_line, planned
from running_snakemake import HOME, snakemake
from studies_for_tests import write

pytestmark = pytest.mark.faults

LAST = {"gather", "figures", "report", "all"}
VALIDATED = {"validate", "validate_baselines", *LAST}

#: File below src/thermolatent -> rules that an edit of it repeats.
CODE = {
    "simulate/walkers.py": set(),
    "represent/spib.py": {"represent", "reweight", "learn", "generate", *VALIDATED},
    "learn/train.py": {"learn", "generate", "validate", *LAST},
    "densities/diffusion.py": set(),  # no model of the study uses it
    "validate/scores.py": VALIDATED,
    "figures/style.py": {"figures", "report", "all"},
}

#: Key of the study -> (another value, rules that this repeats).
KEYS = {
    "description": ("other words", {"figures", "report", "all"}),
    "generate.grid": (4, {"generate", "validate", *LAST}),
    "validate.bins": (15, VALIDATED),
    "learn.steps": (40, {"learn", "generate", "validate", *LAST}),
    "reweight.heat_capacity": (7.0, {"reweight", "learn", "generate", *VALIDATED}),
    "representation.epochs": (14, {"represent", "reweight", "learn", "generate", *VALIDATED}),
    "featurize.frames": (300, {"featurize", "represent", "reweight", "learn", "generate", *VALIDATED}),
}


def edited(folder, key, value):
    study = yaml.safe_load((folder / f"studies/{NAME}.yaml").read_text())
    *path, last = key.split(".")
    place = study
    for part in path:
        place = place.setdefault(part, {})
    place[last] = value
    write(folder, study, NAME)


@pytest.mark.workflow
@pytest.mark.parametrize("file", CODE)
def test_edited_code_repeats_the_right_jobs_and_never_md(finished, tmp_path, file):
    home = tmp_path / "repository"
    for name in ("src", "workflow", "profiles", "studies"):
        shutil.copytree(HOME / name, home / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Snakefile", "config.yaml"):
        shutil.copy(HOME / name, home)
    path = home / "src/thermolatent" / file
    path.write_text(path.read_text() + "\n\n_EDITED = 1\n")
    done = snakemake(finished, "-n", *CONFIG, home=home)
    assert done.code == 0, done.error
    assert set(done.counts) == CODE[file]


@pytest.mark.workflow
@pytest.mark.parametrize("key", KEYS)
def test_an_edited_study_repeats_what_reads_the_key(copied, key):
    value, rules = KEYS[key]
    edited(copied, key, value)
    assert set(planned(copied)) == rules


def test_a_new_temperature_computes_its_own_files_only(finished, copied, jobs):
    edited(copied, "temperatures.predict", [0.75, 0.9, 1.0, 1.25])
    root = copied / "results" / NAME
    stamps = {path: path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file()}
    planned_rules = planned(copied)
    assert set(planned_rules) == {"generate", *VALIDATED}
    code, error, _ = jobs.run(copied, "generate")
    assert code == 0, error
    new = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file() and path not in stamps}
    folder = "generate/latf/seed0"
    assert new == {f"{folder}/T0.9{end}" for end in (".npz", ".dcd", ".medoids.pdb")}
    again = {path.name for path, stamp in stamps.items() if path.stat().st_mtime_ns != stamp}
    assert again == {"files.json", "surfaces.npz", "study.json"}
    lists = ("study.json", f"{folder}/files.json")
    expected = {name: data for name, data in content(finished).items() if name not in lists}
    assert {name: data for name, data in content(copied).items() if name in expected} == expected


@pytest.mark.workflow
def test_files_of_the_future_repeat_no_md(copied):
    """The clock was set back after MD and features were made: what follows is older than what it was made from."""
    tomorrow = time.time() + 86400
    for path in [*copied.glob("results/*/simulate/**/*"), *copied.glob("results/*/featurize/**/*")]:
        os.utime(path, (tomorrow, tomorrow))
    assert planned(copied) == {}  # the content of small files is compared
    large = set(
        planned(copied, "--max-checksum-file-size", "0")
    )  # as if they were large ones, of which only times are known
    assert large
    assert not large & {"simulate", "temper"}


@pytest.mark.workflow
def test_a_renamed_study_keeps_its_md_and_nothing_that_may_be_stale(copied, jobs):
    other = ("--config", "studies=[other]", "seeds=[0]")
    (copied / f"studies/{NAME}.yaml").rename(copied / "studies/other.yaml")
    os.rename(copied / "results" / NAME, copied / "results/other")
    told = snakemake(copied, "-n", *other)
    assert told.code == 1
    assert "results/other: holds results of study 'tiny'" in told.error
    assert "move all but simulate/ out of it, or rename" in told.error
    for path in (copied / "results/other").iterdir():
        if path.name != "simulate":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    done = snakemake(copied, "-n", *other)
    assert done.code == 0, done.error
    assert "temper" not in done.counts
    assert done.counts["simulate"] == 1  # the reseeded one, whose starts are of features that are made anew
    assert {"featurize", "represent", "learn", "report"} <= set(done.counts)
    md = {path: path.read_bytes() for path in (copied / "results/other/simulate").rglob("*.*") if path.is_file()}
    features = [f"results/other/featurize/T{T}/features.json" for T in ("0.5", "1.1", "1.5")]
    assert snakemake(copied, "--cores", "1", *other, "--", *features).code == 0
    assert {path: path.read_bytes() for path in md} == md


def test_a_stage_of_a_renamed_study_refuses_by_itself(copied, jobs):
    os.rename(copied / "results" / NAME, copied / "results/first")
    write(copied, TINY, "first")
    shutil.copytree(copied / "results/first", copied / "results" / NAME)
    edited(copied, "simulate.friction", 2.0)
    path = Path(copied / "results" / NAME / "study.json")
    path.write_text(path.read_text().replace('"name": "tiny"', '"name": "first"'))
    code, error, _ = jobs.run(copied, "learn")
    assert code == 1
    assert "move it away, for its MD was run with other settings" in one_line(error)
