"""MD without energies: an informed model learns from what the temperatures alone say."""

import numpy as np
import pytest
from exact_study import make_study, write_features

from thermolatent.files.artifacts import load_array, save_array
from thermolatent.frame_loading import load_frames
from thermolatent.reweight.loading import load_reweighting
from thermolatent.study.jobs import run_job, training_frames
from thermolatent.study.layout import Layout


def test_an_informed_model_takes_the_weights_of_the_estimator_without_energies(tmp_path):
    content = make_study()
    study = make_study(models={"informed": content.models["informed"]})
    layout = Layout(str(tmp_path / "results"))
    write_features(study, layout, study.temperatures.train)
    for T in study.temperatures.train:
        save_array(layout.energies(T), np.full_like(load_array(layout.energies(T)), np.nan))
    run_job("represent", study, layout, seed=0)
    run_job("reweight", study, layout, seed=0)
    run_job("learn", study, layout, model="informed", seed=0)
    run_job("generate", study, layout, model="informed", seed=0)
    with np.load(layout.samples("informed", 0, 1.0)) as arrays:
        w, z = arrays["frame_weights"], arrays["latents"]
    assert np.isfinite(z).all()
    fitted = load_reweighting(layout.reweighting, load_frames(training_frames(study, layout)))
    np.testing.assert_allclose(w, fitted.weights(1.0), rtol=1e-12)
    top = fitted.populations(1.0).set_index("state").loc["top"]
    assert top.low < 0.1049 < top.high
    assert top.value == pytest.approx(0.1049, abs=0.03)
