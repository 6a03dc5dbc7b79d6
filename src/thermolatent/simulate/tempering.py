"""The stage ``temper``: MD at the reference temperatures by replica exchange, one job for all of them.

Every walker of the study has its own ladder; frames of walker n at a temperature are of the replica there in ladder n.
"""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from thermolatent.errors import ArtifactError
from thermolatent.files.artifacts import load_json
from thermolatent.files.dcd import write_trajectories
from thermolatent.files.locking import only_one
from thermolatent.files.manifest import save_manifest
from thermolatent.files.paths import MdFiles
from thermolatent.simulate.ladders import Ladders, exchange_statistics
from thermolatent.simulate.langevin import seed_of, start_names, starting_positions
from thermolatent.simulate.molecules import engine_in_turn, kelvin_at, minimised_starts, molecule_system
from thermolatent.simulate.partial import Partial
from thermolatent.simulate.rung_averages import mbar_averages
from thermolatent.simulate.settings import TemperOutputs, TemperSettings
from thermolatent.simulate.space import require_space
from thermolatent.simulate.stage import is_finished, protocol_identity, series_of, write_md
from thermolatent.simulate.walkers import Dynamics, simulate_with
from thermolatent.systems.molecule import Molecule
from thermolatent.temperatures import format_temperature

log = logging.getLogger(__name__)

#: Share of accepted exchanges below which two rungs are too far apart.
LOW_ACCEPTANCE = 0.05


#: Series of the energies at every rung; of everything else only some rungs are kept.
_ALL_ENERGIES = "energies_of_all_rungs"


class _OfSomeRungs(Partial):
    """Arrays that keep some of the ``given`` walkers, and the energies of all of them."""

    def __init__(self, *arguments: Any, kept: np.ndarray, given: int, series: tuple[str, ...], any_openmm: bool):
        super().__init__(*arguments, series=(*series, _ALL_ENERGIES), any_openmm=any_openmm)
        self._kept, self._given = kept, given

    def append(self, positions: np.ndarray, series: dict[str, np.ndarray]) -> None:
        kept = {name: values[:, self._kept] for name, values in series.items()}
        super().append(positions[:, self._kept], kept | {_ALL_ENERGIES: series["energies"]})

    def _columns(self, series: str) -> int:
        return self._given if series == _ALL_ENERGIES else super()._columns(series)


def run(settings: TemperSettings, inputs: tuple[str, ...], outputs: TemperOutputs, threads: int = 1) -> None:
    """Simulate all ladders; write the files of the stage simulate for every kept temperature, and a list of them.

    It continues like the stage simulate, and raises the same errors.
    """
    identities = {T: _identity(settings, T) for T in settings.kept}
    if all(is_finished(outputs.md[T], identities[T]) for T in settings.kept):
        log.info("%s: complete already, nothing to do", ", ".join(md.folder for md in outputs.md.values()))
    else:
        with only_one(f"{outputs.folder}.lock"):
            _temper(settings, outputs, identities, threads)
    save_manifest(outputs.listing, _files(settings, outputs))


def _temper(
    settings: TemperSettings, outputs: TemperOutputs, identities: dict[float, dict[str, Any]], threads: int
) -> None:
    system, simulate, ladder, kept = settings.system, settings.simulate, settings.ladder, settings.kept
    walkers, finished = simulate.walkers, Path(f"{outputs.folder}.restart")
    series = series_of(system, simulate, f"{outputs.folder}.partial", finished)
    partial = _partial(settings, outputs, series)
    trajectories = [path for T in kept for path in outputs.md[T].trajectories]
    done = None
    if all(_is_tempered(md) for md in outputs.md.values()):
        done = partial.reopen(finished, trajectories)
    if done is None:
        done = _run_ladders(settings, outputs, partial, threads)
    statistics = exchange_statistics(partial.resume()[1])
    _warn_if_far_apart(ladder, statistics["acceptance"])
    shutil.rmtree(finished, ignore_errors=True)  # it would not fit the trajectories any more
    for md in outputs.md.values():
        shutil.rmtree(f"{md.folder}.restart", ignore_errors=True)  # that of plain MD neither
    write_trajectories(trajectories, partial.positions(simulate.frames), simulate.save_every, simulate.time_step)
    saved = {name: partial.series(name, simulate.frames) for name in series}
    statistics["mbar"] = _mbar(settings, partial.series(_ALL_ENERGIES, simulate.frames))
    for index, T in enumerate(kept):
        mine = {name: values[index * walkers : (index + 1) * walkers] for name, values in saved.items()}
        write_md(
            outputs.md[T], system, T, mine, {**identities[T], **partial.made_on, **_told(settings, done), **statistics}
        )
    partial.finish(finished)


