"""What diffusion and flow matching promise beyond test_contract: averaged weights, the noise of the loss, populations."""

import math

import pytest
import torch
from densities_for_tests import fit, scramble, total_mass, two_peaks

from thermolatent.densities.diffusion import DiffusionDensity
from thermolatent.densities.flow_matching import FlowMatchingDensity
from thermolatent.densities.networks import Averaged, RandomEmbedding
from thermolatent.densities.specs import DiffusionSpec, FlowMatchingSpec

KINDS = {
    "diffusion": lambda **k: (DiffusionDensity, DiffusionSpec(**k)),
    "diffusion-discrete": lambda **k: (DiffusionDensity, DiffusionSpec(schedule="discrete", **k)),
    "diffusion-paper": lambda **k: (DiffusionDensity, DiffusionSpec(weighting="paper", sampler="ancestral", **k)),
    "matching": lambda **k: (FlowMatchingDensity, FlowMatchingSpec(**k)),
    "matching-ot": lambda **k: (FlowMatchingDensity, FlowMatchingSpec(coupling="ot", **k)),
    "matching-tilted-ot": lambda **k: (FlowMatchingDensity, FlowMatchingSpec(base="tilted", coupling="ot", **k)),
}
TEMPERATURES = (["steer"], ["condition"], ["steer", "condition"])


def make(kind, d=2, temperature=("steer", "condition"), seed=0, tolerance=1e-5, size=0.1):
    torch.manual_seed(seed)
    cls, spec = KINDS[kind](width=16, tolerance=tolerance)
    density = cls(spec, d, list(temperature), (1.0, 3.0)).double()
    density.fit_scale(torch.randn(500, d, dtype=torch.float64) @ torch.randn(d, d, dtype=torch.float64) + 1)
    return scramble(density, seed, size)


@pytest.fixture(params=list(KINDS))
def density(request):
    return make(request.param)


def points(density, n=30):
    generator = torch.Generator().manual_seed(1)
    z = density.whitening.inverse(torch.randn(n, density.dim, generator=generator, dtype=torch.float64))
    return z, torch.linspace(1.0, 3.0, n, dtype=torch.float64)


@pytest.mark.parametrize("kind", ["diffusion", "matching"])
def test_density_integrates_to_one_in_two_dimensions(kind):
    density = make(kind, 2, tolerance=1e-4)
    assert total_mass(density, 2.2, span=11, points=101) == pytest.approx(1, abs=5e-3)


@pytest.mark.parametrize("kind", ["diffusion", "diffusion-discrete", "matching", "matching-tilted-ot"])
def test_samples_follow_log_prob(kind):
    """Deciles of the density, by a sum over a grid, are deciles of the samples."""
    density = make(kind, 1, size=0.2)
    sample = density.whitening(density.sample(15_000, 2.2, torch.Generator().manual_seed(0)))
    axis = torch.linspace(-60, 60, 6001, dtype=torch.float64)
    log_p = density.log_prob(
        density.whitening.inverse(axis[:, None]), torch.full((len(axis),), 2.2, dtype=torch.float64)
    )
    cumulative = log_p.exp().cumsum(0) / log_p.exp().sum()
    for share in torch.linspace(0.1, 0.9, 9).tolist():
        below = sample < axis[torch.searchsorted(cumulative, share)] + 0.01
        assert float(below.double().mean()) == pytest.approx(share, abs=0.015)


@pytest.mark.parametrize("d", [1, 3])
@pytest.mark.parametrize("kind", list(KINDS))
def test_samples_come_with_the_log_prob_that_they_have(kind, d):
    """Of the one integration that made them, or of a second one for the ancestral sampler."""
    density = make(kind, d, tolerance=1e-6)
    z, log_p = density.sample_with_log_prob(40, 1.7, torch.Generator().manual_seed(3))
    torch.testing.assert_close(z, density.sample(40, 1.7, torch.Generator().manual_seed(3)), rtol=0, atol=1e-3)
    exact = density.log_prob(z, torch.full((40,), 1.7, dtype=torch.float64))
    torch.testing.assert_close(log_p, exact, rtol=0, atol=2e-3)


@pytest.mark.parametrize("kind", ["diffusion", "matching"])
def test_equal_temperatures_are_a_shortcut_only(kind):
    density = make(kind, tolerance=1e-6)
    z, theta = points(density)
    theta[:] = 1.9
    other = torch.cat([theta, theta.new_tensor([1.2])])
    mixed = density.log_prob(torch.cat([z, z[:1]]), other)[:-1]
    torch.testing.assert_close(density.log_prob(z, theta), mixed, rtol=0, atol=1e-4)


