"""Each figure shows what its files say: panels, labels, scales, and the very numbers."""

import csv
import warnings
from pathlib import Path

import numpy as np
import pytest
from files_for_figures import (
    BINS,
    make_study,
    profile_arrays,
    reweighting_of,
    tables_of,
    write_histories,
    write_study_files,
)
from PIL import Image

from thermolatent.cli import main
from thermolatent.errors import ArtifactError
from thermolatent.figures import (
    calibration,
    convergence,
    divergence,
    figures_of,
    history,
    marginals,
    melting,
    observables,
    populations,
    surfaces,
    uncertainty,
)
from thermolatent.figures.stage import draw
from thermolatent.figures.style import DOUBLE, MAX_PIXELS, look, style
from thermolatent.figures.tables import Tables
from thermolatent.files.artifacts import load_json
from thermolatent.reweight.influence import NORMAL
from thermolatent.reweight.verdict import judge
from thermolatent.study.answers import asked_of
from thermolatent.study.jobs import JOBS, run_stage
from thermolatent.study.layout import Layout
from thermolatent.systems.alanine_dipeptide import AlanineDipeptide
from thermolatent.validate.settings import BASELINES


@pytest.fixture(scope="module")
def study():
    return make_study()


@pytest.fixture(scope="module")
def shown(study, tmp_path_factory):
    """Files of three seeds, and their tables."""
    layout = write_study_files(study, tmp_path_factory.mktemp("shown"), [0, 1, 2])
    return layout, tables_of(study, layout, [0, 1, 2])


@pytest.fixture(autouse=True)
def styled():
    with style():
        yield


def listed(layout):
    """Paths of the figures by the stage's list."""
    return [f"{layout.figures_folder}/{name}" for name in load_json(layout.figures)["files"]]


def visible(figure):
    """Axes of the panels, colour bars left out."""
    return [a for a in figure.axes if a.get_visible() and a.get_label() != "<colorbar>"]


def errorbar(panel, label):
    """Container of the series with this legend entry."""
    return next(c for c in panel.containers if c.get_label() == label)


def test_convergence_draws_running_populations_with_their_errors(study, shown):
    running = convergence.load_running(shown[0].running)
    panels = visible(convergence.draw(asked_of(study), running))
    assert [panel.get_title() for panel in panels] == ["T = 0.2", "T = 0.5"]
    rows = list(convergence.rows(asked_of(study), running))
    for panel, T in zip(panels, study.temperatures.train, strict=True):
        lines = panel.get_lines()
        assert [line.get_label() for line in lines] == study.validate_.states.names
        for line in lines:
            own = [row for row in rows if row[:2] == (T, line.get_label())]
            np.testing.assert_allclose(line.get_xydata(), [row[2:4] for row in own])
            band = panel.collections[lines.index(line)].get_paths()[0].vertices
            assert band[:, 1].max() == pytest.approx(max(row[3] + row[4] for row in own))
        assert panel.get_xlabel() == "simulated time of a walker (reduced units)"
    shaded = [[p.get_width() for p in panel.patches] for panel in panels]
    assert shaded == [[150.0], []]


def test_convergence_of_a_molecule_is_in_a_unit_that_suits_it(study):
    shares = [(10.0 * step, 0.5, float("nan"), 0.0) for step in range(1, 5)]
    molecule = study.model_copy(update={"system": AlanineDipeptide(solvent="vacuum")})
    for factor, unit, last in ((1, "ps", 40), (1000, "ns", 40), (10**6, "µs", 40)):
        running = {300.0: {"left": [(factor * t, *rest) for t, *rest in shares]}}
        (panel,) = visible(convergence.draw(asked_of(molecule), running))
        assert panel.get_xlabel() == f"simulated time of a walker ({unit})"
        assert panel.get_lines()[0].get_xdata()[-1] == pytest.approx(last)
        assert panel.get_title() == "T = 300 K"


