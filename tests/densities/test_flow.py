"""Flows: inverse and log-det, normalisation in the plane, their couplings; the rest is in test_contract."""

import math

import pytest
import torch
from torch.nn import functional as F

from thermolatent.densities.autoregressive import AutoregressiveSpline
from thermolatent.densities.couplings import SplineCoupling, Splines
from thermolatent.densities.flow import FlowDensity
from thermolatent.densities.networks import TemperatureEmbedding
from thermolatent.densities.specs import FlowSpec

FLOWS = [
    (transform, base, temperature, d)
    for transform in ("realnvp", "spline", "autoregressive")
    for base, temperature in (("tilted", ["steer"]), ("gaussian", ["condition"]), ("tilted", ["steer", "condition"]))
    for d in (1, 2, 5)
    if not (transform == "realnvp" and d == 1)
]


def make(transform, base, temperature, d, seed=0, trained=True):
    """A flow in float64 whose weights have left their start, as after training."""
    torch.manual_seed(seed)
    spec = FlowSpec(transform=transform, base=base, tau=2.0, couplings=4, width=8, bins=5)
    flow = FlowDensity(spec, d, temperature, (1.0, 3.0)).double()
    flow.fit_scale(torch.randn(500, d, dtype=torch.float64) @ torch.randn(d, d, dtype=torch.float64) + 1)
    if trained:
        with torch.no_grad():
            for parameter in flow.parameters():
                parameter.add_(0.15 * torch.randn_like(parameter))
    return flow


@pytest.fixture(params=FLOWS, ids=lambda p: f"{p[0]}-{p[1]}-{'+'.join(p[2])}-d{p[3]}")
def flow(request):
    return make(*request.param)


def points(flow, n=40):
    torch.manual_seed(1)
    z = flow.whitening.inverse(4 * torch.randn(n, flow.dim, dtype=torch.float64))
    return z, torch.linspace(1.0, 3.0, n, dtype=torch.float64)


def test_inverse(flow):
    z, theta = points(flow)
    u, _ = flow.transform(z, theta)
    torch.testing.assert_close(flow.invert(u, theta), z, rtol=1e-7, atol=1e-7)


def test_log_det_matches_autograd(flow):
    z, theta = points(flow, 6)
    log_det = flow.transform(z, theta)[1].detach()
    for i in range(len(z)):
        row = theta[i : i + 1]
        jacobian = torch.autograd.functional.jacobian(lambda v, t=row: flow.transform(v[None], t)[0][0], z[i])
        assert float(log_det[i]) == pytest.approx(float(torch.linalg.slogdet(jacobian)[1]), abs=1e-7)


@pytest.mark.parametrize("transform", ["realnvp", "spline", "autoregressive"])
@pytest.mark.parametrize("theta", [1.0, 1.9, 3.0])
def test_density_integrates_to_one_in_two_dimensions(transform, theta):
    flow = make(transform, "tilted", ["steer", "condition"], 2)
    # integrate over the base ball's image: the grid must hold what the flow calls probable
    sample = flow.sample(20_000, theta, torch.Generator().manual_seed(2))
    low, high = sample.min(0).values, sample.max(0).values
    margin = 0.3 * (high - low)
    axes = [
        torch.linspace(float(a), float(b), 401, dtype=torch.float64)
        for a, b in zip(low - margin, high + margin, strict=True)
    ]
    grid = torch.cartesian_prod(*axes)
    with torch.no_grad():
        log_p = flow.log_prob(grid, torch.full((len(grid),), theta, dtype=torch.float64))
    cell = float((axes[0][1] - axes[0][0]) * (axes[1][1] - axes[1][0]))
    assert float(log_p.exp().sum()) * cell == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("transform", ["realnvp", "spline", "autoregressive"])
def test_an_untrained_flow_is_its_base_on_whitened_data(transform):
    """Log-scales start at zero: nothing is left to uninitialised memory."""
    flow = make(transform, "gaussian", ["steer", "condition"], 2, trained=False)
    z, theta = points(flow)
    u, log_det = flow.transform(z, theta)
    torch.testing.assert_close(u, flow.whitening(z), atol=1e-12, rtol=1e-12)
    torch.testing.assert_close(log_det, flow.whitening.log_det.expand(len(z)), atol=1e-12, rtol=1e-12)


def test_fit_recovers_a_gaussian_in_closed_form():
    torch.manual_seed(0)
    root = torch.tensor([[1.5, 0.0], [0.8, 0.4]])
    exact = torch.distributions.MultivariateNormal(torch.tensor([2.0, -1.0]), scale_tril=root)
    z = exact.sample((20_000,))
    flow = FlowDensity(FlowSpec(transform="realnvp", base="gaussian", couplings=4, width=16), 2, ["steer"], (1.0, 1.0))
    flow.fit_scale(z)
    fresh = exact.sample((20_000,))
    entropy = float(exact.entropy())
    assert flow.loss(fresh, torch.ones(len(fresh))).item() == pytest.approx(entropy, abs=0.02)


