"""SPIB's terms against closed forms, and what relabelling must not lose."""

import math

import numpy as np
import pytest
import torch

from thermolatent.densities.flow import FlowDensity
from thermolatent.densities.specs import FlowSpec
from thermolatent.densities.vampprior import vampprior_log_prob
from thermolatent.errors import TrainingError
from thermolatent.represent.labels import initial_labels, place_representatives, predicted_states, refine
from thermolatent.represent.spib import Spib, SpibSpec
from thermolatent.training import adam


def make_spib(n_states=3, encoder="linear", variance="global", n_features=4, latent_dim=2):
    torch.manual_seed(0)
    spib = Spib(SpibSpec(n_features, latent_dim, n_states, encoder, variance, encoder_width=8, decoder_width=8))
    with torch.no_grad():
        spib.representatives.normal_()
        for parameter in spib.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return spib


def batch(spib, n=256):
    torch.manual_seed(1)
    x = torch.randn(n, spib.spec.n_features)
    return x, torch.randint(spib.n_states, (n,)), torch.randn(n, spib.latent_dim)


@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_vampprior_is_the_mixture_it_says(d):
    torch.manual_seed(0)
    means, log_sigma = 3 * torch.randn(6, d).double(), torch.randn(6, d).double() - 1
    logits, z = torch.randn(6).double(), 3 * torch.randn(200, d).double()
    components = torch.distributions.Independent(torch.distributions.Normal(means, log_sigma.exp()), 1)
    mixture = torch.distributions.MixtureSameFamily(torch.distributions.Categorical(logits=logits), components)
    torch.testing.assert_close(vampprior_log_prob(z, means, log_sigma, logits), mixture.log_prob(z))


def test_vampprior_keeps_its_gradient_far_from_every_component():
    """The public code adds 1e-10 inside the logarithm: below e^-23 its gradient is zero."""
    z = torch.tensor([[50.0, 0.0]], dtype=torch.float64, requires_grad=True)
    value = vampprior_log_prob(z, *(torch.zeros(2, 2).double(),) * 2, torch.zeros(2).double())
    value.sum().backward()
    assert value.item() == pytest.approx(-1250 - math.log(2 * math.pi), rel=1e-5)
    assert z.grad[0, 0].item() == pytest.approx(-50, rel=1e-5)


