"""The survey's last data: torsions of a peptide from MD, learned by each framework and judged on walkers it has not seen."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from catalogue import TORSIONS
from job import logged, study_named
from survey_mixtures import fit
from survey_settings import Framework, Survey, load_survey
from thermolatent.densities.fit import FittedDensity
from thermolatent.errors import ArtifactError
from thermolatent.files.artifacts import load_array, load_json, save_arrays
from thermolatent.sampling import held_out_units
from thermolatent.study.layout import Layout
from thermolatent.study.study import Study
from thermolatent.tables import write_table
from thermolatent.validate.divergence import Bins, js

COLUMNS = ("experiment", "framework", "seed", "study", "residue", "metric", "value", "stderr")
#: Bins per angle of a residue's (phi, psi), 10 degrees each.
BINS = 36
#: Where the emptiest place of a torsion is looked for, and how sharply: the kernel is a von Mises' of 18 degrees.
_CUT_BINS, _CUT_KAPPA = 72, 10.0
#: Share of the walkers to judge by.
_JUDGED = 0.5


@dataclass(frozen=True, eq=False)
class Torsions:
    """Two halves of the MD, by whole walkers: one to learn from, one to judge by.

    Attributes
    ----------
    labels: per torsion, like ``phi AIB2``.
    learned, judged: angles ``(walkers, frames, n)`` in radians, -pi to pi.
    nanoseconds: simulated time of both halves together.
    """

    labels: list[str]
    learned: np.ndarray
    judged: np.ndarray
    nanoseconds: float

    @property
    def residues(self) -> dict[str, tuple[int, int]]:
        """Columns of phi and psi by residue, of those that have both."""
        columns = {label: k for k, label in enumerate(self.labels)}
        names = [label.removeprefix("phi ") for label in self.labels if label.startswith("phi ")]
        return {r: (columns[f"phi {r}"], columns[f"psi {r}"]) for r in names if f"psi {r}" in columns}


def load_torsions(study: Study, layout: Layout) -> Torsions:
    """Angles of a study's features at its first training temperature, which must be sines and cosines of torsions.

    Raises :class:`ArtifactError` where they are anything else, or where there are fewer than two walkers.
    """
    T = study.temperatures.train[0]
    path = layout.features(T)
    header = load_json(layout.features_header(T), "features' header")
    features, names = load_array(path, "features"), header["names"]
    pairs = list(zip(names[::2], names[1::2], strict=False))
    if len(names) % 2 or any(s.replace("sin ", "cos ", 1) != c or s == c for s, c in pairs):
        raise ArtifactError(f"{path}: its features are not torsions alone; write features: [{{kind: torsions, ...}}]")
    if len(features) < 2:
        raise ArtifactError(f"{path}: has one walker; at least two are needed, one to learn from and one to judge by")
    angles = np.arctan2(features[..., ::2], features[..., 1::2]).astype(np.float64)
    held = held_out_units(len(angles), _JUDGED)
    nanoseconds = header["walkers"] * header["frames"] * header["frame_interval"] / 1000
    return Torsions([s.removeprefix("sin ") for s, _ in pairs], angles[~held], angles[held], nanoseconds)


def frames_of(angles: np.ndarray, mirror: bool) -> np.ndarray:
    """Frames ``(m, n)`` of angles ``(walkers, frames, n)`` in time, each followed by its mirror image if asked: so a fit's
    blocks of held-out frames never have the image of a frame that is learned from."""
    if mirror:
        angles = np.stack([angles, -angles], axis=2)
    return angles.reshape(-1, angles.shape[-1])


def wrapped(angles: np.ndarray) -> np.ndarray:
    """Angles from -pi to pi."""
    return (angles + np.pi) % (2 * np.pi) - np.pi


def emptiest(angles: np.ndarray) -> np.ndarray:
    """Where each torsion ``(m, n)`` is least often, ``(n,)`` in radians, by a kernel density.

    The frameworks live on a line; a circle cut open there loses least.
    """
    edges = np.linspace(-np.pi, np.pi, _CUT_BINS + 1)
    centers = edges[:-1] + np.pi / _CUT_BINS
    kernel = np.exp(_CUT_KAPPA * (np.cos(np.subtract.outer(centers, centers)) - 1))
    counts = np.stack([np.histogram(column, edges)[0] for column in angles.T])
    return centers[(counts @ kernel).argmin(1)]


def run(survey: Survey, framework: str, seed: int, study: Study, layout: Layout, out: str, samples: str) -> None:
    """Write the scores of one framework to ``out`` (CSV) and its samples, angles ``(m, n)`` float32, to ``samples`` (npz)."""
    generated, rows = _scores(survey, survey.frameworks[framework], load_torsions(study, layout), seed)
    point = {"experiment": TORSIONS, "framework": framework, "seed": seed, "study": study.name}
    save_arrays(samples, {"angles": generated.astype(np.float32)})
    write_table(out, COLUMNS, [point | dict(zip(COLUMNS[len(point) :], row, strict=True)) for row in rows])


def _scores(survey: Survey, framework: Framework, data: Torsions, seed: int):
    """Samples ``(m, n)``, as many as there are frames to judge by, and rows (residue, metric, value, standard error)."""
    learned, judged = (frames_of(half, survey.torsions.mirror) for half in (data.learned, data.judged))
    cut = emptiest(learned)

    def opened(angles):
        return wrapped(angles - cut - np.pi)

    fitted, generated, costs = fit(survey, framework, opened(learned), seed, max(survey.generated, len(judged)))
    rows = [("", *cost) for cost in costs]
    generated = wrapped(generated[: len(judged)] + cut + np.pi)
    rows.append(("", "surprise", *_surprise(fitted, opened(data.judged), survey.likelihoods)))
    rows.extend(divergences(data.residues, judged, generated, ""))
    rows.extend(divergences(data.residues, judged, learned[: len(judged)], "_floor"))
    for residue, metric, value, _ in rows:
        if metric == "js_phi_psi":
            logging.info("%s: JS %.4f", residue, value)
    return generated, rows


def divergences(
    residues: dict[str, tuple[int, int]], judged: np.ndarray, angles: np.ndarray, suffix: str
) -> Iterator[tuple[str, str, float, float]]:
    """Jensen-Shannon divergences (nats) of angles ``(m, n)`` from those to judge by: of every residue's (phi, psi), and of
    the number of residues with phi < 0, which tells whether the residues are right together."""
    bins = Bins((np.linspace(-np.pi, np.pi, BINS + 1),) * 2)
    for residue, columns in residues.items():
        masses = [bins.mass(wrapped(a[:, columns])) for a in (judged, angles)]
        yield residue, f"js_phi_psi{suffix}", float(js(*masses)), np.nan
    yield "", f"js_right_handed{suffix}", float(js(*(right_handed(residues, a) for a in (judged, angles)))), np.nan


def right_handed(residues: dict[str, tuple[int, int]], angles: np.ndarray) -> np.ndarray:
    """Share ``(r + 1,)`` of frames ``(m, n)`` in which so many residues have phi < 0, as in a right-handed helix."""
    count = (angles[:, [phi for phi, _ in residues.values()]] < 0).sum(1)
    return np.bincount(count, minlength=len(residues) + 1) / len(count)


def _surprise(fitted: FittedDensity, judged: np.ndarray, most: int) -> tuple[float, float]:
    """Mean of -ln q (nats, angles in radians) over walkers to judge by ``(walkers, frames, n)``, and its standard error
    from the scatter between walkers; of an ODE, whose ln q is costly, over ``most`` frames evenly taken."""
    if fitted.density.by_ode:
        each = max(1, most // len(judged))
        judged = judged[:, :: max(1, judged.shape[1] // each)]
    flat = judged.reshape(-1, judged.shape[-1])
    walkers = -fitted.log_prob(flat, 1.0).reshape(len(judged), -1).mean(1)
    error = walkers.std(ddof=1) / len(walkers) ** 0.5 if len(walkers) > 1 else np.nan
    return float(walkers.mean()), float(error)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        job, study = snakemake.wildcards, study_named(snakemake.params.study)
        run(load_survey(job.scale), job.framework, int(job.seed), study, Layout.of(study), *snakemake.output)
