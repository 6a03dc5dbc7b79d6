"""A study with many jobs is planned without doing the same work for each of them. Counted, not timed."""

import json
import os
import subprocess
import sys

import pytest
from running_snakemake import HOME, Outcome
from studies_for_tests import SOUND, changed, write

from thermolatent.study.stages import STAGES

pytestmark = pytest.mark.workflow

TEMPERATURES, MODELS, SEEDS = 50, 10, 2
#: Runs Snakemake in this process and prints the first argument of each call of some functions.
COUNTING = """
import json, sys
from functools import wraps
from thermolatent import digest
from thermolatent.files import manifest
from thermolatent.study import project
from snakemake.cli import main

calls = {}
def counted(module, name):
    function = getattr(module, name)
    @wraps(function)
    def counting(*arguments):
        calls.setdefault(name, []).append(str(arguments[0]))
        return function(*arguments)
    setattr(module, name, counting)

for module, name in [(project, "load_study"), (digest, "reached"), (manifest, "_files_in")]:
    counted(module, name)
try:
    main()
finally:
    print("CALLS", json.dumps(calls))
"""


@pytest.fixture(scope="module")
def planned(tmp_path_factory):
    """A dry run of a study with 50 temperatures and 10 models whose ensembles of one model and seed are there already."""
    folder = tmp_path_factory.mktemp("large")
    temperatures = [round(0.5 + k / (TEMPERATURES - 1), 3) for k in range(TEMPERATURES)]
    content = changed(
        "temperatures",
        {"train": [temperatures[0], temperatures[-1]], "predict": temperatures[1:-1], "reference": temperatures[1:-1]},
    )
    content["models"] = {f"m{k}": SOUND["models"]["latf"] for k in range(MODELS)}
    write(folder, content)
    generated = folder / "results/mine/generate/m0/seed0"
    generated.mkdir(parents=True)
    names = [f"T{k}.npz" for k in range(TEMPERATURES)]
    for name in names:
        (generated / name).write_text("")
    (generated / "files.json").write_text(json.dumps({"format_version": 1, "files": dict.fromkeys(names, "")}))
    options = ["-n", "--config", "studies=[mine]", f"seeds={list(range(SEEDS))}"]
    done = subprocess.run(
        [sys.executable, "-c", COUNTING, "--snakefile", HOME / "Snakefile", *options],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    calls = json.loads(done.stdout.rpartition("CALLS ")[2])
    return Outcome(done.returncode, done.stdout, done.stderr), calls


def test_the_number_of_jobs_grows_with_models_and_seeds_not_with_temperatures(planned):
    trained = MODELS * SEEDS
    assert planned[0].counts == {
        **{"simulate": TEMPERATURES, "featurize": TEMPERATURES, "represent": SEEDS, "reweight": 1},
        **{"learn": trained, "generate": trained, "validate": trained, "validate_baselines": SEEDS},
        **{"gather": 1, "figures": 1, "report": 1, "all": 1},
    }


def test_no_study_is_read_twice(planned):
    read = planned[1]["load_study"]
    assert "mine" in read
    assert len(read) == len(set(read))


def test_code_is_digested_once_per_stage(planned):
    assert len(planned[1]["reached"]) <= len(STAGES)


def test_a_list_of_files_costs_one_look_at_their_folder(planned):
    assert len(planned[1]["_files_in"]) == 1