def test_stage_writes_every_figure_and_the_same_bytes_again(write_files):
    study = make_study(reference=False)
    study = study.model_copy(update={"models": {"latf_published": study.models["latf_published"]}})
    layout = write_files(study)
    job = JOBS["figures"](study, layout, seeds=[0])
    run_stage("figures", job)
    written = listed(layout)
    names = [figure.name for figure in figures_of(job.settings)]
    assert sorted(written) == sorted(layout.figure(n, e) for n in names for e in ("pdf", "png", "csv"))
    first = {path: Path(path).read_bytes() for path in written}
    run_stage("figures", job)
    assert {path: Path(path).read_bytes() for path in written} == first
    for name in names:
        assert first[layout.figure(name, "pdf")].startswith(b"%PDF")
        assert b"CreationDate" not in first[layout.figure(name, "pdf")]
        with Image.open(layout.figure(name, "png")) as image:
            assert max(image.size) <= MAX_PIXELS
            assert min(image.convert("L").getextrema()) < 100, "a blank page"
    leftovers = [p for p in Path(layout.figures_folder).iterdir() if str(p) not in (*written, layout.figures)]
    assert leftovers == []


@pytest.mark.parametrize("reference", [True, False])
def test_surfaces_show_md_above_the_model_in_one_scale(reference):
    study = make_study(reference=reference)
    arrays = profile_arrays(study, 2)
    figure = surfaces.draw(asked_of(study), "latf", arrays)
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
            mesh = panel.collections[0]
            assert mesh.get_clim() == (0, surfaces.CAP)
            mass = arrays[key][k].T
            expected = np.where(mass > 0, np.log(mass.max()) - np.log(np.where(mass > 0, mass, 1)), np.nan)
            drawn = np.ma.filled(mesh.get_array(), np.nan).reshape(BINS, BINS)
            np.testing.assert_allclose(drawn, np.minimum(expected, surfaces.CAP), atol=1e-12)


def test_bins_of_the_model_that_are_hardly_known_are_greyed():
    study = make_study()
    arrays = profile_arrays(study, 2)
    mass, half = arrays["latent_model"], arrays["latent_model_half"]
    i, j = np.unravel_index(mass[1].argmax(), (BINS, BINS))
    half[1, i, j] = np.nan  # no training frames, or not assessable
    figure = surfaces.draw(asked_of(study), "latf", arrays)
    n = len(study.temperatures.generated)
    for k in range(n):
        assert len(visible(figure)[k].collections) <= 1, "nothing lies over the MD"
        (_, grey) = visible(figure)[n + k].collections
        drawn = ~np.ma.getmaskarray(grey.get_array()).reshape(BINS, BINS).T
        np.testing.assert_array_equal(drawn, (mass[k] > 0) & ~(half[k] <= 2))
        assert drawn[i, j] == (k == 1)
    (legend,) = figure.legends
    assert [t.get_text() for t in legend.get_texts()] == ["95 % interval wider than ± 2 kT, or no training frames"]
    blind = surfaces.draw(asked_of(study), "latf", profile_arrays(study, 2, informed=False))
    assert not blind.legends
    assert {len(panel.collections) for panel in visible(blind)} == {1}


@pytest.mark.parametrize("informed", [True, False])
def test_curves_have_the_reweightings_band_where_the_model_is_informed(informed):
    study = make_study(dimensions=1)
    arrays = profile_arrays(study, 1, informed)
    F, half = arrays["marginal_reweighting"][1, 0], arrays["marginal_reweighting_half"][1, 0]
    for drawing in (surfaces.draw, marginals.draw):
        panel = visible(drawing(asked_of(study), "latf", arrays))[1]
        (*bands,) = [c for c in panel.collections if c.get_label() == "conditional reweighting, 95 % interval"]
        assert len(bands) == informed
        if informed:
            y = bands[0].get_paths()[0].vertices[:, 1]
            center = np.abs(arrays["edges_marginal"][0]).argmin()
            assert {F[center] - half[center], F[center] + half[center]} <= set(y)


def test_one_latent_coordinate_gives_curves_and_four_say_what_is_left_out():
    study = make_study(dimensions=1)
    arrays = profile_arrays(study, 1)
    panels = visible(surfaces.draw(asked_of(study), "latf", arrays))
    assert len(panels) == len(study.temperatures.generated)
    md, model = panels[0].lines[:2]
    np.testing.assert_allclose(md.get_ydata(), arrays["marginal_md"][0, 0], atol=1e-12)
    np.testing.assert_allclose(model.get_ydata(), arrays["marginal_model"][0, 0], atol=1e-12)
    arrays = profile_arrays(study, 4)
    assert "first two of 4" in surfaces.draw(asked_of(study), "latf", arrays).get_supxlabel()
    assert len(visible(marginals.draw(asked_of(study), "latf", arrays))) == 4 * len(study.temperatures.generated)


