"""Each figure shows what its files say: panels, labels, scales, and the very numbers."""

import csv
from pathlib import Path

import numpy as np
import pytest
from files_for_figures import BINS, make_study, profile_arrays, write_study_files
from PIL import Image

from thermolatent.errors import ArtifactError
from thermolatent.figures import figure_names, history, marginals, melting, surfaces, temperature, trust
from thermolatent.figures.stage import run
from thermolatent.figures.style import DOUBLE, MAX_PIXELS, look, style
from thermolatent.figures.tables import Tables
from thermolatent.layout import BASELINES
from thermolatent.validate.predictions import ESS_LIMIT, FIGURES, LIMITS, REWEIGHTINGS, predictors


@pytest.fixture(scope="module")
def study():
    return make_study()


@pytest.fixture(scope="module")
def shown(study, tmp_path_factory):
    """Files of three seeds, and their tables."""
    layout = write_study_files(study, tmp_path_factory.mktemp("shown"), [0, 1, 2])
    return layout, Tables.load(study, layout, [0, 1, 2])


@pytest.fixture(autouse=True)
def styled():
    with style():
        yield


def visible(figure):
    """Axes of the panels, colour bars left out."""
    return [a for a in figure.axes if a.get_visible() and a.get_label() != "<colorbar>"]


def errorbar(panel, label):
    """Container of the series with this legend entry."""
    return next(c for c in panel.containers if c.get_label() == label)


def test_stage_writes_every_figure_and_the_same_bytes_again(write_files):
    study = make_study(reference=False)
    study = study.model_copy(update={"models": {"latf_published": study.models["latf_published"]}})
    layout = write_files(study)
    written = run(study, layout, [0])
    names = figure_names(study)
    assert sorted(written) == sorted(layout.figure(n, e) for n in names for e in ("pdf", "png", "csv"))
    first = {path: Path(path).read_bytes() for path in written}
    run(study, layout, [0])
    assert {path: Path(path).read_bytes() for path in written} == first
    for name in names:
        assert first[layout.figure(name, "pdf")].startswith(b"%PDF")
        assert b"CreationDate" not in first[layout.figure(name, "pdf")]
        with Image.open(layout.figure(name, "png")) as image:
            assert max(image.size) <= MAX_PIXELS
            assert min(image.convert("L").getextrema()) < 100, "a blank page"
    leftovers = [p for p in Path(layout.figure("x", "y")).parent.iterdir() if str(p) not in written]
    assert leftovers == []


@pytest.mark.parametrize("reference", [True, False])
def test_surfaces_show_md_above_the_model_in_one_scale(reference):
    study = make_study(reference=reference)
    arrays = profile_arrays(study, 2)
    figure = surfaces.draw(study, "latf", arrays)
    panels = visible(figure)
    temperatures = study.temperatures.generated
    assert len(panels) == 2 * len(temperatures)
    assert figure.get_size_inches()[0] == DOUBLE
    for k, T in enumerate(temperatures):
        above, below = panels[k], panels[len(temperatures) + k]
        role = study.temperatures.role(T)
        assert above.get_title() == f"T = {T:g}\n({role})"
        for panel, key in ((above, "latent_md"), (below, "latent_model")):
            if not np.isfinite(arrays[key][k]).any():
                assert [t.get_text() for t in panel.texts] == ["no MD"]
                assert not panel.collections
                continue
            (mesh,) = panel.collections
            assert mesh.get_clim() == (0, surfaces.CAP)
            mass = arrays[key][k].T
            expected = np.where(mass > 0, np.log(mass.max()) - np.log(np.where(mass > 0, mass, 1)), np.nan)
            drawn = np.ma.filled(mesh.get_array(), np.nan).reshape(BINS, BINS)
            np.testing.assert_allclose(drawn, np.minimum(expected, surfaces.CAP), atol=1e-12)


