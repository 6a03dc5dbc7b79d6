"""A full disk and a read-only one, in a mount namespace: needs Linux that lets a user have one."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from faults_for_tests import one_line

pytestmark = pytest.mark.faults

UNSHARE = ["unshare", "--map-root-user", "--mount"]


def namespaces():
    try:
        return subprocess.run([*UNSHARE, "true"], capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


@pytest.fixture(scope="module")
def outcomes(finished, tmp_path_factory):
    """``(stage, fault)`` -> what happened."""
    mount = tmp_path_factory.mktemp("small") / "disk"
    mount.mkdir()
    here = Path(__file__).parent
    command = [*UNSHARE, sys.executable, here / "on_a_small_disk.py", finished, mount, here.parent]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    cases = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
    return {(stage, fault): rest for stage, fault, *rest in cases}


@pytest.mark.skipif(not namespaces(), reason="needs unshare --map-root-user --mount")
@pytest.mark.parametrize("stage", ["simulate", "featurize", "represent", "learn", "generate", "validate", "figures"])
@pytest.mark.parametrize(
    ("fault", "words"), [("full", ["free"]), ("read-only", ["Read-only file system", "make the folder writable"])]
)
def test_a_stage_says_so_and_does_it_later(outcomes, stage, fault, words):
    code, error, harmed, again, later, same = outcomes[stage, fault]
    assert code == 1, error
    line = one_line(error)
    assert line.startswith(f"thermolatent {stage}: ")
    assert "results/tiny/" in line
    assert not [word for word in words if word not in line], line
    assert not harmed
    assert again == 0, later
    assert same
