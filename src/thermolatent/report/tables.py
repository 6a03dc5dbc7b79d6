"""Tables of the report as rows of cells, without HTML."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite

from thermolatent.figures.divergence import IN_SAMPLE
from thermolatent.figures.history import Training
from thermolatent.figures.melting import Melted
from thermolatent.figures.style import look, series_names
from thermolatent.figures.tables import Series, Tables, Value
from thermolatent.figures.temperature import plane_title
from thermolatent.report.findings import number
from thermolatent.reweight.verdict import NOT_ASSESSABLE, TRUSTED
from thermolatent.simulate.convergence import LIMIT
from thermolatent.temperatures import Temperatures, format_temperature
from thermolatent.validate.melting import beyond
from thermolatent.validate.metrics import METRICS
from thermolatent.validate.predictions import MEAN, POPULATION, decimals
from thermolatent.validate.settings import Asked

#: Metrics of the report and the titles of their tables; all others are in scores.csv.
TITLES = {
    "js_plane": "Jensen-Shannon divergence",
    "js_latent": "Jensen-Shannon divergence",
    "population_max_error": "Largest error of a named population",
    "population_max_error_exact": "Largest error of a named population against the exact ones",
    "free_energy_rmse_kT": "Free-energy error",
    "free_energy_rmse_exact_kT": "Free-energy error against the exact distribution",
    "conditional_shift": "Shift of the fixed plane at given latent",
    "ess_fraction": "Effective sample fraction",
}
#: A divergence up to this many times the floor is printed bold.
NEAR_FLOOR = 1.5
#: Summary of a training: column of its history, text, and choice of the value (SPIB's earlier losses are of other labels).
_OBJECTIVES = (
    ("held_out_neg_log_r", "best held-out −log r(z|T)", min),
    ("held_out", "best held-out objective", min),
    ("held_out_cross_entropy", "last held-out cross-entropy", lambda values: values[-1]),
    ("loss", "last training loss", lambda values: values[-1]),
)


@dataclass(frozen=True)
class Cell:
    """Text, a smaller second line, and a mark: "good" (bold), "doubt" (shaded) or none."""

    text: str
    detail: str = ""
    mark: str = ""


@dataclass(frozen=True)
class Table:
    """Title, caption, header cells (the first of the row names), and rows of a name and its cells."""

    title: str
    caption: str
    header: list[Cell]
    rows: list[tuple[str, list[Cell]]]


def score_tables(study: Asked, tables: Tables) -> list[Table]:
    """One table per metric and plane with scores; models and baselines by temperature."""
    wanted = []
    for metric in TITLES:
        if metric == "ess_fraction":
            wanted.append((metric, ""))
        elif metric in ("js_latent", "conditional_shift"):
            wanted += [(metric, plane) for plane in tables.planes(metric)]
        else:
            wanted.append((metric, "fixed"))
    made = (_score_table(study, tables, metric, plane) for metric, plane in wanted)
    return [table for table in made if table.rows]


def _score_table(study: Asked, tables: Tables, metric: str, plane: str) -> Table:
    floor = tables.score("floor", metric, plane)
    # In-sample scores are never marked as good.
    floors = {T: value for T, value in floor.items() if T not in study.temperatures.train}
    rows = _rows(
        *(study, ["floor"], lambda name: tables.score(name, metric, plane)),
        lambda name, T, value: _score_cell(metric, name, value, floors.get(T)),
    )
    unit = "" if METRICS[metric].unit == "1" else f" ({METRICS[metric].unit})"
    where = f", {plane_title(tables, plane)}" if plane else ""
    caption = f"{metric}: {_definition(metric)}." + (f" {IN_SAMPLE}" if metric != "ess_fraction" else "")
    return Table(f"{TITLES[metric]}{where}{unit}", caption, _header(study), rows)


def _rows(
    study: Asked,
    first: Sequence[str],
    series: Callable[[str], Series],
    cell: Callable[[str, float, Value | None], Cell],
) -> list[tuple[str, list[Cell]]]:
    """Rows by temperature of the series ``first``, the models and the baselines, as far as they have values."""
    names = (*first, *study.models, *(name for name in series_names(study) if name not in study.models))
    known = [(name, found) for name in names if (found := series(name))]
    return [
        (look(study, name).label, [cell(name, T, found.get(T)) for T in study.temperatures.generated])
        for name, found in known
    ]


def _definition(metric: str) -> str:
    """Definition in one sentence, without reference to another metric."""
    if metric.startswith("population_max_error"):
        whose = "exact populations" if metric.endswith("exact") else "populations of the whole reference MD"
        return f"largest absolute difference over the named states from the {whose}"
    return METRICS[metric].definition


def _score_cell(metric: str, name: str, value: Value | None, floor: Value | None) -> Cell:
    if value is None:
        return Cell("–")
    near = metric.startswith("js_") and name != "floor" and floor and value.median <= NEAR_FLOOR * floor.median
    return Cell(number(value.median), _detail(value, number), "good" if near else "")


def _detail(value: Value, text: Callable[[float], str]) -> str:
    if value.seeds > 1:
        return f"{text(value.low)} to {text(value.high)}"
    return f"± {text(value.half)}" if isfinite(value.half) and value.half > 0 else ""


def verdict_tables(study: Asked, tables: Tables) -> list[Table]:
    """The reweighting's populations and judged means by temperature, with 95 % intervals and verdicts."""
    made = [_verdict_table(study, tables, POPULATION, "Populations and verdicts")]
    if tables.predictions(quantity=MEAN):
        made.append(_verdict_table(study, tables, MEAN, "Means of observables and verdicts"))
    return made


