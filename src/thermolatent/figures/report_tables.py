"""Tables of the report: rows of cells that a page can print, nothing of HTML."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

from thermolatent.config import Study
from thermolatent.figures.findings import number
from thermolatent.figures.history import Run
from thermolatent.figures.style import look, series_names
from thermolatent.figures.tables import Tables, Value
from thermolatent.figures.temperature import plane_title
from thermolatent.layout import format_temperature
from thermolatent.simulate.convergence import LIMIT
from thermolatent.validate.melting import Melting
from thermolatent.validate.metrics import METRICS
from thermolatent.validate.predictions import ESS_LIMIT, LIMITS

#: Metrics of the report and what heads their tables; all the others are in scores.csv.
TITLES = {
    "js_plane": "Jensen-Shannon divergence",
    "js_latent": "Jensen-Shannon divergence",
    "population_max_error": "Largest error of a named population",
    "population_max_error_exact": "Largest error of a named population against the exact ones",
    "free_energy_rmse_kT": "Free-energy error",
    "free_energy_rmse_exact_kT": "Free-energy error against the exact distribution",
    "conditional_shift": "Shift of the fixed plane at given latent",
    "ess_fraction": "Effective sample fraction",
    "trust_reweighting": "Disagreement with the reweightings",
    "trust_basis": "Disagreement of two forms of reweighting",
    "trust_heat_capacity": "What the energies' noise leaves open",
    "trust_seeds": "Disagreement between seeds",
    "trust_identity": "Violation of the thermodynamic identity",
    "trust_log_density": "What it comes to in ln p",
}
#: A divergence up to this many times the floor is printed bold.
NEAR_FLOOR = 1.5
#: What sums up a training: column of its history, words, and which of its values. SPIB's losses before the last
#: relabelling were of other labels.
_OBJECTIVES = (
    ("held_out_neg_log_r", "best held-out −log r(z|T)", min),
    ("held_out", "best held-out objective", min),
    ("held_out_cross_entropy", "last held-out cross-entropy", lambda values: values[-1]),
    ("loss", "last training loss", lambda values: values[-1]),
)


@dataclass(frozen=True)
class Cell:
    """Text, its smaller second line, and a mark: "good" (bold), "doubt" (shaded) or nothing."""

    text: str
    detail: str = ""
    mark: str = ""


@dataclass(frozen=True)
class Table:
    """Title, explanation, header cells (the first heads the row names), and rows of a name and its cells."""

    title: str
    caption: str
    header: list[Cell]
    rows: list[tuple[str, list[Cell]]]


def score_tables(study: Study, tables: Tables) -> list[Table]:
    """One table per metric and plane that was scored; model or baseline by temperature."""
    wanted = []
    for metric in TITLES:
        if metric == "ess_fraction":
            wanted.append((metric, ""))
        elif metric in ("js_latent", "conditional_shift", "trust_identity", "trust_log_density"):
            wanted += [(metric, plane) for plane in tables.planes(metric)]
        else:
            wanted.append((metric, "fixed"))
    made = (_score_table(study, tables, metric, plane) for metric, plane in wanted)
    return [table for table in made if table.rows]


def _score_table(study: Study, tables: Tables, metric: str, plane: str) -> Table:
    floor = tables.score("floor", metric, plane)
    rows = []
    for name in ("floor", *study.models, *series_names(study)[: -len(study.models)]):
        series = tables.score(name, metric, plane)
        if series:
            cells = [_score_cell(metric, name, series.get(T), floor.get(T)) for T in study.temperatures.generated]
            rows.append((look(study, name).label, cells))
    unit = "" if METRICS[metric].unit == "1" else f" ({METRICS[metric].unit})"
    where = f", {plane_title(tables, plane)}" if plane else ""
    return Table(f"{TITLES[metric]}{where}{unit}", f"{metric}: {_definition(metric)}.", _header(study), rows)


def _definition(metric: str) -> str:
    """In one sentence, also for metrics that are defined beside another one."""
    if metric.startswith("population_max_error"):
        whose = "exact populations" if metric.endswith("exact") else "populations of the whole reference MD"
        return f"largest absolute difference over the named states from the {whose}"
    return METRICS[metric].definition


def _score_cell(metric: str, name: str, value: Value | None, floor: Value | None) -> Cell:
    if value is None:
        return Cell("–")
    mark = ""
    if (metric == "ess_fraction" and value.median < ESS_LIMIT) or value.median > LIMITS.get(metric, float("inf")):
        mark = "doubt"
    if metric.startswith("js_") and name != "floor" and floor and value.median <= NEAR_FLOOR * floor.median:
        mark = "good"
    # The spread over seeds is one number, in the row of each seed.
    return Cell(number(value.median), "" if metric == "trust_seeds" else _detail(value, number), mark)


def _detail(value: Value, spell) -> str:
    if value.seeds > 1:
        return f"{spell(value.low)} to {spell(value.high)}"
    return f"± {spell(value.stderr)}" if isfinite(value.stderr) and value.stderr > 0 else ""


def population_tables(study: Study, tables: Tables) -> list[Table]:
    """One table per named state; MD, exact, models and baselines by temperature."""
    made = []
    for state in tables.states():
        rows = []
        for name in ("md", "exact", *study.models, *series_names(study)[: -len(study.models)]):
            series = tables.population(name, state)
            if series:
                cells = [_population(name, series.get(T)) for T in study.temperatures.generated]
                rows.append((look(study, name).label, cells))
        made.append(Table(f"Population of {state}", "", _header(study), rows))
    return made


def observable_tables(study: Study, tables: Tables) -> list[Table]:
    """One table per observable; MD, models and baselines by temperature."""
    made = []
    for observable in tables.observables():
        rows = []
        for name in ("md", *study.models, *series_names(study)[: -len(study.models)]):
            if series := tables.observable(name, observable):
                cells = [_population(name, series.get(T), "{:.4g}") for T in study.temperatures.generated]
                rows.append((look(study, name).label, cells))
        made.append(Table(f"Mean of {observable}", "", _header(study), rows))
    return made


def melting_tables(study: Study, fits: dict[str, Melting]) -> list[Table]:
    """The two-state fits of the MD, the models and the baselines, if the study asks for any."""
    if not fits:
        return []
    kelvin = study.system.temperature_unit == "kelvin"
    order = [name for name in ("md", *study.models, *series_names(study)[: -len(study.models)]) if name in fits]
    rows = []
    for name in order:
        fit = fits[name]
        cells = [Cell(number(fit.Tm), f"± {number(fit.Tm_stderr)}", "doubt" if fit.extrapolated else "")]
        cells += [
            Cell(number(fit.dH), f"± {number(fit.dH_stderr)}"),
            Cell(number(1e3 * fit.dS), f"± {number(1e3 * fit.dS_stderr)}"),
        ]
        cells.append(Cell(number(fit.chi2)))
        rows.append((look(study, name).label, cells))
    energy, entropy = ("kJ/mol", "J/(mol K)") if kelvin else ("reduced", "1/1000, reduced")
    header = ["", "Tm (K)" if kelvin else "Tm", f"dH ({energy})", f"dS ({entropy})", "chi2 per degree of freedom"]
    caption = (
        "ln[p / (1 - p)] = dH (1/kT - 1/kTm), by least squares over every temperature; errors from those of the populations. "
        "Marked: Tm beyond the temperatures fitted. A chi2 far above 1: not two states."
    )
    title = f"Melting of {study.validate_.melting}, two-state fit"
    return [Table(title, caption, [Cell(text) for text in header], rows)]


def _population(name: str, value: Value | None, spelled: str = "{:.3f}") -> Cell:
    if value is None:
        return Cell("–")
    if name in ("md", "exact"):  # the same whatever the seed
        value = value._replace(seeds=1)
    return Cell(spelled.format(value.median), _detail(value, spelled.format))


def _header(study: Study) -> list[Cell]:
    unit = "\u00a0K" if study.system.temperature_unit == "kelvin" else ""
    temperatures = study.temperatures
    return [
        Cell(""),
        *(Cell(f"T\u00a0=\u00a0{format_temperature(T)}{unit}", temperatures.role(T)) for T in temperatures.generated),
    ]


def convergence_table(study: Study, protocols: dict[float, dict]) -> Table:
    """MD of each temperature: how long, how fast, and whether walkers from different starts agree."""
    reduced = study.system.temperature_unit == "reduced"
    energy, time = ("reduced", "time units") if reduced else ("kJ/mol", "ps")
    rows = []
    for T, protocol in protocols.items():
        comparison = protocol["convergence"]
        ratio = comparison["standard_errors"]
        if ratio is None:
            starts = len(comparison["mean_energy"])
            why = "there are no energies" if starts == 0 else "one start" if starts == 1 else "too few walkers"
            verdict = Cell("not known", why)
        else:
            pair = " and ".join(comparison["between"])
            mark, word = ("doubt", "not converged") if ratio > LIMIT else ("", "agree")
            verdict = Cell(
                f"{word}, {ratio:.1f} standard errors", f"{pair}: {comparison['difference']:.3g} {energy}", mark
            )
        means = [f"{name}\u00a0{mean:.3f}" for name, mean in comparison["mean_energy"].items()]
        sampled = protocol["frames"] * protocol["save_every"] * protocol["time_step"]
        cells = [
            Cell(str(protocol["walkers"])),
            Cell(str(protocol["frames"]), f"{sampled:g} {time} each"),
            Cell(", ".join(means) or "none", "" if means else "which_t takes the place of the other reweightings"),
            verdict,
            Cell(f"{protocol['walker_steps_per_second']:,}".replace(",", " "), protocol["platform"]),
            Cell(f"{protocol['wall_seconds']:.0f}"),
        ]
        rows.append((f"T\u00a0=\u00a0{format_temperature(T)}", cells))
    header = ["", "walkers", "frames per walker", f"mean potential energy by start ({energy})", "different starts"]
    header += ["walker-steps per second", "seconds"]
    caption = (
        f"Walkers that started in different minima, compared by mean potential energy; above {LIMIT:g} standard errors "
        "they still remember their start."
    )
    return Table("MD by temperature", caption, [Cell(text) for text in header], rows)


def training_table(runs: list[Run]) -> Table:
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
