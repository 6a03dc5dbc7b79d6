"""Streaming trajectories: what mdtraj and MDAnalysis read, in bounded memory, and never a truncated file."""

import tracemalloc
import warnings
from pathlib import Path

import mdtraj
import numpy as np
import pytest

from thermolatent.errors import ArtifactError
from thermolatent.files.dcd import stream_positions, write_trajectories

FRAMES, WALKERS, PARTICLES = 250, 3, 4


@pytest.fixture
def written(tmp_path):
    """(paths, positions) of three short walkers."""
    positions = np.random.default_rng(1).normal(size=(FRAMES, WALKERS, PARTICLES, 3)).astype(np.float32)
    paths = [str(tmp_path / f"walker{w:02d}.dcd") for w in range(WALKERS)]
    write_trajectories(paths, 10 * positions, save_every=50, time_step=0.02)
    return paths, positions


def read(path, chunk=100, frames=FRAMES, particles=PARTICLES):
    parts = list(stream_positions(path, frames, particles, chunk))
    assert [first for first, _ in parts] == list(range(0, frames, chunk))
    return np.concatenate([part for _, part in parts])


def test_mdtraj_and_mdanalysis_read_the_same(written):
    paths, positions = written
    topology = mdtraj.Topology()
    residue = topology.add_residue("LJC", topology.add_chain())
    for i in range(PARTICLES):
        topology.add_atom(f"A{i}", mdtraj.element.argon, residue)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import MDAnalysis

        for walker, path in enumerate(paths):
            np.testing.assert_allclose(read(path), positions[:, walker], rtol=1e-6)
            np.testing.assert_allclose(mdtraj.load_dcd(path, top=topology).xyz, positions[:, walker], rtol=1e-6)
            universe = MDAnalysis.Universe.empty(PARTICLES, trajectory=True).load_new(path)
            assert universe.trajectory.n_frames == FRAMES
            assert universe.trajectory.dt == pytest.approx(1.0)  # 50 steps of 0.02 ps
            found = np.stack([frame.positions.copy() for frame in universe.trajectory])
            np.testing.assert_allclose(found / 10, positions[:, walker], rtol=1e-6)


def test_same_frames_same_bytes(written, tmp_path):
    paths, positions = written
    again = [str(tmp_path / "again" / f"{w}.dcd") for w in range(WALKERS)]
    write_trajectories(again, 10 * positions, save_every=50, time_step=0.02)
    for one, other in zip(paths, again, strict=True):
        assert Path(one).read_bytes() == Path(other).read_bytes()


@pytest.mark.parametrize("lost", [1, 57, 72, 73])
def test_truncated_trajectory_is_refused_with_both_counts(written, lost):
    path = written[0][1]
    Path(path).write_bytes(Path(path).read_bytes()[:-lost])
    whole = FRAMES - 1 if lost <= 72 else FRAMES - 2
    with pytest.raises(
        ArtifactError, match=rf"walker01\.dcd: trajectory has {whole} whole frames .* must have 250 .*run"
    ):
        read(path)


def test_other_files_are_refused(written, tmp_path):
    path = written[0][0]
    with pytest.raises(ArtifactError, match="must have 249"):
        read(path, frames=249)
    with pytest.raises(ArtifactError, match="has 4 particles, must have 5"):
        read(path, particles=5)
    with pytest.raises(ArtifactError, match="missing"):
        read(str(tmp_path / "nowhere.dcd"))
    (tmp_path / "text.dcd").write_text("not a trajectory")
    with pytest.raises(ArtifactError, match="is not a DCD"):
        read(str(tmp_path / "text.dcd"))


def test_memory_does_not_grow_with_length(tmp_path):
    def peak(frames):
        path = str(tmp_path / f"{frames}.dcd")
        positions = np.broadcast_to(np.float32(1.0), (frames, 1, 50, 3))
        tracemalloc.start()
        write_trajectories([path], positions, save_every=1, time_step=0.01)
        wrote = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        for _ in stream_positions(path, frames, 50, chunk=500):
            pass
        result = wrote, tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return result

    short, long = peak(2_000), peak(60_000)  # 1.2 and 36 MB
    assert long[1] < 1.5 * short[1] + 1e5
    assert long[1] < 4e6
