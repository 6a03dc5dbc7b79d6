"""The survey's benchmark: settings, one job at a tiny scale, and that its models find exact answers."""

import csv

import numpy as np
import pytest

import survey_mixtures as survey
from survey_settings import Framework, load_survey
from thermolatent.errors import ConfigError

RATIOS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.35, 0.5]


@pytest.mark.parametrize("scale", ["desk", "implicit", "three_seeds", "paper", "smoke"])
def test_every_scale_is_sound(scale):
    found = load_survey(scale)
    assert set(found.frameworks) == {"ns", "ans", "cfm", "otcfm", "ddpm"}
    assert {e.along for e in found.experiments.values()} == {"dim", "samples", "modes", "ratio"}
    for name, experiment in found.experiments.items():
        for framework, own in experiment.frameworks.items():
            changed = found.framework(name, framework).model_dump()
            assert changed != found.frameworks[framework].model_dump()
            assert {key: changed[key] for key in own if key != "density"} == {
                k: v for k, v in own.items() if k != "density"
            }


def test_an_experiment_may_have_its_own_settings_of_a_framework():
    desk = load_survey("desk")
    general, own = desk.framework("dimension", "cfm"), desk.framework("asymmetry", "cfm")
    assert general == desk.frameworks["cfm"] == desk.framework("torsions", "cfm")
    assert (own.density.ema, own.density.width, own.steps) == (0.98, general.density.width, general.steps)


def test_the_paper_s_scale_has_the_survey_s_ranges():
    experiments = load_survey("paper").experiments
    assert experiments["dimension"].values == list(range(10, 101, 10))
    assert (min(experiments["modes"].values), max(experiments["modes"].values)) == (5, 50)
    assert experiments["asymmetry"].values == RATIOS
    assert experiments["asymmetry"].dim == 50


def test_an_unknown_scale_is_one_line_that_says_what_to_write():
    with pytest.raises(ConfigError, match=r"survey\.yaml: scales: has no 'desc', did you mean 'desk'\?$"):
        load_survey("desc")


def test_mixtures_that_differ_in_the_ratio_share_their_means():
    first, other, seeded = (survey.mixture_of(5, 2, r, s) for r, s in ((0.1, 0), (0.4, 0), (0.1, 1)))
    np.testing.assert_array_equal(first.means, other.means)
    np.testing.assert_allclose(other.weights, [0.6, 0.4])
    assert not np.array_equal(first.means, seeded.means)


@pytest.mark.parametrize("framework", list(load_survey("smoke").frameworks))
def test_a_job_writes_every_score_and_the_same_again(tmp_path, framework):
    settings = load_survey("smoke")
    tables = []
    for name in ("one", "two"):
        out = tmp_path / f"{name}.csv"
        survey.run(settings, "asymmetry", framework, 0, str(out))
        with out.open() as file:
            tables.append(list(csv.DictReader(file)))
    metrics = {row["metric"] for row in tables[0]}
    assert {"kl_exact", "js_pca", "js_pca_floor", "delta_F", "delta_F_exact", "parameters"} <= metrics
    assert sorted({float(row["ratio"]) for row in tables[0]}) == settings.experiments["asymmetry"].values
    timed = {"train_seconds", "milliseconds_per_sample"}
    same = [[row for row in table if row["metric"] not in timed] for table in tables]
    assert same[0] == same[1]
    exact = {row["ratio"]: float(row["value"]) for row in tables[0] if row["metric"] == "delta_F_exact"}
    assert exact["0.1"] == pytest.approx(np.log(9))


SMALL = {
    "ns": ({"kind": "flow", "transform": "spline", "base": "gaussian", "couplings": 4, "width": 16, "bins": 6}, 5e-3),
    "ans": ({"kind": "flow", "transform": "autoregressive", "base": "gaussian", "couplings": 2, "bins": 6}, 5e-3),
    "cfm": ({"kind": "flow_matching", "width": 32, "layers": 2}, 1e-2),
    "otcfm": ({"kind": "flow_matching", "coupling": "ot", "width": 32, "layers": 2}, 1e-2),
    "ddpm": (
        {"kind": "diffusion", "schedule": "discrete", "weighting": "paper", "sampler": "ancestral", "width": 32},
        1e-2,
    ),
}


@pytest.mark.parametrize("framework", list(SMALL))
def test_each_framework_finds_an_asymmetric_mixture(framework):
    """In two dimensions a few hundred steps are enough: the exact difference and a small divergence, not just a number."""
    density, rate = SMALL[framework]
    settings = load_survey("smoke").model_copy(update={"generated": 10_000, "likelihoods": 500})
    small = Framework(label="x", density=density, steps=400, batch_size=512, learning_rate=rate)
    scores = {n: v for n, v, _ in survey.scores(settings, small, dim=2, modes=2, samples=20_000, ratio=0.2, seed=3)}
    assert scores["delta_F"] == pytest.approx(scores["delta_F_exact"], abs=0.25)
    assert -0.01 < scores["kl_exact"] < 0.06
    assert scores["js_pca"] < 3 * scores["js_pca_floor"]
