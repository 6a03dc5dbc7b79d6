"""Every figure of the catalogue is drawn from small files, and its caption says what the numbers are."""

import csv
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from files_for_figures import population_rows, populations, profile_arrays, score_rows, write_tables
from PIL import Image

import beyond
import divergences
import survey_torsions as torsions
import topology
import unseen
from catalogue import FIGURES, PAPERS, Paths
from data_efficiency import Error, combined
from drawing import Drawing, Finding, Sources, caption, paired, save, spread
from figure import draw
from survey_figures import determination, verdict
from survey_mixtures import COLUMNS
from survey_settings import load_survey
from thermolatent.errors import ArtifactError
from thermolatent.figures.style import style
from thermolatent.files.artifacts import save_array, save_arrays, save_json
from thermolatent.study.layout import Layout
from thermolatent.study.loading import load_study
from thermolatent.tables import SCORE_COLUMNS, read_table, write_table

#: Errors of the free-energy difference and divergences that the made-up survey has, by framework.
ERRORS = {"ns": 0.1, "ans": 0.2, "cfm": -0.8, "otcfm": 0.4, "ddpm": 0.9}
KL = {"ns": 0.3, "ans": 0.25, "cfm": 0.2, "otcfm": 0.15, "ddpm": 0.1}


def survey_rows(name, experiment, framework, seed):
    for value in experiment.values:
        point = {"experiment": name, "framework": framework, "seed": seed} | experiment.at(value)
        dim, ratio = point["dim"], point["ratio"]
        scores = {
            "kl_exact": (KL[framework], 0.01),
            "js_pca": (0.02 + KL[framework] / 10, None),
            "js_pca_floor": (0.02, None),
        }
        scores |= {"kl_survey": (3.0, None), "kl_survey_floor": (2.0, None), "mode_error": (0.01, None)}
        scores |= {
            "milliseconds_per_sample": (0.01 * dim, None),
            "parameters": (1e4 * dim, None),
            "train_seconds": (2.0, None),
        }
        if ratio:
            exact = float(np.log((1 - ratio) / ratio))
            scores |= {"delta_F": (exact + ERRORS[framework], 0.02), "delta_F_exact": (exact, None)}
            scores |= {"delta_F_floor": (exact + 0.01, 0.02)}
        yield from (point | {"metric": m, "value": v, "stderr": e} for m, (v, e) in scores.items())


def path_arrays(excess):
    axis = np.linspace(-2, 2, 50)
    s = np.linspace(0, 1, 101)
    line = np.stack([s, 0 * s], axis=1)
    return {
        "states": np.array(["left", "right", "top"]),
        "pairs": np.array([[0, 1], [0, 2], [1, 2]]),
        "base": np.stack([line, line + 1, line - 1]),
        "latent": np.stack([line, line + 1, line - 1]),
        "free_energy": np.stack([(3 + excess) * np.sin(np.pi * s)] * 3),
        "lowest": np.full(3, 3.0),
        "axes": np.stack([axis, axis]),
        "surface": np.add.outer(axis**2, axis**2),
        "base_samples": np.random.default_rng(0).normal(size=(500, 2)),
    }


def write_three_hole(study, layout, paths, seeds):
    for model in study.models:
        save_arrays(layout.profiles(model, seeds[0]), profile_arrays(study, 2))
    for seed in seeds:
        for model in study.models:
            excess = 0.5 if model == "latf_published" else 4.0 + 0.01 * seed
            save_arrays(paths.base_paths(study.name, model, seed), path_arrays(excess))
        rows = [
            dict(zip(divergences.COLUMNS, ("x", model, seed, 1_000_000, *values), strict=True))
            for k, model in enumerate(study.models)
            for values in [
                (0.019 + k * 0.01 + seed / 1000, 0.0166, 0.018 + k * 0.01, 0.0166, 3, 0.3 + k * 0.1 * (-1) ** seed, 3.0)
            ]
        ]
        write_table(paths.divergences(study.name, seed), divergences.COLUMNS, rows)


def own_state_rows(study, seeds):
    for seed in seeds:
        for T in study.temperatures.train:
            base = {"study": study.name, "seed": seed, "temperature": T, "role": "train"}
            for model in study.models:
                kinetics = {"gmrq": 2.6 + 0.01 * seed, "held_out_cross_entropy": 0.25 + 0.01 * seed}
                for metric, value in kinetics.items():
                    yield (
                        "score",
                        base | {"model": model, "plane": "", "metric": metric, "value": value, "stderr": 0.01},
                    )
                for state in range(3):
                    yield (
                        "state",
                        base | {"model": model, "states": f"model_{model}", "state": str(state), "value": 0.3},
                    )


