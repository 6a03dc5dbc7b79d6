"""Fitting a density to samples, without a study, a representation or files (:mod:`thermolatent.learn.model` saves it)."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from thermolatent.densities.base import Density
from thermolatent.densities.descent import Descent, DescentSettings, FitSettings, Keeper
from thermolatent.densities.specs import DENSITY_SPECS
from thermolatent.densities.tau import search_tau
from thermolatent.errors import TrainingError
from thermolatent.parsing import parse_one, whole_number
from thermolatent.sampling import held_out_units

#: Number of contiguous blocks that the rows of one temperature are split into.
_BLOCKS = 50
_EVALUATION_ROWS = 50_000
_SCALE_ROWS = 100_000
_CHUNK = 100_000


def build_density(
    spec: Mapping[str, Any], dim: int, temperature: Iterable[str], theta_range: Iterable[float]
) -> Density:
    """An untrained density from its spec (``kind`` and parameters); raises :class:`ThermolatentError` for a wrong spec."""
    parameters = parse_one("density", DENSITY_SPECS, dict(spec))
    module, _, name = parameters.implementation.partition(":")
    return getattr(importlib.import_module(module), name)(parameters, dim, list(temperature), tuple(theta_range))


class FittedDensity:
    """p(z|T) with temperatures in the user's unit; numpy in, numpy out.

    Parameters
    ----------
    density: the density, on the CPU.
    about: ``density`` (its spec), ``temperature``, ``theta_range``, ``T_ref``, ``seed``, ... as saved with it.
    """

    def __init__(self, density: Density, about: dict[str, Any]):
        self.density = density.eval()
        self.about = about

    @property
    def dim(self) -> int:
        return self.density.dim

    @property
    def temperature_range(self) -> tuple[float, float]:
        """Lowest and highest temperature that it was trained for."""
        low, high = self.about["theta_range"]
        return low * self.about["T_ref"], high * self.about["T_ref"]

    def theta(self, temperature: float) -> float:
        return temperature / self.about["T_ref"]

    def sample(self, n: int, temperature: float, seed: int = 0) -> np.ndarray:
        """Exactly ``n`` samples ``(n, d)`` float32 at ``temperature``, including non-finite ones."""
        generator = torch.Generator().manual_seed(seed)
        return self.density.sample(n, self.theta(temperature), generator).float().numpy()

    @torch.no_grad()
    def sample_with_log_prob(self, n: int, temperature: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Samples ``(n, d)`` float32 and their ln p(z|T) ``(n,)`` float64."""
        generator = torch.Generator().manual_seed(seed)
        z, log_p = self.density.sample_with_log_prob(n, self.theta(temperature), generator)
        return z.float().numpy(), log_p.double().numpy()

    @torch.no_grad()
    def log_prob(self, z: np.ndarray, temperature: float | np.ndarray) -> np.ndarray:
        """ln p(z|T) in nats, ``(n,)`` float64, for ``z`` ``(n, d)`` and one temperature, or one per row ``(n,)``."""
        flat = torch.from_numpy(np.array(z, np.float32))
        theta = np.broadcast_to(np.asarray(self.theta(temperature), np.float64), len(flat))
        theta = torch.from_numpy(theta.astype(np.float32))
        parts = [self.density.log_prob(*part) for part in zip(flat.split(_CHUNK), theta.split(_CHUNK), strict=True)]
        return torch.cat(parts).double().numpy()

    def sample_base(self, n: int, temperature: float, seed: int) -> np.ndarray | None:
        """``n`` samples ``(n, d)`` of the base density at ``temperature``; None for a density without a base."""
        if not hasattr(self.density, "sample_base"):
            return None
        generator = torch.Generator().manual_seed(seed)
        return self.density.sample_base(n, self.theta(temperature), generator).float().numpy()


@dataclass(frozen=True)
class Split:
    """Training and held-out samples: ``z`` ``(n, d)`` and ``theta`` ``(n,)`` of each, float32."""

    z: Tensor
    theta: Tensor
    held_z: Tensor
    held_theta: Tensor

    def to(self, device: torch.device) -> Split:
        return Split(*(t.to(device) for t in (self.z, self.theta, self.held_z, self.held_theta)))


