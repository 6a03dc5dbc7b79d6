"""Figures of the three-hole potential: LaTF's figure 2 and what its tilted base is worth (arXiv:2507.03174), D-SPIB's figure 2
and table (2510.09784)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes

import divergences
from catalogue import PaperFigure
from drawing import Drawing, Finding, Sources, paired, spread
from thermolatent.figures import surfaces
from thermolatent.figures.style import DOUBLE, FREE_ENERGY_MAP, GREY, SINGLE, log_ticks, panels
from thermolatent.figures.surfaces import CAP, free_energies
from thermolatent.tables import read_table

TILTED, GAUSSIAN, VAMP = "latf_published", "latf_gaussian", "spib"
_COLORS = ("#0072B2", "#D55E00", "#CC79A7")
_PRIORS = {TILTED: "tilted", GAUSSIAN: "Gaussian", VAMP: "VampPrior"}
_MODELS = {
    "dspib": "D-SPIB",
    "dspib_published": "D-SPIB as published",
    TILTED: "LaTF",
    GAUSSIAN: "LaTF, Gaussian base",
    VAMP: "SPIB",
}


def surfaces_and_paths(sources: Sources, entry: PaperFigure) -> Drawing:
    """Latent surfaces of MD and model, base densities with straight paths, the same paths in the latent, and their heights."""
    name, seed = entry.studies[0], sources.seeds[0]
    (study, _), profiles = sources.study(name), sources.profiles(name, TILTED)
    by_seed = {m: [sources.base_paths(study.name, m, s) for s in sources.seeds] for m in entry.paths}
    paths = {model: found[0] for model, found in by_seed.items()}
    figure, axes = panels(2, 4, (DOUBLE, 3.7))
    for panel, name, title in zip(
        axes[0], ("latent_md", "latent_model"), ("MD, encoded", "LaTF, generated"), strict=False
    ):
        image = _map(panel, profiles["edges_latent"], free_energies(profiles[name])[0], title)
    figure.colorbar(image, ax=axes[:, :2], extend="max", label="free energy (kT)", pad=0.01, aspect=40)
    top = max(float(found["free_energy"].max()) for found in paths.values())
    for k, (model, found) in enumerate(paths.items()):
        _base(axes[0, 2 + k], found, _PRIORS[model])
        _map(axes[1, k], found["axes"], found["surface"], f"paths, {_PRIORS[model]} base")
        for color, curve in zip(_COLORS, found["latent"], strict=False):
            axes[1, k].plot(*curve.T, color=color, linewidth=1.4)
        _heights(axes[1, 2 + k], found, _PRIORS[model], top)
    figure.legend(*axes[1, 2].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    both = {model: barriers(found) for model, found in paths.items()}
    findings = [
        Finding(
            f"highest F on the straight path {pair}",
            "tilted follows the channel, Gaussian does not (picture)",
            f"tilted {tilted:.1f} kT, Gaussian {both[GAUSSIAN][pair][0]:.1f} kT",
            f"lowest pass {lowest:.1f} and {both[GAUSSIAN][pair][1]:.1f} kT",
            "no number published",
        )
        for pair, (tilted, lowest) in both[TILTED].items()
    ]
    excess = {model: [mean_excess(own) for own in found] for model, found in by_seed.items()}
    numbers = ", ".join(f"{_PRIORS[m]} {spread((v, np.nan) for v in values)} kT" for m, values in excess.items())
    word = "one seed decides nothing"
    if len(sources.seeds) > 1:
        difference, half = paired(excess[TILTED], excess[GAUSSIAN])
        word = "as the paper says" if difference < 0 else "against what the paper says"
        word = f"difference {difference:+.2f} ± {half:.2f} (95 %): {word if abs(difference) > half else 'undecided'}"
    return Drawing(
        figure,
        ("base", "from", "to", "s", "u1", "u2", "z1", "z2", "free_energy_kT"),
        _path_rows(paths),
        findings,
        [f"Above the lowest pass, mean over pairs: {numbers}: {word}."],
        [
            f"The picture is of one seed ({seed}). Paths join the frames nearest to the three minima; the paper does not say "
            "what it joins."
        ],
    )


def ablation(sources: Sources, entry: PaperFigure) -> Drawing:
    """GMRQ, held-out cross-entropy and divergence of the tilted base, the Gaussian base and SPIB's own prior, seed by seed."""
    study, tables = sources.answers(entry.studies[0])
    exact = _divergences(sources, study.name)
    (T,) = study.temperatures.train
    labels = {
        "gmrq": "GMRQ, as many processes as states",
        "held_out_cross_entropy": "held-out cross-entropy (nats)",
        "kl": "symmetrised KL, papers' bins (nats)",
    }
    values = {metric: {m: tables.values(m, metric, "", T) for m in _PRIORS} for metric in list(labels)[:2]}
    values["kl"] = {m: _column(exact, m, "against_exact") for m in _PRIORS}
    figure, axes = panels(1, 3, (DOUBLE, 2.6))
    for panel, (metric, label) in zip(axes[0], labels.items(), strict=True):
        for k, model in enumerate(_PRIORS):
            points = np.array(values[metric][model], float)
            at = k + 0.25 * (np.arange(len(points)) - (len(points) - 1) / 2) / max(len(points) - 1, 1)
            panel.errorbar(at, points[:, 0], yerr=np.nan_to_num(points[:, 1]), fmt="osD"[k], color=_COLORS[k])
        panel.set(xticks=range(3), xticklabels=_PRIORS.values(), xlim=(-0.6, 2.6), ylabel=label)
    axes[0, 2].set_yscale("log")
    log_ticks(axes[0, 2].yaxis, 20)
    floor = np.mean(_column(exact, TILTED, "floor_exact"), axis=0)[0]
    axes[0, 2].axhline(floor, color=GREY, linewidth=0.9, linestyle="--", label="exact points (floor)")
    figure.legend(*axes[0, 2].get_legend_handles_labels(), loc="outside lower right")
    states = {m: len(tables.own_states(m, T)) for m in _PRIORS}
    found = ", ".join(f"{_PRIORS[m]} {n}" for m, n in states.items())
    remarks = [
        f"States found with the first seed: {found}. GMRQ grows with the number of states: compare at equal numbers only."
    ]
    if len(sources.seeds) > 1:
        shown = {"gmrq": "GMRQ", "held_out_cross_entropy": "held-out cross-entropy", "kl": "symmetrised KL"}
        for model in (GAUSSIAN, VAMP):
            pairs = {n: [[v for v, _ in values[m][k]] for k in (TILTED, model)] for m, n in shown.items()}
            told = ", ".join("{} {:+.4f} ± {:.4f}".format(n, *paired(*pair)) for n, pair in pairs.items())
            remarks.append(f"Seed by seed, tilted minus {_PRIORS[model]}, with 95 % intervals: {told}.")
    findings = [
        Finding(
            "three-hole, LaTF, held-out cross-entropy",
            "0.3226 (3 states)",
            f"{spread(values['held_out_cross_entropy'][TILTED])} ({states[TILTED]} states)",
            "",
            "no: lag, MD and labels differ",
        ),
        Finding(
            "three-hole, LaTF, symmetrised KL",
            '"below 0.01" (at unseen temperatures)',
            spread(values["kl"][TILTED]),
            f"{floor:.4f}",
            "presumably (100 bins); the floor at a million points lies above 0.01",
        ),
    ]
    return Drawing(
        figure,
        ("metric", "prior", "seed_index", "value", "stderr"),
        [(n, _PRIORS[m], k, *pair) for n, of in values.items() for m in of for k, pair in enumerate(of[m])],
        findings,
        remarks,
        [
            f"Seeds {', '.join(map(str, sources.seeds))} on one MD; bars: standard errors over walkers where there are any."
        ],
        "Tilted and Gaussian differ in nothing but the base; VampPrior is SPIB alone.",
    )