def test_one_latent_coordinate_gives_curves_and_four_say_what_is_left_out():
    study = make_study(dimensions=1)
    arrays = profile_arrays(study, 1)
    panels = visible(surfaces.draw(study, "latf", arrays))
    assert len(panels) == len(study.temperatures.generated)
    md, model = panels[0].lines[:2]
    np.testing.assert_allclose(md.get_ydata(), arrays["marginal_md"][0, 0], atol=1e-12)
    np.testing.assert_allclose(model.get_ydata(), arrays["marginal_model"][0, 0], atol=1e-12)
    arrays = profile_arrays(study, 4)
    assert "first two of 4" in surfaces.draw(study, "latf", arrays).get_supxlabel()
    assert len(visible(marginals.draw(study, "latf", arrays))) == 4 * len(study.temperatures.generated)


def test_more_temperatures_than_a_row_holds_go_below():
    study = make_study()
    many = study.temperatures.model_copy(update={"predict": [0.25, 0.3, 0.35, 0.4, 0.6, 0.7], "reference": [0.3]})
    study = study.model_copy(update={"temperatures": many})
    arrays = profile_arrays(study, 2)
    for figure, per_temperature in (
        (surfaces.draw(study, "latf", arrays), 2),
        (marginals.draw(study, "latf", arrays), 2),
    ):
        panels = visible(figure)
        assert len(panels) == 8 * per_temperature
        assert sum(bool(p.get_title()) for p in panels) == 8


def test_marginals_show_the_model_on_the_md_with_its_band(study):
    arrays = profile_arrays(study, 2)
    panels = visible(marginals.draw(study, "latf_published", arrays))
    n = len(study.temperatures.generated)
    panel = panels[n + 2]  # second coordinate, third temperature
    md, model = panel.lines
    np.testing.assert_array_equal(md.get_ydata(), arrays["marginal_md"][2, 1])
    np.testing.assert_array_equal(model.get_ydata(), arrays["marginal_model"][2, 1])
    assert model.get_color() == look(study, "latf_published").color
    corners = panel.collections[0].get_paths()[0].vertices
    middle = BINS // 2
    center = (arrays["edges_marginal"][1][middle] + arrays["edges_marginal"][1][middle + 1]) / 2
    band = corners[np.isclose(corners[:, 0], center), 1]
    F, error = arrays["marginal_md"][2, 1, middle], arrays["marginal_md_stderr"][2, 1, middle]
    np.testing.assert_allclose([band.min(), band.max()], [F - 2 * error, F + 2 * error])


def test_populations_show_medians_ranges_and_md_errors(study, shown):
    _, tables = shown
    panels = visible(temperature.draw_populations(study, tables))
    assert [p.get_title() for p in panels] == list(study.validate_.states.centers)
    series = tables.population("latf", "chevron")
    drawn = errorbar(panels[3], "latf")
    np.testing.assert_allclose(drawn[0].get_ydata(orig=False), [v.median for v in series.values()])
    ends = np.array([[segment[:, 1].min(), segment[:, 1].max()] for segment in drawn[2][0].get_segments()])
    np.testing.assert_allclose(ends, [[v.low, v.high] for v in series.values()])
    md = errorbar(panels[3], "MD (2 standard errors)")
    np.testing.assert_allclose(md[0].get_xdata(orig=False), study.temperatures.generated)
    lengths = [np.ptp(segment[:, 1]) for segment in md[2][0].get_segments()]
    np.testing.assert_allclose(lengths, 4 * 0.004)


