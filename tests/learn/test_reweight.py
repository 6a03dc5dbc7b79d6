"""Reweighting against exact three-hole averages, the potential's calculus, and informed draws."""

import time

import numpy as np
import pytest
import torch
from exact_study import make_study
from sklearn.linear_model import BayesianRidge

from thermolatent.artifacts import load_model, save_array, save_json, save_model
from thermolatent.densities.reweighting import (
    ReducedPotential,
    effective_fraction,
    initial_free_energies,
    log_weights,
    solve_free_energies,
)
from thermolatent.errors import ArtifactError
from thermolatent.frames import load_frames
from thermolatent.layout import Layout
from thermolatent.learn import reweight
from thermolatent.learn.heat_capacity import estimate_heat_capacity
from thermolatent.learn.informed import InformedPool, systematic_resample
from thermolatent.learn.reweight import LINEAR, METHODS, FrameWeights, baseline_weights
from thermolatent.systems.three_hole import ThreeHole


def exact_average(function, temperature):
    """Boltzmann average of a function of (x, y) by quadrature."""
    edges = np.linspace(-3.5, 3.5, 141), np.linspace(-3.2, 3.8, 141)
    mass = ThreeHole().exact_histogram(*edges, temperature)
    x, y = np.meshgrid(*((e[1:] + e[:-1]) / 2 for e in edges), indexing="ij")
    return float((mass * function(x, y)).sum() / mass.sum())


#: function of (x, y), and an error that weights may have but no training ensemble comes near
OBSERVABLES = {
    "y": (lambda x, y: y, 0.03),
    "V": (lambda x, y: ThreeHole().plane_energy(np.stack([x, y], -1)), 0.08),
    "top": (lambda x, y: (y > 1.0).astype(float), 0.015),
}


@pytest.fixture(scope="module")
def weights_at_1(trained):
    return baseline_weights(*trained, 0, 1.0)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("observable", OBSERVABLES)
def test_weights_reproduce_exact_averages_at_an_unseen_temperature(trained, weights_at_1, method, observable):
    function, tolerance = OBSERVABLES[observable]
    data = load_frames(*trained)
    values = function(*data.flat(data.features).T)
    exact = exact_average(function, 1.0)
    weights = weights_at_1[method]
    assert weights.sum() == pytest.approx(1)
    assert (weights * values).sum() == pytest.approx(exact, abs=tolerance)
    for at_one_temperature in np.split(values, 2):
        assert abs(at_one_temperature.mean() - exact) > 1.5 * tolerance


def test_mbar_weights_at_a_training_temperature_are_that_ensemble(trained):
    study, layout = trained
    data = load_frames(study, layout)
    weights = np.exp(FrameWeights(study, layout, 0).log_weights("mbar", 0.5))
    energy = (weights * data.flat(data.energies)).sum()
    assert energy == pytest.approx(ThreeHole().exact_mean_energy(0.5), abs=0.02)


def test_mbar_of_one_ensemble_is_plain_boltzmann_reweighting():
    rng = np.random.default_rng(0)
    energies = rng.normal(size=1000)
    log_w = log_weights(0.3 * energies, energies[:, None], np.array([1000]), np.zeros(1))
    expected = np.exp(0.7 * energies)
    np.testing.assert_allclose(np.exp(log_w), expected / expected.sum(), rtol=1e-10)


def two_state_study(folder, coupled, e, entropy, bath=4, train=(0.5, 1.5)):
    """Reweighting fitted at T = 0.5 and 1.5, say, to a state s = 0 or 1 in a bath of ``bath`` + coupled s degrees of freedom.

    ln(p_1 / p_0) = entropy - e / T + (coupled / 2) ln T exactly. Returns a function (method, T) -> p_1, and the exact one.
    """
    study = make_study(temperatures={"train": list(train), "predict": [2.0]})
    layout = Layout(str(folder))
    shape, rng = (study.simulate.walkers, study.simulate.frames), np.random.default_rng(coupled)

    def exact(T):
        return 1 / (1 + np.exp(-(entropy - e / T + coupled / 2 * np.log(T))))

    for T in study.temperatures.train:
        s = rng.random(shape) < exact(T)
        features = np.stack([s, np.zeros(shape)], -1) + rng.normal(0, 0.05, (*shape, 2))
        save_array(layout.features(T), features.astype(np.float32))
        save_array(layout.plane(T), features.astype(np.float32))
        save_array(layout.energies(T), e * s + rng.gamma((bath + coupled * s) / 2, T))
        save_json(layout.features_header(T), {"names": ["x", "y"], "temperature": T})
    reweight.run(study, layout, 0)
    weights = FrameWeights(study, layout, 0)
    in_state = weights.data.flat(weights.data.features)[:, 0] > 0.5
    return lambda method, T: np.exp(weights.log_weights(method, T))[in_state].sum(), exact


