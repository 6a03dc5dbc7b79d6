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
    _add_fit_density(stages)
    _add_predict(stages)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one stage. Returns the exit code: 0, 1 for an error of the input's, 130 when interrupted."""
    options = build_parser().parse_args(arguments)
    _limit_threads(getattr(options, "threads", None))
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    try:
        _COMMANDS.get(options.stage, _run)(options)
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
    sub = _command(stages, name, help)
    sub.add_argument("study", help="a study by name (studies/<name>.yaml), or name@scale")
    sub.add_argument(
        "--studies", nargs="+", metavar="DIR", help="where study files lie (default: $THERMOLATENT_STUDIES, ./studies)"
    )
    return sub


def _command(stages: Any, name: str, help: str) -> argparse.ArgumentParser:
    sub = stages.add_parser(name, help=help, description=f"{name}: {help}.")
    sub.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return sub


def _add_fit_density(stages: Any) -> None:
    sub = _command(stages, "fit-density", "fit a density to samples of your own, no study needed")
    sub.add_argument("data", metavar="DATA.npy", help="samples (n, d), rows in the order in which they were drawn")
    sub.add_argument(
        "--temperatures", required=True, metavar="T", help="a .npy file, one per row, or one number for all"
    )
    sub.add_argument("--density", default="flow", metavar="KIND", help="as in a study (default: %(default)s)")
    sub.add_argument("--option", action="append", default=[], metavar="NAME=VALUE", help="a parameter of it, as tau=2")
    sub.add_argument("--out", required=True, metavar="FILE", help="where the model goes, a .safetensors file")
    ways = ("steer", "condition")
    sub.add_argument(
        "--temperature-in",
        nargs="+",
        choices=ways,
        dest="temperature",
        metavar="WAY",
        help=f"{' or '.join(ways)} or both (default: steer)",
    )
    sub.add_argument(
        "--range",
        type=float,
        nargs=2,
        dest="temperature_range",
        metavar=("LOW", "HIGH"),
        help="temperatures to be asked for (default: the data's)",
    )
    sub.add_argument("--steps", type=_positive, metavar="N", help="optimiser steps at the most (default: 4000)")
    sub.add_argument("--held-out", type=float, metavar="SHARE", help="of the rows, to judge by (default: 0.2)")
    sub.add_argument("--seed", type=_natural, default=0, metavar="N", help="default: %(default)s")
    sub.add_argument("--device", choices=("auto", "cpu", "cuda"), help="default: auto")
    sub.add_argument("--threads", type=_positive, metavar="N", help="threads at the most (default: the libraries')")


def _add_predict(stages: Any) -> None:
    sub = _command(stages, "predict", "one more temperature from a saved model")
    sub.add_argument(
        "model",
        metavar="MODEL.safetensors",
        help="a study's results/.../learn/<model>/seed<N>.safetensors, or of fit-density",
    )
    sub.add_argument("--temperature", type=float, required=True, metavar="T", help="in the model's unit")
    sub.add_argument("--samples", type=_positive, default=10_000, metavar="N", help="default: %(default)s")
    sub.add_argument("--seed", type=_natural, default=0, metavar="N", help="default: %(default)s")
    sub.add_argument("--out", metavar="FILE.npz", help="where samples and log-densities go (default: nowhere)")
    sub.add_argument("--threads", type=_positive, metavar="N", help="threads at the most (default: the libraries')")


def _study(options: argparse.Namespace) -> Study:
    from thermolatent.project import STUDIES_VARIABLE, find_study

    folders = options.studies or os.environ.get(STUDIES_VARIABLE, "studies").split(os.pathsep)
    return find_study(options.study, folders)


def _run(options: argparse.Namespace) -> None:
    from thermolatent.layout import Layout
    from thermolatent.project import save_resolved

    study = _study(options)
    layout = Layout.of(study, options.results)
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
        known = [t for t in study.temperatures.simulated if options.stage != "simulate" or t not in study.tempered]
        for temperature in _one_of(options.temperature, known, "simulated temperature", study):
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
            files += [layout.medoids(temperature=t, **job) for t in temperatures]
        save_manifest(layout.generated(**job), files)
    elif stage == "temper":
        save_manifest(layout.tempered, written)
    elif stage == "figures":
        save_manifest(layout.figures, written)


def _check(options: argparse.Namespace) -> None:
    from thermolatent.layout import format_temperature

    study = _study(options)
    if study.system.molecular:
        from thermolatent.simulate.topology import check_molecule

        check_molecule(study)
    roles = {role: getattr(study.temperatures, role) for role in ("train", "predict", "reference")}
    told = "; ".join(f"{role} {', '.join(map(format_temperature, ts)) or 'none'}" for role, ts in roles.items())
    print(f"{study.name}: fine ({told}; models {', '.join(study.models)})")


def _fit_density(options: argparse.Namespace) -> None:
    from thermolatent.learn.standalone import run

    names = ("temperature", "temperature_range", "steps", "held_out", "seed", "device")
    settings = {name: getattr(options, name) for name in names}
    run(options.data, options.temperatures, options.density, options.option, options.out, **settings)


def _predict(options: argparse.Namespace) -> None:
    from thermolatent.generate.predict import run

    run(options.model, options.temperature, options.samples, options.seed, options.out)


#: Subcommands that are no stages.
_COMMANDS = {"check": _check, "fit-density": _fit_density, "predict": _predict}


def _limit_threads(threads: int | None) -> None:
    if threads:
        os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError
    return value


def _natural(text: str) -> int:
    value = int(text)
    if value < 0:
        raise ValueError
    return value


def _version() -> str:
    from thermolatent import __version__

    return f"thermolatent {__version__}"


if __name__ == "__main__":
    sys.exit(main())
