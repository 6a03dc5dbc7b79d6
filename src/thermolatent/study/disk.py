"""Disk space of a study, estimated before a run."""

from collections.abc import Iterable

from thermolatent.featurize.base import columns_on, without_topology
from thermolatent.files.disk import free_bytes, size_of, size_text
from thermolatent.simulate.space import frame_bytes, md_bytes
from thermolatent.study.layout import Layout
from thermolatent.study.study import Study

#: Assumed number of states of a representation, which is known after training only.
_STATES = 10


def expected(study: Study, seeds: Iterable[int]) -> dict[str, int]:
    """Approximate bytes by stage of a finished study; the system is built. A molecule's features are not counted."""
    simulated, generated = study.temperatures.simulated, study.temperatures.generated
    frames = {T: study.simulate.walkers * study.frames_at(T) for T in simulated}
    sizes, columns = {}, 0
    if not study.simulate.source:
        sizes["simulate"] = sum(md_bytes(study.system, study.simulate.at(T)) for T in simulated)
    if (bare := without_topology(study.system)) is not None:
        columns = len(columns_on(study.featurize.all_features, bare).names)
    sizes["featurize"] = sum(frames.values()) * (4 * columns + 8)
    structures = study.generate.structures * frame_bytes(study.system)
    dimensions = [study.representation_of(model).latent_dim for model in study.models]
    samples = sum(study.generate.samples * 4 * (dim + 1 + _STATES) for dim in dimensions)
    weights = 8 * sum(frames[T] for T in study.temperatures.train)
    sizes["generate"] = len(list(seeds)) * len(generated) * (samples + len(dimensions) * (weights + structures))
    return sizes


def outlook(study: Study, layout: Layout, seeds: Iterable[int]) -> str:
    """One line before a run: the needed and the free disk space."""
    sizes = expected(study, seeds)
    missing = sum(max(0, size - size_of(f"{layout.root}/{stage}")) for stage, size in sizes.items())
    free = free_bytes(layout.root)
    parts = ", ".join(f"{stage} {size_text(size)}" for stage, size in sizes.items())
    line = f"{study.name}: about {size_text(missing)} of disk to come, {size_text(free)} free (in all {parts})"
    return line if missing <= free else f"{line}: TOO LITTLE, free space or lower simulate.frames or generate.samples"