def encoded_and_generated(sources: Sources, entry: PaperFigure) -> Drawing:
    """Encoded MD above generated samples, of D-SPIB and of SPIB."""
    profiles = {model: sources.profiles(entry.studies[0], model) for model in ("dspib", "dspib_published", VAMP)}
    figure, axes = panels(2, 3, (DOUBLE, 4.0))
    for column, (model, own) in zip(axes.T, profiles.items(), strict=True):
        for panel, name, title in zip(column, ("latent_md", "latent_model"), ("MD, encoded", "generated"), strict=True):
            title = f"{_MODELS[model]}\n{title}" if name == "latent_md" else title
            image = _map(panel, own["edges_latent"], free_energies(own[name])[0], title)
    figure.colorbar(image, ax=axes, extend="max", label="free energy (kT)", pad=0.01, aspect=30)
    study, _ = sources.study(entry.studies[0])
    rows = ((model, *row) for model, own in profiles.items() for row in surfaces.rows(study, model, own))
    columns = ["model", *surfaces.COLUMNS]
    return Drawing(figure, columns, rows, different=[f"One seed ({sources.seeds[0]})."])


def table(sources: Sources, entry: PaperFigure) -> Drawing:
    """Symmetrised KL of every prior, with the floor that independent exact points set."""
    study, _ = sources.study(entry.studies[0])
    rows, findings = _divergences(sources, study.name), []
    names = [model for model in _MODELS if _column(rows, model, "seed")]
    figure, axes = panels(1, 1, (SINGLE * 1.5, 2.4))
    panel = axes[0, 0]
    looks = (("against_exact", "o", "model", "#0072B2", 5), ("floor_exact", "|", "exact points (floor)", GREY, 9))
    for at, model in enumerate(reversed(names)):
        for column, marker, label, color, size in looks:
            values = [value for value, _ in _column(rows, model, column)]
            panel.plot(values, [at] * len(values), marker, color=color, markersize=size, label=None if at else label)
    for model, color in (("dspib", "#D55E00"), (VAMP, "#CC79A7")):
        published, label = float(entry.published[model].split()[0]), f"published, {_MODELS[model]}"
        panel.axvline(published, color=color, linewidth=0.9, linestyle="--", label=label)
    panel.set(
        yticks=range(len(names)), yticklabels=[_MODELS[m] for m in reversed(names)], ylim=(-0.6, len(names) - 0.4)
    )
    panel.set(xscale="log", xlim=(0.01, 20), xlabel="symmetrised KL, papers' bins (nats)")
    log_ticks(panel.xaxis, 20)
    figure.legend(*panel.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    for model in names:
        shown = ("against_exact", "floor_exact", "against_md", "floor_md")
        exact, floor, md, floor_md = (spread(_column(rows, model, column)) for column in shown)
        findings.append(
            Finding(
                f"three-hole, symmetrised KL, {_MODELS[model]}",
                entry.published.get(model, ""),
                f"{exact} against exact points; {md} against MD",
                f"{floor}; {floor_md}",
                "yes (100 bins, density + 1e-10); the paper's number of points is taken as a million",
            )
        )
    return Drawing(figure, divergences.COLUMNS, ([*row.values()] for row in rows), findings)


def barriers(found: dict[str, np.ndarray]) -> dict[str, tuple[float, float]]:
    """Per pair of states the highest point of its path and the lowest pass, kT above the surface's minimum."""
    names = ["-".join(found["states"][pair]) for pair in found["pairs"]]
    return dict(zip(names, zip(found["free_energy"].max(1), found["lowest"], strict=True), strict=True))


def mean_excess(found: dict[str, np.ndarray]) -> float:
    """How high straight paths climb above the lowest pass, mean over pairs of states, kT."""
    return float(np.mean(found["free_energy"].max(1) - found["lowest"]))


def _divergences(sources: Sources, study: str) -> list[dict[str, str]]:
    """The tables of :mod:`divergences`, all seeds."""
    files = [sources.paths.divergences(study, seed) for seed in sources.seeds]
    return [row for file in files for row in read_table(file, divergences.COLUMNS)]


def _column(rows: list[dict[str, str]], model: str, column: str) -> list[tuple[float, float]]:
    """One column of a model's rows, (value, no error) by seed."""
    return [(float(row[column]), np.nan) for row in rows if row["model"] == model]


def _map(panel: Axes, edges, F: np.ndarray, title: str):
    panel.set_title(title)
    panel.set_xlabel("$z_1$", labelpad=1)
    panel.set_ylabel("$z_2$", labelpad=1)
    look = {"cmap": FREE_ENERGY_MAP, "vmin": 0, "vmax": CAP, "rasterized": True, "linewidth": 0}
    return panel.pcolormesh(*edges, np.minimum(F, CAP).T, **look)


def _base(panel: Axes, found: dict[str, np.ndarray], label: str) -> None:
    panel.hist2d(*found["base_samples"].T, bins=60, cmap="Greys", rasterized=True)
    for color, line in zip(_COLORS, found["base"], strict=False):
        panel.plot(*line.T, color=color, linewidth=1.4)
    panel.set_title(f"{label} base")
    panel.set_xlabel("$u_1$", labelpad=1)
    panel.set_ylabel("$u_2$", labelpad=1)
    panel.set_aspect("equal", adjustable="datalim")


def _heights(panel: Axes, found: dict[str, np.ndarray], label: str, top: float) -> None:
    s = np.linspace(0, 1, found["free_energy"].shape[1])
    for color, pair, F, lowest in zip(_COLORS, found["pairs"], found["free_energy"], found["lowest"], strict=False):
        panel.plot(s, F, color=color, label=" to ".join(found["states"][pair]))
        panel.axhline(lowest, color=color, linewidth=0.8, linestyle=":")
    panel.plot([], [], color=GREY, linewidth=0.8, linestyle=":", label="lowest pass on the surface")
    panel.set(ylim=(0, 1.05 * top), title=f"along paths, {label}")
    panel.set_xlabel("s", labelpad=1)
    panel.set_ylabel("F (kT)", labelpad=1)


def _path_rows(paths: dict[str, dict[str, np.ndarray]]) -> Iterator[tuple]:
    for model, found in paths.items():
        for pair, base, latent, F in zip(*(found[k] for k in ("pairs", "base", "latent", "free_energy")), strict=True):
            states = map(str, found["states"][pair])
            numbers = np.column_stack([np.linspace(0, 1, len(F)), base, latent, F])
            yield from ((_PRIORS[model], *names, *map(float, line)) for names in [tuple(states)] for line in numbers)