@pytest.mark.parametrize("kind", list(KINDS))
def test_the_noise_of_the_loss_goes_on_where_it_was_saved(kind):
    """An interrupted training ends as if it had not been."""
    density, other = make(kind), make(kind, seed=7)
    other.load_state_dict(density.state_dict())
    z, theta = points(density)
    assert density.loss(z, theta) == other.loss(z, theta)


def test_the_loss_draws_fresh_noise_for_training_and_the_same_for_evaluation(density):
    z, theta = points(density)
    assert density.loss(z, theta) != density.loss(z, theta)
    with torch.no_grad():
        assert density.loss(z, theta) == density.loss(z, theta)


def test_samples_and_log_prob_use_the_averaged_weights_and_the_loss_the_raw_ones(density):
    z, theta = points(density)

    def look():
        with torch.no_grad():
            loss = density.loss(z, theta)
        return density.log_prob(z, theta), density.sample(5, 1.7, torch.Generator().manual_seed(0)), loss

    log_p, sample, loss = look()
    with torch.no_grad():
        for parameter in density.parameters():
            parameter.mul_(1.5)
    after = look()
    assert torch.equal(after[0], log_p)
    assert torch.equal(after[1], sample)
    assert after[2] != loss
    density.after_step()
    assert not torch.equal(look()[0], log_p)


def test_the_average_is_an_exponential_moving_one():
    module = torch.nn.Linear(1, 1, bias=False)
    averaged = Averaged(module, 0.5)
    expected = module.weight.detach().clone()
    for k in range(1, 40):
        with torch.no_grad():
            module.weight.fill_(float(k))
        averaged.update()
        decay = min(0.5, k / (10 + k))
        expected = decay * expected + (1 - decay) * k
    torch.testing.assert_close(averaged.average.weight, expected)
    assert {name for name, _ in averaged.named_parameters()} == {"raw.weight"}


@pytest.mark.parametrize(
    ("kind", "steps", "margin"),
    # the paper's weighting and a hundred ancestral steps are the least accurate, optimal transport the slowest
    [("diffusion", 1000, 0.06), ("diffusion-paper", 1000, 0.2), ("matching", 1000, 0.06), ("matching-ot", 400, 0.2)],
)
def test_a_fit_finds_populations_between_the_training_temperatures(kind, steps, margin):
    cls, spec = KINDS[kind](width=32)
    torch.manual_seed(0)
    density = cls(spec, 1, ["steer", "condition"], (1.0, 4.0))
    theta = torch.tensor([1.0, 2.0, 4.0]).repeat_interleave(10_000)
    fit(density, two_peaks(30_000, theta, seed=0), theta, steps)
    for at in (1.0, 2.8):
        sample = density.sample(8000, at, torch.Generator().manual_seed(0))
        exact = two_peaks(100_000, at, seed=1)
        assert float((sample < 0).float().mean()) == pytest.approx(float((exact < 0).float().mean()), abs=0.02)
        for side in (-1, 1):
            found, expected = (v[v * side > 0] for v in (sample, exact))
            quartiles = torch.tensor([0.25, 0.5, 0.75])
            # a young field leaves some mass between the peaks, which standard deviations would exaggerate
            torch.testing.assert_close(found.quantile(quartiles), expected.quantile(quartiles), rtol=0, atol=margin)


def test_random_features_of_neighbouring_temperatures_have_nothing_in_common():
    """The kernel of such features, their scalar product over half their number, is exp(-(2 pi 100 difference)^2 / 2)."""
    torch.manual_seed(3)
    embedding = RandomEmbedding()
    near, apart = (embedding(torch.tensor([1.5, 1.5 + step])) for step in (1e-4, 1e-2))
    kernel = [float(features[0] @ features[1]) / (embedding.size / 2) for features in (near, near[[0, 0]], apart)]
    assert kernel[0] == pytest.approx(math.exp(-((2 * math.pi * 1e-2) ** 2) / 2), abs=1e-3)
    assert kernel[1] == pytest.approx(1)
    assert abs(kernel[2]) < 3 / (embedding.size / 2) ** 0.5
    torch.manual_seed(4)
    torch.testing.assert_close(RandomEmbedding().state_dict(), embedding.state_dict())
    assert [*embedding.state_dict()] == ["frequencies"]
