"""What every density promises (thermolatent.densities.base), in one body run on each of them."""

import hashlib
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from densities_for_tests import fit, scramble, total_mass, two_peaks

from thermolatent.densities.base import Whitening
from thermolatent.densities.fit import build_density

_FLOW = {"kind": "flow", "tau": 2.0, "couplings": 4, "width": 8, "bins": 5}
_FIELD = {"width": 16, "tolerance": 1e-5}
KINDS = {
    "realnvp-tilted": _FLOW | {"transform": "realnvp", "base": "tilted"},
    "realnvp-gaussian": _FLOW | {"transform": "realnvp", "base": "gaussian"},
    "spline-tilted": _FLOW | {"transform": "spline", "base": "tilted"},
    "spline-gaussian": _FLOW | {"transform": "spline", "base": "gaussian"},
    "autoregressive": _FLOW | {"transform": "autoregressive", "base": "tilted"},
    "diffusion": _FIELD | {"kind": "diffusion"},
    "diffusion-discrete": _FIELD | {"kind": "diffusion", "schedule": "discrete"},
    "diffusion-paper": _FIELD
    | {"kind": "diffusion", "weighting": "paper", "sampler": "ancestral", "embedding": "random"},
    "matching": _FIELD | {"kind": "flow_matching"},
    "matching-ot": _FIELD | {"kind": "flow_matching", "coupling": "ot"},
    "matching-tilted-ot": _FIELD | {"kind": "flow_matching", "base": "tilted", "coupling": "ot"},
    "vampprior": {"kind": "vampprior"},
}
#: Of these, each transform, base, field, sampler and coupling once; the others join them in make test-slow.
QUICK = (
    "realnvp-tilted",
    "spline-gaussian",
    "autoregressive",
    "diffusion",
    "diffusion-paper",
    "matching-tilted-ot",
    "vampprior",
)
WAYS = (["steer"], ["condition"], ["steer", "condition"])


def make(kind, d=2, ways=("steer", "condition"), seed=0, dtype=torch.float64, **changed):
    """A density of temperatures 1 to 3 whose weights have left their start, as after training."""
    torch.manual_seed(seed)
    density = build_density(KINDS[kind] | changed, d, ways, (1.0, 3.0))
    density.from_representation(
        SimpleNamespace(
            representatives=torch.randn(4, d),
            posterior=lambda x: (x, torch.full((d,), -0.5)),
            prior_logits=torch.randn(4),
        )
    )
    density = density.double()
    density.fit_scale(torch.randn(500, d, dtype=torch.float64) @ torch.randn(d, d, dtype=torch.float64) + 1)
    return scramble(density, seed).to(dtype)


def whitening_of(density):
    """SPIB's mixture has none: it lives in z itself."""
    return getattr(density, "whitening", Whitening(density.dim).double())


def points(density, n=30, dtype=torch.float64):
    generator = torch.Generator().manual_seed(1)
    z = torch.randn(n, density.dim, generator=generator, dtype=torch.float64)
    z = whitening_of(density).double().inverse(z)
    return z.to(dtype), torch.linspace(1.0, 3.0, n, dtype=dtype)


def sample(density, n, seed=0, theta=1.7):
    return density.sample(n, theta, torch.Generator().manual_seed(seed))


def of_kinds(dims=None):
    """Parameters: the kinds, with a number of coordinates each if these are given; those beside QUICK are slow."""
    cases = [(kind,) if d is None else (kind, d) for kind in KINDS for d in (dims(kind) if dims else [None])]
    return [pytest.param(*case, marks=[] if case[0] in QUICK else pytest.mark.slow) for case in cases]


def dimensions(kind):
    """RealNVP is refused in one dimension: a coupling has no partner there."""
    many = [5] if kind in ("spline-gaussian", "autoregressive", "diffusion") else []
    return [*([] if kind.startswith("realnvp") else [1]), 2, *many]


each_kind = pytest.mark.parametrize("kind", of_kinds())
each_kind_and_d = pytest.mark.parametrize(("kind", "d"), of_kinds(dimensions))


@each_kind_and_d
@pytest.mark.parametrize("ways", WAYS, ids="+".join)
def test_gradients_reach_every_parameter(kind, d, ways):
    density = make(kind, d, ways)
    loss = density.loss(*points(density))
    loss.backward()
    assert loss.shape == ()
    assert torch.isfinite(loss)
    for name, parameter in density.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().sum() > 0, name


@each_kind
@pytest.mark.parametrize("n", [1, 8193])
def test_exactly_n_finite_samples_a_function_of_the_seed(kind, n):
    density = make(kind)
    first = sample(density, n)
    assert first.shape == (n, 2)
    assert torch.isfinite(first).all()
    assert torch.equal(first, sample(density, n))
    assert not torch.equal(first, sample(density, n, seed=1))