@pytest.mark.parametrize("variance", ["global", "input"])
def test_rate_is_the_closed_form_divergence_of_gaussians(variance):
    spib = make_spib(n_states=1, variance=variance).double()
    x = torch.randn(1, 4).double().expand(400_000, 4)
    noise = torch.randn(400_000, 2, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    with torch.no_grad():
        terms = spib.terms(x, torch.zeros(len(x), dtype=torch.long), noise)
        mean, log_sigma = spib.posterior(x[:1])
        prior_mean, prior_log_sigma = spib.posterior(spib.representatives)
    q = torch.distributions.Normal(mean, log_sigma.exp().expand_as(mean))
    r = torch.distributions.Normal(prior_mean, prior_log_sigma.exp().expand_as(prior_mean))
    exact = torch.distributions.kl_divergence(q, r).sum().item()
    assert (terms.log_q + terms.neg_log_r).item() == pytest.approx(exact, rel=5e-3)


def test_shrinking_the_latent_does_not_lower_the_rate():
    """With the entropy left out, as in the public joint stage, the loss falls without bound as z and sigma shrink."""
    spib = make_spib()
    x, y, noise = batch(spib)
    before = spib.terms(x, y, noise)
    with torch.no_grad():
        for parameter in (spib.encoder.weight, spib.encoder.bias):
            parameter.mul_(0.01)
        spib.log_sigma.add_(math.log(0.01))
    after = spib.terms(x, y, noise)
    assert after.neg_log_r.item() < before.neg_log_r.item() - 5
    assert (after.log_q + after.neg_log_r).item() == pytest.approx((before.log_q + before.neg_log_r).item(), abs=1e-3)


def test_the_encoder_feels_beta_times_the_density_and_the_density_all_of_it():
    spib = make_spib()
    density = FlowDensity(FlowSpec(couplings=2, width=8), 2, ["steer"], (1.0, 1.0))
    x, y, noise = batch(spib)
    theta = torch.ones(len(x))

    def gradients(beta_ib):
        spib.zero_grad()
        density.zero_grad()
        terms = spib.terms(x, y, noise, density, theta, beta_ib)
        terms.neg_log_r.backward()
        return (
            terms.neg_log_r.item(),
            spib.encoder.weight.grad.clone(),
            density.couplings[0].conditioner.last.weight.grad.clone(),
        )

    full, encoder_full, density_full = gradients(1.0)
    value, encoder_small, density_small = gradients(1e-3)
    assert value == full
    torch.testing.assert_close(encoder_small, 1e-3 * encoder_full)
    torch.testing.assert_close(density_small, density_full)


def test_objective_does_not_change_between_train_and_eval():
    spib = make_spib(encoder="mlp", variance="input")
    x, y, noise = batch(spib)
    assert [t.item() for t in spib.train().terms(x, y, noise)] == [t.item() for t in spib.eval().terms(x, y, noise)]


def test_after_relabelling_every_parameter_is_in_the_optimiser_and_moves():
    spib = make_spib(n_states=20)
    x = torch.randn(3000, 4)
    spib, labels = refine(spib, x, "test")
    assert 2 <= spib.n_states < 20
    optimiser = adam(spib.parameters(), 1e-2)
    before = {name: parameter.detach().clone() for name, parameter in spib.named_parameters()}
    for _ in range(3):
        terms = spib.terms(x, labels, torch.randn(len(x), 2))
        optimiser.zero_grad()
        (terms.cross_entropy + 0.1 * (terms.log_q + terms.neg_log_r)).backward()
        optimiser.step()
    for name, parameter in spib.named_parameters():
        assert not torch.equal(parameter, before[name]), name


def test_refinement_keeps_the_decoder_rows_of_surviving_states():
    spib = make_spib(n_states=20)
    x = torch.randn(3000, 4)
    states = predicted_states(spib, x)
    kept = torch.unique(states)
    refined, labels = refine(spib, x, "test")
    torch.testing.assert_close(refined.decoder[4].weight, spib.decoder[4].weight[kept])
    assert torch.equal(kept[labels], states)
    assert torch.equal(kept[predicted_states(refined, x)], states)


def test_representatives_are_real_frames_of_their_state():
    spib = make_spib(n_states=4)
    x, labels = torch.randn(500, 4), torch.arange(500) % 4
    place_representatives(spib, x, labels)
    for state, frame in enumerate(spib.representatives):
        matches = torch.nonzero((x == frame).all(1))
        assert len(matches) == 1
        assert labels[matches[0, 0]] == state


def test_one_state_left_is_an_error_that_names_the_remedies():
    spib = make_spib(n_states=3)
    with torch.no_grad():
        spib.decoder[4].bias.copy_(torch.tensor([100.0, 0.0, 0.0]))
    with pytest.raises(TrainingError, match=r"lag.*beta_ib.*initial_labels"):
        refine(spib, torch.randn(50, 4), "refinement 3")


def test_initial_labels_have_no_gaps_and_separate_clusters():
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.normal(c, 0.1, (300, 2)) for c in (-5, 0, 5)])
    labels = initial_labels(points, 3, seed=0)
    assert sorted(np.unique(labels)) == [0, 1, 2]
    assert all(len(set(labels[i : i + 300])) == 1 for i in (0, 300, 600))


@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_any_latent_dimension(d):
    spib = make_spib(latent_dim=d)
    x, y, noise = batch(spib)
    assert all(math.isfinite(t.item()) for t in spib.terms(x, y, noise))
