"""The numbers behind the report's slider: what is packed into the page, decoded again and compared with the files."""

import base64
import json
import re
import zlib
from pathlib import Path

import numpy as np
import pytest
from files_for_figures import make_study, surface_arrays, write_blank_figures, write_medoids, write_study_files

from thermolatent.artifacts import load_arrays
from thermolatent.config import load_study
from thermolatent.errors import ArtifactError
from thermolatent.figures import medoids, melting, packing, report
from thermolatent.figures.stops import interpolated, interpolated_populations, log_interpolated, stops_of
from thermolatent.figures.surfaces import CAP, free_energies
from thermolatent.figures.tables import Tables
from thermolatent.figures.temperature import population_of
from thermolatent.systems.three_hole import ThreeHole


def decoded(entry):
    """By hand, not by the function under test."""
    raw = zlib.decompress(base64.b64decode(entry["data"]))
    return np.frombuffer(raw, {"uint8": "u1", "int16": "<i2"}[entry["dtype"]]).reshape(entry["shape"])


def embedded(layout):
    html = Path(layout.report).read_text(encoding="utf-8")
    return json.loads(re.search(r'id="explorer-data">(.*?)</script>', html, re.S)[1])


@pytest.fixture(scope="module", params=[1, 2, 3])
def made(request, tmp_path_factory):
    study, seeds = make_study(dimensions=request.param, melting="hexagon", observables=True), [0, 1]
    layout = write_study_files(study, tmp_path_factory.mktemp("explorer"), seeds, request.param)
    write_blank_figures(study, layout)
    report.run(study, layout, seeds)
    return study, layout, seeds, embedded(layout)


def test_surfaces_are_those_of_the_files(made):
    study, layout, seeds, page = made
    stops = [stop["temperature"] for stop in page["stops"]]
    for model in study.models:
        for seed in seeds:
            file = load_arrays(layout.surfaces(model, seed))
            levels = decoded(page["bundles"][f"{model}/{seed}"]["latent"]["model"])
            for T, F in zip(file["temperatures"], file["free_energy"], strict=True):
                (k,) = np.flatnonzero(np.isclose(stops, T))
                empty = ~np.isfinite(F)
                assert (levels[k][empty] == packing.EMPTY).all()
                half_a_level = CAP / packing.LEVELS / 2
                assert (
                    np.abs(levels[k] * CAP / packing.LEVELS - np.minimum(F, CAP))[~empty].max() <= half_a_level + 1e-5
                )


def test_surfaces_between_the_grid_are_right_where_ln_p_is_linear_in_b(made):
    """The test's surfaces are U(z)/T, exactly what is assumed: so no error beyond rounding."""
    study, _, _, page = made
    k = next(k for k, stop in enumerate(page["stops"]) if stop["temperature"] == 0.3)
    grid = surface_arrays(study, study.representation.latent_dim)
    energy = grid["free_energy"][0] * grid["temperatures"][0]
    expected = energy / 0.3 - np.nanmin(np.where(np.isfinite(energy), energy / 0.3, np.nan))
    levels = decoded(page["bundles"]["latf/0"]["latent"]["model"])[k]
    known = levels != packing.EMPTY
    assert known.mean() > 0.2
    assert np.abs(levels * CAP / packing.LEVELS - np.minimum(expected, CAP))[known].max() < CAP / packing.LEVELS


def test_md_is_shown_where_there_is_some_and_nowhere_else(made):
    study, layout, _, page = made
    assert [s["temperature"] for s in page["stops"] if s["md"]] == study.temperatures.simulated
    assert sorted({s["temperature"] for s in page["stops"] if s["asked"]}) == study.temperatures.generated
    profiles = load_arrays(layout.profiles("latf", 0))
    for which in ("latent", "plane"):
        F = free_energies(profiles[f"{which}_md"])
        levels = decoded(page["bundles"]["latf/0"][which]["md"])
        np.testing.assert_array_equal(levels == packing.EMPTY, np.isnan(F))
        np.testing.assert_allclose(
            (levels * CAP / packing.LEVELS)[~np.isnan(F)], np.minimum(F, CAP)[~np.isnan(F)], atol=0.02
        )
        axes = page["bundles"]["latf/0"][which]["axes"]
        assert [axis["range"] for axis in axes] == [[e[0], e[-1]] for e in profiles[f"edges_{which}"].tolist()]


def test_without_reference_only_training_temperatures_have_md(tmp_path):
    study = make_study(reference=False)
    layout = write_study_files(study, tmp_path, [0])
    write_blank_figures(study, layout)
    report.run(study, layout, [0])
    page = embedded(layout)
    assert [s["temperature"] for s in page["stops"] if s["md"]] == [0.2, 0.5]
    assert decoded(page["bundles"]["latf/0"]["plane"]["md"]).shape[0] == 2


