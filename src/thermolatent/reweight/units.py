"""Independent pieces of MD (units): walkers, or blocks of time of imported trajectories."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from thermolatent.correlation import memory, runs
from thermolatent.errors import ThermolatentError, TrainingError
from thermolatent.frames import Blocks
from thermolatent.represent.tica import fit_tica
from thermolatent.reweight.design import LEAST_UNITS
from thermolatent.rows import over_blocks
from thermolatent.states.named import name_states

if TYPE_CHECKING:
    from thermolatent.frames import Frames
    from thermolatent.reweight.settings import Named

log = logging.getLogger(__name__)

#: Length of a block in memories of the series: the variance of block means is then too small by a tenth.
MEMORIES = 10.0
#: Maximum number of blocks of replica exchange: enough degrees of freedom.
MOST_BLOCKS = 200
#: With fewer frames per feature the leading tIC would be noise.
FRAMES_PER_FEATURE = 10
#: Time series by name, each a list of its pieces ``(frames,)``.
Series = dict[str, list[np.ndarray]]


def block_length(series: Sequence[np.ndarray | Sequence[np.ndarray]]) -> int:
    """Frames of a block for the slowest of several series of one trajectory, each ``(frames,)`` or a list of such pieces.

    For replica exchange, give each state's share averaged over all replicas: a replica that leaves a temperature carries its
    state to another one, so the series at one temperature decorrelates too early.
    """
    return max(1, int(np.ceil(MEMORIES * max(map(_memory, series)))))


def _memory(series: np.ndarray | Sequence[np.ndarray]) -> float:
    pieces = [series] if isinstance(series, np.ndarray) and series.ndim == 1 else list(series)
    return memory([np.asarray(piece, float) for piece in pieces])


def blocks(frames: int, length: int) -> np.ndarray:
    """Number of each frame's block, ``(frames,)``: blocks of nearly equal size, at least ``length`` frames."""
    count = max(1, frames // length)
    return np.arange(frames) * count // frames


def with_units(settings: Named, frames: Frames, training: Sequence[float] | None = None) -> Frames:
    """The frames with the independent pieces of imported MD. The pieces of our own MD are its walkers.

    Every resampling and every split of MD uses these pieces (``Frames.units``, ``unit_at``, ``half``).

    Parameters
    ----------
    frames: of replica exchange at all simulated temperatures, which together determine the length of blocks; the
        temperatures of other MD are independent.
    training: temperatures at which the states are defined; default: all.
    """
    if not frames.pieces or frames.blocks:
        return frames
    named_at = frames.among(training or frames.temperatures)
    names, assigner = name_states(settings.states, settings.system, named_at)
    inside = {T: assigner.assign(frames.plane[T].reshape(-1, 2)) for T in frames.kT}

    def named(T: float) -> Series:
        return {name: _in_time(frames, T, inside[T] == s) for s, name in enumerate(names)}

    if frames.stretch:
        together = np.stack([*inside.values()])
        shares = {
            f"the mean share of {name}": _in_time(frames, frames.temperatures[0], (together == s).mean(axis=0))
            for s, name in enumerate(names)
        }
        shares |= {f"{name} at {T:g}": own for T in named_at.kT for name, own in named(T).items()}
        length, slowest = _slowest(shares)
        each = frames.frames_at[0]  # as many at every temperature
        unit = blocks(each, max(length, each // MOST_BLOCKS)).reshape(frames.shape(frames.temperatures[0]))
        return replace(frames, blocks=dict.fromkeys(frames.kT, Blocks(unit, length, slowest)))
    found, count = {}, 0
    for T in frames.kT:
        series = named(T)
        if (slow := _leading_component(frames.among([T]), settings.lag)) is not None:
            series["the leading tIC"] = _in_time(frames, T, slow)
        if np.isfinite(frames.energies[T]).all():
            series["the energy"] = _in_time(frames, T, frames.energies[T].ravel())
        length, slowest = _slowest(series)
        own = count + joined(frames.pieces[T], length)
        count = int(own[-1]) + 1
        found[T] = Blocks(np.broadcast_to(own[:, None], frames.shape(T)), length, slowest)
    return replace(frames, blocks=found)


def _in_time(frames: Frames, temperature: float, values: np.ndarray) -> list[np.ndarray]:
    """Values ``(frames,)`` at one temperature by time series."""
    return [values[piece] for piece in runs(frames.among([temperature]).series)]


def _leading_component(frames: Frames, lag: int) -> np.ndarray | None:
    """The slowest tICA component at the only temperature of ``frames``, ``(N,)``; None if there are too few frames."""
    (temperature,) = frames.temperatures
    if frames.linked(temperature, lag).sum() < FRAMES_PER_FEATURE * frames.features[temperature].shape[-1]:
        return None
    try:
        model = fit_tica(frames, lag, np.ones(frames.shape(temperature)[0], bool), 1, "the leading tIC")
    except TrainingError:
        return None
    component = over_blocks(lambda block: torch.from_numpy(model.transform(block.double().numpy())), frames.rows())
    return component.numpy()[:, 0]


def _slowest(series: Series) -> tuple[int, str]:
    """Length of a block, and the name of the slowest series."""
    lengths = {name: block_length([values]) for name, values in series.items()}
    slowest = max(lengths, key=lengths.get)
    return lengths[slowest], slowest


def joined(pieces: np.ndarray, length: int) -> np.ndarray:
    """Number of the unit of each walker, ``(walkers,)``; ``pieces`` ``(walkers, 2)`` is :attr:`Frames.pieces` at a temperature.

    A unit is a group of consecutive walkers of one file; the first frames of two units are at least ``length`` apart. A file
    too short for two is one unit.
    """
    found, count = np.empty(len(pieces), int), 0
    for file in runs(pieces[:, 0]):
        first = pieces[file, 1]
        walkers = -(-length // int(np.diff(first).min())) if len(first) > 1 else 1
        found[file] = count + blocks(len(first), walkers)
        count = int(found[file][-1]) + 1
    return found


def independent_pieces(frames: Frames, temperature: float) -> int:
    """Number of independent pieces of MD at one temperature that count."""
    return len(np.unique(frames.unit_at(temperature)[frames.counts[temperature] > 0]))


def pieces_text(frames: Frames, temperature: float) -> str:
    """Number and kind of the independent pieces, for messages."""
    count = independent_pieces(frames, temperature)
    where = "of replica exchange" if frames.stretch and frames.blocks else f"at {temperature:g}"
    if temperature not in frames.blocks:
        return f"{count} {where} (walkers)"
    _, length, slowest = frames.blocks[temperature]
    return (
        f"{count} {where} (blocks of {length:,} frames or more, {MEMORIES:g} times the correlation time of {slowest})"
    )


def require_units(frames: Frames) -> None:
    """For imported MD, log the units and warn of fewer than four in a stratum.

    Raises :class:`ThermolatentError` for fewer than two.
    """
    if not frames.blocks:
        return
    strata, few = frames.temperatures[:1] if frames.stretch else frames.temperatures, False
    for T in strata:
        count = independent_pieces(frames, T)
        if count < 2:
            advice = "longer files" if frames.stretch else f"files of independent runs at {T:g}, or longer ones"
            raise ThermolatentError(
                f"system.files: independent pieces of MD: {pieces_text(frames, T)}, an error bar needs two; add {advice}, or "
                "write more simulate.walkers if not all frames of the files are used"
            )
        log.info("independent pieces of MD: %s", pieces_text(frames, T))
        few = few or count < LEAST_UNITS
    if few:
        log.warning(
            "system.files: fewer than %d independent pieces of MD: no networks, and wide intervals; add %s",
            *(LEAST_UNITS, "longer files" if frames.stretch else "files of independent runs, or longer ones"),
        )
