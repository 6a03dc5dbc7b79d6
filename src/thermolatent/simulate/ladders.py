"""Replica exchange over temperatures (Sugita and Okamoto, doi:10.1016/S0009-2614(99)01123-9), many ladders side by side.

A ladder has one replica per rung. After a stretch of MD two neighbouring rungs i and j exchange their replicas with
probability ``min(1, exp((1/kT_i - 1/kT_j) (E_i - E_j)))``, E being U, or U + pV where there is a pressure; velocities are
scaled by ``sqrt(T_new / T_old)``, so that kinetic energies cancel. Pairs (0, 1), (2, 3), ... and (1, 2), (3, 4), ... take turns.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from thermolatent.simulate.engines import Engine, Failed, Frame, InTurn, pack, unpack
from thermolatent.simulate.processes import Processes
from thermolatent.systems.base import System
from thermolatent.temperatures import format_temperature

#: End of the ladder that a replica visited last: none yet, the lowest rung, or the highest rung after the lowest.
_NOWHERE, _LOWEST, _HIGHEST = 0, 1, 2


def log_acceptance(betas: np.ndarray, energies: np.ndarray) -> np.ndarray:
    """Log-probability ``(..., rungs - 1)``, not cut at 0, of an exchange between each two neighbours.

    ``betas (rungs,)`` are 1/kT in mol/kJ, ``energies (..., rungs)`` in kJ/mol.
    """
    return np.diff(betas) * np.diff(energies, axis=-1)


class Ladders(Engine):
    """An engine whose walkers are ordered by rung: walker ``k * ladders + n`` is the replica at rung k of ladder n.

    Parameters
    ----------
    engine: moves the replicas, ladder by ladder.
    system: gives energies where the engine does not.
    temperatures: of the rungs, ascending.
    ladders: their number.
    seed: of the exchanges.

    ``step`` takes the temperature of the lowest rung; the other temperatures are scaled with it, for heating. Exchanges follow
    every step at the final temperatures.
    """

    def __init__(self, engine: InTurn | Processes, system: System, temperatures: list[float], ladders: int, seed: int):
        self._engine, self._system, self._temperatures, self._seed = engine, system, temperatures, seed
        self._kelvins = np.array([system.kelvin(t) for t in temperatures])
        self._betas = np.array([1 / system.kT(t) for t in temperatures])
        rungs = len(temperatures)
        # (ladders, replicas): rung of each replica, and what its velocities are multiplied by before its next step
        self._rung = np.tile(np.arange(rungs), (ladders, 1))
        self._factor = np.tile(np.sqrt(self._kelvins / self._kelvins[0]), (ladders, 1))  # all start like the lowest
        self._been = np.full((ladders, rungs), _NOWHERE)
        self._round_trips = np.zeros((ladders, rungs), dtype=int)
        self._rounds = 0
        self._tried, self._accepted = np.zeros((2, rungs - 1), dtype=int)
        self._frame: Frame

    def start(self, positions: np.ndarray, kelvin: float, seeds: list[tuple[int, int]]) -> None:
        self._engine.start(positions, kelvin, seeds)

    def step(self, steps: int, kelvin: float) -> None:
        kelvins = self._kelvins[self._rung] * (kelvin / self._kelvins[0])
        try:
            self._engine.step_each(steps, kelvins.ravel(), self._factor.ravel())
            positions, series = self._engine.frame()
        except Failed as error:
            raise Failed(self._slot(error.walker), error.reason) from error
        order = self._replicas().T.ravel()
        positions, series = positions[order], {name: values[order] for name, values in series.items()}
        if "energies" not in series:
            with np.errstate(all="ignore"):
                series["energies"] = self._system.potential_energy(positions)
        self._frame = positions, series
        self._factor = np.ones(self._rung.shape)
        if np.isclose(kelvin, self._kelvins[0]):
            self._exchange(series["energies"].reshape(len(self._kelvins), -1).T)

    def frame(self) -> Frame:
        return self._frame

    def _replicas(self) -> np.ndarray:
        """``(ladders, rungs)``: number of the replica at each rung, counted over all ladders."""
        ladders, rungs = self._rung.shape
        return np.argsort(self._rung, axis=1) + rungs * np.arange(ladders)[:, None]

    def _slot(self, replica: int | None) -> int | None:
        if replica is None:
            return None
        ladder = replica // self._rung.shape[1]
        return int(self._rung.flat[replica]) * len(self._rung) + ladder

    def _exchange(self, energies: np.ndarray) -> None:
        """One round; ``energies (ladders, rungs)``."""
        ladders, rungs = self._rung.shape
        # one generator per round: a continued run needs the number of rounds only
        draws = np.random.default_rng([self._seed, self._rounds]).random((ladders, rungs - 1))
        with np.errstate(invalid="ignore"):
            accepted = np.log(draws) < log_acceptance(self._betas, energies)
        accepted[:, 1 - self._rounds % 2 :: 2] = False
        self._tried[self._rounds % 2 :: 2] += ladders
        self._accepted += accepted.sum(axis=0)
        self._rounds += 1
        replicas, scale = self._replicas(), np.sqrt(self._kelvins[1:] / self._kelvins[:-1])
        for ladder, low in np.argwhere(accepted):
            cold, hot = replicas[ladder, low], replicas[ladder, low + 1]
            self._rung.flat[cold], self._rung.flat[hot] = low + 1, low
            self._factor.flat[cold], self._factor.flat[hot] = scale[low], 1 / scale[low]
        self._round_trips += (self._rung == 0) & (self._been == _HIGHEST)
        self._been[self._rung == 0] = _LOWEST
        self._been[(self._rung == rungs - 1) & (self._been == _LOWEST)] = _HIGHEST

    def name(self, walker: int) -> str:
        rung, ladder = divmod(walker, len(self._rung))
        return f"walker {ladder} at T={format_temperature(self._temperatures[rung])}"

    def checkpoint(self) -> bytes:
        arrays = {name: getattr(self, name).tolist() for name in self._ARRAYS}
        return pack([json.dumps({**arrays, "rounds": self._rounds}).encode(), self._engine.checkpoint()])

    def restore(self, checkpoint: bytes) -> None:
        state, engine = unpack(checkpoint)
        state = json.loads(state)
        self._engine.restore(engine)
        for name in self._ARRAYS:
            setattr(self, name, np.array(state[name]))
        self._rounds = state["rounds"]

    def close(self) -> None:
        self._engine.close()

    _ARRAYS = ("_rung", "_factor", "_been", "_round_trips", "_tried", "_accepted")


def exchange_statistics(checkpoint: bytes) -> dict[str, Any]:
    """Statistics of the ladders in a checkpoint: ``acceptance`` of each pair of neighbouring rungs, None if never tried,
    and ``round_trips (ladders, replicas)``.

    A round trip goes from the lowest rung to the highest and back.
    """
    state = json.loads(unpack(checkpoint)[0])
    pairs = zip(state["_accepted"], state["_tried"], strict=True)
    acceptance = [accepted / tried if tried else None for accepted, tried in pairs]
    return {"acceptance": acceptance, "round_trips": state["_round_trips"]}
