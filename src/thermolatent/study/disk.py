"""How much disk a study takes, told before a run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from thermolatent.featurize.base import Particles, columns_on
from thermolatent.files.disk import free_bytes, size_of, told
from thermolatent.simulate.space import frame_bytes, md_bytes
from thermolatent.study.layout import Layout

if TYPE_CHECKING:
    from thermolatent.study.study import Study

#: States that a representation is taken to have; training says how many there are.
_STATES = 10


def expected(study: Study, seeds: Iterable[int]) -> dict[str, int]:
    """Bytes by stage of a finished study, about. The system must be built for it; a molecule's features are not counted."""
    frames, models = study.simulate.walkers * study.frames, len(study.models) * len(list(seeds))
    sizes = (
        {}
        if study.simulate.source
        else {"simulate": len(study.temperatures.simulated) * md_bytes(study.system, study.simulate)}
    )
    columns = 0
    if not study.system.molecular:
        columns = len(columns_on(study.featurize.all_features, Particles(study.system.n_particles)).names)
    sizes["featurize"] = len(study.temperatures.simulated) * frames * (4 * columns + 8)
    structures = study.generate.structures * (frame_bytes(study.system))
    samples = study.generate.samples * 4 * (study.representation.latent_dim + 1 + _STATES)
    weights = 8 * frames * len(study.temperatures.train)
    sizes["generate"] = models * len(study.temperatures.generated) * (samples + weights + structures)
    return sizes


def outlook(study: Study, layout: Layout, seeds: Iterable[int]) -> str:
    """One line before a run: what the study will take, and whether the disk has that."""
    sizes = expected(study, seeds)
    missing = sum(max(0, size - size_of(f"{layout.root}/{stage}")) for stage, size in sizes.items())
    free = free_bytes(layout.root)
    parts = ", ".join(f"{stage} {told(size)}" for stage, size in sizes.items())
    line = f"{study.name}: about {told(missing)} of disk to come, {told(free)} free (in all {parts})"
    return line if missing <= free else f"{line}: TOO LITTLE, free space or lower simulate.frames or generate.samples"
