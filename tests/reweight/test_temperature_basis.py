"""The three functions of temperature, against what defines them."""

import numpy as np
import pytest

from thermolatent.reweight.temperature_basis import TemperatureBasis

TEMPERATURES = [[1.0, 2.0], [0.2, 0.3, 0.5], [2.0, 1.4, 1.0], [300.0, 420.0]]


@pytest.fixture(params=TEMPERATURES, ids=str)
def b(request):
    return 1 / np.array(request.param)


def test_linear_is_0_hot_and_1_cold_and_the_bends_vanish_at_both(b):
    ends = TemperatureBasis(b).values([b.min(), b.max()])
    np.testing.assert_allclose(ends, [[0, 0, 0], [1, 0, 0]], atol=1e-14)


def test_slopes_are_derivatives(b):
    basis = TemperatureBasis(b)
    at = np.linspace(b.min() / 2, b.max() * 2, 9)
    h = 1e-5 * b.max()
    numeric = (basis.values(at + h) - basis.values(at - h)) / (2 * h)
    np.testing.assert_allclose(basis.slopes(at), numeric, rtol=1e-6, atol=1e-7 / b.max())


def test_second_derivatives_are_heat_capacities(b):
    """-1/b^2 and -ln(b/m)/b^2: one k, and its change per e-fold from the middle."""
    basis = TemperatureBasis(b)
    at = np.linspace(b.min() / 2, b.max() * 2, 9)
    h = 1e-4 * at
    second = (basis.slopes(at + h) - basis.slopes(at - h)) / (2 * h)[:, None]
    middle = np.sqrt(b.min() * b.max())
    np.testing.assert_allclose(
        second * at[:, None] ** 2, np.stack([0 * at, -1 + 0 * at, -np.log(at / middle)], axis=1), atol=1e-6
    )


def test_of_one_temperature_nothing_depends_on_it():
    np.testing.assert_array_equal(TemperatureBasis([0.5]).values(0.5), [[0, 0, 0]])