def test_more_temperatures_than_a_row_holds_go_below():
    study = make_study()
    many = study.temperatures.model_copy(update={"predict": [0.25, 0.3, 0.35, 0.4, 0.6, 0.7], "reference": [0.3]})
    study = study.model_copy(update={"temperatures": many})
    arrays = profile_arrays(study, 2)
    for figure, per_temperature in (
        (surfaces.draw(asked_of(study), "latf", arrays), 2),
        (marginals.draw(asked_of(study), "latf", arrays), 2),
    ):
        panels = visible(figure)
        assert len(panels) == 8 * per_temperature
        assert sum(bool(p.get_title()) for p in panels) == 8


def test_marginals_show_the_model_on_the_md_with_its_band(study):
    arrays = profile_arrays(study, 2)
    panels = visible(marginals.draw(asked_of(study), "latf_published", arrays))
    n = len(study.temperatures.generated)
    panel = panels[n + 2]  # second coordinate, third temperature
    md, model = panel.lines
    np.testing.assert_array_equal(md.get_ydata(), arrays["marginal_md"][2, 1])
    np.testing.assert_array_equal(model.get_ydata(), arrays["marginal_model"][2, 1])
    assert model.get_color() == look(asked_of(study), "latf_published").color
    corners = panel.collections[0].get_paths()[0].vertices
    middle = BINS // 2
    center = (arrays["edges_marginal"][1][middle] + arrays["edges_marginal"][1][middle + 1]) / 2
    band = corners[np.isclose(corners[:, 0], center), 1]
    F, error = arrays["marginal_md"][2, 1, middle], arrays["marginal_md_stderr"][2, 1, middle]
    np.testing.assert_allclose([band.min(), band.max()], [F - NORMAL * error, F + NORMAL * error])


def line(panel, label):
    """The line with this legend entry."""
    return next(one for one in panel.lines if one.get_label() == label)


def test_populations_show_the_interval_as_a_band_the_md_with_its_own_and_models_thin(study, shown):
    _, tables = shown
    panels = visible(populations.draw(asked_of(study), tables))
    assert [p.get_title() for p in panels] == list(study.validate_.states.centers)
    expected = [judge(reweighting_of(study), T, 0.05).set_index("state") for T in study.temperatures.generated]
    for state, panel in zip(study.validate_.states.names, panels, strict=True):
        answer = line(panel, "conditional reweighting")
        np.testing.assert_allclose(answer.get_ydata(), [table.value[state] for table in expected], rtol=1e-6)
        (band,) = [c for c in panel.collections if c.get_label() == "its 95 % interval"]
        corners = band.get_paths()[0].vertices
        for T, table in zip(study.temperatures.generated, expected, strict=True):
            ends = corners[np.isclose(corners[:, 0], T), 1]
            np.testing.assert_allclose([ends.min(), ends.max()], table.loc[state, ["low", "high"]].to_list(), rtol=1e-6)
    for name, series in (
        ("latf", tables.density("latf", "chevron")),
        ("latf_published", tables.population("latf_published", "chevron")),
        ("MBAR", tables.population("mbar", "chevron")),
    ):
        np.testing.assert_allclose(line(panels[3], name).get_ydata(), [v.median for v in series.values()])
    assert line(panels[3], "latf").get_linewidth() < line(panels[3], "conditional reweighting").get_linewidth()
    md = errorbar(panels[3], "MD (95 % interval)")
    np.testing.assert_allclose(md[0].get_xdata(orig=False), study.temperatures.generated)
    lengths = [np.ptp(segment[:, 1]) for segment in md[2][0].get_segments()]
    np.testing.assert_allclose(lengths, 2 * 0.009, rtol=1e-6)
    rows = list(populations.rows(asked_of(study), tables))
    prediction = tables.predictions()[0.3]["hexagon"]
    assert ("hexagon", "reweighting", 0.3, prediction.value, prediction.low, prediction.high) in rows
    assert {row[1] for row in rows} == {"reweighting", "md", "nearest", "mbar", *study.models}


