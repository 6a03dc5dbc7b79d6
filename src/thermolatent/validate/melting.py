"""Melting of one named state: from the reweighting, and by a two-state fit to populations of the MD and of models.

The reweighting gives populations at any temperature, and Tm, dH, dS and dCp by derivatives at Tm
(:mod:`thermolatent.reweight.thermodynamics`). To the MD and to models that are not informed a two-state model is fitted: with
b = 1/kT and the folded state's population p, ln[p / (1 - p)] = dH (b - b_m), dS = dH / T_m, with enthalpy and entropy of
unfolding independent of temperature.
"""

from __future__ import annotations

import logging
import statistics
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from thermolatent.errors import ThermolatentError
from thermolatent.reweight.influence import NORMAL
from thermolatent.validate.settings import Asked

if TYPE_CHECKING:
    from thermolatent.reweight.estimator import ConditionalReweighting

log = logging.getLogger(__name__)

#: Minimum error of a population, for the error of the two-state model.
LEAST_ERROR = 0.002


class Melting(NamedTuple):
    """Parameters of unfolding with their standard errors.

    Attributes
    ----------
    Tm, Tm_stderr: melting temperature, in the study's unit.
    dH, dH_stderr: enthalpy of unfolding at Tm, kJ/mol (reduced: epsilon).
    dS, dS_stderr: entropy of unfolding, kJ/mol per unit of temperature.
    chi2: sum of squared residuals in standard errors per degree of freedom; far above 1 for more than two states.
    extrapolated: whether Tm is outside of the fitted temperatures.
    """

    Tm: float
    Tm_stderr: float
    dH: float
    dH_stderr: float
    dS: float
    dS_stderr: float
    chi2: float
    extrapolated: bool


#: Columns of ``melting.csv``.
COLUMNS = (
    *("study", "predictor", "state", "quantity", "value", "stderr", "low", "high"),
    *("chi2", "extrapolated"),
)


def fit_two_state(temperatures: Sequence[float], kT: Sequence[float], population, stderr) -> Melting:
    """Least-squares fit of the two-state model to populations ``(n,)`` with standard errors ``(n,)``.

    Parameters
    ----------
    temperatures, kT: ``(n,)`` in the study's unit and in kJ/mol; at least three.

    Raises
    ------
    ThermolatentError: fewer than three temperatures, or populations that do not change with temperature.
    """
    from scipy.optimize import OptimizeWarning, curve_fit
    from scipy.special import expit, logit

    T, kT, p = (np.asarray(a, float) for a in (temperatures, kT, population))
    if len(T) < 3:
        raise ThermolatentError(f"a melting curve needs three temperatures, there are {len(T)}; add some to predict")
    unit = float(np.mean(kT / T))  # k in the study's unit
    sigma = np.maximum(np.nan_to_num(np.asarray(stderr, float)), LEAST_ERROR)
    inside = np.clip(p, LEAST_ERROR, 1 - LEAST_ERROR)
    slope, offset = np.polyfit(1 / kT, logit(inside), 1)
    if abs(slope) * np.ptp(1 / kT) < 1e-3:
        raise ThermolatentError("the state's population does not change with temperature: no melting curve")

    def model(b, dH, Tm):
        return expit(dH * (b - 1 / (unit * Tm)))

    try:
        (dH, Tm), covariance = curve_fit(
            model, 1 / kT, p, (slope, -slope / (offset * unit)), sigma, absolute_sigma=True, maxfev=10_000
        )
    except (RuntimeError, OptimizeWarning) as error:
        raise ThermolatentError(f"no two-state curve fits the populations ({error})") from error
    if not (np.isfinite(covariance).all() and Tm > 0):
        raise ThermolatentError("no two-state curve fits the populations: they hardly change with temperature")
    if covariance[1, 1] ** 0.5 > np.ptp(T) or covariance[0, 0] ** 0.5 > abs(dH):
        raise ThermolatentError(
            "the populations do not determine a two-state curve; add temperatures around the midpoint"
        )
    gradient = np.array([1 / Tm, -dH / Tm**2])
    residuals = (p - model(1 / kT, dH, Tm)) / sigma
    return Melting(
        Tm=float(Tm),
        Tm_stderr=float(np.sqrt(covariance[1, 1])),
        dH=float(dH),
        dH_stderr=float(np.sqrt(covariance[0, 0])),
        dS=float(dH / Tm),
        dS_stderr=float(np.sqrt(gradient @ covariance @ gradient)),
        chi2=float(residuals @ residuals / max(1, len(T) - 2)),
        extrapolated=not T.min() <= Tm <= T.max(),
    )


