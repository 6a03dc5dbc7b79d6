"""What the energies' noise leaves open of populations, against repeated draws of that noise."""

import numpy as np
import pytest

from thermolatent.densities.reweighting import ReducedPotential
from thermolatent.frames import Frames
from thermolatent.states.sets import StateSet
from thermolatent.validate.form import HeatCapacityError, heat_capacity_stderr

WALKERS, FRAMES = 60, 40
SLOPES = np.array([-3.0, 2.0])
STD = np.array([20.0, 50.0])


def labels_of(rng):
    return rng.choice(3, p=[0.6, 0.3, 0.1], size=(2 * WALKERS, FRAMES))


def noise_of(rng, correlated):
    """Noise of unit variance, ``(2 * WALKERS, FRAMES)``: independent, or half of it one number for each walker."""
    noise = rng.normal(size=(2 * WALKERS, FRAMES))
    if not correlated:
        return noise
    return np.sqrt(0.5) * (noise + rng.normal(size=(2 * WALKERS, 1)))


@pytest.mark.parametrize("correlated", [False, True])
def test_stderr_is_the_spread_over_draws_of_the_noise(correlated):
    rng = np.random.default_rng(0)
    labels = labels_of(rng)
    labels[: WALKERS // 2] = 1  # walkers that never leave a state: noise of a walker is then noise of the state
    walkers = np.repeat(np.arange(2 * WALKERS), FRAMES)
    strata = np.repeat([0, 1], WALKERS)
    found, told = [], []
    for _ in range(300):
        residuals = (noise_of(rng, correlated) * STD[strata][:, None]).ravel()
        told.append(heat_capacity_stderr(labels.ravel(), walkers, strata, residuals, SLOPES, 3))
        found.append([least_squares(labels.ravel() == state, strata[walkers], residuals) for state in range(3)])
    spread = np.std(found, axis=0)
    np.testing.assert_allclose(np.sqrt(np.mean(np.square(told), axis=0)), spread, rtol=0.15)
    if correlated:  # the test can fail: frames are no independent draws
        alone = heat_capacity_stderr(labels.ravel(), np.arange(len(walkers)), strata[walkers], residuals, SLOPES, 3)
        assert alone[1] < 0.5 * spread[1]


def least_squares(member, stratum, energies):
    """Heat capacity of a state against the others, an intercept at each temperature."""
    columns, targets = [], []
    for k in range(2):
        own = stratum == k
        columns.append(SLOPES[k] / STD[k] * (member[own] - member[own].mean()))
        targets.append(energies[own] / STD[k])
    x, y = np.concatenate(columns), np.concatenate(targets)
    return x @ y / (x @ x)


def test_states_without_frames_and_energies_without_noise_leave_nothing_open():
    labels, walkers, strata = np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1]), np.array([0, 1])
    found = heat_capacity_stderr(labels, walkers, strata, np.array([1.0, -1.0, -2.0, 2.0]), SLOPES, 3)
    assert found[2] == 0
    assert (found[:2] > 0).all()
    assert (heat_capacity_stderr(labels, walkers, strata, np.zeros(4), SLOPES, 3) == 0).all()


def test_a_population_moves_as_far_as_the_heat_capacity_bends_its_free_energy():
    """A state whose c is off by one standard error: its population by the exact weights, against the figure."""
    b = np.array([1.0, 2.0])
    potential = ReducedPotential(1, 4, list(b), [1, 1], heat_capacity=True)
    rng = np.random.default_rng(1)
    labels = rng.choice(2, p=[0.7, 0.3], size=(2 * WALKERS, FRAMES))
    noise = noise_of(rng, False).ravel() * 30.0

    class Weights:
        shift = 0.0

        def potential(self, method):
            return potential

        def energy_residuals(self):
            return noise

        def log_weights(self, method, temperature):
            log_w = -self.shift * potential.bend(np.array([1 / temperature]))[0] * (labels.ravel() == 1)
            return log_w - np.log(np.exp(log_w).sum())

    by_temperature = {1.0: labels[:WALKERS], 0.5: labels[WALKERS:]}
    training = Frames({1.0: 1.0, 0.5: 0.5}, *[by_temperature] * 3)
    named = StateSet("named", "fixed", ["a", "b"], by_temperature)
    weights = Weights()
    error = HeatCapacityError(weights, training, named)
    assert error.largest(1.0, 1.0) == pytest.approx(0, abs=1e-12)  # the frames know the training temperatures
    assert error.largest(0.5, 0.5) == pytest.approx(0, abs=1e-12)
    for T in (0.7, 2.0):
        before = (labels == 1).mean()
        weights.shift = 0.1 * error.stderr[1]  # small enough for first order
        after = np.exp(weights.log_weights("conditional", T))[labels.ravel() == 1].sum()
        weights.shift = 0.0
        assert error.largest(T, T) == pytest.approx(abs(after - before) / 0.1, rel=0.1)
        assert error.largest(T, T) > 0.01
