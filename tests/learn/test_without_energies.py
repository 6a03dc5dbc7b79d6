"""MD without energies: an informed model learns from what the temperatures alone say."""

import numpy as np
import pytest
from exact_study import make_study, write_features

from thermolatent.files.artifacts import load_array, save_array
from thermolatent.frames import load_frames
from thermolatent.generate import stage as generate
from thermolatent.learn import train
from thermolatent.represent import stage as represent
from thermolatent.reweight import stage as reweight
from thermolatent.reweight.loading import load_reweighting
from thermolatent.study.layout import Layout


def test_an_informed_model_takes_the_weights_of_the_estimator_without_energies(tmp_path):
    content = make_study()
    study = make_study(models={"informed": content.models["informed"]})
    layout = Layout(str(tmp_path / "results"))
    write_features(study, layout, study.temperatures.train)
    for T in study.temperatures.train:
        save_array(layout.energies(T), np.full_like(load_array(layout.energies(T)), np.nan))
    represent.run(study, layout, 0)
    reweight.run(study, layout, 0)
    train.run(study, layout, "informed", 0)
    generate.run(study, layout, "informed", 0)
    with np.load(layout.samples("informed", 0, 1.0)) as arrays:
        w, z = arrays["frame_weights"], arrays["latents"]
    assert np.isfinite(z).all()
    fitted = load_reweighting(layout, load_frames(study, layout))
    np.testing.assert_allclose(w, fitted.weights(1.0), rtol=1e-12)
    top = fitted.populations(1.0).set_index("state").loc["top"]
    assert top.low < 0.1049 < top.high
    assert top.value == pytest.approx(0.1049, abs=0.03)