def test_curves_are_the_tables_seed_by_seed(made):
    study, layout, seeds, page = made
    asked = {stop["temperature"]: k for k, stop in enumerate(page["stops"]) if stop["asked"]}
    panels = {panel["title"]: {s["name"]: s for s in panel["series"]} for panel in page["panels"]}
    for seed in seeds:
        tables = Tables.load(study, layout, [seed])
        sources = {
            "Population of chevron": lambda m, t=tables: population_of(study, t, m, "chevron"),
            "Mean of mu3": lambda m, t=tables: t.observable(m, "mu3"),
            "Divergence from MD, fixed plane (mu2, mu3)": lambda m, t=tables: t.score(m, "js_plane", "fixed"),
            "Training frames that count": lambda m, t=tables: t.score(m, "ess_fraction", ""),
        }
        for title, source in sources.items():
            for name in ("md", "conditional", "mbar", "floor", *study.models):
                values = source(name)
                assert (name in panels[title]) == bool(values)
                for T, value in values.items():
                    got = panels[title][name]["seeds"][str(seed)]["y"][asked[T]]
                    assert got == pytest.approx(value.median, rel=1e-4)
    own = panels["Divergence from MD, latent plane of latf_published"]
    assert set(own) >= {"latf_published", "mbar"}
    shown = {panel["title"]: panel["models"] for panel in page["panels"]}
    assert shown["Divergence from MD, latent plane of latf_published"] == ["latf_published"]
    assert shown["Divergence from MD, latent plane"] == ["latf"]


def test_melting_is_that_of_the_file(made):
    study, layout, seeds, page = made
    fits = melting.load_fits(layout)
    (panel,) = [p for p in page["panels"] if p["title"] == "Melting of hexagon"]
    drawn = {s["name"]: s for s in panel["series"] if s["style"] == "fit"}
    T = [stop["temperature"] for stop in page["stops"]]
    for name, shown in (("reweighting", "conditional"), ("md", "md"), ("latf_published", "latf_published")):
        assert drawn[shown]["Tm"] == pytest.approx(fits[name].Tm, rel=1e-4)
        assert drawn[shown]["Tm_half"] == pytest.approx(fits[name].Tm_half, rel=1e-4)
        if name != "reweighting":
            np.testing.assert_allclose(drawn[shown]["seeds"]["0"]["y"], fits[name].fitted(study, T), rtol=1e-4)
    known = Tables.load(study, layout, seeds).predictions()
    y = dict(zip(T, drawn["conditional"]["seeds"]["0"]["y"], strict=True))
    assert [y[t] for t in known] == pytest.approx([of_state["hexagon"].value for of_state in known.values()], rel=1e-4)


def test_verdicts_repeat_the_predictions(made):
    study, layout, seeds, page = made
    for model in study.models:
        known = Tables.load(study, layout, seeds).predictions(model)
        for stop, told in zip(page["stops"], page["verdicts"][model], strict=True):
            if not stop["asked"]:
                continue
            of_state = known[stop["temperature"]]
            assert told["doubt"] == any(p.verdict != "trusted" for p in of_state.values())
            assert all(p.reason in told["text"] for p in of_state.values())
    assert all("not informed: assumes" in told["text"] for told in page["verdicts"]["latf_published"])
    last_but_one = page["verdicts"]["latf"][-2]
    assert page["stops"][-2]["asked"] is False
    assert last_but_one["doubt"]
    assert "at 0.7 " in last_but_one["text"]


def test_structures_are_the_medoids_turned_only(made):
    study, layout, _, page = made
    found = page["bundles"]["latf/0"]["structures"]
    xyz = decoded(found["positions"]) * page["resolution"]
    assert [f["state"] for f in found["frames"][:4]] == study.validate_.states.names
    for frame, got in zip(found["frames"], xyz, strict=True):
        (expected,) = [
            m for m in medoids.read_medoids(layout.medoids("latf", 0, frame["T"]))[1] if m.state == frame["state"]
        ]
        assert frame["population"] == expected.population
        distances = [np.linalg.norm(a[:, None] - a[None], axis=-1) for a in (got, expected.positions)]
        np.testing.assert_allclose(*distances, atol=3 * page["resolution"])
    assert page["molecule"]["bonds"] == []
    first = medoids.read_medoids(layout.medoids("latf", 0, 0.2))[1][0].positions
    apart = np.linalg.norm(first[:, None] - first[None], axis=-1) + 9 * np.eye(7)
    assert page["molecule"]["radius"] == pytest.approx(apart.min() / 2, rel=1e-5)