def test_steering_scales_the_variance_by_theta():
    flow = make("realnvp", "gaussian", ["steer"], 2, trained=False)
    cold = flow.sample(100_000, 1.0, torch.Generator().manual_seed(0)).var(0)
    hot = flow.sample(100_000, 2.5, torch.Generator().manual_seed(1)).var(0)
    torch.testing.assert_close(hot / cold, torch.full((2,), 2.5, dtype=torch.float64), rtol=0.03, atol=0)


def test_spline_box_holds_the_base_at_the_hottest_temperature():
    flow = make("spline", "tilted", ["steer"], 2)
    radius = flow.base.sample(100_000, 3.0, torch.Generator().manual_seed(0)).norm(dim=1)
    assert float(radius.max()) < float(flow.couplings[0].box)


def test_spline_is_the_identity_outside_its_box():
    torch.manual_seed(0)
    spline = Splines(5, box=2.0).double()
    far = torch.tensor([[3.0], [-2.5]], dtype=torch.float64)
    moved, log_det = spline.moved(far, torch.randn(2, 14, dtype=torch.float64))
    torch.testing.assert_close(moved, far)
    torch.testing.assert_close(log_det, torch.zeros(2, dtype=torch.float64))


def test_spline_agrees_with_zuko():
    """An independent implementation of the same spline, at its own parametrisation of the same knots."""
    zuko = pytest.importorskip("zuko")
    torch.manual_seed(0)
    spline = SplineCoupling(1, 1, 0, 8, 5, box=3.0).double()
    with torch.no_grad():
        raw = spline.conditioner.last.bias.normal_().detach()  # its weights are zero: the parameters of every row
    v = torch.linspace(-2.9, 2.9, 50, dtype=torch.float64)[:, None]
    resting = torch.zeros_like(v)
    sizes = spline.smallest + (1 - 5 * spline.smallest) * torch.softmax(raw[:10].view(2, 5), 1)
    x, y = 3.0 * (2 * F.pad(sizes.cumsum(1), (1, 0)) - 1)
    slope = F.pad(
        spline.smallest + (1 - spline.smallest) * F.softplus(raw[10:] + math.log(math.e - 1)), (1, 1), value=1.0
    )
    theirs = zuko.transforms.MonotonicRQSTransform.__new__(zuko.transforms.MonotonicRQSTransform)
    torch.distributions.Transform.__init__(theirs)
    theirs.horizontal, theirs.vertical, theirs.derivatives = x, y, slope
    moved, log_det = spline(resting, v, None)
    expected, expected_log_det = theirs.call_and_ladj(v[:, 0])
    torch.testing.assert_close(moved[:, 0], expected)
    torch.testing.assert_close(log_det, expected_log_det)


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("n_context", [0, 2])
def test_an_autoregressive_layer_sees_all_coordinates_before_and_none_after(n_context, backwards):
    torch.manual_seed(0)
    layer = AutoregressiveSpline(5, n_context, 12, 4, 3.0, backwards).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    x, context = torch.randn(5, dtype=torch.float64), torch.randn(1, 2, dtype=torch.float64)[:, :n_context]
    of_x, of_context = torch.autograd.functional.jacobian(
        lambda v, c: layer(v[None, :0], v[None], c if n_context else None)[0][0], (x, context)
    )
    of_x = of_x.flip(0, 1) if backwards else of_x
    assert torch.equal(of_x != 0, torch.ones(5, 5).tril().bool())
    assert (of_x.diagonal() > 0).all()
    assert (of_context != 0).all()


def test_realnvp_in_one_dimension_is_refused():
    with pytest.raises(ValueError, match="spline"):
        FlowDensity(FlowSpec(transform="realnvp"), 1, ["steer"], (1.0, 1.0))


def test_temperature_embedding_is_smooth():
    """Neighbouring temperatures look alike; random frequencies of scale 100 would hash them."""
    theta = torch.exp(torch.linspace(math.log(0.2), math.log(5), 500, dtype=torch.float64))
    features = TemperatureEmbedding()(theta)
    steps = (features[1:] - features[:-1]).abs().max()
    per_ten_per_cent = float(steps) * math.log(1.1) / float(torch.log(theta[1] / theta[0]))
    assert per_ten_per_cent < 0.2
    assert torch.unique(features, dim=0).shape[0] == 500