def two_state_population(dH: float, Tm: float, temperatures, kT) -> np.ndarray:
    """Population of the folded state ``(n,)`` by a fit; ``kT`` ``(n,)`` of the temperatures."""
    from scipy.special import expit

    temperatures, kT = np.asarray(temperatures, float), np.asarray(kT, float)
    return expit(dH * (1 / kT - temperatures / (kT * Tm)))


def beyond(Tm: float, training: Sequence[float]) -> str:
    """In words that a melting temperature is extrapolated; nothing where it is between training temperatures."""
    if min(training) <= Tm <= max(training):
        return ""
    return f"{'below' if Tm < min(training) else 'above'} all training temperatures, so extrapolated"


def rows(
    study: Asked, populations: list[dict[str, str]], reweighting: ConditionalReweighting | None = None
) -> list[dict]:
    """Rows of ``melting.csv``, one per predictor and quantity: the reweighting, the MD, and each model that is not informed.

    Informed models have the reweighting's values. Fitted populations are means over seeds, with the errors over walkers and the
    standard deviation over seeds. Predictors without a melting temperature are left out, with a warning.
    """
    state = study.validate_.melting
    if state is None:
        return []
    found = [] if reweighting is None else _of_reweighting(study, reweighting, state)
    fitted = ("md", *(name for name, model in study.models.items() if not model.informed))
    by_predictor: dict[str, dict[float, list[dict[str, str]]]] = defaultdict(lambda: defaultdict(list))
    for row in populations:
        if row["states"] == "named" and row["state"] == state and row["value"] and row["model"] in fitted:
            by_predictor[row["model"]][float(row["temperature"])].append(row)
    for predictor, by_temperature in by_predictor.items():
        temperatures = sorted(by_temperature)
        pairs = [_over_seeds(by_temperature[T]) for T in temperatures]
        try:
            fit = fit_two_state(temperatures, [study.system.kT(T) for T in temperatures], *zip(*pairs, strict=True))
        except ThermolatentError as error:
            log.warning("melting of %s by %s: %s", state, predictor, error)
            continue
        base = {"study": study.name, "predictor": predictor, "state": state, "chi2": fit.chi2}
        base["extrapolated"] = "yes" if fit.extrapolated else "no"
        for quantity in ("Tm", "dH", "dS"):
            value, stderr = getattr(fit, quantity), getattr(fit, f"{quantity}_stderr")
            ends = {"low": value - NORMAL * stderr, "high": value + NORMAL * stderr}
            found.append(base | {"quantity": quantity, "value": value, "stderr": stderr} | ends)
    return found


def _of_reweighting(study: Asked, reweighting: ConditionalReweighting, state: str) -> list[dict]:
    try:
        table = reweighting.melting(state)
    except ThermolatentError as error:
        log.warning("%s", error)
        return []
    beyond = not min(reweighting.temperatures) <= table.value[0] <= max(reweighting.temperatures)
    base = {"study": study.name, "predictor": "reweighting", "state": state, "extrapolated": "yes" if beyond else "no"}
    return [base | row for row in table[["quantity", "value", "stderr", "low", "high"]].to_dict("records")]


def _over_seeds(rows: list[dict[str, str]]) -> tuple[float, float]:
    values = [float(row["value"]) for row in rows]
    errors = [float(row["stderr"] or 0) for row in rows]
    scatter = statistics.stdev(values) if len(values) > 1 else 0.0
    return statistics.fmean(values), float(np.hypot(statistics.median(errors), scatter))