def test_interpolated_populations_are_near_the_exact_ones():
    """Three-hole between the temperatures of its study, against quadrature, and against straight lines."""
    study = load_study("three_hole", "studies")
    x, y = np.meshgrid(np.linspace(-3, 3, 300), np.linspace(-3, 3.5, 300), indexing="ij")
    energy = ThreeHole().potential_energy(np.stack([x, y, 0 * x], -1).reshape(-1, 1, 3)).reshape(x.shape)
    regions = [(x < 0) & (y < 0.8), (x >= 0) & (y < 0.8), y >= 0.8]

    def exact(T):
        p = np.exp(-(energy - energy.min()) / T)
        return np.array([p[region].sum() for region in regions]) / p.sum()

    asked = study.temperatures.generated
    stops = stops_of(study, np.linspace(0.5, 1.5, 9))
    got = interpolated_populations(study, stops, asked, np.array([exact(T) for T in asked]))
    error = [np.abs(row - exact(stop.temperature)).max() for row, stop in zip(got, stops, strict=True)]
    np.testing.assert_allclose(got.sum(axis=1), 1)
    assert max(error) < 0.002
    assert max(e for e, stop in zip(error, stops, strict=True) if stop.asked) == 0
    straight = interpolated(stops, asked, np.array([exact(T) for T in asked]))
    assert max(error) < 0.5 * max(
        np.abs(row - exact(stop.temperature)).max() for row, stop in zip(straight, stops, strict=True)
    )


def test_nothing_is_extrapolated():
    study = load_study("three_hole", "studies")
    stops = stops_of(study, np.array([0.25, 0.5, 2.0]))
    assert [stop.temperature for stop in stops] == [0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0]
    values = log_interpolated(study, stops, np.array([0.5, 1.5]), np.array([[1.0, -np.inf], [2.0, 3.0]]))
    assert np.isnan(values[[0, -1]]).all()
    assert np.isnan(values[1:-2, 1]).all()
    assert values[2, 0] == pytest.approx(1 + (1 / 0.75 - 2) / (2 / 3 - 2))


def test_bonds_of_a_molecule_and_its_axes(tmp_path):
    study = load_study("alanine_dipeptide", "studies")
    xyz = write_medoids(study, tmp_path / "T550.medoids.pdb", 550, 0)
    topology, found = medoids.read_medoids(str(tmp_path / "T550.medoids.pdb"))
    symbols = [atom.element.symbol for atom in topology.atoms]
    assert symbols == ["C", "C", "O", "N"]
    assert medoids.bonds(symbols, found[0].positions).tolist() == [[0, 1], [1, 2], [1, 3]]
    turned = medoids.along_axes(xyz[0])
    assert list(np.argsort(-turned.var(axis=0))) == [0, 1, 2]


def test_a_chiral_molecule_is_not_mirrored():
    rng = np.random.default_rng(0)
    for _ in range(20):
        x = rng.normal(size=(5, 3))
        for turned in (medoids.along_axes(x), medoids.superposed(x, rng.normal(size=(5, 3)))):
            a, b = (np.linalg.det(m[1:4] - m[0]) for m in (x, turned))
            assert a == pytest.approx(b)
    rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    rotation[:, 0] *= np.linalg.det(rotation)
    np.testing.assert_allclose(medoids.superposed(x @ rotation + 3, x), x - x.mean(0), atol=1e-12)


def test_a_missing_or_broken_file_is_named(write_files):
    study = make_study()
    layout = write_files(study)
    write_blank_figures(study, layout)
    path = Path(layout.medoids("latf", 0, 0.3))
    path.write_text("\n".join(line for line in path.read_text().splitlines() if "REMARK" not in line))
    with pytest.raises(ArtifactError, match=r"T0.3.medoids.pdb: has 4 structures, 0 of them with a remark"):
        report.run(study, layout, [0])
    path.unlink()
    with pytest.raises(ArtifactError, match=r"T0.3.medoids.pdb: medoids are missing; run the stage generate"):
        report.run(study, layout, [0])
    Path(layout.surfaces("latf", 0)).unlink()
    with pytest.raises(ArtifactError, match=r"surfaces.npz"):
        report.run(study, layout, [0])


def test_markup_in_a_name_cannot_leave_the_script():
    assert report.explorer.as_json({"a": "</script><b>"}) == '{"a":"\\u003c/script>\\u003cb>"}'


@pytest.mark.parametrize("array", [np.arange(6, dtype=np.uint8).reshape(2, 3), np.array([-5, 30000], np.int16)])
def test_packed_arrays_come_back(array):
    np.testing.assert_array_equal(decoded(packing.packed(array)), array)


def test_other_numbers_are_not_packed():
    with pytest.raises(TypeError, match="quantise"):
        packing.packed(np.zeros(3))
