"""The loop of `run --until-within`, with exact frames in place of MD; killed wherever it can be, it ends the same."""

import json
import re
import shutil
from pathlib import Path

import pytest
from advise.project import STUDY, reweight

from thermolatent.advise import rounds
from thermolatent.advise.budget import Budget, read_budget
from thermolatent.cli import main
from thermolatent.errors import ThermolatentError
from thermolatent.study.loading import load_study

WANT, WITHIN = "left at 0.9", 0.015
PLENTY = Budget(1e9, True)


class Workflow:
    """Stands for the workflow: makes the frames that the study asks for, unless they are there."""

    def __init__(self, folder: Path):
        self.folder, self.calls, self._made = folder, [], (folder / "studies/mine.yaml").read_text()

    def __call__(self, more: list[str]) -> int:
        self.calls.append(more)
        text = (self.folder / "studies/mine.yaml").read_text()
        if text != self._made:
            reweight(self.folder)
            self._made = text
        return 0


def loop(work, budget=PLENTY, within=WITHIN) -> int:
    return rounds.run_rounds("mine", [Path("studies")], WANT, within, budget, work)


def kept() -> list[dict]:
    return json.loads(Path("results/mine/rounds.json").read_text())["rounds"]


def test_rounds_go_on_until_the_goal_is_reached(folder, capsys):
    work = Workflow(folder)
    assert loop(work) == 0
    found = kept()
    assert len(found) >= 2
    assert found[-1]["next"] == rounds.REACHED
    assert found[-1]["decided"] is None
    assert found[-1]["half"] < WITHIN < found[0]["half"]
    assert work.calls == [["--until", "reweight"]] * len(found) + [[]]
    costs = [own["decided"]["cost"] for own in found[:-1]]
    assert [own["spent"] for own in found] == pytest.approx([sum(costs[:n]) for n in range(len(found))])
    study = load_study("mine")
    last = found[-2]["decided"]
    assert study.simulate.at(last["temperature"]).frames == last["frames"]
    for n, own in enumerate(found, 1):
        assert Path(f"results/mine/round{n}/reweighting.safetensors").is_file()
        assert (Path(f"results/mine/round{n}/study.yaml").read_text() == STUDY) == (n == 1), own
    table = capsys.readouterr().out.splitlines()[-len(found) - 1 :]
    assert table[0].split()[:2] == ["round", "value"]
    assert table[-1].endswith("reached")


def test_the_budget_ends_it(folder):
    work = Workflow(folder)
    assert loop(work, Budget(1.0, True)) == 0
    (only,) = kept()
    assert only["next"] == rounds.SPENT
    assert (folder / "studies/mine.yaml").read_text() == STUDY
    assert work.calls == [["--until", "reweight"], []]
    loop(work)  # more budget: the round is judged anew, and it goes on
    assert kept()[-1]["next"] == rounds.REACHED
    assert kept()[0]["decided"] is not None


def test_nothing_is_spent_twice(folder):
    loop(Workflow(folder), within=0.02)
    spent = kept()[-1]["spent"]
    loop(Workflow(folder), Budget(spent, True), within=0.02)
    assert kept()[-1]["spent"] == spent
    assert kept()[-1]["next"] == rounds.REACHED


def test_a_failed_run_ends_it_with_its_code(folder):
    assert loop(lambda _: 3) == 3
    assert not Path("results/mine/rounds.json").exists()


class Killed(BaseException):
    pass


@pytest.fixture(scope="module")
def uninterrupted(reweighted, tmp_path_factory):
    """The rounds of a loop that nothing stops."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    shutil.copytree(reweighted, folder, dirs_exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        loop(Workflow(folder))
        return kept()


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize(("where", "call"), [("apply", 1), ("save_json", 1), ("save_json", 2), ("work", 2)])
def test_killed_anywhere_it_goes_on_and_ends_the_same(folder, monkeypatch, uninterrupted, where, call, before):
    called, work = 0, Workflow(folder)
    whole = Workflow.__call__ if where == "work" else getattr(rounds, where)

    def fragile(*arguments):
        nonlocal called
        called += 1
        if before and called == call:
            raise Killed
        done = whole(*arguments)
        if called == call:
            raise Killed
        return done

    with monkeypatch.context() as patch:
        patch.setattr(*(Workflow, "__call__") if where == "work" else (rounds, where), fragile)
        with pytest.raises(Killed):
            loop(work)
    assert loop(work) == 0
    assert kept() == uninterrupted


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--until-within", 0.03, "--want", "left at 1"), r"--budget: is missing; write what further MD may take: 2d"),
        (("--until-within", 0.03, "--want", "left at 1", "--budget", "2 weeks"), r"--budget: '2 weeks'; write"),
        (("--until-within", 0.03, "--budget", "2d"), r"--until-within: of what\? Write --want 'STATE at T'"),
        (
            ("--until-within", 0.03, "--budget", "2d", "--want", "lift at 1"),
            r"--want: no state 'lift', did you mean 'left'",
        ),
        (("--budget", "2d"), r"--budget: is for --until-within"),
        (("--until-within", 0.03, "--budget", "2d", "--want", "left at 1", "--scale", "smoke"), r".*without --scale"),
        (("--until-within", 0.03, "--budget", "2d", "--want", "left at 1", "--directory", "x"), r".*--directory"),
        (("--until-within", 0.03, "--budget", "2d", "--want", "left at 1", "-n"), r".*cannot go with -n"),
    ],
)
def test_bad_input_is_one_line(folder, capsys, words, message):
    assert main(["run", "mine", *map(str, words)]) == 1
    error = capsys.readouterr().err
    assert re.match(f"thermolatent run: {message}", error), error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "amount", "simulated"),
    [("2d", 172800, False), ("1.5 h", 5400, False), ("90min", 5400, False), ("500ns", 5e5, True), ("2us", 2e6, True)],
)
def test_a_budget_is_wall_time_or_simulated_time(text, amount, simulated):
    assert read_budget(text) == Budget(amount, simulated)


def test_wall_time_needs_a_known_speed(folder):
    with pytest.raises(ThermolatentError, match=r"--budget: the speed of this MD is not known; write simulated time"):
        loop(Workflow(folder), Budget(1e9, False))