def write_torsions(root, survey):
    """Three residues of two walkers, right- and left-handed; every framework but DDPM generates right-handed ones only."""
    study = load_study(survey.torsions.study, "studies")
    layout, T = Layout.of(study, str(root)), study.temperatures.train[0]
    rng = np.random.default_rng(1)
    angles = rng.choice([-1.0, 1.0], (2, 200, 1)) * np.tile([1.0, 0.7], 3) + 0.1 * rng.normal(size=(2, 200, 6))
    features = np.stack([np.sin(angles), np.cos(angles)], axis=3).reshape(2, 200, 12)
    save_array(layout.features(T), features.astype(np.float32))
    labels = [f"{name} AIB{k}" for k in (2, 3, 4) for name in ("phi", "psi")]
    header = {"names": [f"{f} {label}" for label in labels for f in ("sin", "cos")]}
    save_json(layout.features_header(T), header | {"walkers": 2, "frames": 200, "frame_interval": 1.0})
    for framework in survey.frameworks:
        papers = Paths(str(root))
        generated = angles[0] if framework == "ddpm" else -np.abs(angles[0])
        save_arrays(papers.torsion_samples("desk", framework, 0), {"angles": generated.astype(np.float32)})
        base = {"experiment": "torsions", "framework": framework, "seed": 0, "study": study.name}
        scores = [("", "surprise", 3.0, 0.1), ("", "train_seconds", 2.0, None)]
        scores += [("", "js_right_handed", 0.03, None), ("", "js_right_handed_floor", 0.01, None)]
        for k, residue in enumerate(("AIB2", "AIB3", "AIB4")):
            scores.append((residue, "js_phi_psi", KL[framework] + 0.001 * k, None))
            scores.append((residue, "js_phi_psi_floor", 0.05, None))
        names = ("residue", "metric", "value", "stderr")
        rows = [base | dict(zip(names, row, strict=True)) for row in scores]
        write_table(papers.survey("desk", "torsions", framework, 0), torsions.COLUMNS, rows)


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """Files of every study and experiment that a figure reads, two seeds."""
    root = tmp_path_factory.mktemp("papers")
    seeds = [0, 1]
    for name in dict.fromkeys(name for figure in FIGURES.values() for name in figure.all_studies):
        study = load_study(name, "studies")
        layout = Layout.of(study, str(root))
        extra = list(own_state_rows(study, seeds))
        scores = [
            *score_rows(study, seeds),
            *(row for kind, row in extra if kind == "score"),
        ]
        write_tables(
            study, layout, scores, [*population_rows(study, seeds), *(row for kind, row in extra if kind == "state")]
        )
        save_json(
            layout.study, {"models": {name: model.model_dump(mode="json") for name, model in study.models.items()}}
        )
        save_json(layout.metrics, {"plane": ["mu2", "mu3"], "metrics": {}, "bins": 60, "doubts": []})
        if name in ("three_hole_single", "paper_three_hole"):
            write_three_hole(study, layout, Paths(str(root)), seeds)
        for model in study.models:
            save_arrays(layout.profiles(model, 0), profile_arrays(study, 2))
    survey = load_survey("desk")
    for name, experiment in survey.experiments.items():
        for framework in survey.frameworks:
            for seed in range(3):
                path = Paths(str(root)).survey("desk", name, framework, seed)
                write_table(path, COLUMNS, survey_rows(name, experiment, framework, seed))
    write_torsions(root, survey)
    return Sources(str(root), ["studies"], seeds)