def test_solvent_coupled_to_the_state_sets_the_two_bases_apart(tmp_path):
    """A heat capacity bends ln p in 1/T: the log basis has it, the linear one misses it, and only that tells."""
    share, exact = two_state_study(tmp_path, coupled=8, e=-3.3, entropy=-3.8)
    assert share("conditional", 1.0) == pytest.approx(exact(1.0), abs=0.02)
    assert abs(share("conditional", 1.0) - share(LINEAR, 1.0)) > 0.05


def test_a_heat_capacity_is_found_in_the_noise_of_a_large_bath(tmp_path):
    """Its signal is .001 of the energies' variance. The exact share bends away from the linear form by .13."""
    share, exact = two_state_study(tmp_path, coupled=8, e=-3.3, entropy=-3.8, bath=2000)
    assert share("conditional", 1.0) == pytest.approx(exact(1.0), abs=0.04)
    assert abs(share(LINEAR, 1.0) - exact(1.0)) > 0.08


def test_a_third_temperature_shows_the_heat_capacity_without_any_energies(tmp_path):
    share, exact = two_state_study(tmp_path, coupled=8, e=-3.3, entropy=-3.8, bath=200_000, train=(0.5, 0.8, 1.5))
    for T in (0.65, 1.0):
        for method in ("which_t", "conditional"):
            assert share(method, T) == pytest.approx(exact(T), abs=0.03)
    with pytest.raises(ArtifactError, match="no network 'conditional_linear'"):
        share(LINEAR, 1.0)


@pytest.mark.parametrize("noise", [1.0, 3.0, 100.0])
def test_the_heat_capacity_is_bayesian_ridge_regression_on_the_hidden_layer(potential_of_two, noise):
    """Against scikit-learn's, which iterates; from noise like the energies' own spread to so much that c(x) is 0."""
    network, features, which = potential_of_two
    x, b = torch.from_numpy(features), network.b.numpy()
    with torch.no_grad():
        hidden = network.network[:-1](x).double().numpy()
        e, c = network.coefficients(x).double().numpy().T
    at_training = network.potential(network.coefficients(x).detach(), b)
    slopes, end = network._slopes(b)[which], network._basis(np.array([2.0]))[0, 1]
    turn = slopes[:, 1] - end * slopes[:, 0]
    true = 4 * np.tanh(features[:, 0] * features[:, 1])
    energies = (e + end * c) * slopes[:, 0] + true * turn + np.random.default_rng(5).normal(0, noise, len(e))

    scale = np.sqrt(np.mean([hidden[which == k].var(0) for k in (0, 1)], axis=0))
    design, target = hidden / scale * turn[:, None], energies - (e + end * c) * slopes[:, 0]
    for k in (0, 1):
        design[which == k] -= design[which == k].mean(0)
        target[which == k] -= target[which == k].mean()
    ridge = BayesianRidge(fit_intercept=False, max_iter=3000, tol=1e-9).fit(design, target)
    determined = estimate_heat_capacity(network, x.split(7000), which, energies)
    with torch.no_grad():
        found = network.coefficients(x).double().numpy()[:, 1]
    expected = hidden / scale @ ridge.coef_
    np.testing.assert_allclose(found - found.mean(), expected - expected.mean(), atol=0.02 * true.std())
    assert (found.std() > 0.5 * true.std()) == (noise < 100) == (determined > 1)
    shift = network.potential(network.coefficients(x).detach(), b) - at_training
    torch.testing.assert_close(shift, shift.mean(0).expand_as(shift), atol=2e-4, rtol=0)


def test_where_the_description_says_the_energy_c_stays_as_trained(potential_of_two):
    """What A leaves of the energies is then the network's misfit: a regression would take it for a signal."""
    network, features, which = potential_of_two
    before = network.network[-1].weight.detach().clone()
    slopes = network._slopes(network.b.numpy())[which]
    own = (network.coefficients(torch.from_numpy(features)).detach().numpy() * slopes).sum(1)
    energies = own + 0.5 * np.random.default_rng(5).normal(size=len(own))
    assert estimate_heat_capacity(network, torch.from_numpy(features).split(7000), which, energies) is None
    assert torch.equal(network.network[-1].weight, before)


