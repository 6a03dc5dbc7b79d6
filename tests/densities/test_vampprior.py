"""SPIB's own mixture as a density."""

import pytest
import torch

from thermolatent.densities.specs import VampPriorSpec
from thermolatent.densities.vampprior import VampPriorDensity
from thermolatent.represent.spib import Spib, SpibSpec


@pytest.fixture
def mixture():
    torch.manual_seed(0)
    spib = Spib(SpibSpec(4, 2, 3))
    with torch.no_grad():
        spib.representatives.normal_()
        spib.prior_logits.copy_(torch.tensor([0.0, 1.0, -1.0]))
    density = VampPriorDensity(VampPriorSpec(), 2, ["steer"], (1.0, 2.0))
    density.from_representation(spib)
    return spib, density


def test_spibs_mixture_is_its_own_prior(mixture):
    spib, density = mixture
    z = torch.randn(50, 2)
    torch.testing.assert_close(density.log_prob(z, torch.ones(50)), spib.log_vampprior(z))
    assert torch.equal(density.log_prob(z, torch.ones(50)), density.log_prob(z, torch.full((50,), 2.0)))


def test_samples_of_spibs_mixture_have_its_moments(mixture):
    _, density = mixture
    sample = density.sample(100_000, 1.0, torch.Generator().manual_seed(0))
    weights = torch.softmax(density.logits.detach(), 0)
    mean = weights @ density.means
    variance = weights @ (density.means**2 + torch.exp(2 * density.log_sigma)) - mean**2
    assert sample.shape == (100_000, 2)
    torch.testing.assert_close(sample.mean(0), mean, rtol=0, atol=0.01)
    torch.testing.assert_close(sample.var(0), variance, rtol=0.02, atol=0)


def test_spibs_mixture_is_loaded_without_knowing_its_number_of_states(mixture):
    _, density = mixture
    other = VampPriorDensity(VampPriorSpec(), 2, ["steer"], (1.0, 2.0))
    other.load_state_dict(density.state_dict())
    z = torch.randn(5, 2)
    assert torch.equal(other.log_prob(z, torch.ones(5)), density.log_prob(z, torch.ones(5)))
    density.loss(z, torch.ones(5)).backward()
    assert density.logits.grad.abs().sum() > 0
    assert {name for name, _ in density.named_parameters()} == {"logits"}