@pytest.mark.parametrize("name", list(FIGURES))
def test_every_figure_comes_with_numbers_and_a_caption(sources, name, monkeypatch):
    monkeypatch.setattr("thermolatent.figures.style.DPI", 40)  # pixels take most of the time
    with style():
        save(name, draw(name, sources), sources)
    layout = sources.paths
    image = np.asarray(Image.open(layout.figure(name, "png")).convert("L"))
    assert image.std() > 5  # something is drawn
    assert Path(layout.figure(name, "pdf")).stat().st_size > 2000
    with open(layout.figure(name, "csv"), newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows
    assert None not in rows[0]
    text = Path(layout.figure(name, "md")).read_text()
    assert text.startswith(f"# {FIGURES[name].title}\n")
    assert [word for word in ("**As in the paper.**", "**Made by.** commit") if word not in text] == []
    assert "nan" not in text


def test_the_catalogue_knows_its_papers():
    assert {figure.paper for figure in FIGURES.values()} == set(PAPERS)


def text_of(sources, name):
    with style():
        return caption(name, draw(name, sources), sources)


@pytest.fixture
def three_seeds(monkeypatch):
    """The survey with three seeds, which are equal here: intervals of no width."""
    changed = load_survey("desk").model_copy(update={"seeds": [0, 1, 2]})
    monkeypatch.setattr("survey_figures.load_survey", lambda scale: changed)


def test_the_asymmetry_s_caption_has_both_kinds_of_r2(sources, three_seeds):
    text = text_of(sources, "survey_asymmetry")
    exact = np.log([(1 - r) / r for r in load_survey("desk").experiments["asymmetry"].values])
    for framework in ("ns", "cfm", "ddpm"):
        expected = 1 - len(exact) * ERRORS[framework] ** 2 / ((exact - exact.mean()) ** 2).sum()
        spread = "± 0.000 (95 %, 3 seeds)"
        assert f"{expected:.3f} {spread} about the diagonal, 1.000 {spread} squared correlation" in text, framework
    assert "| .98 |" in text
    assert "NS best at unequal modes" in text
    assert text.count(": agrees.") == 1


def test_contradictions_are_said_plainly(sources, three_seeds):
    first, second = text_of(sources, "survey_accuracy").split("\n* Survey: ")[1:]
    assert first.startswith("CFM best in many dimensions and few modes. Here, KL in nats at dim = 30: NS 0.300 ± 0.000")
    assert (
        "difference from CFM, 95 % over seeds: NS +0.100 ± 0.000, DDPM -0.100 ± 0.000: contradicted, DDPM bet" in first
    )
    assert "difference from DDPM, 95 % over seeds: NS +0.200 ± 0.000, CFM +0.100 ± 0.000: agrees." in second


def test_the_torsions_caption_tells_the_simulated_time_and_who_is_best(sources):
    text = text_of(sources, "survey_torsions")
    assert "Simulated time: 0.4 ns at 450 K, vacuum (`studies/paper_aib9.yaml`), in 2 walkers" in text
    assert (
        "DDPM 0.1010, OT-CFM 0.1510, CFM 0.2010, ANS 0.2510, NS 0.3010; difference from DDPM, 95 % over residues:"
        in text
    )
    assert "CFM +0.100 ± 0.000: agrees. One fit of each framework." in text
    assert (
        "| JS of (phi, psi), mean, NS | in a figure only | 0.3010 nats; -ln q of frames not seen 3.00 ± 0.10 nats | 0.0500 |"
        in text
    )
    assert "survey at scale desk; seeds 0" in text


def test_paths_are_compared_with_the_lowest_pass(sources):
    text = text_of(sources, "latf_2")
    assert "tilted 3.5 kT, Gaussian 7.0 kT | lowest pass 3.0 and 3.0 kT" in text
    assert "tilted 0.5000 ± 0.0000 (2 seeds) kT, Gaussian 4.0050 ± 0.0071 (2 seeds) kT" in text
    assert "difference -3.50 ± 0.06 (95 %): as the paper says" in text  # Student's t of one degree: 12.7 * .005


def test_the_ablation_compares_seed_by_seed(sources):
    """The made-up divergences of the Gaussian base lie .01 above the tilted base's in every seed, VampPrior's .04."""
    text = text_of(sources, "latf_ablation")
    assert (
        "tilted minus Gaussian, with 95 % intervals: GMRQ +0.0000 ± 0.0000, held-out cross-entropy +0.0000 ± 0.0000, "
        "symmetrised KL -0.0100" in text
    )
    assert "symmetrised KL -0.0400 ± 0.0000." in text


def test_a_variant_is_named_by_what_differs_and_marked_where_seeds_agree(sources):
    """The made-up divergences of tau = 0 lie .01 above the reference in both seeds; its cross-entropies on either side."""
    text = text_of(sources, "latf_recipe")
    assert "| three-hole, as published |  | 3 states; cross-entropy 0.3000 ± 0.0000 (2 seeds); rate" in text
    row = next(line for line in text.splitlines() if "| three-hole, tau 0 |" in line)
    assert "(+0.0000 ± 1.2706); rate" in row
    assert "(+0.0100 ± 0.0000*); paths 4.0050" in row
    assert "three-hole, vampprior |" in text


def test_an_interval_of_paired_seeds_is_student_s():
    difference, half = paired([1.0, 2.0, 4.0], [0.0, 0.0, 0.0])
    assert difference == pytest.approx(7 / 3)
    assert half == pytest.approx(4.302653 * np.std([1, 2, 4], ddof=1) / 3**0.5)


def test_errors_are_told_by_amount_of_md(sources):
    text = text_of(sources, "data_efficiency")
    row = next(line for line in text.splitlines() if "T not trained at, conditional |" in line)
    assert [words in row for words in ("1/32: ", "; 1/8: ", "; all: ")] == [True] * 3
    assert "Trained on 0.0313 of the MD: " in text
    assert "Trained on 1 of the MD: " in text
    with open(sources.paths.figure("data_efficiency", "csv"), newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["frames"] for row in rows} == {"12032", "48000", "384000"}
    assert {row["role"] for row in rows} == {"interpolate", "extrapolate"}


def test_errors_of_a_role_are_put_together_within_a_seed():
    def row(model, seed, T, metric, value):
        return Error(Fraction(1, 8), 100, model, seed, T, "extrapolate", metric, value)

    rows = [
        row("a", k, T, m, v + k) for m in ("js_plane", "population") for k in (0, 1) for T, v in ((2, 0.1), (3, 0.3))
    ]
    assert combined(rows) == {
        (100, "a", "extrapolate", "js_plane"): pytest.approx([0.2, 1.2]),
        (100, "a", "extrapolate", "population"): [0.3, 1.3],
    }


def test_wrong_values_that_an_interval_misses_are_counted(sources):
    study, _ = sources.answers("paper_lj7_cold")
    found = [
        topology.Judged("s", predictor, 0.2, "hexagon", value, value, value - 0.05, value + 0.05, verdict, 0.5, 0.01)
        for predictor, value, verdict in (
            ("reweighting", 0.52, "trusted"),
            ("reweighting", 0.8, "trusted"),
            ("tilted_steer", 0.1, "model's own"),
            ("tilted_steer_informed", 0.54, "not trusted"),
        )
    ]
    told = list(topology.what_intervals_say(study, found))
    assert (
        "the estimator: 1 of 2 intervals hold the MD; 1 values are off by more than 0.05, of which 0 are held"
        in told[0]
    )
    assert "1 are called trusted; trusted in all: 2." in told[0]
    assert "models, informed: 1 of 1 intervals hold the MD; 0 values" in told[1]
    assert "models, not informed: 0 of 1 intervals hold the MD; 1 values" in told[2]


def test_a_model_breaks_where_every_seed_is_beyond_the_tolerance(sources):
    """The made-up populations of the k-th model are off by a shift that grows with k, and with the seed."""
    study, tables = sources.answers("paper_hairpin")
    found = {finding.what.split(", ")[1]: finding for finding in topology.findings(study, tables)}
    assert list(found) == ["conditional", *study.models]
    for k, model in enumerate(study.models):
        least = max(
            abs(populations(study, T, 0.03 * (k + 1) * T) - populations(study, T)).max()
            for T in study.temperatures.predict
        )
        assert found[model].ours.endswith(", breaks") == (least > 0.05), model
    assert {finding.ours.endswith(", breaks") for finding in found.values()} == {True, False}


def test_the_density_s_own_samples_count_not_the_estimator_s_weights(sources):
    """Of an informed model: its rows "named" are the estimator's."""
    study, tables = sources.answers("paper_lj7_cold")
    model = "tilted_both_informed"
    k = list(study.models).index(model) + 1
    own = [
        abs(populations(study, 0.3, 0.03 * k * (1 + 0.2 * seed) * 0.3) - populations(study, 0.3)).max()
        for seed in (0, 1)
    ]
    assert unseen.error(study, tables, model, "population", 0.3) == pytest.approx(own)
    assert unseen.error(study, tables, "conditional", "population", 0.3) == pytest.approx([0.006, 0.006 + 0.003])
    joint, tables = sources.answers("paper_lj7_data")
    for model, plane in (("latf", "latent"), ("dspib", "latent_dspib")):
        values = [value for value, _ in tables.values(model, "js_latent", plane, 0.3)]
        assert len(values) == 2
        assert unseen.error(joint, tables, model, "js_latent", 0.3) == values


def test_a_missing_job_is_named(sources, tmp_path):
    with pytest.raises(ArtifactError, match=r"survey@desk/asymmetry/ns/seed0\.csv: table is missing"):
        draw("survey_asymmetry", Sources(str(tmp_path), ["studies"], [0]))


def test_r2_about_the_diagonal_punishes_an_offset_and_a_slope():
    exact = np.array([0.0, 1.0, 2.0, 3.0])
    assert determination(exact, exact) == 1
    assert determination(exact, np.full(4, 1.5)) == pytest.approx(0)
    assert determination(exact, exact + 1) == pytest.approx(1 - 4 / 5)
    assert determination(exact, 2 * exact) < 0


@pytest.mark.parametrize(
    ("ddpm", "words"),
    [
        ([1.0, 1.1, 0.9], "DDPM +1.000 ± 0.248: agrees."),
        ([-0.2, 0.0, 0.1], "DDPM -0.033 ± 0.379: not decided."),
        ([-1.0, -1.1, -0.9], "DDPM -1.000 ± 0.248: contradicted, DDPM better."),
    ],
)
def test_a_finding_holds_or_is_contradicted_where_the_interval_says_so(ddpm, words):
    """Pairs of one seed are compared: NS itself scatters more than it differs. What the survey has not does not count."""
    ns = np.array([1.0, 2.0, 3.0])
    scores = {"ns": ns, "ans": ns - 5, "cfm": ns + np.array([2.0, 2.1, 1.9]), "ddpm": ns + np.array(ddpm)}
    labels = {name: name.upper() for name in scores}
    expected = f"difference from NS, 95 % over seeds: CFM +2.000 ± 0.248, {words}"
    assert verdict(scores, "ns", labels, "seed") == expected
    single = {name: values[:1] for name, values in scores.items()}
    assert verdict(single, "ns", labels, "seed") == "one seed each does not decide it."


def test_a_spread_says_how_many_seeds():
    assert spread([(1.0, 0.1)]) == "1.0000 ± 0.1000 (one seed)"
    assert spread([(1.0, float("nan"))]) == "1.0000 (one seed)"
    assert spread([(1.0, 0.1), (2.0, 0.1)]) == "1.5000 ± 0.7071 (2 seeds)"


def test_a_caption_tells_the_findings_and_the_seeds(sources):
    drawing = Drawing(None, (), (), [Finding("a", "1", "2", "0", "yes")], ["b"], ["c"], "d")
    text = caption("latf_5_curves", drawing, sources)
    assert "trained jointly. d\n" in text  # after what figures.yaml has
    assert "is not public.\n" in text
    assert "\n* c\n" in text
    assert "| a | 1 | 2 | 0 | yes |\n\n* b\n" in text
    assert "studies lj7 at scale full; seeds 0, 1; Python" in text


def test_points_beyond_leave_training_temperatures_and_the_floor_out(sources):
    rows = [
        {
            "study": "s",
            "model": m,
            "seed": str(seed),
            "temperature": str(T),
            "role": role,
            "plane": p,
            "metric": k,
            "value": v,
        }
        for seed in (0, 1)
        for T, role in ((0.2, "train"), (0.3, "predict"))
        for m, p, k, v in (
            ("conditional", "", "ess_fraction", "0.25"),
            ("conditional", "fixed", "population_max_error", "0.02"),
            ("latf", "fixed", "population_max_error", "0.01"),
            ("latf", "latent", "js_latent", "0.5"),
            ("floor", "fixed", "population_max_error", "0.004"),
        )
    ]
    assert sorted(beyond.points(rows, {"latf"})) == [
        ("s", "conditional", "conditional", 0.3, "population_max_error", 0.25, 0.02, 0.004, 2),
        ("s", "latf", "informed", 0.3, "population_max_error", 0.25, 0.01, 0.004, 2),
    ]
    assert [row[2] for row in beyond.points(rows, set()) if row[1] == "latf"] == ["not informed"]
    told = beyond.remarks(beyond.points(rows, {"latf"}))
    assert len(told) == 1
    assert "at least 10 %, informed model" in told[0]
    assert "in 1 of 1 cases (study, model, temperature), in the median 0.5 times" in told[0]


def test_the_populations_caption_tells_what_the_informed_model_reaches(sources):
    rows = read_table(sources.study("lj7")[1].all_scores, SCORE_COLUMNS)
    errors = [
        float(row["value"])
        for row in rows
        if (row["model"], row["metric"], row["plane"], row["role"] == "train")
        == ("latf", "population_max_error", "fixed", False)
    ]
    text = text_of(sources, "latf_5_populations")
    assert f"`latf`, informed, on the same MD: largest error at a temperature not trained at {max(errors):.3f}." in text
    assert "`latf_published`, informed" not in text
