"""The wheel carries the workflow: studies run where there is no clone."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml
from running_snakemake import Outcome, expected

pytestmark = pytest.mark.workflow
CLONE = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with what the wheel installs."""
    folder = tmp_path_factory.mktemp("wheel")
    builder = pytest.importorskip("hatchling.builders.wheel")
    (wheel,) = builder.WheelBuilder(str(CLONE)).build(directory=str(folder), versions=["standard"])
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site-packages")
    return folder / "site-packages"


def test_all_of_the_workflow_is_in_the_wheel(installed):
    for name in ("Snakefile", "config.yaml", "workflow", "profiles", "studies"):
        for path in (CLONE / name).rglob("*") if (CLONE / name).is_dir() else [CLONE / name]:
            if path.is_file() and "__pycache__" not in path.parts:
                copy = installed / "thermolatent/_workflow" / path.relative_to(CLONE)
                assert copy.read_bytes() == path.read_bytes()


def test_it_plans_the_same_jobs_as_the_clone(installed, tmp_path):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("THERMOLATENT")}
    done = subprocess.run(
        [sys.executable, "-m", "thermolatent.cli", "run", "lj7", "--scale", "smoke", "-n"],
        cwd=tmp_path,
        env=environment | {"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    seeds = len(yaml.safe_load((CLONE / "config.yaml").read_text())["seeds"])
    assert Outcome(0, done.stdout, done.stderr).counts == expected("lj7@smoke", seeds)