def _run_ladders(settings: TemperSettings, outputs: TemperOutputs, partial: Partial, threads: int) -> dict[str, Any]:
    """The dynamics, until ``partial`` holds all frames; returns the progress."""
    system, simulate, ladder = settings.system, settings.simulate, settings.ladder
    require_space(system, simulate, outputs.folder, temperatures=len(settings.kept))
    engine = Ladders(
        engine_in_turn(system, simulate, ladder[0], simulate.walkers * len(ladder), threads),
        *(system, ladder, simulate.walkers, seed_of(simulate.seed, ladder[0], "exchange")),
    )
    name = f"tempering from T={format_temperature(ladder[0])} to {format_temperature(ladder[-1])}"
    dynamics = Dynamics(system, simulate, ladder[0], ladder[-1], name)
    return simulate_with(engine, lambda: _start(engine, settings), dynamics, partial)


def _identity(settings: TemperSettings, temperature: float) -> dict[str, Any]:
    """Everything that determines the frames at a temperature."""
    return {
        **protocol_identity(settings.system, settings.simulate, temperature),
        "continuous": False,
        "ladder": settings.ladder,
    }


def _partial(settings: TemperSettings, outputs: TemperOutputs, series: tuple[str, ...]) -> Partial:
    walkers, ladder = settings.simulate.walkers, settings.ladder
    rungs = [ladder.index(T) for T in settings.kept]
    kept = np.concatenate([np.arange(k * walkers, (k + 1) * walkers) for k in rungs])
    identity = _identity(settings, ladder[0]) | {"kept": settings.kept}
    return _OfSomeRungs(
        *(f"{outputs.folder}.partial", identity, len(kept), settings.system.n_particles),
        **{"kept": kept, "given": walkers * len(ladder), "series": series, "any_openmm": settings.simulate.any_openmm},
    )


def _start(engine: Ladders, of: TemperSettings) -> None:
    """All replicas of a ladder at the start of its walker, with velocities of the lowest rung."""
    system, settings, lowest = of.system, of.simulate, of.ladder[0]
    kelvin = system.kelvin(lowest)
    positions = starting_positions(system, settings.walkers)
    if isinstance(system, Molecule):
        starts = minimised_starts(system, settings, molecule_system(system, settings, lowest))
        positions = np.stack([starts[name] for name in start_names(system, settings.walkers)])
        kelvin = kelvin_at(0, system, settings, lowest)
    replicas = np.repeat(positions, len(of.ladder), axis=0)
    seeds = [
        tuple(seed_of(settings.seed, lowest, f"tempering/{purpose}/{i}") for purpose in ("noise", "velocities"))
        for i in range(len(replicas))
    ]
    engine.start(replicas, kelvin, seeds)


def _is_tempered(md: MdFiles) -> bool:
    """Whether these files are of a replica exchange."""
    try:
        return load_json(md.protocol, "protocol").get("continuous") is False
    except ArtifactError:
        return False


def _mbar(settings: TemperSettings, energies: np.ndarray) -> dict[str, Any]:
    """Averages of the energies ``(rungs * ladders, frames)`` of all rungs, kept or not."""
    betas = np.array([1 / settings.system.kT(T) for T in settings.ladder])
    return mbar_averages(energies.reshape(len(betas), settings.simulate.walkers, -1), betas)


def _warn_if_far_apart(ladder: list[float], acceptance: list[float | None]) -> None:
    for low, high, share in zip(ladder[:-1], ladder[1:], acceptance, strict=True):
        if share is not None and share < LOW_ACCEPTANCE:
            log.warning(
                "tempering: only %.1f %% of the exchanges between T=%s and %s were accepted; add temperatures between them "
                "to tempering.rungs",
                100 * share,
                format_temperature(low),
                format_temperature(high),
            )


def _told(settings: TemperSettings, done: dict[str, Any]) -> dict[str, Any]:
    """Entries of protocol.json about the run; its time is divided among the temperatures, so that sums are right."""
    replica_steps = done["steps"] * settings.simulate.walkers * len(settings.ladder)
    return {
        "steps": done["steps"],
        "wall_seconds": round(done["wall_seconds"] / len(settings.kept), 3),
        "walker_steps_per_second": round(replica_steps / max(done["wall_seconds"], 1e-9)),
    }


def _files(settings: TemperSettings, outputs: TemperOutputs) -> list[str]:
    files = []
    for md in outputs.md.values():
        files += [*md.trajectories, md.energies, md.topology, md.protocol]
        files += [md.volumes] if settings.simulate.pressure is not None else []
    return files
