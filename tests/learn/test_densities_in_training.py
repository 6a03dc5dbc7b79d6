"""Densities that need more of training than a flow does: averaged weights, noise of their own, the representation itself."""

import numpy as np
import pytest
import torch
from exact_study import make_study

from thermolatent.errors import TrainingError
from thermolatent.frame_loading import load_frames
from thermolatent.learn.model import Model
from thermolatent.represent.representation import load_representation
from thermolatent.study.jobs import run_job, training_frames

FROZEN = {"temperature": ["steer", "condition"], "encoder": "frozen"}


@pytest.fixture
def study():
    models = {
        "diffusion": {"density": {"kind": "diffusion", "width": 16}, "temperature": ["steer", "condition"]},
        "matching": {"density": {"kind": "flow_matching", "width": 16}, **FROZEN},
        "spib": {"density": {"kind": "vampprior"}, **FROZEN},
        "spib_joint": {"density": {"kind": "vampprior"}, "encoder": "joint"},
    }
    learn = {"steps": 200, "evaluate_every": 50, "batch_size": 256}
    return make_study(models=models, learn=learn)


@pytest.fixture
def elsewhere(trained, tmp_path):
    """The trained study's layout, but models go to a folder of their own."""
    layout = trained[1]

    class Elsewhere(type(layout)):
        def model(self, model, seed):
            return str(tmp_path / model / f"seed{seed}.safetensors")

    return Elsewhere(layout.root)


def test_spibs_own_mixture_keeps_its_means_and_fits_its_weights(study, elsewhere):
    run_job("learn", study, elsewhere, model="spib", seed=0)
    model = Model.load(elsewhere.model("spib", 0))
    spib = load_representation(elsewhere.spib(0)).spib
    means, _ = spib.posterior(spib.representatives)
    torch.testing.assert_close(model.density.means, means.detach())
    data = load_frames(training_frames(study, elsewhere))
    mu = model.representation.encode(data.flat(data.features))
    z = torch.from_numpy(model.representation.noised(mu, model.representation.sigma, 0))
    with torch.no_grad():
        before, after = -spib.log_vampprior(z).mean(), model.density.loss(z, torch.ones(len(z)))
    assert float(after) < float(before) + 1e-3
    sample = model.sample(1000, 1.0, seed=0)
    assert sample.shape == (1000, spib.latent_dim)
    assert np.isfinite(model.log_prob(sample, 1.0)).all()


def test_spibs_own_mixture_needs_a_frozen_encoder(study, elsewhere):
    with pytest.raises(TrainingError, match=r"models\.spib_joint.*encoder: frozen"):
        run_job("learn", study, elsewhere, model="spib_joint", seed=0)
