"""Stage ``reweight``: fit the reduced potentials of conditional reweighting and of ``which_t``, solve MBAR."""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np
import torch

from thermolatent.artifacts import load_model, prefixed, save_model, stripped
from thermolatent.config import Reweight, Study
from thermolatent.densities.descent import Descent, FitSettings
from thermolatent.densities.reweighting import ReducedPotential, effective_fraction, log_weights, solve_free_energies
from thermolatent.errors import ArtifactError
from thermolatent.frames import Frames, load_frames
from thermolatent.layout import Layout
from thermolatent.learn.heat_capacity import estimate_heat_capacity
from thermolatent.learn.pairs import held_out_walkers
from thermolatent.learn.sampling import Sampler
from thermolatent.learn.training import Checkpoint, checkpoint_of, pick_device
from thermolatent.rows import Rows, as_rows, blocks, over_blocks, picked_at_once, scale, transformed

log = logging.getLogger(__name__)

METHODS = ("mbar", "which_t", "conditional")
#: Conditional reweighting without a heat capacity, of two training temperatures. No method of its own: where it and
#: ``conditional`` disagree, the data do not say how the potential of mean force depends on temperature (``trust_basis``).
LINEAR = "conditional_linear"
_EVALUATE_EVERY = 200
_EVALUATION_FRAMES = 50_000
#: MBAR is solved on at most this many frames per temperature, evenly spaced: neighbours in time tell it nothing new.
_MBAR_FRAMES = 50_000


def run(study: Study, layout: Layout, seed: int) -> None:
    """Fit the networks and write ``reweight/seed<seed>.safetensors`` with its history.

    Of MD without energies only ``which_t`` can be fitted.
    """
    data = load_frames(study, layout)
    if not data.has_energies:
        log.warning("the MD has no energies: no MBAR, no conditional reweighting; which_t takes their place everywhere")
    checkpoint = checkpoint_of(study, "reweight", layout.reweighting(seed), data)
    spec, tensors = {"seed": seed, "networks": {}}, {}
    if len(data.temperatures) > 1:
        for method in _fitted(data):
            energies = None if method == "which_t" else data.flat(data.energies)
            network = fit_potential(study, data, data.rows(), energies, seed, method, checkpoint)
            spec["networks"][method] = network.spec
            tensors |= prefixed(f"{method}.", network.state_dict())
    if data.has_energies:
        reduced = data.flat(data.energies)[:, None] / np.array([*data.kT.values()])
        tensors["mbar.free_energies"] = torch.from_numpy(solve(data, reduced))
    save_model(layout.reweighting(seed), "reweighting", spec, tensors)
    checkpoint.history.save(layout.history(layout.reweighting(seed)))
    checkpoint.remove()
    weights = FrameWeights(study, layout, seed, data)
    for T in study.temperatures.predict:
        shares = [f"{m} {100 * effective_fraction(weights.log_weights(m, T)):.1f} %" for m in weights.methods]
        log.info("effective sample fraction at T%s: %s", T, ", ".join(shares))


def _fitted(data: Frames) -> tuple[str, ...]:
    """The networks that there are: without energies one, and a linear form only where nothing but energies refutes it."""
    if not data.has_energies:
        return ("which_t",)
    return ("which_t", "conditional", LINEAR) if len(data.temperatures) == 2 else ("which_t", "conditional")