@pytest.fixture
def potential_of_two():
    """A network of two temperatures, features ``(n, 2)`` and the temperature index of each."""
    torch.manual_seed(0)
    network = ReducedPotential(2, 16, [2.0, 0.5], [20_000, 20_000], heat_capacity=True)
    network.set_energy_scale(torch.ones(2))
    rng = np.random.default_rng(0)
    return network, rng.normal(size=(40_000, 2)).astype(np.float32), np.repeat([0, 1], 20_000)


def test_without_a_heat_capacity_difference_the_two_bases_agree(tmp_path):
    share, exact = two_state_study(tmp_path, coupled=0, e=-1.0, entropy=-1.0)
    for T in (0.5, 1.0, 1.5, 2.0):
        assert share("conditional", T) == pytest.approx(share(LINEAR, T), abs=0.015)
        assert share("conditional", T) == pytest.approx(exact(T), abs=0.02)


def test_the_linear_basis_is_no_baseline_and_a_file_without_it_is_named(trained, tmp_path):
    study, layout = trained
    assert LINEAR not in METHODS
    assert set(baseline_weights(study, layout, 0, 1.0)) == set(METHODS)
    spec, tensors = load_model(layout.reweighting(0), "reweighting")
    spec["networks"].pop(LINEAR)
    old = Layout(str(tmp_path / "old"))
    save_model(old.reweighting(0), "reweighting", spec, tensors)
    weights = FrameWeights(study, old, 0, load_frames(study, layout))
    with pytest.raises(ArtifactError, match="has no network 'conditional_linear'; delete it and run reweight again"):
        weights.log_weights(LINEAR, 1.0)


@pytest.fixture
def potential():
    torch.manual_seed(0)
    return ReducedPotential(2, 8, [2.0, 1.0, 0.5], [10, 10, 10], heat_capacity=True).double()


def test_slopes_are_the_derivative_of_the_basis(potential):
    b = np.array([0.5, 0.8, 1.3, 1.99])
    numerical = (potential._basis(b + 1e-6) - potential._basis(b - 1e-6)) / 2e-6
    np.testing.assert_allclose(potential._slopes(b), numerical, atol=1e-6)


def test_beyond_the_cold_end_the_potential_goes_on_linearly(potential):
    basis = potential._basis(np.array([2.0 - 1e-5, 2.0, 2.0 + 1e-5, 3.0, 4.0, 5.0]))
    np.testing.assert_allclose(basis[2] - basis[1], basis[1] - basis[0], atol=1e-9)  # no kink
    np.testing.assert_allclose(basis[5] - basis[4], basis[4] - basis[3], atol=1e-12)  # straight


def test_potential_vanishes_at_the_hottest(potential):
    coefficients = potential.coefficients(torch.randn(7, 2).double())
    assert potential.potential(coefficients, np.array([0.5])).abs().max().item() == 0


def test_energy_regression_is_exact_for_an_exact_potential():
    """U = e + heat capacity terms: the loss of the true coefficients is zero up to the offsets."""
    torch.manual_seed(0)
    network = ReducedPotential(1, 4, [1.0, 0.5], [1, 1], heat_capacity=True).double()
    features, which = torch.randn(500, 1).double(), torch.randint(2, (500,))
    with torch.no_grad():
        slopes = torch.as_tensor(network._slopes(np.array([1.0, 0.5])))
        energies = (network.coefficients(features) * slopes[which]).sum(1)
    network.set_energy_scale(torch.ones(2).double())
    _, residual = network.loss(features, which, energies)
    assert residual.item() == pytest.approx(0, abs=1e-20)


def test_effective_fraction():
    assert effective_fraction(np.zeros(10)) == pytest.approx(1)
    assert effective_fraction(np.array([0.0] + [-1e3] * 9)) == pytest.approx(0.1)


def test_systematic_resampling_counts_are_within_one_of_expected():
    rng = np.random.default_rng(0)
    weight = rng.random(50)
    counts = np.bincount(systematic_resample(weight, 10_000, rng), minlength=50)
    assert np.abs(counts - 10_000 * weight / weight.sum()).max() <= 1
    assert len(systematic_resample(weight, 0, rng)) == 0


