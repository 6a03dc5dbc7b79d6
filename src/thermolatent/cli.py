"""The command ``thermolatent``: one subcommand per stage. The workflow's rules call it, and so can a person.

Heavy libraries are imported by the stage that needs them, never here, so that ``--help`` answers at once.
"""

from __future__ import annotations

import argparse
import inspect
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from thermolatent.errors import ThermolatentError, did_you_mean
from thermolatent.stages import STAGES, Stage

if TYPE_CHECKING:
    from thermolatent.config import Study
    from thermolatent.layout import Layout

#: What libraries read before they start their threads.
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "OPENMM_CPU_THREADS",
)


def build_parser() -> argparse.ArgumentParser:
    """The argument parser, without any heavy import."""
    parser = argparse.ArgumentParser(
        prog="thermolatent", description="Equilibrium ensembles at temperatures nobody simulated."
    )
    parser.add_argument("--version", action="version", version=_version())
    stages = parser.add_subparsers(dest="stage", required=True, metavar="STAGE")
    for name, stage in STAGES.items():
        sub = _subcommand(stages, name, stage.help)
        sub.add_argument("--results", default="results", metavar="DIR", help="where results lie (default: %(default)s)")
        sub.add_argument("--threads", type=_positive, metavar="N", help="threads at the most (default: the libraries')")
        if "temperature" in stage.per:
            sub.add_argument("--temperature", type=float, metavar="T", help="default: every simulated one in turn")
        if "model" in stage.per:
            sub.add_argument("--model", metavar="NAME", help="a model of the study (default: every one in turn)")
        if "seed" in stage.per:
            sub.add_argument("--seed", type=int, default=0, metavar="N", help="default: %(default)s")
        if "seeds" in stage.per:
            sub.add_argument("--seeds", type=int, nargs="+", default=[0], metavar="N", help="default: 0")
    _subcommand(stages, "check", "read a study file and say what is wrong with it")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one stage. Returns the exit code: 0, 1 for an error of the input's, 130 when interrupted."""
    options = build_parser().parse_args(arguments)
    _limit_threads(getattr(options, "threads", None))
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    try:
        _check(options) if options.stage == "check" else _run(options)
    except (ThermolatentError, OSError) as error:
        if options.debug:
            raise
        print(f"thermolatent {options.stage}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"thermolatent {options.stage}: interrupted", file=sys.stderr)
        return 130
    return 0


def _subcommand(stages: Any, name: str, help: str) -> argparse.ArgumentParser:
    sub = stages.add_parser(name, help=help, description=f"{name}: {help}.")
    sub.add_argument("study", help="a study by name (studies/<name>.yaml), or name@scale")
    sub.add_argument(
        "--studies", nargs="+", metavar="DIR", help="where study files lie (default: $THERMOLATENT_STUDIES, ./studies)"
    )
    sub.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return sub


def _study(options: argparse.Namespace) -> Study:
    from thermolatent.project import STUDIES_VARIABLE, find_study

    folders = options.studies or os.environ.get(STUDIES_VARIABLE, "studies").split(os.pathsep)
    return find_study(options.study, folders)


def _run(options: argparse.Namespace) -> None:
    from thermolatent.layout import Layout
    from thermolatent.project import save_resolved

    study = _study(options)
    layout = Layout(f"{options.results}/{study.name}")
    stage = STAGES[options.stage]
    jobs = list(_jobs(study, stage, options))  # all are checked before the first one starts
    save_resolved(study, layout)
    run = stage.load()
    for job in jobs:
        if options.threads and "threads" in inspect.signature(run).parameters:
            job["threads"] = options.threads
        written = run(study, layout, **job)
        _list_files(study, layout, options.stage, job, written)


def _jobs(study: Study, stage: Stage, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Keyword arguments of each call of the stage's function."""
    if "temperature" in stage.per:
        for temperature in _one_of(options.temperature, study.temperatures.simulated, "simulated temperature", study):
            yield {"temperature": temperature}
    elif "model" in stage.per:
        known = [*study.models, *(["baselines"] if options.stage == "validate" else [])]
        for model in _one_of(options.model, known, "model", study):
            yield {"model": model, "seed": options.seed}
    else:
        yield {name: getattr(options, name) for name in stage.per}


def _one_of(asked: Any, known: list[Any], what: str, study: Study) -> list[Any]:
    if asked is None:
        return known
    if asked not in known:
        hint = did_you_mean(asked, known) if isinstance(asked, str) else f"known: {', '.join(map(repr, known))}"
        raise ThermolatentError(f"study {study.name} has no {what} {asked!r}, {hint}")
    return [asked]


def _list_files(study: Study, layout: Layout, stage: str, job: dict[str, Any], written: Any) -> None:
    """Leave a list of the files whose number depends on the study: the workflow tracks that."""
    from thermolatent.manifest import save_manifest

    if stage == "generate":
        temperatures = study.temperatures.generated
        files = [layout.surfaces(**job), *(layout.samples(temperature=t, **job) for t in temperatures)]
        if study.generate.structures:
            files += [layout.structures(temperature=t, **job) for t in temperatures]
        save_manifest(layout.generated(**job), files)
    elif stage == "figures":
        save_manifest(layout.figures, written)


def _check(options: argparse.Namespace) -> None:
    from thermolatent.layout import format_temperature

    study = _study(options)
    roles = {role: getattr(study.temperatures, role) for role in ("train", "predict", "reference")}
    told = "; ".join(f"{role} {', '.join(map(format_temperature, ts)) or 'none'}" for role, ts in roles.items())
    print(f"{study.name}: fine ({told}; models {', '.join(study.models)})")


def _limit_threads(threads: int | None) -> None:
    if threads:
        os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError
    return value


def _version() -> str:
    from thermolatent import __version__

    return f"thermolatent {__version__}"


if __name__ == "__main__":
    sys.exit(main())
