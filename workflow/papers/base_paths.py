"""Straight lines between states in the base space of a flow, mapped back to the latent plane (LaTF's figure 2).

A straight line in u is a curve z(s) = f^-1((1 - s) u_a + s u_b). How high it climbs says whether the base keeps the order of
the landscape: a path through a channel crosses about the lowest barrier that there is, one through empty space far more.
"""

from itertools import combinations

import numpy as np
import torch
from scipy import ndimage

from job import logged, study_named
from thermolatent.errors import ThermolatentError
from thermolatent.files.artifacts import save_arrays
from thermolatent.frame_loading import load_frames
from thermolatent.frames import Frames
from thermolatent.learn.model import Model
from thermolatent.study.jobs import training_frames
from thermolatent.study.layout import Layout
from thermolatent.study.study import Study

_POINTS = 101
_GRID = 200


def run(study: Study, layout: Layout, model: str, seed: int, out: str) -> None:
    """Write the paths between all pairs of named states, at the lowest training temperature, and the surface they cross.

    ``states`` ``(K,)`` names, ``pairs`` ``(P, 2)``, ``base`` and ``latent`` ``(P, points, d)``, ``free_energy`` ``(P, points)``
    in kT above the surface's minimum, ``lowest`` ``(P,)`` the least height at which a path on the surface can cross; ``axes``
    ``(2, g)`` and ``surface`` ``(g, g)``.

    Raises :class:`ThermolatentError` for a density without a base space, or a latent that is not a plane.
    """
    trained = Model.load(layout.model(model, seed))
    if not hasattr(trained.density, "invert") or trained.dim != 2:
        raise ThermolatentError(f"model {model}: paths need a flow of two latent coordinates")
    data, T = load_frames(training_frames(study, layout)), study.temperatures.T_ref
    names, ends = end_points(study, data, trained)
    latents = trained.representation.encode(data.flat(data.features)[:: max(1, len(data) // 50_000)])
    low, high = latents.min(0), latents.max(0)
    margin = 0.05 * (high - low)
    axes = np.linspace(low - margin, high + margin, _GRID, axis=1)
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    surface = -trained.log_prob(grid.reshape(-1, 2), T).reshape(_GRID, _GRID)
    lowest_F = surface.min()
    surface = surface - lowest_F
    pairs = list(combinations(range(len(names)), 2))
    lines = [straight_in_base(trained, ends[a], ends[b], T) for a, b in pairs]
    cells = [tuple(int(np.abs(axis - x).argmin()) for axis, x in zip(axes, z, strict=True)) for z in ends]
    found = {
        "states": np.array(names),
        "pairs": np.array(pairs),
        "base": np.array([u for u, _ in lines]),
        "latent": np.array([z for _, z in lines]),
        "free_energy": np.array([-trained.log_prob(z, T) - lowest_F for _, z in lines]),
        "lowest": np.array([lowest_pass(surface, cells[a], cells[b]) for a, b in pairs]),
        "axes": axes,
        "surface": surface,
        "base_samples": trained.sample_base(20_000, T, seed),
    }
    save_arrays(out, found)


def end_points(study: Study, data: Frames, trained: Model) -> tuple[list[str], np.ndarray]:
    """Named states, and of each the latent mean ``(K, d)`` of the frame nearest to the state's centre in the fixed plane.

    So every model's paths join the same frames.
    """
    states = study.validate_.states
    centers = states.minima if states.kind == "basins" else states.centers
    plane = data.flat(data.plane)
    frames = [int(((plane - np.asarray(center)) ** 2).sum(1).argmin()) for center in centers.values()]
    return list(centers), trained.representation.encode(data.flat(data.features)[frames])


@torch.no_grad()
def straight_in_base(trained: Model, start: np.ndarray, end: np.ndarray, T: float) -> tuple[np.ndarray, np.ndarray]:
    """A straight line between two latents ``(d,)`` in the base space, there and mapped back, each ``(points, d)``."""
    density, theta = trained.density, torch.full((2,), trained.theta(T))
    ends, _ = density.transform(torch.from_numpy(np.stack([start, end]).astype(np.float32)), theta)
    s = torch.linspace(0, 1, _POINTS)[:, None]
    u = torch.lerp(ends[:1], ends[1:], s)
    return u.numpy(), density.invert(u, theta[:1].expand(_POINTS)).numpy()


def lowest_pass(surface: np.ndarray, start: tuple[int, int], end: tuple[int, int]) -> float:
    """The least level at which two cells of a surface ``(g, g)`` are joined through neighbouring cells below it."""
    levels = np.unique(surface[np.isfinite(surface)])
    levels = levels[levels >= max(surface[start], surface[end])]
    low, high = 0, len(levels) - 1
    while low < high:
        middle = (low + high) // 2
        labels, _ = ndimage.label(surface <= levels[middle], structure=np.ones((3, 3)))
        low, high = (low, middle) if labels[start] == labels[end] else (middle + 1, high)
    return float(levels[low])


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        study = study_named(snakemake.wildcards.study)
        run(study, Layout.of(study), snakemake.wildcards.model, int(snakemake.wildcards.seed), snakemake.output[0])