@each_kind_and_d
def test_log_prob_is_the_normalised_density_of_the_samples(kind, d):
    """E over samples of q / p is 1 for any normalised q within the support, here a Gaussian in the midst of the samples.

    A log_prob off by a constant, and samples that follow another density, both break it.
    """
    density = make(kind, d)
    z, log_p = density.sample_with_log_prob(6000, 1.7, torch.Generator().manual_seed(0))
    assert z.shape == (6000, d)
    assert log_p.shape == (6000,)
    covariance = 0.4 * torch.cov(z.T).reshape(d, d)
    q = torch.distributions.MultivariateNormal(z.median(0).values, covariance)
    ratio = (q.log_prob(z) - log_p).exp().detach()
    stderr = float(ratio.std()) / math.sqrt(len(z))
    assert stderr < 0.05, "q is a poor choice, this says nothing"
    tolerance = 0.02 if kind == "diffusion-paper" else 0.0  # a hundred ancestral steps
    assert float(ratio.mean()) == pytest.approx(1, abs=4 * stderr + tolerance)


@each_kind
@pytest.mark.parametrize("ways", WAYS, ids="+".join)
def test_density_integrates_to_one(kind, ways):
    d = 2 if kind.startswith("realnvp") else 1
    density = make(kind, d, ways)
    span, count = (25, 1501) if d == 1 else (14, 301)
    assert total_mass(density, 2.2, span, count, whitening_of(density)) == pytest.approx(1, abs=2e-3)


@each_kind
def test_log_prob_is_one_of_each_row_in_any_company(kind):
    density = make(kind)
    z, theta = points(density)
    together = density.log_prob(z, theta)
    alone = torch.cat([density.log_prob(z[i : i + 1], theta[i : i + 1]) for i in range(0, 30, 6)])
    torch.testing.assert_close(together[::6], alone, rtol=0, atol=1e-3)


@each_kind
def test_train_and_eval_are_the_same(kind):
    density = make(kind)
    z, theta = points(density)
    assert torch.equal(density.train().log_prob(z, theta), density.eval().log_prob(z, theta))
    with torch.no_grad():
        assert density.train().loss(z, theta) == density.eval().loss(z, theta)


@each_kind
def test_save_and_load(kind, tmp_path):
    density, other = make(kind), make(kind, seed=7)
    z, theta = points(density)
    assert not torch.equal(other.log_prob(z, theta), density.log_prob(z, theta))
    torch.save(density.state_dict(), tmp_path / "density.pt")
    other.load_state_dict(torch.load(tmp_path / "density.pt", weights_only=True))
    assert torch.equal(other.log_prob(z, theta), density.log_prob(z, theta))
    assert torch.equal(sample(other, 5, seed=3), sample(density, 5, seed=3))


@each_kind
def test_float32_is_float64_rounded(kind):
    double = make(kind)
    single = make(kind, dtype=torch.float32)
    z, theta = points(double)
    log_p = single.log_prob(z.float(), theta.float())
    assert log_p.dtype == sample(single, 5).dtype == torch.float32
    assert double.log_prob(z, theta).dtype == sample(double, 5).dtype == torch.float64
    torch.testing.assert_close(log_p.double(), double.log_prob(z, theta), rtol=0, atol=5e-3)


def fingerprint(kind, seed):
    """Of a short training, samples and their ln p: all bytes."""
    density = make(kind, d=2, seed=seed, dtype=torch.float32)
    theta = torch.tensor([1.0, 2.0]).repeat(500)
    z = torch.cat([two_peaks(1000, theta, seed), two_peaks(1000, theta, seed + 100)], dim=1)
    torch.manual_seed(seed)
    fit(density, z, theta, steps=5)
    found = torch.cat([sample(density, 50, seed), density.log_prob(z[:50], theta[:50])[:, None]], dim=1)
    return hashlib.sha256(found.detach().numpy().tobytes()).hexdigest()


def fingerprints(kinds):
    """Of these densities with seed 0, from a process of their own."""
    here = str(Path(__file__).parent)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([here, *sys.path]), "OMP_NUM_THREADS": "1"}
    code = "import json, sys, test_contract as t\n"
    code += "print(json.dumps({kind: t.fingerprint(kind, 0) for kind in sys.argv[1:]}))"
    done = subprocess.run([sys.executable, "-c", code, *kinds], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("kinds", [QUICK, pytest.param(tuple(set(KINDS) - set(QUICK)), marks=pytest.mark.slow)])
def test_two_processes_with_one_seed_are_identical(kinds, one_thread):
    first = {kind: fingerprint(kind, 0) for kind in kinds}
    assert fingerprints(kinds) == first
    assert not [kind for kind in kinds if fingerprint(kind, 1) == first[kind]]
