"""The stage ``temper``: MD at the reference temperatures by replica exchange, one job for all of them.

Every walker of the study is a ladder of its own; what is saved for walker n at a temperature is whoever is there in ladder n.
"""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from thermolatent.errors import ArtifactError, SimulationError
from thermolatent.files.artifacts import load_json, save_array, save_json
from thermolatent.files.dcd import write_trajectories
from thermolatent.files.locking import only_one
from thermolatent.simulate.convergence import compare_starts, warn_if_unconverged
from thermolatent.simulate.ladders import Ladders
from thermolatent.simulate.langevin import seed_of, start_names, starting_positions
from thermolatent.simulate.molecules import engine_in_turn, kelvin_at, minimised_starts, molecule_system
from thermolatent.simulate.partial import Partial
from thermolatent.simulate.rung_averages import mbar_averages
from thermolatent.simulate.stage import is_finished, protocol_identity, series_of, thermodynamics
from thermolatent.simulate.topology import write_topology
from thermolatent.simulate.walkers import simulate_with
from thermolatent.study.disk import require_space
from thermolatent.study.layout import Layout
from thermolatent.study.study import Study
from thermolatent.temperatures import format_temperature

log = logging.getLogger(__name__)

#: Share of accepted exchanges below which two rungs are too far apart.
LOW_ACCEPTANCE = 0.05


#: Series of the energies at every rung; of everything else only some rungs are kept.
_ALL_ENERGIES = "energies_of_all_rungs"


class _OfSomeRungs(Partial):
    """Arrays that keep some of the ``given`` walkers, and the energies of all of them."""

    def __init__(self, *arguments: Any, kept: np.ndarray, given: int, series: tuple[str, ...]):
        super().__init__(*arguments, series=(*series, _ALL_ENERGIES))
        self._kept, self._given = kept, given

    def append(self, positions: np.ndarray, series: dict[str, np.ndarray]) -> None:
        kept = {name: values[:, self._kept] for name, values in series.items()}
        super().append(positions[:, self._kept], kept | {_ALL_ENERGIES: series["energies"]})

    def _columns(self, series: str) -> int:
        return self._given if series == _ALL_ENERGIES else super()._columns(series)


def run(study: Study, layout: Layout, threads: int = 1) -> list[str]:
    """Simulate all ladders; write at every tempered temperature what the stage simulate writes. Returns those files.

    Killed or with more frames asked for, it goes on, as the stage simulate does. Raises :class:`SimulationError` for a
    study without tempering, and as that stage does.
    """
    if study.simulate.source:
        raise SimulationError(f"study {study.name} takes its MD from {study.md_study}; temper that one")
    if study.tempering is None:
        raise SimulationError(
            f"study {study.name} has no tempering; write 'tempering: true', or run the stage simulate"
        )
    temperatures = study.tempered
    walkers = study.simulate.walkers
    identities = {T: _identity(study, T) for T in temperatures}
    trajectories = [path for T in temperatures for path in layout.trajectories(T, walkers)]
    if all(is_finished(layout, T, identities[T], walkers) for T in temperatures):
        log.info("%s: complete already, nothing to do", ", ".join(map(layout.simulation, temperatures)))
        return _files(study, layout)
    with only_one(f"{layout.tempering}.lock"):
        _temper(study, layout, identities, trajectories, threads)
    return _files(study, layout)


def _temper(study: Study, layout: Layout, identities: dict[float, dict], trajectories: list[str], threads: int) -> None:
    temperatures, walkers = study.tempered, study.simulate.walkers
    finished = Path(f"{layout.tempering}.restart")
    series = series_of(study, f"{layout.tempering}.partial", finished)
    partial = _partial(study, layout, series)
    if all(_is_tempered(layout, T) for T in temperatures):
        partial.reopen(finished, trajectories)
    require_space(study, layout.tempering, temperatures=len(temperatures))
    engine = Ladders(
        engine_in_turn(study.system, study.simulate, study.ladder[0], walkers * len(study.ladder), threads),
        *(study.system, study.ladder, walkers, seed_of(study.simulate.seed, study.ladder[0], "exchange")),
    )
    done = simulate_with(
        engine,
        lambda: _start(engine, study),
        study.system,
        study.simulate,
        study.ladder[0],
        partial,
        f"tempering from T={format_temperature(study.ladder[0])} to {format_temperature(study.ladder[-1])}",
        hottest=study.ladder[-1],
    )
    statistics = engine.statistics()
    _warn_if_far_apart(study.ladder, statistics["acceptance"])
    shutil.rmtree(finished, ignore_errors=True)  # it would not fit the trajectories any more
    for T in temperatures:
        shutil.rmtree(f"{layout.simulation(T)}.restart", ignore_errors=True)  # that of plain MD neither
    settings = study.simulate
    write_trajectories(trajectories, partial.positions(settings.frames), settings.save_every, settings.time_step)
    saved = {name: partial.series(name, settings.frames) for name in series}
    statistics["mbar"] = _mbar(study, partial.series(_ALL_ENERGIES, settings.frames))
    for index, T in enumerate(temperatures):
        mine = {name: values[index * walkers : (index + 1) * walkers] for name, values in saved.items()}
        _write(study, layout, T, mine, {**identities[T], **_told(study, done), **statistics})
    partial.finish(finished)