def _verdict_table(study: Asked, tables: Tables, quantity: str, title: str) -> Table:
    known, rows = tables.predictions(quantity=quantity), []
    for name, first in next(iter(known.values())).items():
        cells = []
        for T in study.temperatures.generated:
            p = known[T][name]
            if p.verdict == NOT_ASSESSABLE:
                cells.append(Cell("–", NOT_ASSESSABLE, "doubt"))
                continue
            value, low, high = (f"{x:.{decimals(p.high - p.low)}f}" for x in (p.value, p.low, p.high))
            cells.append(Cell(f"{value} ({low} to {high})", p.verdict, "" if p.verdict == TRUSTED else "doubt"))
        rows.append((name if quantity == POPULATION else f"{name}, within {first.tolerance:g}", cells))
    within = f"{first.tolerance:g}" if quantity == POPULATION else "its tolerance"
    caption = (
        f"Value and 95 % interval by conditional reweighting. Trusted: both ends within {within} of the value. Parts of each "
        "interval are in validate/predictions.csv."
    )
    return Table(title, caption, _header(study), rows)


def population_tables(study: Asked, tables: Tables) -> list[Table]:
    """One table per named state; MD, exact, models and baselines by temperature."""
    made = []
    for state in tables.states():
        rows = _rows(study, ["md", "exact"], lambda name, state=state: tables.population(name, state), _mean("{:.3f}"))
        made.append(Table(f"Population of {state}", "", _header(study), rows))
    return made


def observable_tables(study: Asked, tables: Tables) -> list[Table]:
    """One table per observable; MD, models and baselines by temperature."""
    made = []
    for observable in tables.observables():
        rows = _rows(study, ["md"], lambda name, own=observable: tables.observable(name, own), _mean("{:.4g}"))
        made.append(Table(f"Mean of {observable}", "", _header(study), rows))
    return made


def melting_tables(study: Asked, fits: dict[str, Melted]) -> list[Table]:
    """Melting temperature and thermodynamics of unfolding, if the study has ``validate.melting``."""
    if not fits:
        return []
    kelvin = bool(study.unit)
    scales = {"Tm": 1.0, "dH": 1.0, "dS": 1e3, "dCp": 1e3}
    rows = []
    for name in (n for n in ("reweighting", "md", *study.models) if n in fits):
        fit = fits[name]
        cells = []
        for quantity, scale in scales.items():
            value, half = fit.numbers.get(quantity, (None, None))
            mark = "doubt" if quantity == "Tm" and fit.extrapolated else ""
            cells.append(Cell("–") if value is None else Cell(number(scale * value), f"± {number(scale * half)}", mark))
        rows.append((look(study, name).label, [*cells, Cell("–" if fit.chi2 is None else number(fit.chi2))]))
    energy, entropy = ("kJ/mol", "J/(mol K)") if kelvin else ("reduced", "1/1000, reduced")
    header = ["", "Tm (K)" if kelvin else "Tm", f"dH ({energy})", f"dS ({entropy})", f"dCp ({entropy})"]
    caption = (
        "Temperature of population 1/2, and the derivative of ln[p / (1 - p)] by 1/kT there; ± is half of a 95 % interval. For "
        "the MD, and models that are not informed, by a two-state fit with its chi2 per degree of freedom, far above 1 for "
        "more than two states. Marked: Tm outside of the temperatures of the data."
    )
    if "reweighting" in fits and (where := beyond(fits["reweighting"].Tm, study.temperatures.train)):
        caption += f" By reweighting Tm is {where}."
    title = f"Melting of {study.validate_.melting}"
    return [Table(title, caption, [Cell(text) for text in (*header, "chi2")], rows)]