def test_observables_and_melting_are_drawn_where_the_study_asks(tmp_path):
    """And nothing warns while the figures are drawn, here all that there are."""
    study = make_study(melting="hexagon", observables=True)
    layout = write_study_files(study, tmp_path, [0, 1])
    job = JOBS["figures"](study, layout, seeds=[0, 1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        written = draw(job.settings, job.inputs, figures_of(job.settings, asked=True), tmp_path / "drawn", ["png"])
    drawn = {Path(path).stem for path in written}
    assert {"observables", "melting", "history", "surfaces_latf", "marginals_latf_published"} <= drawn
    assert {"observables", "melting"} <= {figure.name for figure in figures_of(job.settings)} < drawn
    tables = tables_of(study, layout, [0, 1])
    figure = observables.draw(asked_of(study), tables)
    assert [panel.get_title() for panel in visible(figure)] == ["mu2", "mu3"]
    fits = melting.load_fits(layout.melting)
    assert set(fits) == {"reweighting", "md", "latf_published"}, "an informed model's is the reweighting's"
    own = reweighting_of(study).melting("hexagon").set_index("quantity")
    assert fits["reweighting"].Tm == pytest.approx(own.value["Tm"], rel=1e-6)
    assert fits["reweighting"].Tm_half == pytest.approx((own.high["Tm"] - own.low["Tm"]) / 2, rel=1e-6)
    assert not any(fit.extrapolated for fit in fits.values())
    (panel,) = visible(melting.draw(asked_of(study), tables, fits))
    shown = tables.population("latf_published", "hexagon")
    drawn = line(panel, look(asked_of(study), "latf_published").label)
    np.testing.assert_allclose(drawn.get_ydata(), [v.median for v in shown.values()])
    with open(tmp_path / "drawn" / "melting.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["series"] == "latf_published"]
    middle = min(rows, key=lambda row: abs(float(row["temperature"]) - fits["latf_published"].Tm))
    assert float(middle["population"]) == pytest.approx(0.5, abs=0.02)


def test_measured_values_are_drawn_with_their_intervals_and_the_axis_holds_them(tmp_path):
    values = [[0.1, 0.9, 0.05], [0.4, 0.5, 0.1], [0.45, 0.4]]
    measured = [
        {"quantity": "hexagon", "label": "CD, 2004", "values": values},
        {"quantity": "melting", "label": "DSC", "values": [[0.42, 0.02]]},
    ]
    study = make_study(melting="hexagon", experiment=measured)
    layout = write_study_files(study, tmp_path, [0])
    tables, asked = tables_of(study, layout, [0]), asked_of(study)
    panels = {panel.get_title(): panel for panel in visible(populations.draw(asked, tables))}
    (curve,) = visible(melting.draw(asked, tables, melting.load_fits(layout.melting)))
    for panel in (panels["hexagon"], curve):
        points, _, (bars,) = errorbar(panel, "CD, 2004 (95 % interval)")
        np.testing.assert_allclose(points.get_xydata(), [row[:2] for row in values])
        np.testing.assert_allclose(
            [np.ptp(bar[:, 1]) for bar in bars.get_segments()], [2 * 1.96 * 0.05, 2 * 1.96 * 0.1, 0], rtol=1e-4
        )
        assert panel.get_xlim()[0] < 0.1
    assert "CD, 2004 (95 % interval)" not in panels["tricapped"].get_legend_handles_labels()[1]
    np.testing.assert_allclose(errorbar(curve, "DSC, Tm")[0].get_xydata(), [[0.42, 0.5]])
    assert ("hexagon", "CD, 2004", 0.45, 0.4, "", "") in list(populations.rows(asked, tables))


def test_divergence_uses_a_logarithm_only_where_the_range_asks_for_it(study, shown):
    _, tables = shown
    panels = visible(divergence.draw(asked_of(study), tables))
    titles = [p.get_title() for p in panels]
    assert titles == ["fixed plane (mu2, mu3)", "latent plane", "latent plane of latf_published"]
    assert all(p.get_yscale() == "log" for p in panels)
    labels = panels[0].get_legend_handles_labels()[1]
    assert {look(asked_of(study), name).label for name in (*BASELINES, *study.models) if name != "which_t"} <= set(
        labels
    )
    np.testing.assert_allclose(
        errorbar(panels[2], "latf_published")[0].get_ydata(orig=False),
        [v.median for v in tables.score("latf_published", "js_latent", "latent_latf_published").values()],
    )
    assert "latf" not in panels[2].get_legend_handles_labels()[1]
    close = [row | {"value": "0.01"} if row["model"] == "nearest" else row for row in tables._scores]
    narrow = visible(
        divergence.draw(
            asked_of(study), Tables(asked_of(study), close, tables._populations, [], [0, 1, 2], tables.plane)
        )
    )
    assert narrow[0].get_yscale() == "linear"
    assert narrow[0].get_ylim()[0] == 0


def test_floor_is_shaded_up_to_its_value_also_at_a_single_temperature(study, shown):
    _, tables = shown
    only = [row for row in tables._scores if row["temperature"] == "0.2"]
    panel = visible(divergence.draw(asked_of(study), Tables(asked_of(study), only, tables._populations, [], [0])))[0]
    shade = next(c for c in panel.collections if c.get_label() == look(asked_of(study), "floor").label)
    corners = shade.get_paths()[0].vertices
    floor = Tables(asked_of(study), only, tables._populations, [], [0]).score("floor", "js_plane", "fixed")[0.2].median
    assert corners[:, 1].max() == pytest.approx(floor)
    assert (corners[:, 0].min(), corners[:, 0].max()) == pytest.approx(panel.get_xlim())


def test_uncertainty_has_a_panel_per_state_with_every_cause_and_the_tolerance(study, shown):
    _, tables = shown
    panels = visible(uncertainty.draw(asked_of(study), tables))
    assert [p.get_title() for p in panels] == study.validate_.states.names
    tables_at = [judge(reweighting_of(study), T, 0.05).set_index("state") for T in study.temperatures.generated]
    for state, panel in zip(study.validate_.states.names, panels, strict=True):
        halves = [(table.high[state] - table.low[state]) / 2 for table in tables_at]
        np.testing.assert_allclose(line(panel, "all of it").get_ydata(), halves, rtol=1e-5)
        for cause, label in (
            ("sampling", "sampling"),
            ("form", "temperature form"),
            ("visits", "states seldom visited"),
        ):
            drawn = line(panel, label)
            np.testing.assert_allclose(drawn.get_xdata(), study.temperatures.generated)
            np.testing.assert_allclose(drawn.get_ydata(), [table[cause][state] for table in tables_at], rtol=1e-6)
        added = [of_state[state].parts["model"] for of_state in tables.predictions("latf").values()]
        np.testing.assert_array_equal(line(panel, "model: latf").get_ydata(), added)
        assert set(line(panel, "tolerance 0.05").get_ydata()) == {0.05}
        trained = [one for one in panel.lines if one.get_linewidth() == 0.7]  # those of temperature_axis
        assert [one.get_xdata()[0] for one in trained] == [0.2, 0.5]
        assert "latf_published" not in str(panel.get_legend_handles_labels()[1]), (
            "its distance is no part of an interval"
        )
    rows = list(uncertainty.rows(asked_of(study), tables))
    assert ("chevron", 0.7, "form", pytest.approx(tables_at[-1].form["chevron"])) in rows
    assert {row[2] for row in rows} == {"all", "sampling", "form", "visits", "model latf"}


def unseen(tables, states):
    """The tables of a study in which these states are not assessable."""
    nothing = dict.fromkeys(("stderr", "low", "high", "sampling", "form", "visits", "model"), "")
    nothing |= {"verdict": "not assessable", "reason": "2 whole visits at 0.2", "remedy": "extend 0.2"}
    judged = [row | nothing if row["state"] in states else row for row in tables._judged]
    return Tables(tables.study, tables._scores, tables._populations, judged, [0, 1, 2], tables.plane)


def test_states_that_are_not_assessable_have_no_panel_and_no_band(study, shown):
    less = unseen(shown[1], ["trapezoid"])
    figure = uncertainty.draw(asked_of(study), less)
    assert [p.get_title() for p in visible(figure)] == ["hexagon", "tricapped", "chevron"]
    assert figure.get_suptitle() == "not assessable: trapezoid"
    assert "trapezoid" not in {row[0] for row in calibration.rows(asked_of(study), less)}
    panel = visible(populations.draw(asked_of(study), less))[2]
    (band,) = [c for c in panel.collections if c.get_label() == "its 95 % interval"]
    assert all(np.isnan(path.vertices).any() or not len(path.vertices) for path in band.get_paths())
    assert np.isfinite(line(panel, "conditional reweighting").get_ydata()).all()
    none = unseen(shown[1], study.validate_.states.names)
    for figure in (uncertainty.draw(asked_of(study), none), calibration.draw(asked_of(study), none)):
        (text,) = visible(figure)[0].texts
        assert "assessable" in text.get_text()


def test_calibration_is_difference_from_md_against_half_of_the_interval(study, shown):
    _, tables = shown
    (panel,) = visible(calibration.draw(asked_of(study), tables))
    rows = list(calibration.rows(asked_of(study), tables))
    assert len(rows) == 4 * len(study.temperatures.reference), "of temperatures that were not trained on"
    points = [(container[0].get_xdata()[0], container[0].get_ydata()[0]) for container in panel.containers]
    np.testing.assert_allclose(points, [(row[4], row[7]) for row in rows])
    state, T, role, value, half, md, md_half, difference = rows[0]
    assert (state, T, role) == ("hexagon", 0.3, "interpolate")
    expected = judge(reweighting_of(study), 0.3, 0.05).set_index("state").loc["hexagon"]
    true = tables.population("md", "hexagon")[0.3].median
    assert (value, half) == pytest.approx((expected.value, (expected.high - expected.low) / 2), rel=1e-6)
    assert (md, md_half, difference) == pytest.approx((true, 0.009, abs(value - true)))
    held = sum(row[7] <= np.hypot(row[4], row[6]) for row in rows)
    assert panel.get_title() == f"{held} of {len(rows)} within the interval and the MD's own"
    diagonal = next(one for one in panel.lines if len(one.get_xdata()) == 2)
    np.testing.assert_array_equal(diagonal.get_xdata(), diagonal.get_ydata())


def test_history_has_a_panel_per_training_and_one_more_for_a_joint_encoder(study, shown):
    layout, _ = shown
    runs = history.load_runs(JOBS["figures"](study, layout, seeds=[0, 1, 2]).inputs.histories)
    panels = visible(history.draw(asked_of(study), runs))
    assert [p.get_title() for p in panels] == [
        *("representation (SPIB)", "model latf", "model latf: conditional"),
        *("model latf_published", "model latf_published, encoder"),
    ]
    with open(layout.history(layout.spib(1)), newline="") as file:
        rows = list(csv.DictReader(file))
    curves = [line for line in panels[0].lines if line.get_label() == "training loss"]
    assert len(curves) == 3
    np.testing.assert_allclose(curves[1].get_ydata(), [float(r["loss"]) for r in rows])
    np.testing.assert_allclose(curves[1].get_xdata(), [int(r["step"]) for r in rows])
    density = [line for line in panels[3].lines if line.get_label() == "training loss"]
    assert len(density[0].get_xdata()) == 24, "joint and density stages are one curve"
    assert {line.get_label() for line in panels[4].lines if len(line.get_xdata()) > 2} == {
        "cross-entropy",
        "held-out cross-entropy",
    }


def test_a_model_s_own_spib_has_a_panel_of_its_own(tmp_path):
    study, layout = make_study(), Layout(str(tmp_path))
    own = study.models["latf"].model_copy(update={"representation": study.representation.model_copy(update={"lag": 9})})
    study = study.model_copy(update={"models": {**study.models, "latf": own}})
    write_histories(study, layout, [0])
    runs = history.load_runs(JOBS["figures"](study, layout, seeds=[0]).inputs.histories)
    titles = [run.training for run in runs]
    assert titles[:3] == ["representation (SPIB)", "representation (SPIB) of latf", "model latf"]


def test_trainings_of_one_file_share_its_clock(study, shown):
    layout, _ = shown
    seconds = {
        run.training: run.seconds
        for run in history.load_runs(JOBS["figures"](study, layout, seeds=[0]).inputs.histories)
    }
    assert seconds["model latf"] == 96
    assert seconds["model latf: conditional"] == 10


def test_csv_beside_a_figure_holds_its_numbers(study, shown, tmp_path):
    arrays = profile_arrays(make_study(reference=False), 2)
    rows = list(surfaces.rows(asked_of(study), "latf", arrays))
    lowest = min((row for row in rows if row[0] == 0.3), key=lambda row: row[4])
    i, j = np.unravel_index(arrays["latent_model"][1].argmax(), (BINS, BINS))
    centers = (arrays["edges_latent"][:, 1:] + arrays["edges_latent"][:, :-1]) / 2
    assert lowest == (0.3, centers[0, i], centers[1, j], "", 0.0, arrays["latent_model_half"][1, i, j])
    assert len(list(marginals.rows(asked_of(study), "latf", arrays))) == arrays["marginal_model"].size


def test_seeds_that_were_not_asked_for_do_not_count(study, shown):
    layout, tables = shown
    one = tables_of(study, layout, [1]).score("latf", "js_plane", "fixed")[0.3]
    assert (one.seeds, one.median) == (1, pytest.approx(tables.score("latf", "js_plane", "fixed")[0.3].median))
    assert tables.score("latf", "js_plane", "fixed")[0.3].seeds == 3


@pytest.mark.parametrize(
    ("damage", "reader"), [("profiles", "surfaces_latf"), ("history", "history"), ("scores", "populations")]
)
def test_a_missing_or_broken_file_is_named(write_files, study, damage, reader):
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
    job = JOBS["figures"](study, layout, seeds=[0])
    (figure,) = [figure for figure in figures_of(job.settings, asked=True) if figure.name == reader]
    with pytest.raises(ArtifactError, match=Path(path).name):
        draw(job.settings, job.inputs, [figure], layout.figures_folder)


def test_importing_and_drawing_leave_matplotlib_as_it_was(study, shown):
    import matplotlib

    with matplotlib.rc_context({"font.size": 17}):
        before = dict(matplotlib.rcParams)
        with style():
            uncertainty.draw(asked_of(study), shown[1])
            assert matplotlib.rcParams["font.size"] == 8
        assert dict(matplotlib.rcParams) == before


def test_every_series_looks_different(study):
    many = study.model_copy(update={"models": {f"m{k}": study.models["latf"] for k in range(15)}})
    assert len({(look(asked_of(many), name).color, look(asked_of(many), name).marker) for name in many.models}) == 15
    names = [*BASELINES, *study.models, "md", "exact"]
    looks = [look(asked_of(study), name) for name in names]
    assert len({(item.color, item.marker) for item in looks}) == len(names)
    assert look(asked_of(study), "latf") == look(asked_of(make_study(dimensions=1)), "latf")


def test_figure_names_need_no_matplotlib():
    import subprocess
    import sys

    code = (
        "import sys; from thermolatent.figures import figures_of; from thermolatent.study.loading import load_study; "
        "print(len(list(figures_of(load_study('lj7', 'studies'))))); assert 'matplotlib' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) == len(list(figures_of(make_study())))


def test_one_figure_for_a_talk(write_files, monkeypatch, capsys):
    """The command draws one figure, of some models, in another format, and nothing else."""
    layout = write_files(make_study())
    arguments = ["--results", str(Path(layout.root).parent)]
    monkeypatch.setattr("thermolatent.commands.figure.study_of", lambda options: make_study())
    monkeypatch.setattr("thermolatent.study.layout.Layout.of", lambda study, results: layout)
    assert main(["figure", "lj7", "populations", "--models", "latf", "--format", "svg", *arguments]) == 0
    svg, data = (Path(path) for path in capsys.readouterr().out.split())
    assert (svg.name, data.name) == ("populations.svg", "populations.csv")
    assert svg.read_text().startswith("<?xml")
    assert {row[1] for row in csv.reader(data.open())} == {"series", "reweighting", "md", "nearest", "mbar", "latf"}
    assert len(list(svg.parent.iterdir())) == 2
    assert main(["figure", "lj7", *arguments]) == 0
    assert capsys.readouterr().out.split() == [f.name for f in figures_of(make_study(), asked=True)]
    assert main(["figure", "lj7", "population", *arguments]) == 1
    assert capsys.readouterr().err.strip().endswith("no figure 'population', did you mean 'populations'?")
    assert main(["figure", "lj7", "history", "--models", "late", *arguments]) == 1
    assert "no model 'late', did you mean 'latf'?" in capsys.readouterr().err
