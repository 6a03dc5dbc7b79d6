"""The benchmark of a GPU, on a CPU: its table, its limits of time, and its parts at the least size."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import gpu

from thermolatent.errors import ThermolatentError
from thermolatent.tables import read_table


@pytest.fixture
def bench(tmp_path):
    return gpu.Bench(tmp_path, "CPU", 1.0, tiny=True)


def test_an_error_is_a_line_and_what_was_measured_before_stays(bench, monkeypatch):
    def part(_):
        yield "speed", 12.3456, "ns/day"
        raise ThermolatentError("no card\nor so")

    monkeypatch.setitem(gpu.PARTS, 1, part)
    bench.run(1)
    rows = read_table(str(bench.out / "results.csv"), gpu.COLUMNS)
    assert [(row["what"], row["value"]) for row in rows] == [("speed", "12.3456"), ("failed: or so", "")]
    assert "| 1 | speed | 12.35 | ns/day |" in (bench.out / "results.md").read_text()


def test_a_part_without_time_is_not_begun(bench, monkeypatch):
    monkeypatch.setitem(gpu.PARTS, 1, pytest.fail)
    bench.minutes, bench.tiny = 0.0, False
    bench.run(1)
    assert [row["what"] for row in bench.rows] == ["no time was left"]


def test_what_does_not_stop_when_told_is_killed(bench, monkeypatch):
    monkeypatch.setattr(gpu, "STOPPING", 0.5)
    bench.ends = time.monotonic() + 0.5
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", deaf], start_new_session=True)
    assert not bench.wait(process)
    assert process.returncode == -9
    bench.ends = time.monotonic() + 60
    for code in (0, 1):
        ended = subprocess.Popen([sys.executable, "-c", f"raise SystemExit({code})"], start_new_session=True)
        assert bench.wait(ended) == (code == 0)


def test_steps_are_counted_without_the_first(monkeypatch):
    class Descent:
        done = 0

        def advance(self):
            self.done += 1

    descent = Descent()
    steps, milliseconds = gpu.timed_steps(descent, 60.0)
    assert (steps, descent.done) == (gpu.STEPS, gpu.STEPS + 1)
    assert milliseconds > 0
    assert gpu.timed_steps(Descent(), 0.0)[0] == 1


def run(folder, part, minutes, *more):
    """Rows of a part: ``what -> value``."""
    command = [sys.executable, gpu.__file__, "--platform", "CPU", "--tiny", "--parts", str(part), *more]
    command += ["--minutes", str(minutes), "--out", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stdout + done.stderr
    return {row["what"]: row["value"] for row in read_table(f"{folder}/results.csv", gpu.COLUMNS)}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("part", "words"),
    [
        (1, ["chignolin, 1 copies", "chignolin, one copy each, 2 processes", "speed-up by copies"]),
        (2, ["2 processes", "best number of processes (jobs_per_gpu)"]),
        (3, ["latf, batch 65536, cpu", "dspib, batch 4096, cpu", "flow_matching, batch 4096, cpu"]),
        (4, ["3 temperatures side by side", "at 350 K by conditional", "at 350 K by md", "MD of each temperature"]),
    ],
)
def test_a_part_measures(tmp_path, part, words):
    """Measurements of two seconds, one of MD in part 4; nothing is given up for lack of time."""
    found = run(tmp_path, part, 1)
    for word in words:
        assert any(word in what and float(value) >= 0 for what, value in found.items()), found


@pytest.mark.slow
def test_chignolin_goes_on_from_an_earlier_run(tmp_path):
    frames = {}
    for name, more in (("first", []), ("second", ["--continue", str(tmp_path / "first")])):
        found = run(tmp_path / name, 5, 0.7, *more)
        told = next(what for what in found if what.startswith("chignolin at 340 K, 2 walkers, "))
        frames[name] = int(told.split(", ")[2].partition(" ")[0])
        assert (tmp_path / name / "chignolin_T440.tar").stat().st_size < gpu.MOST_KEPT
    assert 0 < frames["first"] < frames["second"]
