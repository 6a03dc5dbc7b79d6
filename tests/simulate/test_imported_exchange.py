"""Replica exchange from elsewhere: from files through featurize to units, and what is refused in one line."""

import mdtraj
import numpy as np
import pytest
from exact_study import MINIMA, correlated_exact_points

from thermolatent.errors import ArtifactError, ConfigError
from thermolatent.files.artifacts import load_json
from thermolatent.frame_loading import load_frames
from thermolatent.parsing import parse
from thermolatent.represent.pairs import lagged_pairs
from thermolatent.reweight.stage import sample_of
from thermolatent.reweight.units import with_units
from thermolatent.study.answers import asked_of
from thermolatent.study.jobs import run_job, training_frames
from thermolatent.study.layout import Layout
from thermolatent.study.study import Study

TEMPERATURES, FRAMES, STRIDE = (0.5, 1.0, 1.5), 2000, 2


@pytest.fixture(scope="module")
def section(tmp_path_factory):
    """The section ``system``: one file of 2,000 frames at each of three temperatures."""
    folder = tmp_path_factory.mktemp("files")
    topology = mdtraj.Topology()
    topology.add_atom("A1", mdtraj.element.argon, topology.add_residue("HOL", topology.add_chain()))
    files = {}
    for T in TEMPERATURES:
        points = correlated_exact_points(T, np.random.default_rng(round(10 * T)), 1, 2010)[0, :FRAMES]
        x = np.pad(points, ((0, 0), (0, 1)))[:, None].astype(np.float32)
        trajectory = mdtraj.Trajectory(x, topology)
        trajectory[0].save_pdb(str(folder / "top.pdb"))
        files[T] = [str(folder / f"{T}.dcd")]
        trajectory.save(files[T][0])
    return {
        "kind": "trajectories",
        "topology": str(folder / "top.pdb"),
        "files": files,
        "frame_interval": 0.5,
        "stride": STRIDE,
        "unit": "reduced",
        "discontinuous": True,
        "exchange_interval": 20,
    }


def study(system, lag=3, **simulated):
    return parse(
        Study,
        {
            "name": "test",
            "system": system,
            "temperatures": {"train": [0.5, 1.5], "predict": [1.0], "reference": [1.0]},
            "simulate": {"walkers": 10, "frames": 100, **simulated},
            "featurize": {"features": ["position_xy"], "plane": ["position_xy"]},
            "representation": {"lag": lag},
            "models": {"latf": {"density": "flow"}},
            "validate": {"states": {"kind": "nearest", "centers": {n: list(at) for n, at in MINIMA.items()}}},
        },
        "test.yaml",
    )


def imported(made, folder):
    layout = Layout(str(folder / "results"))
    for T in made.temperatures.simulated:
        run_job("simulate", made, layout, temperature=T)
        run_job("featurize", made, layout, temperature=T)
    return layout


def test_from_files_to_units(section, tmp_path):
    made = study(section)
    layout = imported(made, tmp_path)
    for T in TEMPERATURES:  # those of reference are not continuous either
        header = load_json(layout.features_header(T))
        assert header["pieces"] == [[0, 100 * w] for w in range(10)]
        assert header["stretch"] == 20
    frames = load_frames(training_frames(made, layout))
    assert frames.stretch == {0.5: 20.0, 1.5: 20.0}
    pairs = lagged_pairs(frames, 3, np.ones(10, bool))
    now, later = (frames.place(rows.numpy()).frame // 20 for rows in (pairs.now, pairs.later))
    np.testing.assert_array_equal(now, later)
    assert len(now) == 2 * 10 * 5 * (20 - 3)
    np.testing.assert_array_equal(frames.series, np.repeat([0, 1], 1000))
    everywhere = with_units(
        asked_of(made).named, load_frames({T: layout.frame_files(T) for T in made.temperatures.simulated})
    )
    sample = sample_of(asked_of(made).named, everywhere.among(made.temperatures.train), None)
    assert sample.shared_units
    np.testing.assert_array_equal(*sample.unit.reshape(2, -1))
    assert 2 <= len(sample.stratum) <= 200


def test_stretches_are_counted_from_the_files_begin(section, tmp_path):
    made = study(section, walkers=12, frames=70)  # no whole number of stretches to a walker, and spare blocks
    layout = imported(made, tmp_path)
    frames = load_frames(training_frames(made, layout))
    first = frames.pieces[0.5][:, 1]
    assert set(np.diff(first)) == {70, 140}
    pairs = lagged_pairs(frames, 3, np.ones(12, bool))
    place = frames.place(pairs.now.numpy())
    at = first[place.walker] + place.frame
    np.testing.assert_array_equal(at // 20, (at + 3) // 20)
    assert len(np.unique(frames.series)) == 2 * (1 + (np.diff(first) == 140).sum())


def test_continuous_files_say_where_walkers_are_from_and_no_more(section, tmp_path):
    made = study({**section, "discontinuous": False, "exchange_interval": None})
    header = load_json(imported(made, tmp_path).features_header(0.5))
    assert header["pieces"][1] == [0, 100]
    assert "stretch" not in header


def test_files_of_unequal_length_are_refused(section, tmp_path):
    top = section["topology"]
    short = str(tmp_path / "short.dcd")
    mdtraj.load(section["files"][1.5][0], top=top)[:-1].save(short)
    made, layout = study({**section, "files": {**section["files"], 1.5: [short]}}), Layout(str(tmp_path / "results"))
    run_job("simulate", made, layout, temperature=0.5)
    with pytest.raises(
        ArtifactError, match=r"short\.dcd: has 1999 frames, .*0\.5\.dcd has 2000; .*write files with the same frames"
    ) as e:
        run_job("simulate", made, layout, temperature=1.5)
    assert "\n" not in str(e.value)


@pytest.mark.parametrize(
    ("changes", "lag", "message"),
    [
        (
            {"exchange_interval": None},
            3,
            r"system\.exchange_interval: is missing; with discontinuous: true write the ps",
        ),
        (
            {"discontinuous": False},
            3,
            r"system\.exchange_interval: is for replica exchange only; write discontinuous: true",
        ),
        ({}, 20, r"representation\.lag: 20 frames \(20 ps\) is not shorter than the 20 ps .*; write lag: 19 or less"),
        (
            {"exchange_interval": 2},
            3,
            r"representation\.lag: 3 frames \(3 ps\) .*\(system\.exchange_interval\); write lag: 1$",
        ),
        (
            {"exchange_interval": 1},
            1,
            r"system\.frame_interval: the frames used are 1 ps apart, .*lower system\.stride",
        ),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line_that_names_the_key(section, changes, lag, message):
    with pytest.raises(ConfigError, match=message) as e:
        study({**section, **changes}, lag)
    assert len(str(e.value).strip().splitlines()) <= 2


def test_more_than_one_file_of_a_replica_is_refused(section):
    twice = {**section["files"], 1.5: [*section["files"][1.5], section["topology"]]}
    with pytest.raises(ConfigError, match=r"files: 2 at 1\.5; replica exchange .*join them in the order of time"):
        study({**section, "files": twice})
