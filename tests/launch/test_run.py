"""``thermolatent run`` as a person types it, outside of the clone."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from running_snakemake import thermolatent
from studies_for_tests import SOUND, changed, write

from thermolatent.launch.screen import label

pytestmark = pytest.mark.workflow


def run(folder, *arguments):
    """Exit code, stdout and stderr."""
    done = thermolatent(folder, "run", *arguments)
    return done.code, done.out, done.error


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    """A folder with a study whose MD has run, and what was seen of that."""
    folder = tmp_path_factory.mktemp("run")
    write(folder, SOUND)
    return folder, run(folder, "mine", "--seeds", "3", "--until", "simulate")


def test_a_job_is_a_line_and_the_rest_is_in_the_log(simulated):
    folder, (code, out, error) = simulated
    assert (code, out) == (0, ""), error
    first = error.splitlines()
    jobs = first[2:]
    plan, disk = sorted(first[:2])  # of two threads
    assert plan == "3 jobs: 3 simulate"
    assert disk.startswith("mine: about ")
    told = [re.fullmatch(r"\[(\d)/3\] simulate mine T([\d.]+)  done in \d+ s", line) for line in jobs]
    assert [found[1] for found in told] == ["1", "2", "3"]
    assert {found[2] for found in told} == {"0.5", "1", "1.5"}
    (log,) = (folder / ".snakemake/log").glob("*.log")
    assert "rule simulate:" in log.read_text()


def test_snakemake_gets_what_is_not_ours(simulated):
    folder, _ = simulated
    code, out, _ = run(folder, "mine", "--seeds", "3", "4", "-n", "--quiet", "rules")
    assert code == 0
    assert re.search(r"^learn +2$", out, re.M)  # a model, two seeds
    assert not re.search(r"^simulate ", out, re.M)
    code, out, error = run(folder, "mine", "--nonsense")
    assert (code, out, error) == (1, "", "thermolatent run: unrecognized arguments: --nonsense\n")


def test_what_is_no_study_is_told_in_one_line(simulated):
    folder, _ = simulated
    code, _, error = run(folder, "mein")
    assert code == 1
    assert error.startswith("studies/mein.yaml or ")
    assert error.endswith("no such study, did you mean 'mine'?\n")
    assert run(folder, "mine@smoke")[2] == "studies/mine.yaml: scales: has no 'smoke', known: nothing\n"


def test_the_lock_of_a_killed_run_is_told_in_a_line_and_can_be_removed(simulated):
    folder, _ = simulated
    lock = folder / ".snakemake/locks/0.output.lock"
    lock.parent.mkdir(exist_ok=True)
    lock.write_text("\n".join(str(path.relative_to(folder)) for path in (folder / "results").rglob("*")) + "\n")
    code, out, error = run(folder, "mine", "--seeds", "3", "--until", "simulate", "--forcerun", "simulate")
    said = [line for line in error.splitlines() if "lock" in line]
    assert (code, out) == (1, "")
    assert len(said) == 1
    assert "another run is at work in this folder, or one was killed" in said[0]
    assert "Exception" not in error
    assert run(folder, "mine", "--unlock")[0] == 0
    assert not lock.exists()


def test_a_failed_job_is_told_with_its_reason_and_its_log(simulated):
    folder, _ = simulated
    cut = folder / "results/mine/simulate/T0.5/walker00.dcd"
    cut.write_bytes(cut.read_bytes()[:-10])
    code, _, error = run(folder, "mine", "--seeds", "3", "--until", "featurize")
    assert code == 1
    (line,) = [line for line in error.splitlines() if line.startswith("[failed]")]
    assert line.startswith(
        "[failed] featurize mine T0.5: thermolatent featurize: results/mine/simulate/T0.5/walker00.dcd: "
    )
    assert line.endswith(" (logs/mine/featurize/T0.5.log)")
    assert re.search(r"^\[2/3\] featurize", error, re.M)  # the others go on
    last = error.splitlines()[-1]
    assert "rule featurize:" in Path(last.removeprefix("log of Snakemake: ")).read_text()
    assert "Traceback" not in error
    assert "CalledProcessError" not in error


def test_ctrl_c_ends_all_and_leaves_no_lock(tmp_path):
    write(tmp_path, changed("simulate.frames", 1_000_000))
    process = subprocess.Popen(
        [sys.executable, "-m", "thermolatent.cli", "run", "mine", "--cores", "1", "--until", "simulate"],
        cwd=tmp_path,
        env={key: value for key, value in os.environ.items() if not key.startswith("THERMOLATENT")},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # tests in a shell's background ignore it
    )
    log = tmp_path / "logs/mine/simulate"
    while not any(path.stat().st_size for path in log.glob("*.log")):  # the job has begun
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)
    _, error = process.communicate()
    assert process.returncode == 1
    assert "[stopped] simulate mine T" in error
    assert "Traceback" not in error
    assert not list((tmp_path / ".snakemake/locks").glob("*"))
    (tmp_path / ".snakemake/locks").mkdir(exist_ok=True)
    (tmp_path / ".snakemake/locks/0.output.lock").write_text("results/mine/simulate/T0.5/protocol.json\n")
    assert "lock" in run(tmp_path, "mine", "--until", "simulate")[2]
    assert run(tmp_path, "mine", "--unlock")[::2] == (0, "Unlocked working directory.\n")
    assert not list((tmp_path / ".snakemake/locks").glob("*"))


def test_jobs_in_words():
    assert label("learn", {"study": "lj7", "model": "latf", "seed": "0"}) == "learn lj7 latf seed 0"
    assert label("simulate", {"study": "lj7", "temperature": "0.2"}) == "simulate lj7 T0.2"
    assert label("gather", {"study": "lj7"}) == "gather lj7"