def make_pool(log_weights, allowed=None, seed=0):
    n = 20_000
    allowed = np.ones(n, bool) if allowed is None else allowed
    return InformedPool(log_weights, (1.0, 2.0), allowed, np.where(np.arange(n) < n // 2, 0.5, 1.0), 100, 10, seed)


def test_pool_draws_by_weight_and_uniformly_in_inverse_temperature():
    favourite = np.full(20_000, -np.inf)
    favourite[5000:15_000] = 0.0
    pool = make_pool(lambda T: favourite)
    draws = [pool.draw(step) for step in range(10)]
    rows, temperatures = np.concatenate([d[0] for d in draws]), np.concatenate([d[1] for d in draws])
    by_weight = ~np.isin(temperatures, [0.5, 1.0])
    assert by_weight.mean() == pytest.approx(10_000 / 11_000, abs=0.02)  # trust n / (n + 1000)
    assert ((rows >= 5000) & (rows < 15_000))[by_weight].all()
    counts = np.histogram(1 / temperatures[by_weight], bins=4, range=(1, 2))[0]
    assert np.ptp(counts) <= 0.05 * by_weight.sum()


def test_temperatures_that_cannot_be_trusted_fall_back_to_training_frames():
    single = np.full(20_000, -np.inf)
    single[7] = 0.0
    pool = make_pool(lambda T: single)
    rows, temperatures = pool.draw(0)
    assert (rows == 7).mean() < 0.05
    assert set(temperatures[rows != 7]) <= {0.5, 1.0}
    np.testing.assert_array_equal(temperatures, np.where(rows < 10_000, 0.5, 1.0))


def test_frames_that_have_next_to_no_weight_are_weighed_among_themselves():
    """Held-out walkers may have all of it: exp of what is left for the others is 0, and 0 / 0 is no share."""
    allowed = np.arange(20_000) < 10_000
    log_weights = np.where(allowed, -2000.0, -np.log(10_000))
    rows, temperatures = make_pool(lambda T: log_weights, allowed).draw(0)
    assert (rows < 10_000).all()
    assert (~np.isin(temperatures, [0.5, 1.0])).mean() == pytest.approx(10_000 / 11_000, abs=0.05)


def test_pool_uses_allowed_frames_only_and_depends_on_the_step_alone():
    allowed = np.arange(20_000) % 3 == 0
    flat = np.zeros(20_000)
    first, second = make_pool(lambda T: flat, allowed), make_pool(lambda T: flat, allowed)
    for step in range(25):
        first.draw(step)
    for a, b in zip(first.draw(25), second.draw(25), strict=True):
        np.testing.assert_array_equal(a, b)
    assert (first.draw(25)[0] % 3 == 0).all()


@pytest.mark.parametrize("temperatures", [(0.2, 0.5), (0.5, 0.2), (0.4, 0.2, 0.5), (0.2, 0.3, 0.4, 0.5, 0.7)])
def test_mbar_solves_harmonic_baths_exactly(temperatures, caplog):
    """f_k of M degrees of freedom is (M/2) ln b_k; independent of the solver, whose start is only a trapezoid."""
    degrees, n, b = 24, 20_000, 1 / np.array(temperatures)
    rng = np.random.default_rng(0)
    energies = np.concatenate([rng.gamma(degrees / 2, T, n) for T in temperatures])
    reduced, counts = energies[:, None] * b, np.full(len(b), n)
    exact = degrees / 2 * np.log(b / b[0])
    f = solve_free_energies(reduced, counts)
    np.testing.assert_allclose(f, exact, atol=0.1)
    np.testing.assert_allclose(initial_free_energies(reduced, counts), exact, atol=2.5)
    # MBAR's own equations: each ensemble's weights add up to one
    log_mixture = np.logaddexp.reduce(np.log(counts) + f - reduced, axis=1)
    np.testing.assert_allclose(np.exp(f - reduced - log_mixture[:, None]).sum(0), 1, rtol=1e-4)
    assert not caplog.records


@pytest.mark.parametrize("degrees", [400, 2000, 20_000])
def test_mbar_without_overlap_warns_and_ends(degrees, caplog):
    """pymbar from f = 0 goes on for many minutes here, with three temperatures."""
    temperatures = np.array([0.2, 0.4, 0.5])
    energies = np.concatenate([np.random.default_rng(1).gamma(degrees / 2, T, 20_000) for T in temperatures])
    start = time.perf_counter()
    f = solve_free_energies(energies[:, None] / temperatures, np.full(3, 20_000))
    assert time.perf_counter() - start < 20
    assert np.isfinite(f).all()
    assert "hardly overlap" in caplog.text