def _identity(study: Study, temperature: float) -> dict[str, Any]:
    """Everything that decides the frames at a temperature."""
    return {
        **protocol_identity(study, temperature),
        "continuous": False,
        "ladder": study.ladder,
    }


def _partial(study: Study, layout: Layout, series: tuple[str, ...]) -> Partial:
    walkers, rungs = study.simulate.walkers, [study.ladder.index(T) for T in study.tempered]
    kept = np.concatenate([np.arange(k * walkers, (k + 1) * walkers) for k in rungs])
    identity = _identity(study, study.ladder[0]) | {"kept": study.tempered}
    return _OfSomeRungs(
        *(f"{layout.tempering}.partial", identity, len(kept), study.system.n_particles),
        **{"kept": kept, "given": walkers * len(study.ladder), "series": series},
    )


def _start(engine: Ladders, study: Study) -> None:
    """All replicas of a ladder at the start of its walker, with velocities of the lowest rung."""
    system, settings, lowest = study.system, study.simulate, study.ladder[0]
    kelvin = system.kelvin(lowest)
    positions = starting_positions(system, settings.walkers)
    if system.molecular:
        starts = minimised_starts(system, settings, molecule_system(system, settings, lowest))
        positions = np.stack([starts[name] for name in start_names(system, settings.walkers)])
        kelvin = kelvin_at(0, system, settings, lowest)
    replicas = np.repeat(positions, len(study.ladder), axis=0)
    seeds = [
        tuple(seed_of(settings.seed, lowest, f"tempering/{purpose}/{i}") for purpose in ("noise", "velocities"))
        for i in range(len(replicas))
    ]
    engine.start(replicas, kelvin, seeds)


def _is_tempered(layout: Layout, temperature: float) -> bool:
    """Whether the files of this temperature are of a replica exchange."""
    try:
        return load_json(layout.protocol(temperature), "protocol").get("continuous") is False
    except ArtifactError:
        return False


def _mbar(study: Study, energies: np.ndarray) -> dict[str, Any]:
    """Of the energies ``(rungs * ladders, frames)`` of all rungs; the same whatever is kept."""
    betas = np.array([1 / study.system.kT(T) for T in study.ladder])
    return mbar_averages(energies.reshape(len(betas), study.simulate.walkers, -1), betas)


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


def _told(study: Study, done: dict[str, Any]) -> dict[str, Any]:
    """What protocol.json tells of the run; the time is shared out, so that sums over temperatures are right."""
    replica_steps = done["walker_steps"] * len(study.ladder)
    return {
        "steps": done["steps"],
        "wall_seconds": round(done["wall_seconds"] / len(study.tempered), 3),
        "walker_steps_per_second": round(replica_steps / max(done["seconds"], 1e-9)),
    }


def _write(
    study: Study, layout: Layout, temperature: float, saved: dict[str, np.ndarray], protocol: dict[str, Any]
) -> None:
    convergence = compare_starts(saved["energies"], protocol["starts"])
    warn_if_unconverged(convergence, format_temperature(temperature))
    save_array(layout.md_energies(temperature), saved["energies"])
    if "volumes" in saved:
        save_array(layout.volumes(temperature), saved["volumes"])
    write_topology(study.system, layout.topology(temperature))
    told = {**protocol, "convergence": convergence, **thermodynamics(study, temperature, saved)}
    save_json(layout.protocol(temperature), told)


def _files(study: Study, layout: Layout) -> list[str]:
    files = []
    for T in study.tempered:
        files += [*layout.trajectories(T, study.simulate.walkers), layout.md_energies(T), layout.topology(T)]
        files += [layout.protocol(T), *([layout.volumes(T)] if study.simulate.pressure is not None else [])]
    return files
