"""What the first labels of SPIB are clusters of: the plane with its angles closed, or the slowest tICA components."""

import numpy as np
import pytest

from thermolatent.errors import TrainingError
from thermolatent.frames import Frames
from thermolatent.represent.labels import initial_labels, order_parameters

WALKERS, FRAMES, LAG = 6, 3000, 5


def data(features, plane=None, periodic=(False, False)):
    shape = features.shape[:2]
    plane = np.zeros((*shape, 2), np.float32) if plane is None else plane
    return Frames({1.0: 1.0}, {1.0: features}, {1.0: plane}, {1.0: np.zeros(shape)}, plane_periodic=periodic)


def autoregressive(times, rng):
    """``(WALKERS, FRAMES, n)``: independent Gaussian coordinates of unit variance with these correlation times (frames)."""
    memory = np.exp(-1 / np.asarray(times, float))
    x = rng.normal(size=(WALKERS, FRAMES, len(times)))
    for t in range(1, FRAMES):
        x[:, t] = memory * x[:, t - 1] + np.sqrt(1 - memory**2) * x[:, t]
    return x


def test_tica_finds_the_slow_coordinates_among_mixed_ones():
    rng = np.random.default_rng(0)
    sources = autoregressive([200, 60, 2, 1], rng)
    mixed = (sources @ rng.normal(size=(4, 5))).astype(np.float32)  # five features, one too many
    found = order_parameters(data(mixed), "tica", LAG, np.ones(WALKERS, bool))
    assert found.shape == (WALKERS * FRAMES, 2)
    for i in range(2):
        assert abs(np.corrcoef(found[:, i], sources.reshape(-1, 4)[:, i])[0, 1]) > 0.97


def test_held_out_walkers_do_not_enter_tica():
    sources = autoregressive([100, 30, 1], np.random.default_rng(1)).astype(np.float32)
    training = np.array([True, True, True, True, True, False])
    before = order_parameters(data(sources), "tica", LAG, training)[:FRAMES]
    changed = sources.copy()
    changed[5] *= [1, 1, 50]
    np.testing.assert_allclose(order_parameters(data(changed), "tica", LAG, training)[:FRAMES], before, rtol=1e-9)


def test_an_angle_of_the_plane_is_a_circle():
    """Frames on both sides of 180 degrees are one cluster."""
    rng = np.random.default_rng(2)
    phi = np.where(rng.random((WALKERS, FRAMES)) < 0.5, 0.0, np.pi) + 0.2 * rng.normal(size=(WALKERS, FRAMES))
    phi = (phi + np.pi) % (2 * np.pi) - np.pi
    plane = np.stack([phi, np.zeros_like(phi)], axis=2).astype(np.float32)
    made = data(np.zeros((WALKERS, FRAMES, 1)), plane, (True, False))
    labels = initial_labels(order_parameters(made, "plane", LAG, np.ones(WALKERS, bool)), 2, seed=0)
    around_180 = np.abs(phi.ravel()) > np.pi / 2
    assert len(set(labels[around_180])) == len(set(labels[~around_180])) == 1


def test_features_that_do_not_vary_are_refused():
    with pytest.raises(
        TrainingError, match=r"representation\.initial: write plane, since tica cannot be made of these features"
    ):
        order_parameters(data(np.ones((WALKERS, 50, 3), np.float32)), "tica", LAG, np.ones(WALKERS, bool))
