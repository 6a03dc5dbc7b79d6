"""Rows of the score and population tables, for models and baselines alike."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from thermolatent.frames import Frames
from thermolatent.reweight.design import LEAST_UNITS
from thermolatent.reweight.estimator import ConditionalReweighting
from thermolatent.reweight.influence import NORMAL, linear_interval, logit_interval, share_interval
from thermolatent.reweight.units import independent_pieces, pieces_text
from thermolatent.states.plane import NamedPlane
from thermolatent.states.sets import StateSet
from thermolatent.temperatures import format_temperature
from thermolatent.validate.matching import Candidate, matched_scores
from thermolatent.validate.metrics import EXACT_MASS, EXACT_POPULATIONS, METRICS, POPULATIONS, comparing
from thermolatent.validate.observables import weighted_mean
from thermolatent.validate.settings import Asked
from thermolatent.validate.uncertainty import bootstrap_masses, effective_sample_size, stream
from thermolatent.validate.view import View

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Compared:
    """Populations of a reference and a prediction.

    Attributes
    ----------
    pair: reference and prediction, each ``(states,)``.
    boots: bootstrap replicates of both, each ``(replicates, states)``.
    n_ref, n_gen: numbers of frames.
    scale: factor on all scores.
    """

    pair: tuple[np.ndarray, np.ndarray]
    boots: tuple[np.ndarray, np.ndarray]
    n_ref: int
    n_gen: int
    scale: float = 1.0


@dataclass
class ScoreRows:
    """Collects the rows of one model and seed, or of the baselines."""

    study: Asked
    seed: int
    fixed: View
    rows: list[dict] = field(default_factory=list)
    population_rows: list[dict] = field(default_factory=list)

    @cached_property
    def named_plane(self) -> NamedPlane:
        fixed = self.fixed
        return NamedPlane(self.study.system, self.study.validate_.states, fixed.bins.edges, self.training)

    @property
    def reference(self) -> Frames:
        return self.fixed.reference

    @property
    def training(self) -> Frames:
        return self.fixed.training

    @property
    def replicates(self) -> int:
        return self.study.validate_.bootstrap

    def _row(self, model: str, temperature: float) -> dict:
        role = self.study.temperatures.role(temperature)
        text = format_temperature(temperature)
        return {"study": self.study.name, "model": model, "seed": self.seed, "temperature": text, "role": role}

    def add(self, model: str, temperature: float, plane: str, metric: str, value: float, **more: float | None) -> None:
        """One row of the scores; ``more``: ``stderr``, ``n_ref`` and ``n_gen``."""
        row = {"plane": plane, "metric": metric, "value": float(value), "unit": METRICS[metric].unit}
        self.rows.append(self._row(model, temperature) | row | more)

    def has_reference(self, temperature: float) -> bool:
        return temperature in self.reference.temperatures

    def has_halves(self, temperature: float) -> bool:
        """Whether there is reference MD that can be split into independent halves."""
        return self.has_reference(temperature) and not self.reference.half[temperature].all()

    def pieces(self, temperature: float) -> None:
        """A row with the number of independent pieces of the reference MD; a warning if they are too few for errors."""
        if not self.has_reference(temperature):
            return
        count = independent_pieces(self.reference, temperature)
        self.add("floor", temperature, "", "independent_pieces", count)
        if count < LEAST_UNITS:
            log.warning(
                "too few independent pieces of MD for its error bars: %s%s",
                *(pieces_text(self.reference, temperature), "" if count > 1 else ", and no halves to compare"),
            )

    def _stream(self, *labels) -> np.random.Generator:
        return stream("validate", self.seed, *labels)

    def weighted(self, view: View, weights: np.ndarray) -> Candidate:
        """The training frames with ``weights`` ``(N,)`` in one plane."""
        return Candidate(view.training_points, weights, self.training.units, self.training.strata)

    def divergences(self, model: str, temperature: float, view: View, candidate: Candidate | None) -> None:
        """Every score of one plane, if there is a reference; ``candidate`` None is the floor."""
        if not self.has_halves(temperature):
            return
        rng = self._stream(model, view.name, temperature)
        result = matched_scores(view, temperature, candidate, self.replicates, rng)
        for metric, (value, stderr) in result.scores.items():
            sizes = {"n_ref": result.n_ref, "n_gen": result.n_gen}
            self.add(model, temperature, view.name, metric, value, stderr=stderr, **sizes)

    def effective_sample(
        self, model: str, temperature: float, weights: np.ndarray, fraction: float | None = None
    ) -> None:
        """The effective sample fraction; ``fraction``: its value before the weights were bounded."""
        n = len(self.training)
        fraction = effective_sample_size(weights) / n if fraction is None else fraction
        self.add(model, temperature, "", "ess_fraction", fraction, n_gen=n)

    # populations

    def _add_populations(self, model: str, temperature: float, states: str, names: Sequence[str], **columns) -> None:
        """Rows of the populations, one per name; ``columns`` ``(names,)`` by column of the table."""
        for k, name in enumerate(names):
            numbers = {column: float(values[k]) for column, values in columns.items()}
            self.population_rows.append(self._row(model, temperature) | {"states": states, "state": name} | numbers)

    def _population_rows(self, model, temperature, state_set: StateSet, value, stderr, interval=None) -> None:
        """``interval``: its ends (low, high); default: 95 % by the standard errors, on the logit scale."""
        with np.errstate(divide="ignore", invalid="ignore"):
            n_eff = np.where(stderr > 0, value * (1 - value) / stderr**2, np.nan)
        low, high = logit_interval(value, NORMAL * stderr) if interval is None else interval
        columns = {"value": value, "stderr": stderr, "low": low, "high": high, "n_eff": n_eff}
        self._add_populations(model, temperature, state_set.label, state_set.names, **columns)

    def md_populations(self, temperature: float, state_set: StateSet) -> None:
        """Rows of the reference MD, and the floor of the population scores."""
        if not self.has_reference(temperature):
            return
        counts = state_set.by_unit_at(self.reference, temperature)
        strata = np.zeros(len(counts), int)
        rng = self._stream("md", state_set.label, temperature)
        boot = bootstrap_masses(counts, strata, self.replicates, rng)
        value = counts.sum(0) / counts.sum()
        self._population_rows("md", temperature, state_set, value, boot.std(axis=0, ddof=1))
        if not self.has_halves(temperature):
            return
        first = np.unique(self.reference.unit_at(temperature), return_index=True)[1]
        half = self.reference.half[temperature].ravel()[first]
        A, B = counts[half], counts[~half]
        boots = tuple(bootstrap_masses(x, strata[: len(x)], self.replicates, rng) for x in (B, A))
        pair = (B.sum(0) / B.sum(), A.sum(0) / A.sum())
        # Two independent runs of the full length differ by 1/sqrt(2) of the difference between the halves.
        compared = Compared(pair, boots, round(B.sum()), round(A.sum()), scale=np.sqrt(0.5))
        self._population_scores("floor", temperature, state_set, compared)

    def populations(
        self,
        model: str,
        temperature: float,
        state_set: StateSet,
        weights: np.ndarray,
        reweighting: ConditionalReweighting | None = None,
    ) -> None:
        """Rows of a model or baseline from its frame weights, and scores if there is a reference.

        ``reweighting``: the estimator that the weights are from, if any; its error bars replace those of the bootstrap.
        """
        counts = state_set.by_unit(self.training, weights)
        rng = self._stream(model, state_set.label, temperature)
        boot = bootstrap_masses(counts, self.training.strata, self.replicates, rng)
        value = counts.sum(0) / counts.sum()
        if reweighting is None:
            self._population_rows(model, temperature, state_set, value, boot.std(axis=0, ddof=1))
        else:
            value = self._estimated(model, temperature, state_set, reweighting)
        if self.has_reference(temperature):
            md = state_set.by_unit_at(self.reference, temperature)
            boot_md = bootstrap_masses(md, np.zeros(len(md), int), self.replicates, rng)
            pair = (md.sum(0) / md.sum(), value)
            compared = Compared(pair, (boot_md, boot), round(md.sum()), len(self.training))
            self._population_scores(model, temperature, state_set, compared)
        if state_set.label == "named":
            self._exact_scores(model, temperature, value, boot, self.weighted(self.fixed, weights))

    def _estimated(
        self, model: str, temperature: float, state_set: StateSet, reweighting: ConditionalReweighting
    ) -> np.ndarray:
        """Rows of populations with the error bars of the reweighting; returns the populations."""
        if state_set.label == "named":
            influences = reweighting.population_influences(temperature)
        else:
            indicators = np.eye(len(state_set.names))[self.training.flat(state_set.labels)]
            influences = reweighting.mean_influences(temperature, indicators)
        parts = influences.parts()
        ends = share_interval(influences.values, parts)
        self._population_rows(model, temperature, state_set, influences.values, parts.stderr, ends)
        return influences.values

    def density_populations(self, model: str, temperature: float, value: np.ndarray) -> None:
        """Rows of the named populations ``(states,)`` in a density's samples."""
        self._add_populations(model, temperature, "density", self.named_plane.names, value=value)

    def _population_scores(self, model: str, temperature: float, state_set: StateSet, compared: Compared) -> None:
        n_ref, n_gen, scale = compared.n_ref, compared.n_gen, compared.scale
        smallest = 0.5 / min(n_ref, n_gen)
        for metric, number in comparing(POPULATIONS):
            stderr = scale * float(number(*compared.boots, smallest).std(ddof=1))
            value = scale * float(number(*compared.pair, smallest))
            self.add(model, temperature, state_set.plane, metric, value, stderr=stderr, n_ref=n_ref, n_gen=n_gen)

    # observables: rows of the populations with states "observable"

    def _observable_rows(self, model, temperature, mean, stderr, independent, interval=None) -> None:
        low, high = (mean - NORMAL * stderr, mean + NORMAL * stderr) if interval is None else interval
        columns = {"value": mean, "stderr": stderr, "low": low, "high": high, "n_eff": independent}
        self._add_populations(model, temperature, "observable", self.reference.observable_names, **columns)

    def md_observables(self, temperature: float) -> None:
        """Means of the reference MD."""
        if self.has_reference(temperature) and self.reference.observable_names:
            values, rng = self.reference.observables[temperature], self._stream("md", "observables", temperature)
            flat, counts = values.reshape(-1, values.shape[-1]), self.fixed.counts(temperature)
            units = self.reference.unit_at(temperature).ravel()
            grouped = (units, np.zeros(int(units.max()) + 1, int), self.replicates, rng)
            self._observable_rows("md", temperature, *weighted_mean(flat, counts, *grouped))

    def observables(
        self,
        model: str,
        temperature: float,
        weights: np.ndarray,
        reweighting: ConditionalReweighting | None = None,
    ) -> None:
        """Means over the training frames with weights ``(N,)``; ``reweighting`` as in :meth:`populations`."""
        if not self.reference.observable_names:
            return
        training, rng = self.training, self._stream(model, "observables", temperature)
        values, grouped = training.flat(training.observables), (training.units, training.strata)
        if reweighting is None:
            self._observable_rows(model, temperature, *weighted_mean(values, weights, *grouped, self.replicates, rng))
            return
        influences = reweighting.mean_influences(temperature, values)
        parts, mean = influences.parts(), influences.values
        variance = weights @ (values - mean) ** 2
        with np.errstate(divide="ignore", invalid="ignore"):
            independent = np.where(parts.stderr > 0, variance / parts.stderr**2, np.nan)
        self._observable_rows(model, temperature, mean, parts.stderr, independent, linear_interval(mean, parts))

    # systems with a known distribution

    def exact_rows(self, temperature: float, named: StateSet) -> None:
        """Exact populations, and the scores of the reference MD against the exact distribution (as the floor)."""
        exact = self.named_plane.exact(temperature)
        if exact is None:
            return
        self._add_populations("exact", temperature, "named", named.names, value=exact[1])
        if self.has_reference(temperature):
            points, counts = self.fixed.points[temperature], named.by_unit_at(self.reference, temperature)
            strata = np.zeros(len(counts), int)
            boot = bootstrap_masses(counts, strata, self.replicates, self._stream("md", "exact", temperature))
            units = self.reference.unit_at(temperature).ravel()
            md = Candidate(points.reshape(-1, 2), self.fixed.counts(temperature), units, strata)
            self._exact_scores("floor", temperature, counts.sum(0) / counts.sum(), boot, md)

    def _exact_scores(self, model, temperature, populations, boot, candidate: Candidate) -> None:
        exact = self.named_plane.exact(temperature)
        if exact is None:
            return
        n, bins = len(candidate.points), self.fixed.bins
        histogram, strata = candidate.histogram(bins.assign(candidate.points), bins.cells)
        total = histogram.sum(0) / histogram.sum()
        boots = bootstrap_masses(histogram, strata, self.replicates, self._stream(model, "exact F", temperature))
        for of, reference, predicted, replicates in (
            (EXACT_POPULATIONS, exact[1], populations, boot),
            (EXACT_MASS, exact[0], total[:-1], boots[:, :-1]),
        ):
            for metric, number in comparing(of):
                stderr = float(number(reference, replicates, 0.5 / n).std(ddof=1))
                value = number(reference, predicted, 0.5 / n)
                self.add(model, temperature, "fixed", metric, value, stderr=stderr, n_gen=n)
