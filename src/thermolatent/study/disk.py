"""How much disk a study takes, told before a run and not by a full disk."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from thermolatent.errors import SimulationError
from thermolatent.featurize.base import Particles, columns_on
from thermolatent.study.layout import Layout

if TYPE_CHECKING:
    from thermolatent.study.study import Study

log = logging.getLogger(__name__)

#: A frame of one walker: float32 x, y, z of each atom, the record marks of a DCD file, and four series of float64 at the most.
_ATOM, _FRAME = 12, 24 + 4 * 8
#: States that a representation is taken to have; training says how many there are.
_STATES = 10


def require_space(study: Study, folder: str, temperatures: int = 1) -> None:
    """Raise :class:`SimulationError` if the MD of so many temperatures cannot fit on the disk of ``folder``.

    For a moment it is there twice: as it grew, and as trajectories. What an unfinished run has counts.
    """
    needed = 2 * temperatures * md_bytes(study)
    there = size_of(f"{folder}.partial")
    free = _free(folder)
    if needed - there > free:
        settings = study.simulate
        raise SimulationError(
            f"{folder}: needs {told(needed - there)} of disk, twice {settings.walkers} walkers x {settings.frames} frames x "
            f"{study.system.n_particles} atoms x 12 bytes, and {told(free)} are free; free space or lower simulate.frames"
        )


def md_bytes(study: Study) -> int:
    """Trajectories and energies of one temperature."""
    return study.simulate.walkers * study.simulate.frames * (_ATOM * study.system.n_particles + _FRAME)


def expected(study: Study, seeds: Iterable[int]) -> dict[str, int]:
    """Bytes by stage of a finished study, about. The system must be built for it; a molecule's features are not counted."""
    frames, models = study.simulate.walkers * study.frames, len(study.models) * len(list(seeds))
    sizes = {} if study.simulate.source else {"simulate": len(study.temperatures.simulated) * md_bytes(study)}
    columns = 0
    if not study.system.molecular:
        columns = len(columns_on(study.featurize.all_features, Particles(study.system.n_particles)).names)
    sizes["featurize"] = len(study.temperatures.simulated) * frames * (4 * columns + 8)
    structures = study.generate.structures * (_ATOM * study.system.n_particles + _FRAME)
    samples = study.generate.samples * 4 * (study.representation.latent_dim + 1 + _STATES)
    weights = 8 * frames * len(study.temperatures.train)
    sizes["generate"] = models * len(study.temperatures.generated) * (samples + weights + structures)
    return sizes


def outlook(study: Study, layout: Layout, seeds: Iterable[int]) -> str:
    """One line before a run: what the study will take, and whether the disk has that."""
    sizes = expected(study, seeds)
    missing = sum(max(0, size - size_of(f"{layout.root}/{stage}")) for stage, size in sizes.items())
    free = _free(layout.root)
    parts = ", ".join(f"{stage} {told(size)}" for stage, size in sizes.items())
    line = f"{study.name}: about {told(missing)} of disk to come, {told(free)} free (in all {parts})"
    return line if missing <= free else f"{line}: TOO LITTLE, free space or lower simulate.frames or generate.samples"


def told(size: float) -> str:
    """``"1.2 GB"``."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def _free(folder: str) -> int:
    """Bytes free on the disk where ``folder`` is or will be."""
    path = Path(folder).absolute()
    return shutil.disk_usage(next(p for p in (path, *path.parents) if p.exists())).free


def size_of(folder: str | Path) -> int:
    """Bytes of a file, or of all below a folder, symbolic links not followed; 0 if it is not there."""
    if Path(folder).is_file():
        return Path(folder).stat().st_size
    return sum(f.lstat().st_size for f in Path(folder).rglob("*") if f.is_file() and not f.is_symlink())
