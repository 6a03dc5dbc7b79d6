"""Rows of the score and population tables, for models and baselines alike."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from functools import cached_property, partial

import numpy as np

from thermolatent.frames import Frames
from thermolatent.reweight.design import LEAST_UNITS
from thermolatent.reweight.estimator import ConditionalReweighting
from thermolatent.reweight.influence import linear_interval, logit_interval, share_interval
from thermolatent.reweight.units import independent_pieces, told
from thermolatent.states.plane import NamedPlane
from thermolatent.states.sets import StateSet
from thermolatent.temperatures import format_temperature
from thermolatent.validate.free_energy import free_energy_rmse
from thermolatent.validate.matching import Candidate, matched_scores
from thermolatent.validate.metrics import METRICS
from thermolatent.validate.observables import weighted_mean
from thermolatent.validate.populations import delta_F_rmse, population_error, population_max_error
from thermolatent.validate.settings import Asked
from thermolatent.validate.uncertainty import bootstrap_masses, effective_sample_size, stream
from thermolatent.validate.view import View

log = logging.getLogger(__name__)


@dataclass
class ScoreRows:
    """Collects the rows of one (model, seed)."""

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

    def add(self, model, temperature, plane, metric, value, stderr=None, n_ref=None, n_gen=None) -> None:
        """One row of the scores."""
        more = {"plane": plane, "metric": metric, "value": float(value), "stderr": stderr, "n_ref": n_ref}
        row = self._row(model, temperature) | more | {"unit": METRICS[metric].unit, "n_gen": n_gen}
        self.rows.append(row)

    def has_reference(self, temperature: float) -> bool:
        return temperature in self.reference.temperatures

    def has_halves(self, temperature: float) -> bool:
        """Whether there is reference MD that can be split into independent halves."""
        return self.has_reference(temperature) and not self.reference.half[temperature].all()

    def pieces(self, temperature: float) -> None:
        """A row of how many independent pieces the reference MD has; a warning where they are too few for an error."""
        if not self.has_reference(temperature):
            return
        count = independent_pieces(self.reference, temperature)
        self.add("floor", temperature, "", "independent_pieces", count)
        if count < LEAST_UNITS:
            log.warning(
                "too few independent pieces of MD for error bars of what it gives: %s%s",
                *(told(self.reference, temperature), "" if count > 1 else ", and no halves to compare"),
            )

    def _stream(self, *labels) -> np.random.Generator:
        return stream("validate", self.seed, *labels)

    def weighted(self, view: View, weights: np.ndarray) -> Candidate:
        """The training frames with ``weights`` ``(N,)`` in one plane."""
        return Candidate(view.training_points, weights, self.training.units, self.training.strata)

    def divergences(self, model: str, temperature: float, view: View, candidate: Candidate | None) -> None:
        """Every score of one plane; ``candidate`` None is the floor. Nothing where there is no reference."""
        if not self.has_halves(temperature):
            return
        rng = self._stream(model, view.name, temperature)
        result = matched_scores(view, temperature, candidate, self.replicates, rng)
        for metric, (value, stderr) in result.scores.items():
            self.add(model, temperature, view.name, metric, value, stderr, result.n_ref, result.n_gen)

    def effective_sample(
        self, model: str, temperature: float, weights: np.ndarray, fraction: float | None = None
    ) -> None:
        """The share of the frames that counts; ``fraction`` where it is known of the weights before their bound."""
        n = len(self.training)
        fraction = effective_sample_size(weights) / n if fraction is None else fraction
        self.add(model, temperature, "", "ess_fraction", fraction, None, None, n)

    # populations

    def _population_rows(self, model, temperature, state_set: StateSet, value, stderr, interval=None) -> None:
        """``interval`` are the ends (low, high) where they are known; by default 1.96 standard errors on the logit scale."""
        with np.errstate(divide="ignore", invalid="ignore"):
            n_eff = np.where(stderr > 0, value * (1 - value) / stderr**2, np.nan)
        low, high = logit_interval(value, 1.96 * stderr) if interval is None else interval
        columns = {"value": value, "stderr": stderr, "low": low, "high": high, "n_eff": n_eff}
        for k, name in enumerate(state_set.names):
            numbers = {column: float(values[k]) for column, values in columns.items()}
            self.population_rows.append(
                self._row(model, temperature) | {"states": state_set.label, "state": name} | numbers
            )

    def md_populations(self, temperature: float, state_set: StateSet, rows: bool = True) -> None:
        """Rows of the reference MD, and the floor of the population scores."""
        if not self.has_reference(temperature):
            return
        counts = state_set.by_unit_at(self.reference, temperature)
        strata = np.zeros(len(counts), int)
        rng = self._stream("md", state_set.label, temperature)
        boot = bootstrap_masses(counts, strata, self.replicates, rng)
        value = counts.sum(0) / counts.sum()
        if rows:
            self._population_rows("md", temperature, state_set, value, boot.std(axis=0, ddof=1))
        if not self.has_halves(temperature):
            return
        first = np.unique(self.reference.unit_at(temperature), return_index=True)[1]
        half = self.reference.half[temperature].ravel()[first]
        A, B = counts[half], counts[~half]
        # Two independent runs as long as the whole differ by 1/sqrt(2) of what its two halves differ by.
        pairs = [(B.sum(0) / B.sum(), A.sum(0) / A.sum())]
        boots = tuple(bootstrap_masses(x, strata[: len(x)], self.replicates, rng) for x in (B, A))
        self._population_scores(
            "floor", temperature, state_set, pairs[0], boots, np.sqrt(0.5), round(B.sum()), round(A.sum())
        )

    def populations(
        self,
        model: str,
        temperature: float,
        state_set: StateSet,
        weights: np.ndarray,
        reweighting: ConditionalReweighting | None = None,
    ) -> None:
        """Rows of a model or baseline from its frame weights, scored where there is a reference.

        With a ``reweighting``, whose weights these are, its error bars take the place of the bootstrap's.
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
            n_ref, n_gen = round(md.sum()), len(self.training)
            self._population_scores(
                model, temperature, state_set, (md.sum(0) / md.sum(), value), (boot_md, boot), 1.0, n_ref, n_gen
            )
        if state_set.label == "named":
            self._exact_scores(model, temperature, value, boot, self.weighted(self.fixed, weights))

    def _estimated(
        self, model: str, temperature: float, state_set: StateSet, reweighting: ConditionalReweighting
    ) -> np.ndarray:
        """Rows of populations with the reweighting's error bars; returns the populations."""
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
        """Rows of the named populations ``(states,)`` as a density's own samples have them."""
        for name, p in zip(self.named_plane.names, value, strict=True):
            row = {"states": "density", "state": name, "value": float(p)}
            self.population_rows.append(self._row(model, temperature) | row)

    def _population_scores(self, model, temperature, state_set, pair, boots, scale, n_ref, n_gen) -> None:
        functions = {
            "population_mae": population_error,
            "population_max_error": population_max_error,
            "delta_F_rmse_kT": lambda p, q: delta_F_rmse(p, q, 0.5 / min(n_ref, n_gen)),
        }
        for metric, function in functions.items():
            stderr = scale * float(function(*boots).std(ddof=1))
            value = scale * float(function(*pair))
            self.add(model, temperature, state_set.plane, metric, value, stderr, n_ref, n_gen)

    # observables: rows of the populations with states "observable"

    def _observable_rows(self, model, temperature, mean, stderr, independent, interval=None) -> None:
        low, high = (mean - 1.96 * stderr, mean + 1.96 * stderr) if interval is None else interval
        columns = {"value": mean, "stderr": stderr, "low": low, "high": high, "n_eff": independent}
        for k, name in enumerate(self.reference.observable_names):
            numbers = {column: float(values[k]) for column, values in columns.items()}
            self.population_rows.append(
                self._row(model, temperature) | {"states": "observable", "state": name} | numbers
            )

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
        """Means over the training frames with weights ``(N,)``, with the error bars of the reweighting they are from, if any."""
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

    # systems whose distribution is known

    def exact_rows(self, temperature: float, named: StateSet) -> None:
        """Exact populations, and what the reference MD itself scores against the exact answer (as the floor)."""
        exact = self.named_plane.exact(temperature)
        if exact is None:
            return
        for name, p in zip(named.names, exact[1], strict=True):
            row = {"states": "named", "state": name, "value": float(p)}
            self.population_rows.append(self._row("exact", temperature) | row)
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
        scores = [
            ("population_mae_exact", population_error, exact[1], populations, boot),
            ("population_max_error_exact", population_max_error, exact[1], populations, boot),
        ]
        histogram, strata = candidate.histogram(bins.assign(candidate.points), bins.cells)
        total = histogram.sum(0) / histogram.sum()
        boots = bootstrap_masses(histogram, strata, self.replicates, self._stream(model, "exact F", temperature))
        rmse = partial(free_energy_rmse, smallest=0.5 / n)
        scores.append(("free_energy_rmse_exact_kT", rmse, exact[0], total[:-1], boots[:, :-1]))
        for metric, function, reference, value, replicates in scores:
            stderr = float(function(reference, replicates).std(ddof=1))
            self.add(model, temperature, "fixed", metric, function(reference, value), stderr, None, n)
