"""The survey's figure of (AIB)9 (arXiv:2411.09388): Ramachandran contours, every residue's divergence, hands of the helix."""

from __future__ import annotations

import numpy as np

from catalogue import PaperFigure
from drawing import Drawing, Finding, Sources
from survey_figures import COLORS, MARKERS, labels_of, load_rows, verdict
from survey_torsions import BINS, COLUMNS, Torsions, frames_of, load_torsions, right_handed
from thermolatent.figures.style import DOUBLE, FREE_ENERGY_MAP, GREY, panels
from thermolatent.figures.surfaces import free_energies
from thermolatent.files.artifacts import load_arrays
from thermolatent.validate.divergence import Bins

#: Contours of the free energy, kT.
_LEVELS = np.arange(0.0, 6.5, 1.0)


def torsions(sources: Sources, entry: PaperFigure) -> Drawing:
    """Ramachandran contours of the second and the middle residue, MD beside every framework; below them all residues."""
    survey, rows = load_rows(sources, entry, COLUMNS)
    name, frameworks = survey.torsions.study, survey.frameworks
    study, layout = sources.study(name)
    data = load_torsions(study, layout)
    files = {f: sources.paths.torsion_samples(sources.survey, f, survey.seeds[0]) for f in frameworks}
    sets = {"MD": frames_of(data.judged, survey.torsions.mirror)}
    for key, path in files.items():
        sets[frameworks[key].label] = load_arrays(path, "generated torsions")["angles"].astype(np.float64)
    # Means over seeds, of every residue and of what belongs to none.
    groups: dict[tuple[str, str, str], list[float]] = {}
    for row in rows:
        groups.setdefault((row["framework"], row["metric"], row["residue"]), []).append(float(row["value"]))
    score = {key: float(np.mean(values)) for key, values in groups.items()}
    js, floor = (
        {f: np.array([score[f, metric, residue] for residue in data.residues]) for f in frameworks}
        for metric in ("js_phi_psi", "js_phi_psi_floor")
    )
    figure, axes = panels(3, len(sets), (DOUBLE, 4.8))
    grid, half = axes[2, 0].get_gridspec(), len(sets) // 2
    for panel in axes[2]:
        panel.remove()
    _maps(figure, axes[:2], data, sets)
    panel, numbers = figure.add_subplot(grid[2, :half]), np.arange(1, len(data.residues) + 1)
    for color, marker, key in zip(COLORS, MARKERS, js, strict=False):
        panel.plot(numbers, js[key], color=color, marker=marker, label=frameworks[key].label)
    told = {"color": GREY, "linestyle": "--", "linewidth": 0.9, "label": "MD half against half (floor)"}
    panel.plot(numbers, floor[next(iter(frameworks))], **told)
    panel.set(xticks=numbers, xlabel="residue", ylabel="JS of (phi, psi) (nats)", ylim=(0, 1.45 * panel.dataLim.y1))
    panel.legend(loc="upper left", ncols=2)
    panel = figure.add_subplot(grid[2, half:])
    for color, marker, (label, angles) in zip(("black", *COLORS), ("", *MARKERS), sets.items(), strict=False):
        panel.plot(right_handed(data.residues, angles), color=color, marker=marker, label=label)
    panel.set(xlabel="residues with phi < 0", ylabel="share of frames", ylim=(0, 1.3 * panel.dataLim.y1))
    panel.legend(loc="upper left", ncols=3)
    findings, hands = [], []
    for key, framework in frameworks.items():
        surprise = next(row for row in rows if (row["framework"], row["metric"]) == (key, "surprise"))
        ours = f"{js[key].mean():.4f} nats; -ln q of frames not seen {float(surprise['value']):.2f}"
        ours += f" ± {float(surprise['stderr']):.2f} nats" if surprise["stderr"] else " nats"
        what, by_chance = f"JS of (phi, psi), mean, {framework.label}", f"{floor[key].mean():.4f}"
        findings.append(Finding(what, "in a figure only", ours, by_chance, "no"))
        what, numbers = (
            f"JS of the number of right-handed residues, {framework.label}",
            [score[key, f"js_right_handed{suffix}", ""] for suffix in ("", "_floor")],
        )
        hands.append(Finding(what, "", f"{numbers[0]:.4f} nats", f"{numbers[1]:.4f}", "no"))
    values = ", ".join(f"{frameworks[f].label} {js[f].mean():.4f}" for f in sorted(js, key=lambda f: js[f].mean()))
    remark = f"Survey: DDPM best on these torsions. Here, mean JS of (phi, psi): {values}; "
    remark += verdict(js, "ddpm", labels_of(survey), "residue")
    different = [
        f"Simulated time: {data.nanoseconds:g} ns at {study.temperatures.train[0]:g} K, {getattr(study.system, 'solvent', '')} "
        f"(`studies/{name}.yaml`), in {len(data.learned) + len(data.judged)} walkers; the survey has 200 ns in TIP3P water."
    ]
    if survey.torsions.mirror:
        different.append("The molecule is achiral: every frame's mirror image is added, on both sides of the split.")
    return Drawing(
        figure,
        COLUMNS,
        [list(row.values()) for row in rows],
        findings + hands,
        [remark + (" One fit of each framework." if len(survey.seeds) == 1 else "")],
        different,
        f"phi and psi of {len(data.residues)} residues, {len(data.labels)} angles, each framework fitted to all of them.",
    )


def _maps(figure, axes, data: Torsions, sets: dict[str, np.ndarray]) -> None:
    bins = Bins((np.linspace(-np.pi, np.pi, BINS + 1),) * 2)
    centers = np.degrees(bins.edges[0][:-1] + np.pi / BINS)
    names = list(data.residues)
    for row, residue in zip(axes, (names[min(1, len(names) - 1)], names[len(names) // 2]), strict=True):
        for panel, (label, angles) in zip(row, sets.items(), strict=True):
            F = free_energies(bins.on_grid(bins.mass(angles[:, data.residues[residue]]))[None])[0]
            image = panel.contourf(centers, centers, np.nan_to_num(F, nan=99.0).T, _LEVELS, cmap=FREE_ENERGY_MAP)
            panel.set(title=f"{label}, {residue}", xticks=[-120, 0, 120], yticks=[-120, 0, 120], aspect="equal")
            panel.set(xlim=(-180, 180), ylim=(-180, 180))
            panel.spines[["top", "right"]].set_visible(True)
            panel.tick_params(labelleft=panel is row[0], labelbottom=bool(row[0] is axes[-1][0]))
        row[0].set_ylabel("psi (degrees)")
    for panel in axes[-1]:
        panel.set_xlabel("phi (degrees)")
    figure.colorbar(image, ax=axes, label="free energy (kT)", pad=0.01, aspect=30)
