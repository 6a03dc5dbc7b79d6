"""The head of the page: what MD there is, whether it is fit to answer, and a methods paragraph for a paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import thermolatent
from thermolatent.report.findings import and_, listed, number
from thermolatent.report.settings import Settings

Protocols = Mapping[float, Mapping[str, Any]]
#: Keys of a system that a methods paragraph needs, in its order.
_CONDITIONS = ("force_field", "solvent", "water", "salt", "hydrogen_mass")
_UNITS = {"salt": " mol/l", "hydrogen_mass": " u"}


def facts(study: Settings, protocols: Protocols) -> str:
    """The training MD in a line: "MD at T = 340 and 440 K, 32 walkers of 50 ns each"."""
    train = {T: protocols[T] for T in sorted(study.temperatures.train)}
    sizes = {T: f"{p['walkers']} walker{'s' * (p['walkers'] > 1)} of {length(study, p)}" for T, p in train.items()}
    if len(set(sizes.values())) == 1:
        each = " at each" if len(train) > 1 else ""
        return f"MD at T = {listed(list(train))}{study.unit}, {next(iter(sizes.values()))}{each}"
    return "MD: " + "; ".join(f"T = {listed([T])}{study.unit}, {size}" for T, size in sizes.items())


def length(study: Settings, protocol: Mapping[str, Any]) -> str:
    """Simulated time of a walker in a unit that fits."""
    time = protocol["frames"] * protocol["save_every"] * protocol["time_step"]
    if not study.unit:
        return f"{time:.4g} time units"
    size, unit = next(((s, u) for s, u in ((1e6, "µs"), (1e3, "ns")) if time >= s), (1.0, "ps"))
    return f"{time / size:.3g} {unit}"


def fit(rows: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """Whether the MD is fit to answer, from rows of ``convergence.csv``: ``{"fit", "text"}``.

    The text has the states that are not assessable; per state, the number of independent visits at the training temperature
    that has fewest; and the checks of all MD. The page says its doubts elsewhere.
    """
    fewest: dict[str, float] = {}
    for row in rows:
        if row["evidence"]:
            fewest[row["state"]] = min(fewest.get(row["state"], float("inf")), float(row["evidence"]))
    unseen = list(dict.fromkeys(row["state"] for row in rows if row["assessable"] != "yes"))
    doubts = [row["doubt"] for row in rows if row["doubt"]]
    told = [f"{and_(unseen)} {'is' if len(unseen) == 1 else 'are'} not assessable"] if unseen else []
    if fewest:
        told.append("independent visits " + ", ".join(f"{state} {visits(n)}" for state, n in fewest.items()))
    if known := [float(row["r_hat"]) for row in rows if row["r_hat"]]:
        told.append(f"split R-hat at most {max(known):.2f}")
    for T, row in {row["temperature"]: row for row in rows if row["chapman_kolmogorov"]}.items():
        times = " and ".join(visits(float(row[name])) for name in ("timescale", "timescale_twice") if row[name])
        told.append(
            f"reseeded {T}: timescales of {times or 'unknown'} frames at one and two lags, Chapman-Kolmogorov within "
            f"{float(row['chapman_kolmogorov']):.1f} standard errors"
        )
    if any(row["kinetic_temperature"] for row in rows) and not any("kinetic" in doubt for doubt in doubts):
        told.append("kinetic temperature as set")
    if start_up := max((float(row["start_up"]) for row in rows if row["start_up"]), default=0.0):
        told.append(f"start-up of up to {100 * start_up:.0f} % left out")
    return {"fit": not unseen and not doubts, "text": "; ".join(told)}


def visits(n: float) -> str:
    """A number of independent visits."""
    return f"{n:.1f}" if n < 10 else f"{n:,.0f}".replace(",", " ")


def methods(study: Settings, protocols: Protocols) -> list[str]:
    """Paragraphs for a paper: MD, estimator, models."""
    return [_of_md(study, protocols), _of_predictions(study), *_of_models(study), _cited()]


def _of_md(study: Settings, protocols: Protocols) -> str:
    system = study.system.model_dump(mode="json", exclude_none=True)
    first = protocols[min(study.temperatures.seeding)]
    what = facts(study, protocols).removeprefix("MD ").removeprefix("MD: ")
    if study.system.existing:
        return f"Trajectories of existing molecular dynamics were analysed: {what}."
    conditions = [
        f"{key.replace('_', ' ')} {system[key]}{_UNITS.get(key, '')}" for key in _CONDITIONS if system.get(key)
    ]
    if pressure := study.study["simulate"].get("pressure"):
        conditions.append(f"{pressure:g} bar")
    time, rate = (" ps", "/ps") if study.unit else ("", "")
    reseeded = (
        f" Walkers at T = {listed(study.temperatures.reseeded)}{study.unit} began, without equilibration, in frames of the other "
        "temperatures that were drawn by their weights there; their frames have the weights of a reversible Markov model."
        if study.temperatures.reseeded
        else ""
    )
    return (
        f"Molecular dynamics of {study.description or study.name} ({', '.join([system['kind'], *conditions])}) was run with "
        f"OpenMM {first['openmm']} ({first['integrator']}, time step {first['time_step']:g}{time}, friction "
        f"{first['friction']:g}{rate}, {first['platform']} platform, {first['precision']} precision) {what}, "
        f"after {first['equilibration']} steps of equilibration; every {first['save_every']} steps a frame was saved.{reseeded}"
    )


def _of_predictions(study: Settings) -> str:
    names = [feature.label for feature in study.featurize.features]
    states = study.validate_.states.names
    return (
        f"Equilibrium averages at other temperatures were predicted by conditional reweighting (thermolatent "
        f"{thermolatent.__version__}): a potential of mean force of the named states ({', '.join(states)}), the states of a "
        f"State Predictive Information Bottleneck and a cross-fitted classifier of temperature on {and_(names)}, each with a "
        "free energy, a heat capacity and its change with temperature, in the likelihood of MBAR. Intervals are 95 %; they "
        "contain the variance between independent pieces of the MD, the assumed dependence on temperature (prior of "
        f"differences of heat capacities), and states seldom visited. Tolerance of a trusted population: "
        f"{number(study.validate_.tolerance['populations'])}."
    )


def _of_models(study: Settings) -> list[str]:
    kinds = {name: model.density.kind.replace("_", " ") for name, model in study.models.items()}
    dimensions = sorted({(model.representation or study.representation).latent_dim for model in study.models.values()})
    return [
        f"Ensembles were generated by {and_([f'{name} ({kind})' for name, kind in kinds.items()])} in "
        f"{and_(map(str, dimensions))} latent dimension{'s' * (dimensions != [1])}, seeds {and_(map(str, study.seeds))}."
    ]


def _cited() -> str:
    return (
        "Methods: SPIB, Wang and Tiwary, J. Chem. Phys. 154, 134111 (2021); latent thermodynamic flows, Qiu and others, "
        "arXiv:2507.03174; MBAR, Shirts and Chodera, J. Chem. Phys. 129, 124105 (2008); OpenMM, Eastman and others, J. Phys. "
        "Chem. B 128, 109 (2024)."
    )
