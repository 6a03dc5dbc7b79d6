"""Progress: log lines without a terminal, a bar on one."""

import logging
import sys

import pytest

from thermolatent import progress as module
from thermolatent.progress import clock, progress


@pytest.fixture(autouse=True)
def _info(caplog):
    caplog.set_level(logging.INFO)


def test_iterates_and_logs_every_tenth(caplog, monkeypatch):
    monkeypatch.setattr(module, "LOG_PAUSE", 0.0)
    assert list(progress(range(200), "counting")) == list(range(200))
    assert len(caplog.messages) == 10
    assert caplog.messages[0].startswith("counting: 10% (20/200)")
    assert caplog.messages[-1].startswith("counting: 100% (200/200)")


def test_a_quick_loop_logs_its_end_alone(caplog):
    list(progress(range(200), "counting"))
    assert [message.split(",")[0] for message in caplog.messages] == ["counting: 100% (200/200)"]


def test_a_total_counts_with_update_and_goes_on_from_what_is_done(caplog):
    with progress(100, "MD", done=95) as bar:
        bar.update(5, note="1e6 steps/s")
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith("MD: 100% (100/100)")
    assert caplog.messages[0].endswith("1e6 steps/s")
    with pytest.raises(TypeError, match="update"):
        list(progress(3, "MD"))


def test_slow_loops_log_by_time(caplog, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    with progress(1000, "slow") as bar:
        for _ in range(6):
            now[0] += 20.0
            bar.update()
    assert [message.split(",")[0] for message in caplog.messages] == [
        "slow: 0% (2/1000)", "slow: 0% (4/1000)", "slow: 1% (6/1000)"
    ]  # fmt: skip
    assert caplog.messages[0].endswith("40 s gone, 5:32 h left")


def test_length_unknown(caplog, monkeypatch):
    monkeypatch.setattr(module, "LOG_SECONDS", 0.0)
    assert list(progress(iter("ab"), "reading")) == ["a", "b"]
    assert [message.split(" in ")[0] for message in caplog.messages] == ["reading: 1", "reading: 2"]


def test_a_terminal_gets_a_bar(caplog, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    list(progress(range(3), "counting"))
    assert "counting: 100%" in capsys.readouterr().err
    assert not caplog.messages


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0 s"), (59, "59 s"), (185, "3:05 min"), (7800, "2:10 h")])
def test_clock(seconds, text):
    assert clock(seconds) == text


def test_a_log_line_is_read_again(caplog, monkeypatch):
    monkeypatch.setattr(module, "LOG_SECONDS", 0.0)
    with progress(200, "MD at T=0.5") as bar:
        bar.update(50, note="1.3e6 walker-steps/s, all well")
    list(progress(iter("a"), "reading"))
    first, second = (module.read_line(f"13:30:33 {message}") for message in caplog.messages)
    assert first == module.Reading("MD at T=0.5", 0.25, "0 s left", "1.3e6 walker-steps/s, all well")
    assert second == module.Reading("reading", None, "", "")
    assert module.read_line("13:30:33 refinement 0: 10 states, held-out cross-entropy 2.1") is None
