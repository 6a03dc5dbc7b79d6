"""MD without energies: an informed model learns from what the temperatures alone say."""

import numpy as np
import pytest

from thermolatent.frame_loading import load_frames
from thermolatent.reweight.estimator import ConditionalReweighting
from thermolatent.study.jobs import run_job, training_frames


def test_an_informed_model_takes_the_weights_of_the_estimator_without_energies(without_energies):
    study, layout = without_energies
    brief = study.model_copy(update={"learn": study.learn.model_copy(update={"steps": 60, "evaluate_every": 30})})
    run_job("learn", brief, layout, model="informed", seed=0)
    run_job("generate", brief, layout, model="informed", seed=0)
    with np.load(layout.samples("informed", 0, 1.0)) as arrays:
        w, z = arrays["frame_weights"], arrays["latents"]
    assert np.isfinite(z).all()
    fitted = ConditionalReweighting.load(layout.reweighting, load_frames(training_frames(study, layout)))
    np.testing.assert_allclose(w, fitted.weights(1.0), rtol=1e-12)
    top = fitted.populations(1.0).set_index("state").loc["top"]
    assert top.low < 0.1049 < top.high
    assert top.value == pytest.approx(0.1049, abs=0.03)