class SampleDescent(Descent):
    """Minimises a density's loss, E[-ln p(z|T)] or its surrogate, over fixed samples."""

    def __init__(
        self, density: Density, split: Split, settings: DescentSettings, seed: int, keeper: Keeper | None = None
    ):
        self.split, self.density = split, density
        self.generator = torch.Generator(split.z.device).manual_seed(seed)
        density.to(split.z.device).fit_scale(split.z[self._rows(min(_SCALE_ROWS, 4 * len(split.z)))])
        stride = -(-len(split.held_z) // _EVALUATION_ROWS)
        self.judged = split.held_z[::stride], split.held_theta[::stride]
        super().__init__({"density": density}, list(density.parameters()), settings, self.generator, keeper)

    def _rows(self, n: int) -> Tensor:
        return torch.randint(len(self.split.z), (n,), generator=self.generator, device=self.split.z.device)

    def _losses(self) -> tuple[Tensor, Tensor]:
        rows = self._rows(self.settings.batch_size)
        loss = self.density.loss(self.split.z[rows], self.split.theta[rows])
        return loss, loss[None]

    def _judge(self, losses: Tensor) -> float:
        objective = float(self.density.loss(*self.judged))
        if not np.isfinite(objective):
            raise TrainingError(
                f"step {self.step}: the held-out loss is {objective}; lower the learning rate or look at the data"
            )
        return objective


def fit_samples(
    spec: Mapping[str, Any],
    split: Split,
    temperature: Iterable[str],
    theta_range: Iterable[float],
    settings: DescentSettings,
    seed: int,
    keeper: Keeper | None = None,
) -> SampleDescent:
    """Fit a new density. The result depends on ``seed`` only; torch's global random state is not changed.

    With a ``keeper`` an interrupted fit is resumed.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            density = build_density(spec, split.z.shape[1], temperature, theta_range)
        except ValueError as error:  # the density does not support this dimension
            raise TrainingError(f"{spec['kind']}: {error}") from None
        if type(density).from_representation is not Density.from_representation:
            raise TrainingError(
                f"density kind: {spec['kind']}: needs a representation, which samples do not have; write another kind"
            )
        descent = SampleDescent(density, split, settings, seed, keeper)
        descent.fit()
    return descent


@dataclass(frozen=True)
class FitOptions(FitSettings):
    """Settings of :func:`fit_density`, besides those of the optimisation.

    Attributes
    ----------
    T_ref: temperature of theta = 1; default: the lowest.
    temperature_range: what a spline's box must hold; default: the span of the samples' temperatures.
    held_out: share of the rows that is held out. Rows are split in contiguous blocks, a fiftieth of a temperature's rows
        each, never row by row: neighbours in a trajectory are nearly copies. The standard error is over those blocks.
    scored: held-out rows whose ln p is computed at the end; by an ODE in many dimensions each costs milliseconds.
    """

    T_ref: float | None = None
    temperature_range: tuple[float, float] | None = None
    seed: int = 0
    held_out: float = 0.2
    device: str = "cpu"
    scored: int = _EVALUATION_ROWS


def fit_density(
    z: np.ndarray,
    temperatures: np.ndarray | float,
    density: Mapping[str, Any],
    temperature: Iterable[str] = ("steer",),
    **options: Any,
) -> FittedDensity:
    """Fit p(z|T) to samples, in the order in which they were drawn.

    Parameters
    ----------
    z: ``(n, d)``, any unit.
    temperatures: of each row ``(n,)``, or one for all.
    density: ``kind`` and parameters, as in a study's ``models: density``; ``tau: auto`` is found by a search.
    temperature: how it enters, a subset of {"steer", "condition"}.
    options: of :class:`FitOptions`: seed, steps, learning_rate, T_ref, temperature_range, held_out, ...

    Returns the density; its ``about`` has ``held_out`` and ``held_out_stderr``, the mean of -ln p(z|T) over the held-out
    rows (all, up to ``scored``) in nats.

    Raises :class:`TrainingError` for samples of a wrong shape, too few or not finite, and for a loss that diverges;
    :class:`ThermolatentError` for an unknown kind of density or wrong parameters of it.
    """
    z, temperatures = _checked(z, temperatures)
    settings, temperature = FitOptions(**options), list(temperature)
    seed = whole_number("seed", settings.seed, 0)
    for name in ("steps", "batch_size", "evaluate_every", "patience"):
        whole_number(name, getattr(settings, name), 1)
    if not 0 < settings.held_out < 1:
        raise TrainingError(f"held_out is {settings.held_out}; write a share between 0 and 1")
    T_ref = float(settings.T_ref or temperatures.min())
    low, high = settings.temperature_range or (temperatures.min(), temperatures.max())
    if not 0 < low <= high:
        raise TrainingError(f"temperature_range is {low} to {high}; write the lower one first, above 0")
    theta_range = [float(low) / T_ref, float(high) / T_ref]
    block = contiguous_blocks(temperatures)
    held = held_out_units(_BLOCKS, settings.held_out)[block % _BLOCKS]
    theta = (temperatures / T_ref).astype(np.float32)
    split = Split(*(torch.from_numpy(a) for a in (z[~held], theta[~held], z[held], theta[held]))).to(settings.device)

    def fit(spec: Mapping[str, Any], settings: FitSettings) -> SampleDescent:
        return fit_samples(spec, split, temperature, theta_range, settings, seed)

    spec = parse_one("density", DENSITY_SPECS, dict(density)).model_dump(mode="json")
    spec, search = search_tau(spec, settings, lambda trial, short: fit(trial, short).best)
    descent = fit(spec, settings)
    known, counts = np.unique(temperatures, return_counts=True)
    about = {
        "density": spec,
        "dim": z.shape[1],
        "temperature": temperature,
        "T_ref": T_ref,
        "theta_range": theta_range,
        "temperatures": known.tolist(),
        "counts": counts.tolist(),
        "seed": seed,
        "steps": descent.step,
    }
    if search is not None:
        about["tau_search"] = search
    fitted = FittedDensity(descent.density.cpu(), about)
    rows = np.flatnonzero(held)
    rows = rows[:: -(-len(rows) // settings.scored)]
    surprise = -fitted.log_prob(z[rows], temperatures[rows])
    about["held_out"], about["held_out_stderr"] = _mean_over_blocks(surprise, block[rows])
    return fitted


def contiguous_blocks(temperatures: np.ndarray) -> np.ndarray:
    """Number of each row's block ``(n,)`` int: the rows of a temperature, in their order, in 50 blocks of equal size."""
    block = np.empty(len(temperatures), np.int64)
    for k, T in enumerate(np.unique(temperatures)):
        rows = np.flatnonzero(temperatures == T)
        block[rows] = k * _BLOCKS + np.arange(len(rows)) * _BLOCKS // len(rows)
    return block


def _checked(z: np.ndarray, temperatures: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
    """Samples as float32 and their temperatures as float64."""
    z, temperatures = np.asarray(z), np.asarray(temperatures)
    for name, array in (("samples", z), ("temperatures", temperatures)):
        if not (np.issubdtype(array.dtype, np.floating) or np.issubdtype(array.dtype, np.integer)):
            raise TrainingError(f"{name} are of type {array.dtype}; real numbers are needed")
    if z.ndim != 2 or 0 in z.shape:
        raise TrainingError(f"samples have shape {z.shape}; (n, d) is needed, also for d = 1")
    if temperatures.ndim and temperatures.shape != (len(z),):
        raise TrainingError(f"temperatures have shape {temperatures.shape}; one number or {(len(z),)} is needed")
    temperatures = np.broadcast_to(temperatures.astype(np.float64), len(z))
    z = z.astype(np.float32)
    if bad := int((~np.isfinite(z)).any(1).sum()):
        raise TrainingError(f"{bad} of {len(z)} samples are not finite in single precision; leave them out")
    if not (np.isfinite(temperatures).all() and (temperatures > 0).all()):
        raise TrainingError("a temperature is not a number above 0")
    known, counts = np.unique(temperatures, return_counts=True)
    if counts.min() < _BLOCKS:
        raise TrainingError(f"T = {known[counts.argmin()]:g} has {counts.min()} samples; at least {_BLOCKS} are needed")
    return z, temperatures


def _mean_over_blocks(values: np.ndarray, block: np.ndarray) -> tuple[float, float]:
    """Mean of ``values`` and its standard error, from the variance between the blocks of each temperature."""
    _, index, counts = np.unique(block, return_inverse=True, return_counts=True)
    means = np.bincount(index, values) / counts
    stratum, weight = np.unique(block) // _BLOCKS, counts / counts.sum()
    variance = 0.0
    for k in np.unique(stratum):
        own = stratum == k
        if own.sum() < 2:
            return float(values.mean()), float("nan")
        variance += weight[own].sum() ** 2 * means[own].var(ddof=1) / own.sum()
    return float(values.mean()), float(np.sqrt(variance))