def test_observables_and_melting_are_drawn_where_the_study_asks(tmp_path):
    study = make_study(melting="hexagon", observables=True)
    layout = write_study_files(study, tmp_path, [0, 1])
    written = run(study, layout, [0, 1])
    assert {"observables", "melting"} <= {Path(path).stem for path in written}
    tables = Tables.load(study, layout, [0, 1])
    figure = temperature.draw_observables(study, tables)
    assert [panel.get_title() for panel in visible(figure)] == ["mu2", "mu3"]
    fits = melting.load_fits(layout)
    assert set(fits) >= {"md", *study.models}
    assert all(fit.extrapolated == (not 0.2 <= fit.Tm <= 0.7) for fit in fits.values())
    (panel,) = visible(melting.draw(study, tables, fits))
    drawn = errorbar(panel, look(study, "latf").label)
    shown = tables.population("latf", "hexagon")
    np.testing.assert_allclose(drawn[0].get_ydata(orig=False), [v.median for v in shown.values()])
    with open(layout.figure("melting", "csv"), newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["series"] == "latf"]
    middle = min(rows, key=lambda row: abs(float(row["temperature"]) - fits["latf"].Tm))
    if not fits["latf"].extrapolated:
        assert float(middle["fitted population"]) == pytest.approx(0.5, abs=0.05)


def test_divergence_uses_a_logarithm_only_where_the_range_asks_for_it(study, shown):
    _, tables = shown
    panels = visible(temperature.draw_divergence(study, tables))
    titles = [p.get_title() for p in panels]
    assert titles == ["fixed plane (mu2, mu3)", "latent plane", "latent plane of latf_published"]
    assert all(p.get_yscale() == "log" for p in panels)
    labels = panels[0].get_legend_handles_labels()[1]
    assert {look(study, name).label for name in (*BASELINES, *study.models)} <= set(labels)
    np.testing.assert_allclose(
        errorbar(panels[2], "latf_published")[0].get_ydata(orig=False),
        [v.median for v in tables.score("latf_published", "js_latent", "latent_latf_published").values()],
    )
    assert "latf" not in panels[2].get_legend_handles_labels()[1]
    close = [row | {"value": "0.01"} if row["model"] == "nearest" else row for row in tables._scores]
    narrow = visible(
        temperature.draw_divergence(study, Tables(study, close, tables._populations, [], [0, 1, 2], tables.plane))
    )
    assert narrow[0].get_yscale() == "linear"
    assert narrow[0].get_ylim()[0] == 0


def test_floor_is_shaded_up_to_its_value_also_at_a_single_temperature(study, shown):
    _, tables = shown
    only = [row for row in tables._scores if row["temperature"] == "0.2"]
    panel = visible(temperature.draw_divergence(study, Tables(study, only, tables._populations, [], [0])))[0]
    shade = next(c for c in panel.collections if c.get_label() == look(study, "floor").label)
    corners = shade.get_paths()[0].vertices
    floor = Tables(study, only, tables._populations, [], [0]).score("floor", "js_plane", "fixed")[0.2].median
    assert corners[:, 1].max() == pytest.approx(floor)
    assert (corners[:, 0].min(), corners[:, 0].max()) == pytest.approx(panel.get_xlim())


def test_trust_has_a_panel_per_figure_with_its_limit_shaded(study, shown):
    _, tables = shown
    panels = visible(trust.draw(study, tables))
    titles = ["frames that count", "against the reweightings", "two forms of reweighting", "noise of the energies"]
    assert [p.get_title() for p in panels] == [*titles, "between seeds"]
    assert [p.get_yscale() for p in panels] == ["log", "linear", "linear", "linear", "linear"]
    drawn = [
        ("ess_fraction", "", "conditional", "conditional reweighting"),
        ("trust_reweighting", "fixed", "latf", "latf"),
        ("trust_basis", "fixed", "conditional", "conditional reweighting"),
        ("trust_heat_capacity", "fixed", "conditional", "conditional reweighting"),
        ("trust_seeds", "fixed", "latf_published", "latf_published"),
    ]
    for panel, (metric, plane, name, label) in zip(panels, drawn, strict=True):
        series = tables.score(name, metric, plane)
        line = errorbar(panel, label)[0]
        np.testing.assert_allclose(line.get_xdata(orig=False), list(series))
        np.testing.assert_allclose(line.get_ydata(orig=False), [v.median for v in series.values()])
        (band,) = [p for p in panel.patches if p.get_label() == "not to be trusted"]
        low, high = band.get_extents().transformed(panel.transData.inverted()).intervaly
        assert (high if metric == "ess_fraction" else low) == pytest.approx(LIMITS.get(metric, ESS_LIMIT))
    shares = {name: tables.score(name, "ess_fraction", "")[0.7].median for name in REWEIGHTINGS}
    assert max(shares.values()) < ESS_LIMIT
    assert 0.7 not in tables.score("latf", "trust_reweighting", "fixed"), "exhausted reweightings say nothing"


