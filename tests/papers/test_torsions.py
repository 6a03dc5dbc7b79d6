"""The survey's torsions: angles come back from features, no frame leaks, divergences are exact, a fit finds both hands."""

import csv

import numpy as np
import pytest

import survey_torsions as torsions
from survey_settings import load_survey
from thermolatent.errors import ArtifactError
from thermolatent.files.artifacts import load_arrays, save_array, save_json
from thermolatent.study.layout import Layout
from thermolatent.study.loading import load_study

LABELS = [f"{name} AIB{k}" for k in (2, 3) for name in ("phi", "psi")]
RESIDUES = {"AIB2": (0, 1), "AIB3": (2, 3)}


@pytest.fixture(scope="module")
def study():
    return load_study("paper_aib9", "studies")


def write(study, root, angles, names=None):
    layout, T = Layout.of(study, str(root)), study.temperatures.train[0]
    walkers, frames, _ = angles.shape
    features = np.stack([np.sin(angles), np.cos(angles)], axis=3).reshape(walkers, frames, -1)
    save_array(layout.features(T), features.astype(np.float32))
    names = names or [f"{function} {label}" for label in LABELS for function in ("sin", "cos")]
    header = {"names": names, "walkers": walkers, "frames": frames, "frame_interval": 2.0}
    save_json(layout.features_header(T), header)
    return layout


def helices(walkers, frames, rng):
    """Angles of two residues that share one hand at random, psi near 180 in the left-handed one's second residue."""
    hand = rng.choice([-1.0, 1.0], (walkers, frames, 1))
    return torsions.wrapped(hand * np.array([1.0, 0.8, 1.1, 3.1]) + 0.15 * rng.normal(size=(walkers, frames, 4)))


def test_angles_come_back_and_walkers_are_on_one_side_only(study, tmp_path):
    angles = helices(6, 30, np.random.default_rng(0))
    data = torsions.load_torsions(study, write(study, tmp_path, angles))
    assert data.labels == LABELS
    assert data.residues == RESIDUES
    assert data.nanoseconds == pytest.approx(6 * 30 * 2 / 1000)
    assert data.learned.shape == data.judged.shape == (3, 30, 4)
    found = np.concatenate([data.learned, data.judged])
    order = [int(np.abs(angles - walker).sum((1, 2)).argmin()) for walker in found]
    assert sorted(order) == list(range(6))
    np.testing.assert_allclose(found, angles[order], atol=1e-6)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["sin phi AIB2", "cos phi AIB2", "sin psi AIB2", "cos psi AIB3"] * 2, "not torsions alone"),
        ([f"d{k}" for k in range(8)], "not torsions alone"),
    ],
)
def test_features_that_are_no_torsions_are_refused(study, tmp_path, names, words):
    layout = write(study, tmp_path, helices(2, 30, np.random.default_rng(0)), names)
    with pytest.raises(ArtifactError, match=words):
        torsions.load_torsions(study, layout)


def test_one_walker_cannot_be_split(study, tmp_path):
    with pytest.raises(ArtifactError, match="has one walker"):
        torsions.load_torsions(study, write(study, tmp_path, helices(1, 30, np.random.default_rng(0))))


def test_a_mirror_image_follows_its_frame():
    angles = np.arange(12.0).reshape(2, 3, 2)
    np.testing.assert_array_equal(torsions.frames_of(angles, False), angles.reshape(6, 2))
    both = torsions.frames_of(angles, True)
    np.testing.assert_array_equal(both[::2], angles.reshape(6, 2))
    np.testing.assert_array_equal(both[1::2], -both[::2])


def test_a_circle_is_cut_where_it_is_emptiest():
    rng = np.random.default_rng(0)
    angles = np.stack([0.5 * rng.normal(size=5000), torsions.wrapped(3.0 + 0.5 * rng.normal(size=5000))], axis=1)
    cut = torsions.emptiest(angles)
    assert np.abs(cut[0]) > 2
    assert np.abs(cut[1]) < 1.2
    there = torsions.wrapped(angles - cut - np.pi)
    assert np.abs(there).max() < np.pi - 0.2  # nothing lies at the ends
    np.testing.assert_allclose(torsions.wrapped(there + cut + np.pi), angles, atol=1e-12)


def test_divergences_are_zero_of_the_same_and_ln_2_of_the_other_hand():
    right = torsions.wrapped(np.array([-1.0, -0.8, -1.1, -3.1]) + 0.1 * np.random.default_rng(0).normal(size=(500, 4)))
    same = {(r, m): v for r, m, v, _ in torsions.divergences(RESIDUES, right, right, "")}
    assert same == {("AIB2", "js_phi_psi"): 0, ("AIB3", "js_phi_psi"): 0, ("", "js_right_handed"): 0}
    other = {(r, m): v for r, m, v, _ in torsions.divergences(RESIDUES, right, -right, "_floor")}
    assert other["AIB2", "js_phi_psi_floor"] == pytest.approx(np.log(2))
    assert other["", "js_right_handed_floor"] == pytest.approx(np.log(2))


def test_the_number_of_right_handed_residues():
    angles = np.array([[-1, 0, -1, 0], [1, 0, -1, 0], [1, 0, 1, 0], [1, 0, 1, 0]], float)
    np.testing.assert_allclose(torsions.right_handed(RESIDUES, angles), [0.5, 0.25, 0.25])


def test_a_spline_flow_learns_both_hands_across_the_cut(study, tmp_path):
    """Residues share their hand: the number of right-handed ones is 0 or 2, and psi of one state lies across 180 degrees."""
    layout = write(study, tmp_path, helices(6, 500, np.random.default_rng(0)))
    settings = load_survey("smoke").model_copy(update={"generated": 2000, "evaluate_every": 50})
    density = {"kind": "flow", "transform": "spline", "base": "gaussian", "couplings": 4, "width": 16, "bins": 6}
    flow = settings.frameworks["ns"].model_copy(update={"density": density, "steps": 300, "learning_rate": 5e-3})
    settings = settings.model_copy(update={"frameworks": {"ns": flow}})
    out, samples = tmp_path / "scores.csv", tmp_path / "samples.npz"
    torsions.run(settings, "ns", 0, study, layout, str(out), str(samples))
    angles = load_arrays(str(samples), "samples")["angles"]
    assert angles.shape == (2 * 3 * 500, 4)
    assert np.abs(angles).max() <= np.pi
    both = torsions.right_handed(RESIDUES, angles)
    assert both[0] == pytest.approx(0.5, abs=0.05)
    assert both[1] < 0.06
    with out.open() as file:
        rows = list(csv.DictReader(file))
    value = {(row["residue"], row["metric"]): float(row["value"]) for row in rows}
    for residue in RESIDUES:
        assert value[residue, "js_phi_psi"] < value[residue, "js_phi_psi_floor"] + 0.05
    assert np.isfinite(value["", "surprise"])


def test_a_job_is_the_same_again(study, tmp_path):
    layout = write(study, tmp_path, helices(2, 100, np.random.default_rng(0)))
    settings, found = load_survey("smoke"), []
    for name in ("one", "two"):
        torsions.run(settings, "ddpm", 0, study, layout, str(tmp_path / f"{name}.csv"), str(tmp_path / f"{name}.npz"))
        found.append(load_arrays(str(tmp_path / f"{name}.npz"), "samples")["angles"])
    np.testing.assert_array_equal(*found)
