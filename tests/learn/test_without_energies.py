"""MD without energies: everything rests on which_t, nothing on numbers that are not there."""

import logging

import numpy as np
import pytest
from exact_study import make_study, write_features

from thermolatent.artifacts import load_array, save_array
from thermolatent.errors import ArtifactError
from thermolatent.generate import stage as generate
from thermolatent.layout import Layout
from thermolatent.learn import pretrain, reweight, train
from thermolatent.learn.reweight import FrameWeights, baseline_weights
from thermolatent.systems.three_hole import ThreeHole


@pytest.fixture(scope="module")
def without(tmp_path_factory):
    """(study, layout) of the exact study, its energies forgotten, trained with an informed model."""
    content = make_study()
    study = make_study(models={"informed": content.models["informed"]})
    layout = Layout(str(tmp_path_factory.mktemp("without") / "results"))
    write_features(study, layout, study.temperatures.train)
    for T in study.temperatures.train:
        save_array(layout.energies(T), np.full_like(load_array(layout.energies(T)), np.nan))
    pretrain.run(study, layout, 0)
    reweight.run(study, layout, 0)
    train.run(study, layout, "informed", 0)
    return study, layout


def test_only_which_t_is_fitted_and_it_reweights(without, caplog):
    study, layout = without
    weights = FrameWeights(study, layout, 0)
    assert weights.methods == ("which_t",)
    assert weights.preferred == "which_t"
    assert set(baseline_weights(study, layout, 0, 1.0)) == {"which_t"}
    w = np.exp(weights.log_weights("which_t", 1.0))
    plane = weights.data.flat(weights.data.plane)
    expected = ThreeHole().exact_mean_energy(1.0)
    assert w @ ThreeHole().plane_energy(plane) == pytest.approx(expected, abs=0.08)
    with pytest.raises(ArtifactError, match="no network 'mbar'; the MD has no energies; use which_t"):
        weights.log_weights("mbar", 1.0)
    with caplog.at_level(logging.WARNING):
        reweight.run(study, layout, 0)
    assert "the MD has no energies: no MBAR, no conditional reweighting; which_t takes their place" in caplog.text


def test_an_informed_model_falls_back_to_which_t(without):
    study, layout = without
    generate.run(study, layout, "informed", 0)
    with np.load(layout.samples("informed", 0, 1.0)) as arrays:
        w, z = arrays["frame_weights"], arrays["latents"]
    assert np.isfinite(w).all()
    assert np.isfinite(z).all()
    weights = FrameWeights(study, layout, 0)
    plane = weights.data.flat(weights.data.plane)
    top = np.hypot(plane[:, 0], plane[:, 1] - 1.5371) < 0.6
    own, other = w[top].sum() / w.sum(), np.exp(weights.log_weights("which_t", 1.0))[top].sum()
    assert own == pytest.approx(other, abs=0.03)


def test_one_training_temperature_needs_no_weights(tmp_path):
    study = make_study(temperatures={"train": [1.0]}, models={"latf": {"density": {"kind": "flow"}}})
    layout = Layout(str(tmp_path / "results"))
    write_features(study, layout, [1.0])
    save_array(layout.energies(1.0), np.full_like(load_array(layout.energies(1.0)), np.nan))
    reweight.run(study, layout, 0)
    weights = FrameWeights(study, layout, 0).log_weights("which_t", 1.0)
    np.testing.assert_allclose(np.exp(weights), 1 / len(weights), rtol=1e-12)