def test_one_seed_has_no_panel_of_seeds(write_files, study):
    panels = visible(trust.draw(study, Tables.load(study, write_files(study), [0])))
    assert [p.get_title() for p in panels][2:] == ["two forms of reweighting", "noise of the energies"]


def test_error_is_drawn_against_each_trust_figure(study, shown):
    _, tables = shown
    panels = visible(trust.draw_error(study, tables))
    rows = list(trust.error_rows(study, tables))
    assert len(panels) == len(FIGURES)
    for figure, panel in zip(FIGURES, panels, strict=True):
        own = [row for row in rows if row[0] == figure]
        assert {row[1] for row in own} == set(study.models if figure == "trust_log_density" else predictors(study))
        points = [(*line.get_xdata(), *line.get_ydata()) for line in panel.lines]
        smallest = min(row[4] for row in own if row[4] > 0)  # where zeros are drawn
        np.testing.assert_allclose(points, [(max(row[4], smallest), row[5]) for row in own])
        assert panel.get_title().endswith(f"Spearman {trust.rank_correlation(own):+.2f}")
        faces = [line.get_markerfacecolor() == "white" for line in panel.lines]
        assert faces == [row[3] == "train" for row in own]
    model, T = "latf", 0.3
    error = tables.score(model, "population_max_error", "fixed")[T].median
    assert ("trust_seeds", model, T, "interpolate", tables.trust(model, "trust_seeds")[T], error) in rows


def test_rank_correlation_is_of_predicted_temperatures():
    def rows(errors, role="interpolate"):
        return [
            ("trust_seeds", "latf", 0.3, role, trust, error) for trust, error in zip((1, 2, 3), errors, strict=True)
        ]

    against = rows((3, 2, 1), role="train")
    assert trust.rank_correlation(rows((0.1, 0.2, 5.0)) + against) == pytest.approx(1)
    assert trust.rank_correlation(rows((3, 1, 2))) == pytest.approx(-0.5)
    assert np.isnan(trust.rank_correlation(against))
    assert np.isnan(trust.rank_correlation(rows((1, 1, 1))))


def test_a_doubt_is_what_the_table_of_predictions_says(study, shown):
    _, tables = shown
    assert list(tables.doubts("latf")) == [0.7]
    assert tables.doubts("latf")[0.7][0].startswith("only ")


def test_history_has_a_panel_per_training_and_one_more_for_a_joint_encoder(study, shown):
    layout, _ = shown
    runs = history.load_runs(study, layout, [0, 1, 2])
    panels = visible(history.draw(runs))
    assert [p.get_title() for p in panels] == [
        *("representation (SPIB)", "reweighting: conditional", "reweighting: which_t"),
        *("model latf", "model latf: conditional", "model latf_published", "model latf_published, encoder"),
    ]
    with open(layout.history(layout.spib(1)), newline="") as file:
        rows = list(csv.DictReader(file))
    curves = [line for line in panels[0].lines if line.get_label() == "training loss"]
    assert len(curves) == 3
    np.testing.assert_allclose(curves[1].get_ydata(), [float(r["loss"]) for r in rows])
    np.testing.assert_allclose(curves[1].get_xdata(), [int(r["step"]) for r in rows])
    assert "energy residual" not in {line.get_label() for line in panels[2].lines}
    density = [line for line in panels[5].lines if line.get_label() == "training loss"]
    assert len(density[0].get_xdata()) == 24, "joint and density stages are one curve"
    assert {line.get_label() for line in panels[6].lines if len(line.get_xdata()) > 2} == {
        "cross-entropy",
        "held-out cross-entropy",
    }