def _mean(spelled: str) -> Callable[[str, float, Value | None], Cell]:
    """Cells of populations or means, formatted by ``spelled``."""

    def cell(name: str, _: float, value: Value | None) -> Cell:
        if value is None:
            return Cell("–")
        if name in ("md", "exact"):  # equal for all seeds
            value = value._replace(seeds=1)
        return Cell(spelled.format(value.median), _detail(value, spelled.format))

    return cell


def _header(study: Asked) -> list[Cell]:
    unit, temperatures = study.unit.replace(" ", "\u00a0"), study.temperatures
    return [
        Cell(""),
        *(Cell(f"T\u00a0=\u00a0{format_temperature(T)}{unit}", _role(temperatures, T)) for T in temperatures.generated),
    ]


def _role(temperatures: Temperatures, temperature: float) -> str:
    role = temperatures.role(temperature)
    return f"{role}, in-sample" if role == "train" else role


def convergence_table(study: Asked, protocols: dict[float, dict]) -> Table:
    """MD at each temperature: length, speed, and agreement of walkers from different starts."""
    energy, time = ("kJ/mol", "ps") if study.unit else ("reduced", "time units")
    rows = []
    for T, protocol in protocols.items():
        comparison, reseeded = protocol["convergence"], protocol.get("reseeded") and "reseeded"
        ratio, biased = comparison["standard_errors"], protocol.get("weighted") and protocol["energies"]
        if ratio is None:
            starts = len(comparison["mean_energy"])
            none = reseeded or ("frames have weights" if biased else "there are no energies")
            why = none if starts == 0 else "one start" if starts == 1 else "too few walkers"
            verdict = Cell("not known", why)
        else:
            pair = " and ".join(comparison["between"])
            mark, word = ("doubt", "not converged") if ratio > LIMIT else ("", "agree")
            verdict = Cell(
                f"{word}, {ratio:.1f} standard errors", f"{pair}: {comparison['difference']:.3g} {energy}", mark
            )
        means = [f"{name}\u00a0{mean:.3f}" for name, mean in comparison["mean_energy"].items()]
        lacking = "" if means or biased or reseeded else "heat capacities are determined by the prior"
        sampled = protocol["frames"] * protocol["save_every"] * protocol["time_step"]
        cells = [
            Cell(str(protocol["walkers"])),
            Cell(str(protocol["frames"]), f"{sampled:g} {time} each"),
            Cell(", ".join(means) or "none", lacking),
            verdict,
            Cell(f"{protocol['walker_steps_per_second']:,}".replace(",", " "), protocol["platform"]),
            Cell(f"{protocol['wall_seconds']:.0f}"),
        ]
        rows.append((f"T\u00a0=\u00a0{format_temperature(T)}", cells))
    header = ["", "walkers", "frames per walker", f"mean potential energy by start ({energy})", "different starts"]
    header += ["walker-steps per second", "seconds"]
    caption = (
        f"Walkers from different minima, compared by mean potential energy; above {LIMIT:g} standard errors they have not "
        "relaxed from their start."
    )
    return Table("MD by temperature", caption, [Cell(text) for text in header], rows)


def training_table(runs: list[Training]) -> Table:
    """Last step, time and losses of each training run."""
    rows = []
    for run in runs:
        last = run.rows[-1][3]
        column, what, choose = next(item for item in _OBJECTIVES if item[0] in last)
        loss = choose([losses[column] for *_, losses in run.rows if column in losses])
        states = f", {last['states']:.0f} states" if "states" in last else ""
        cells = [Cell(str(run.seed)), Cell(str(run.rows[-1][1])), Cell(f"{loss:.4f}", what + states)]
        rows.append((run.training, [*cells, Cell(f"{run.seconds:.0f}")]))
    header = ["", "seed", "steps or epochs", "held-out loss (nats)", "seconds"]
    return Table("Training runs", "", [Cell(text) for text in header], rows)
