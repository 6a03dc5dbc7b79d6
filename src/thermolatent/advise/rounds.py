"""The loop of ``thermolatent run --until-within``: run, judge, take the best option, write it into the study, and again.

All that is known is in files: ``rounds.json`` has each round's answer and what was decided, before the study is edited, and the
study says what MD there is to be. So a loop that was killed at any moment goes on by the same command.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from thermolatent.advise.advice import Advice, advise
from thermolatent.advise.applying import apply, frames_after
from thermolatent.advise.budget import Budget
from thermolatent.advise.options import Option
from thermolatent.advise.table import named, table
from thermolatent.advise.want import read_want
from thermolatent.errors import ArtifactError, ThermolatentError
from thermolatent.files.artifacts import FORMAT_VERSION, load_json, save_json
from thermolatent.study.layout import Layout
from thermolatent.study.project import find_study, study_file
from thermolatent.study.study import Study
from thermolatent.tables import aligned

#: Why a loop ends.
REACHED, SPENT = "reached", "no option within the budget makes the error smaller"


def run_rounds(
    name: str, folders: list[Path], want: str, within: float, budget: Budget, work: Callable[[list[str]], int]
) -> int:
    """Run rounds until the goal is reached or no option within the budget helps; then the rest of the workflow.

    Parameters
    ----------
    work: runs the workflow of the study with further arguments, and returns its exit code.

    Returns the exit code: that of a run that failed, else 0. Raises :class:`ThermolatentError` for a state that the study has
    not, and for what :func:`advise` and :func:`apply` refuse.
    """
    study, path = find_study(name, folders), study_file(name, folders)
    read_want(want, study.validate_.states.names, study.temperatures)
    if "@" in name:
        raise ThermolatentError("--until-within: changes the study itself, not its scale; leave the scale out")
    layout = Layout.of(study)
    goal = {"want": want, "within": within, "simulated": budget.simulated}
    rounds = _rounds(layout)
    while True:
        last = rounds[-1] if rounds and rounds[-1]["goal"] == goal else None
        if last and (decided := last["decided"]):  # it may have been killed before the study was edited
            for change in apply(path, study, *(decided[k] for k in ("temperature", "frames", "reseeds"))):
                print(f"round {len(rounds)}: {path}: {change}", flush=True)
        elif last:  # the loop had ended, and is judged anew
            rounds.pop()
        if code := work(["--until", "reweight"]):
            return code
        study = find_study(name, folders)
        advice = advise(study, layout, want, within)
        spent = sum(r["decided"]["cost"] for r in rounds if r["goal"] == goal)
        option, reason = choose(advice, budget, budget.amount - spent)
        print(f"round {len(rounds) + 1}\n{table(advice, study.system.temperature_unit == 'reduced')}", flush=True)
        rounds.append(_round(goal, advice, study, option, reason, budget, spent))
        _keep(layout, path, rounds)
        if option is None:
            break
    if code := work([]):
        return code
    print("\n".join(told([r for r in rounds if r["goal"] == goal])))
    return 0


def choose(advice: Advice, budget: Budget, left: float) -> tuple[Option | None, str]:
    """The cheapest option that reaches the goal, else the one with the smallest error, of those that what is left pays; and,
    without any, why."""
    if advice.farther <= advice.within:
        return None, REACHED
    paid = [option for option in advice.options if budget.cost(option) <= left and option.farther < advice.farther]
    if not paid:
        return None, SPENT
    reaching = [option for option in paid if option.farther <= advice.within]
    best = min(reaching, key=budget.cost) if reaching else min(paid, key=lambda option: option.farther)
    return best, ""


def told(rounds: list[dict[str, Any]]) -> list[str]:
    """Error against cost of the rounds of one goal, a line each."""
    rows = [("round", "value", "+-", "spent before", "next MD")]
    for number, own in enumerate(rounds, 1):
        spent = own["spent"]
        cost = f"{spent / 1000:.4g} ns" if own["goal"]["simulated"] else f"{spent / 3600:.3g} h"
        rows.append((str(number), f"{own['value']:.3f}", f"{own['half']:.2g}", cost, own["next"]))
    return aligned(rows)


def _rounds(layout: Layout) -> list[dict[str, Any]]:
    try:
        return load_json(layout.rounds, "rounds")["rounds"]
    except ArtifactError:
        if Path(layout.rounds).exists():
            raise
        return []


def _round(
    goal: dict[str, Any], advice: Advice, study: Study, option: Option | None, reason: str, budget: Budget, spent: float
) -> dict[str, Any]:
    decided = None
    if option is not None:
        decided = {
            "temperature": option.md.temperature,
            "frames": frames_after(study, option),
            "reseeds": option.reseeds,
            "cost": budget.cost(option),
            "expected": option.half,
        }
        reason = named(option, study.system.temperature_unit == "reduced")
    found = {"value": advice.value, "half": advice.half, "parts": advice.parts}
    return {"goal": goal, **found, "spent": spent, "decided": decided, "next": reason}


def _keep(layout: Layout, path: Path, rounds: list[dict[str, Any]]) -> None:
    """The round's study and estimator in its folder, then the list of all rounds."""
    folder = Path(layout.round(len(rounds)))
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, folder / "study.yaml")
    shutil.copyfile(layout.reweighting, folder / Path(layout.reweighting).name)
    save_json(layout.rounds, {"format_version": FORMAT_VERSION, "rounds": rounds})