def test_trainings_of_one_file_share_its_clock(study, shown):
    layout, _ = shown
    seconds = {run.training: run.seconds for run in history.load_runs(study, layout, [0])}
    assert seconds["reweighting: conditional"] == 16
    assert seconds["reweighting: which_t"] == 24
    assert seconds["model latf"] == 96
    assert seconds["model latf: conditional"] == 10


def test_a_study_at_one_temperature_has_nothing_to_reweight_and_still_draws(write_files, study):
    layout = write_files(study)
    Path(layout.history(layout.reweighting(0))).write_text("stage,step,seconds\n")
    trainings = {run.training for run in history.load_runs(study, layout, [0])}
    assert "model latf" in trainings
    assert not any(training.startswith("reweighting") for training in trainings)


def test_csv_beside_a_figure_holds_its_numbers(study, shown, tmp_path):
    arrays = profile_arrays(make_study(reference=False), 2)
    rows = list(surfaces.rows(arrays))
    assert surfaces.row_columns(arrays)[:3] == ["temperature", "z1", "z2"]
    lowest = min((row for row in rows if row[0] == 0.3), key=lambda row: row[4])
    i, j = np.unravel_index(arrays["latent_model"][1].argmax(), (BINS, BINS))
    centers = (arrays["edges_latent"][:, 1:] + arrays["edges_latent"][:, :-1]) / 2
    assert lowest == (0.3, centers[0, i], centers[1, j], "", 0.0)
    assert len(list(marginals.rows(arrays))) == arrays["marginal_model"].size


def test_seeds_that_were_not_asked_for_do_not_count(study, shown):
    layout, tables = shown
    one = Tables.load(study, layout, [1]).score("latf", "js_plane", "fixed")[0.3]
    assert (one.seeds, one.median) == (1, pytest.approx(tables.score("latf", "js_plane", "fixed")[0.3].median))
    assert tables.score("latf", "js_plane", "fixed")[0.3].seeds == 3


@pytest.mark.parametrize("damage", ["profiles", "history", "scores"])
def test_a_missing_or_broken_file_is_named(write_files, study, damage):
    layout = write_files(study)
    path = {
        "profiles": layout.profiles("latf", 0),
        "history": layout.history(layout.model("latf", 0)),
        "scores": layout.all_scores,
    }[damage]
    if damage == "history":
        Path(path).write_text("stage,step\ndensity,x\n")
    else:
        Path(path).unlink()
    with pytest.raises(ArtifactError, match=Path(path).name):
        run(study, layout, [0])


def test_importing_and_drawing_leave_matplotlib_as_it_was(study, shown):
    import matplotlib

    with matplotlib.rc_context({"font.size": 17}):
        before = dict(matplotlib.rcParams)
        with style():
            trust.draw(study, shown[1])
            assert matplotlib.rcParams["font.size"] == 8
        assert dict(matplotlib.rcParams) == before


def test_every_series_looks_different(study):
    many = study.model_copy(update={"models": {f"m{k}": study.models["latf"] for k in range(15)}})
    assert len({(look(many, name).color, look(many, name).marker) for name in many.models}) == 15
    names = [*BASELINES, *study.models, "md", "exact"]
    looks = [look(study, name) for name in names]
    assert len({(item.color, item.marker) for item in looks}) == len(names)
    assert look(study, "latf") == look(make_study(dimensions=1), "latf")


def test_figure_names_need_no_matplotlib():
    import subprocess
    import sys

    code = (
        "import sys; from thermolatent.figures import figure_names; from thermolatent.config import load_study; "
        "print(len(figure_names(load_study('lj7', 'studies')))); assert 'matplotlib' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) == len(figure_names(make_study()))
