"""D-SPIB's table on a representation that changes nothing."""

from pathlib import Path

import numpy as np
import pytest

import divergences
from thermolatent.errors import ThermolatentError
from thermolatent.files.artifacts import save_array, save_arrays
from thermolatent.study.layout import Layout
from thermolatent.study.loading import load_study
from thermolatent.tables import read_table

N = 20_000
HISTORY = """stage,step,held_out,held_out_cross_entropy,held_out_rate
joint,250,0.1,0.5,3.0
density,500,1.5,0.4,2.5
density,750,1.4,0.3,2.4
density,1000,1.6,0.2,2.6
"""


class Unchanged:
    n_states = 3

    def encode(self, features):
        return features

    def sigmas(self, features):
        return np.zeros_like(features)

    def noised(self, mu, sigma, seed):
        return mu


@pytest.fixture
def written(tmp_path, monkeypatch):
    """(study, layout, table) with exact points as MD, and generated samples: dspib's exact, the others' shifted."""
    study, layout = load_study("three_hole_single", "studies"), Layout(str(tmp_path))
    study = study.model_copy(update={"generate": study.generate.model_copy(update={"samples": N})})
    monkeypatch.setattr(divergences, "load_representation", lambda path: Unchanged())
    points = [study.system.sample_exact(N, 1.0, np.random.default_rng(seed)) for seed in (7, 8)]
    save_array(layout.features(1.0), points[0].reshape(2, N // 2, 2))
    for model in study.models:
        shift = 0.0 if model == "dspib" else 1.0
        save_arrays(layout.samples(model, 0, 1.0), {"latents": points[1] + shift})
        history = Path(layout.history(layout.model(model, 0)))
        history.parent.mkdir(parents=True)
        history.write_text(HISTORY)
    return study, layout, str(tmp_path / "table.csv")


def test_exact_samples_are_at_the_floor_and_others_above(written):
    study, layout, out = written
    divergences.run(study, layout, 0, out)
    rows = {row["model"]: row for row in read_table(out, divergences.COLUMNS)}
    assert set(rows) == set(study.models)
    right, wrong = rows["dspib"], rows["latf_published"]
    for value, floor in (("against_md", "floor_md"), ("against_exact", "floor_exact")):
        assert float(right[value]) == pytest.approx(float(right[floor]), rel=0.1)
        assert float(wrong[value]) > 2 * float(wrong[floor])


def test_losses_are_those_of_the_state_that_was_kept(written):
    """The lowest held-out objective with the encoder frozen, not that of the joint part, whose objective is another."""
    study, layout, out = written
    divergences.run(study, layout, 0, out)
    row = read_table(out, divergences.COLUMNS)[0]
    assert [row[k] for k in ("points", "states", "held_out_cross_entropy", "held_out_rate")] == [
        "20000",
        "3",
        "0.3",
        "2.4",
    ]


def test_a_study_of_two_temperatures_is_refused(tmp_path):
    with pytest.raises(ThermolatentError, match="one training temperature"):
        divergences.run(load_study("three_hole", "studies"), Layout(str(tmp_path)), 0, "x.csv")
