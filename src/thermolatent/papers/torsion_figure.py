"""The survey's figure of (AIB)9 (arXiv:2411.09388): Ramachandran contours, every residue's divergence, hands of the helix."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from thermolatent.figures.style import DOUBLE, FREE_ENERGY_MAP, GREY, panels
from thermolatent.figures.surfaces import free_energies
from thermolatent.files.artifacts import load_arrays
from thermolatent.papers.drawing import Drawing, Finding, Sources
from thermolatent.papers.survey_figures import COLORS, MARKERS, Rows, load_rows
from thermolatent.papers.survey_settings import Survey
from thermolatent.papers.torsions import BINS, COLUMNS, EXPERIMENT, Torsions, frames_of, load_torsions, right_handed
from thermolatent.validate.divergence import Bins

#: Contours of the free energy, kT.
_LEVELS = np.arange(0.0, 6.5, 1.0)


def torsions(sources: Sources) -> Drawing:
    """Ramachandran contours of the second and the middle residue, MD beside every framework; below them all residues."""
    survey, rows = load_rows(sources, [EXPERIMENT], COLUMNS)
    name = survey.torsions.study
    study, layout = sources.study(name)
    data = load_torsions(study, layout)
    judged = frames_of(data.judged, survey.torsions.mirror)
    sets = {"MD": judged} | {
        framework.label: load_arrays(
            sources.layout.torsion_samples(sources.survey, key, survey.seeds[0]), "generated torsions"
        )["angles"].astype(np.float64)
        for key, framework in survey.frameworks.items()
    }
    figure, axes = panels(3, len(sets), (DOUBLE, 5.4))
    grid = axes[2, 0].get_gridspec()
    for panel in axes[2]:
        panel.remove()
    half = len(sets) // 2
    _maps(figure, axes[:2], data, sets)
    _residues(figure.add_subplot(grid[2, :half]), survey, rows, data)
    _hands(figure.add_subplot(grid[2, half:]), data, sets)
    T = study.temperatures.train[0]
    solvent = getattr(study.system, "solvent", "")
    different = [
        f"Simulated time: {data.nanoseconds:g} ns at {T:g} K, {solvent} (`studies/{name}.yaml`), in "
        f"{len(data.learned) + len(data.judged)} walkers; the survey has 200 ns in TIP3P water.",
        "Half of the walkers are learned from, the other half judges: the survey's split of frames leaves neighbours in time on "
        "either side. The floor is one half against the other.",
        "Each circle is cut open where the training frames are fewest, as the frameworks live on a line.",
        "Jensen-Shannon divergences in nats, bins of 10 degrees, as many samples as frames. The survey's metric is unknown.",
    ]
    if survey.torsions.mirror:
        different.append("The molecule is achiral: every frame's mirror image is added, on both sides of the split.")
    return Drawing(
        figure,
        COLUMNS,
        ([row[column] for column in COLUMNS] for row in rows),
        f"phi and psi of {len(data.residues)} residues, {len(data.labels)} angles, each framework fitted to all of them.",
        different,
        _findings(survey, rows),
        [_verdict(survey, rows, data)],
        sum(float(row["value"]) for row in rows if row["metric"] == "train_seconds"),
    )


def _maps(figure, axes, data: Torsions, sets: dict[str, np.ndarray]) -> None:
    bins = Bins((np.linspace(-np.pi, np.pi, BINS + 1),) * 2)
    centers = np.degrees(bins.edges[0][:-1] + np.pi / BINS)
    names = list(data.residues)
    for row, residue in zip(axes, (names[min(1, len(names) - 1)], names[len(names) // 2]), strict=True):
        for panel, (label, angles) in zip(row, sets.items(), strict=True):
            F = free_energies(bins.on_grid(bins.mass(angles[:, data.residues[residue]]))[None])[0]
            image = panel.contourf(centers, centers, np.nan_to_num(F, nan=99.0).T, _LEVELS, cmap=FREE_ENERGY_MAP)
            panel.set_title(f"{label}, {residue}")
            panel.set_xticks([-120, 0, 120])
            panel.set_yticks([-120, 0, 120])
            panel.set_xlim(-180, 180)
            panel.set_ylim(-180, 180)
            panel.set_aspect("equal")
            panel.spines[["top", "right"]].set_visible(True)
            panel.tick_params(labelleft=panel is row[0], labelbottom=bool(row[0] is axes[-1][0]))
        row[0].set_ylabel("psi (degrees)")
    for panel in axes[-1]:
        panel.set_xlabel("phi (degrees)")
    figure.colorbar(image, ax=axes, label="free energy (kT)", pad=0.01, aspect=30)


def _residues(panel, survey: Survey, rows: Rows, data: Torsions) -> None:
    numbers = np.arange(1, len(data.residues) + 1)
    for k, (name, framework) in enumerate(survey.frameworks.items()):
        values = _by_residue(rows, name, "js_phi_psi", data)
        panel.plot(numbers, values, color=COLORS[k], marker=MARKERS[k], label=framework.label)
    floor = _by_residue(rows, next(iter(survey.frameworks)), "js_phi_psi_floor", data)
    panel.plot(numbers, floor, color=GREY, linestyle="--", linewidth=0.9, label="MD half against half (floor)")
    panel.set_xticks(numbers)
    panel.set_xlabel("residue")
    panel.set_ylabel("JS of (phi, psi) (nats)")
    panel.set_ylim(0, 1.45 * panel.dataLim.y1)  # room for the legend
    panel.legend(loc="upper left", ncols=2)


def _hands(panel, data: Torsions, sets: dict[str, np.ndarray]) -> None:
    for k, (label, angles) in enumerate(sets.items()):
        share = right_handed(data.residues, angles)
        color, marker = ("black", "") if k == 0 else (COLORS[k - 1], MARKERS[k - 1])
        panel.plot(np.arange(len(share)), share, color=color, marker=marker, label=label)
    panel.set_xlabel("residues with phi < 0")
    panel.set_ylabel("share of frames")
    panel.set_ylim(0, 1.3 * panel.dataLim.y1)
    panel.legend(loc="upper left", ncols=4)


def _by_residue(rows: Rows, framework: str, metric: str, data: Torsions) -> np.ndarray:
    """Means over seeds, in the order of the residues."""
    return np.array([np.mean(list(_values(rows, framework, metric, residue))) for residue in data.residues])


def _values(rows: Rows, framework: str, metric: str, residue: str = "") -> Iterator[float]:
    for row in rows:
        if (row["framework"], row["metric"], row["residue"]) == (framework, metric, residue):
            yield float(row["value"])


def _mean_js(rows: Rows, framework: str, metric: str = "js_phi_psi") -> float:
    """Mean over residues and seeds."""
    found = [float(row["value"]) for row in rows if (row["framework"], row["metric"]) == (framework, metric)]
    return float(np.mean(found))


def _findings(survey: Survey, rows: Rows) -> list[Finding]:
    found = []
    for name, framework in survey.frameworks.items():
        surprise = [row for row in rows if (row["framework"], row["metric"]) == (name, "surprise")]
        ours = f"{_mean_js(rows, name):.4f} nats; -ln q of frames not seen {float(surprise[0]['value']):.2f}"
        ours += f" ± {float(surprise[0]['stderr']):.2f} nats" if surprise[0]["stderr"] else " nats"
        floor = f"{_mean_js(rows, name, 'js_phi_psi_floor'):.4f}"
        found.append(Finding(f"JS of (phi, psi), mean, {framework.label}", "in a figure only", ours, floor, "no"))
    for name, framework in survey.frameworks.items():
        ours = f"{np.mean(list(_values(rows, name, 'js_right_handed'))):.4f} nats"
        floor = f"{np.mean(list(_values(rows, name, 'js_right_handed_floor'))):.4f}"
        found.append(Finding(f"JS of the number of right-handed residues, {framework.label}", "", ours, floor, "no"))
    return found


def _verdict(survey: Survey, rows: Rows, data: Torsions) -> str:
    """Whether the smallest mean divergence is DDPM's, and whether it is two standard errors of the residues' differences
    below everybody else's."""
    found = {name: _by_residue(rows, name, "js_phi_psi", data) for name in survey.frameworks}
    order = sorted(found, key=lambda name: found[name].mean())
    differences = [found[name] - found[order[0]] for name in order[1:]]
    clear = all(d.mean() > 2 * d.std(ddof=1) / len(d) ** 0.5 for d in differences if len(d) > 1)
    word = "agrees" if order[0] == "ddpm" else "contradicts it"
    word = word if clear else "cannot be told apart within two standard errors"
    numbers = ", ".join(f"{survey.frameworks[name].label} {found[name].mean():.4f}" for name in order)
    text = f"Survey: DDPM best on these torsions. Here, mean JS of (phi, psi): {numbers}: {word}."
    return text + (" One fit of each framework." if len(survey.seeds) == 1 else "")
