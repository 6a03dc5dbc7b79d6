"""The stage featurize: arrays aligned with trajectories and energies, trajectories that do not fit refused."""

from pathlib import Path

import mdtraj
import numpy as np
import pytest

from thermolatent.errors import ArtifactError, ConfigError
from thermolatent.featurize.base import Particles
from thermolatent.featurize.coordination import CoordinationMoments, SortedCoordination
from thermolatent.files import dcd as stream
from thermolatent.files.artifacts import load_array, load_json
from thermolatent.parsing import parse
from thermolatent.study.jobs import run_job
from thermolatent.study.layout import Layout
from thermolatent.study.study import Study

T = 0.3


def study(frames=30, features="sorted_coordination"):
    return parse(
        Study,
        {
            "name": "test",
            "system": {"kind": "lj_cluster"},
            "temperatures": {"train": [T]},
            "simulate": {"walkers": 3, "frames": frames, "save_every": 20, "time_step": 0.005},
            "featurize": {"features": [features], "plane": ["coordination_moments"]},
            "models": {"latf": {"density": "flow"}},
            "validate": {"states": {"kind": "nearest", "centers": {"a": [0, 0], "b": [1, 1]}}},
        },
        "test.yaml",
    )


@pytest.fixture
def layout(tmp_path):
    """A finished short simulation."""
    result = Layout(str(tmp_path))
    run_job("simulate", study(), result, temperature=T)
    return result


def test_arrays_are_the_features_of_the_frames_in_order(layout, monkeypatch):
    monkeypatch.setattr(stream.stream_positions, "__defaults__", (7, None))  # chunks that do not divide the length
    run_job("featurize", study(), layout, temperature=T)
    header = load_json(layout.features_header(T))
    assert header["names"] == [f"c{i}" for i in range(1, 8)]
    assert header["plane_names"] == ["mu2", "mu3"]
    assert header["plane_periodic"] == [False, False]
    assert (header["kT"], header["walkers"], header["frames"]) == (T, 3, 30)
    assert header["frame_interval"] == pytest.approx(0.1)
    features, plane = load_array(layout.features(T)), load_array(layout.plane(T))
    energies = load_array(layout.energies(T))
    assert (features.shape, plane.shape, energies.shape) == ((3, 30, 7), (3, 30, 2), (3, 30))
    assert (features.dtype, plane.dtype, energies.dtype) == (np.float32, np.float32, np.float64)
    for walker, path in enumerate(layout.trajectories(T, 3)):
        xyz = mdtraj.load(path, top=layout.topology(T)).xyz
        np.testing.assert_allclose(features[walker], SortedCoordination().on(Particles(7)).compute(xyz), rtol=1e-5)
        np.testing.assert_allclose(
            plane[walker], CoordinationMoments().on(Particles(7)).compute(xyz), rtol=1e-4, atol=1e-5
        )
        np.testing.assert_allclose(energies[walker], study().system.potential_energy(xyz), atol=1e-4)


def test_a_truncated_or_missing_trajectory_leaves_nothing(layout):
    path = Path(layout.trajectory(T, 2))
    content = path.read_bytes()
    path.write_bytes(content[:-500])
    with pytest.raises(ArtifactError, match=r"walker02\.dcd: trajectory has 25 whole frames.*must have 30"):
        run_job("featurize", study(), layout, temperature=T)
    path.unlink()
    with pytest.raises(ArtifactError, match=r"walker02\.dcd: trajectory is missing"):
        run_job("featurize", study(), layout, temperature=T)
    assert not [p for p in Path(layout.features(T)).parent.glob("*") if p.is_file()]
    path.write_bytes(content)
    run_job("featurize", study(), layout, temperature=T)


def test_md_of_another_study_is_refused(layout):
    with pytest.raises(ArtifactError, match="MD was run with frames 30, the study says 40"):
        run_job("featurize", study(frames=40), layout, temperature=T)


def test_md_that_was_never_run(tmp_path):
    with pytest.raises(ArtifactError, match=r"protocol\.json: protocol of the MD is missing"):
        run_job("featurize", study(), Layout(str(tmp_path)), temperature=T)


def test_a_feature_not_for_this_system_is_refused_with_the_study():
    with pytest.raises(ConfigError, match=r"test\.yaml: position_xy: is for one particle, the system has 7"):
        study(features="position_xy")