def fit_potential(
    study: Study,
    data: Frames,
    description: Rows | np.ndarray,
    energies: np.ndarray | None,
    seed: int,
    method: str,
    checkpoint: Checkpoint,
) -> ReducedPotential:
    """Train A(x, b) for one description x of the frames, ``(N, n)``; the best held-out state is kept.

    ``method`` is "conditional" (energies and temperatures), "conditional_linear" (the same without c(x)) or "which_t"
    (temperatures alone, and without c(x) where those are two: it takes a third to see a curvature). ``energies`` are the
    frames' ``(N,)``, kJ/mol: None for "which_t". Losses go into the checkpoint's history; an interrupted fit goes on.
    """
    settings, device = study.reweight, pick_device(study.learn.device)
    torch.manual_seed(seed)
    generator = torch.Generator(device).manual_seed(seed)
    description = as_rows(description)
    features = transformed(description, lambda rows: rows, device)
    which = torch.from_numpy(data.temperature_index()).to(device)
    if energies is not None:
        mean, std = _mean_and_std(data, energies)
        scaled = (energies - mean[data.temperature_index()]) / std[data.temperature_index()]
        targets = torch.from_numpy(scaled.astype(np.float32)).to(device)

    held = data.of_walkers(held_out_walkers(study.simulate.walkers, settings.held_out))
    training, evaluation = np.flatnonzero(~held), np.flatnonzero(held)
    thinned = Sampler(len(evaluation), data.counts_of(evaluation)).thinned(picked_at_once(features, _EVALUATION_FRAMES))
    sampler, counts = Sampler(len(training), data.counts_of(training)), data.counts_of(training)
    training, evaluation = (torch.from_numpy(rows).to(device) for rows in (training, evaluation[thinned.numpy()]))

    b = data.inverse_kT.tolist()
    curved = method == "conditional" or (method == "which_t" and len(b) > 2)
    network = ReducedPotential(features.shape[1], settings.width, b, data.frames_at, heat_capacity=curved)
    feature_mean, feature_std = scale(features, training, counts)
    network.feature_mean.copy_(feature_mean)
    network.feature_std.copy_(feature_std)
    network.to(device)
    if energies is not None:
        network.set_energy_scale(torch.tensor(std, dtype=torch.float32, device=device))

    def losses(rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return network.loss(features[rows], which[rows], None if energies is None else targets[rows])

    descent = _PotentialDescent(
        network, losses, (training, sampler), evaluation, settings, generator, method, checkpoint
    )
    descent.fit()
    network.cpu()
    if curved and len(b) == 2:
        estimate_heat_capacity(network, blocks(description), data.temperature_index(), scaled, data.frame_counts)
    # The classification's f_k are near MBAR's solution for this A; put the solution itself in their place.
    at_training = network.potential(evaluate_coefficients(network, description), data.inverse_kT).numpy()
    with torch.no_grad():
        network.free_energies.copy_(torch.from_numpy(solve(data, at_training)))
    log.info("%s: held-out loss %.4f", method, descent.best)
    return network


def fit_latent_potential(
    study: Study, weights: FrameWeights, latents: np.ndarray, seed: int, checkpoint: Checkpoint
) -> ReducedPotential:
    """A(z, b) of latents z = mu(x) ``(N, d)`` that belongs to the A(x, b) of ``weights``, by its preferred method.

    In place of the frames' energies it is fitted to the features' E[U | x, b], whose mean given z is E[U | z, b] as well:
    a solvent's noise is averaged out of them, and errors of A(x, b) stand in both and cancel in the quotient of the weights
    (:mod:`thermolatent.generate.weights`).
    """
    return fit_potential(study, weights.data, latents, weights.mean_energies(), seed, weights.preferred, checkpoint)


def _mean_and_std(data: Frames, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of values ``(N,)`` at each temperature, each ``(K,)``."""
    means, stds = [], []
    for own in np.split(np.arange(len(data)), np.cumsum(data.frames_at)[:-1]):
        counts = data.counts_of(own)
        mean = np.mean(values[own]) if counts is None else np.average(values[own], weights=counts)
        squared = None if counts is None else np.average((values[own] - mean) ** 2, weights=counts)
        means.append(mean)
        stds.append(np.std(values[own]) if counts is None else np.sqrt(squared))
    return np.array(means), np.array(stds)


class _PotentialDescent(Descent):
    """All steps, the learning rate falling by half a cosine without a warm-up.

    ``losses`` gives cross-entropy and energy residual of frames; ``training`` are the frames to learn from and what draws
    them, ``evaluation`` those to judge by.
    """

    def __init__(
        self,
        network: ReducedPotential,
        losses: Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]],
        training: tuple[torch.Tensor, Sampler],
        evaluation: torch.Tensor,
        settings: Reweight,
        generator: torch.Generator,
        method: str,
        checkpoint: Checkpoint,
    ):
        self.losses, (self.training, self.sampler), self.evaluation = losses, training, evaluation
        self.method, self.history, self.what = method, checkpoint.history, f"reweighting by {method}"
        steps = FitSettings(
            settings.steps, settings.batch_size, settings.learning_rate, _EVALUATE_EVERY, settings.steps
        )
        super().__init__(
            {"network": network}, list(network.parameters()), steps, generator, checkpoint.part(f"potential {method}")
        )

    def _losses(self) -> tuple[torch.Tensor, torch.Tensor]:
        rows = self.training[self.sampler.batch(self.settings.batch_size, self.generator)]
        cross_entropy, residual = self.losses(rows)
        return cross_entropy + residual, torch.stack([cross_entropy, residual])

    def _judge(self, losses: torch.Tensor) -> float:
        held_out = float(sum(self.losses(self.evaluation)))
        named = dict(zip(("cross_entropy", "energy_residual"), losses.tolist(), strict=True))
        self.history.add(self.method, self.step, **named, held_out=held_out)
        return held_out

    def _make_schedule(self) -> torch.optim.lr_scheduler.LRScheduler:
        return torch.optim.lr_scheduler.CosineAnnealingLR(self.optimiser, self.settings.steps)


@torch.no_grad()
def evaluate_coefficients(network: ReducedPotential, description: Rows | np.ndarray) -> torch.Tensor:
    """The coefficients of A(x_n, b) of every frame, float64."""
    return over_blocks(network.coefficients, description).double()


def solve(data: Frames, at_training: np.ndarray) -> np.ndarray:
    """MBAR's f_k from reduced potentials ``(N, K)`` in the one frame order, ``(K,)`` float64."""
    if len(data.temperatures) == 1:
        return np.zeros(1)
    ends = np.cumsum(data.frames_at)
    numbers = np.split(np.arange(len(data)), ends[:-1])
    thinned = [at_training[n[Sampler(len(n), data.counts_of(n)).thinned(_MBAR_FRAMES).numpy()]] for n in numbers]
    return solve_free_energies(np.concatenate(thinned), np.array([len(part) for part in thinned]))


class FrameWeights:
    """Weights of the training frames at any temperature, from a fitted ``reweight`` file.

    Frames are in the one order; MBAR takes energies, the learned methods features.
    """

    def __init__(self, study: Study, layout: Layout, seed: int, data: Frames | None = None):
        self.data = data or load_frames(study, layout)
        self._kT = study.system.kT
        spec, tensors = load_model(layout.reweighting(seed), "reweighting")
        self._energies = self.data.flat(self.data.energies) if self.data.has_energies else None
        self._f_mbar = tensors["mbar.free_energies"].numpy() if self._energies is not None else None
        self._path, self._networks, self._learned = layout.reweighting(seed), {}, {}
        for method, shape in spec["networks"].items():
            self._networks[method] = ReducedPotential(**shape)
            self._networks[method].load_state_dict(stripped(f"{method}.", tensors))

    @property
    def methods(self) -> tuple[str, ...]:
        """Those of :data:`METHODS` that the MD allows: without energies only ``which_t``."""
        return METHODS if self._energies is not None else ("which_t",)

    @property
    def preferred(self) -> str:
        """The method that informs training and frame weights: ``conditional``, without energies ``which_t``."""
        return self.methods[-1]

    def mean_energies(self) -> np.ndarray | None:
        """E[U | x_n, T_k] of each frame at its own temperature by the preferred method, ``(N,)``, up to a constant of each.

        The energies without what the features do not see of them. None without energies.
        """
        if self.preferred == "which_t":
            return None
        return self._learned_weights(self.preferred).mean_energies()

    def energy_residuals(self) -> np.ndarray:
        """U_n - E[U | x_n, T_k], ``(N,)`` kJ/mol, of mean 0 at each temperature: what the features do not see."""
        residuals, which = self._energies - self.mean_energies(), self.data.temperature_index()
        counts = self.data.frame_counts
        return residuals - (np.bincount(which, counts * residuals) / np.bincount(which, counts))[which]

    def potential(self, method: str) -> ReducedPotential:
        """The fitted A(x, b) of a method that has one."""
        return self._learned_weights(method).network

    def log_weights(self, method: str, temperature: float) -> np.ndarray:
        """ln w_n(T), ``(N,)`` float64, sum w = 1, by "mbar", "which_t", "conditional" or "conditional_linear".

        Raises :class:`ArtifactError` for a method that the file does not have.
        """
        b = 1 / self._kT(temperature)
        # One training temperature: nothing to classify, and only that temperature is asked for.
        if self._energies is None and not self._networks:
            return _counted(np.full(len(self.data), -np.log(len(self.data))), self.data)
        if self._energies is not None and (method == "mbar" or not self._networks):
            at_training = self._energies[:, None] / np.array([*self.data.kT.values()])
            found = log_weights(self._energies * b, at_training, np.asarray(self.data.frames_at), self._f_mbar)
            return _counted(found, self.data)
        return self._learned_weights(method).log_weights(b)

    def _learned_weights(self, method: str) -> LearnedWeights:
        if method not in self._networks:
            what = (
                "the MD has no energies; use which_t" if self._energies is None else "delete it and run reweight again"
            )
            raise ArtifactError(f"{self._path}: has no network '{method}'; {what}")
        if method not in self._learned:
            features = self.data.rows()
            self._learned[method] = LearnedWeights(self._networks[method], self.data, features)
        return self._learned[method]


def _counted(log_w: np.ndarray, data: Frames) -> np.ndarray:
    """Log-weights of frames that each count as often as they do, sum w = 1; -inf where a frame does not count."""
    if not data.weighted:
        return log_w
    with np.errstate(divide="ignore"):
        log_w = log_w + np.log(data.frame_counts)
    return log_w - np.logaddexp.reduce(log_w)


class LearnedWeights:
    """Weights from one fitted A(x, b) over the training frames described by ``description`` ``(N, n)``."""

    def __init__(self, network: ReducedPotential, data: Frames, description: Rows | np.ndarray):
        self.network, self._data, self._which = network, data, data.temperature_index()
        self._coefficients = evaluate_coefficients(network, description)
        self._at_training = network.potential(self._coefficients, data.inverse_kT).numpy()
        self._f = network.free_energies.detach().double().numpy()

    def log_weights(self, b: float) -> np.ndarray:
        """ln w_n, ``(N,)`` float64, sum w = 1, at inverse temperature ``b`` = 1/kT."""
        potential = self.network.potential(self._coefficients, np.array([b])).numpy()[:, 0]
        return _counted(
            log_weights(potential, self._at_training, np.asarray(self._data.frames_at), self._f), self._data
        )

    def mean_energies(self) -> np.ndarray:
        """E[U | x_n, T_k] of each frame at its own temperature, ``(N,)`` kJ/mol, up to a constant of each temperature."""
        return self.network.mean_energy(self._coefficients, torch.from_numpy(self._which)).numpy()


def baseline_weights(study: Study, layout: Layout, seed: int, temperature: float) -> dict[str, np.ndarray]:
    """Frame weights of each weighted baseline at one temperature: ``{name: (N,) float64, sum 1}``."""
    weights = FrameWeights(study, layout, seed)
    return {method: np.exp(weights.log_weights(method, temperature)) for method in weights.methods}
