"""The numbers behind the report's slider: what is packed into the page, decoded again and compared with the files."""

import base64
import json
import re
import zlib
from pathlib import Path

import numpy as np
import pytest
from files_for_figures import make_study, tables_of, write_blank_figures, write_medoids, write_study_files

from thermolatent.errors import ArtifactError
from thermolatent.figures import melting
from thermolatent.figures.surfaces import CAP, free_energies
from thermolatent.figures.temperature import population_of
from thermolatent.files.artifacts import load_arrays, save_arrays
from thermolatent.report import medoids, packing
from thermolatent.report import stage as report
from thermolatent.study.answers import asked_of
from thermolatent.study.jobs import run_job
from thermolatent.study.loading import load_study
from thermolatent.systems.bonds import bonds_by_distance
from thermolatent.systems.structure_based import StructureBased
from thermolatent.systems.topologies import from_openmm, write_pdb
from thermolatent.tables import read_table
from thermolatent.validate.grid import OBSERVABLE_COLUMNS
from thermolatent.validate.predictions import COLUMNS


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
    run_job("report", study, layout, seeds=seeds)
    return study, layout, seeds, embedded(layout)


def near(levels, F):
    """Whether quantised levels are free energies to half a level, and empty where those are not finite."""
    empty = ~np.isfinite(F)
    np.testing.assert_array_equal(levels == packing.EMPTY, empty)
    step = CAP / packing.LEVELS
    np.testing.assert_allclose((levels * step)[~empty], np.minimum(F, CAP)[~empty], atol=step / 2 + 1e-5)


def test_the_slider_has_the_temperatures_of_the_grid_and_no_other(made):
    study, layout, _, page = made
    expected = load_arrays(layout.grid_surfaces)["temperatures"].tolist()
    stops = page["stops"]
    assert [stop["temperature"] for stop in stops] == expected
    assert [float(stop["label"]) for stop in stops] == expected, "what is shown is what was asked"
    assert [stop["temperature"] for stop in stops if stop["asked"]] == study.temperatures.generated
    assert [stop["role"] for stop in stops] == [study.temperatures.role(T) for T in expected]


def test_the_answer_is_that_of_the_grid_at_every_stop(made):
    _, layout, seeds, page = made
    rows = read_table(layout.grid, COLUMNS)
    assert len(rows) == len(page["stops"]) * len(page["states"])
    words, told = page["answer"]["words"], {}
    for stop, states in zip(page["stops"], page["answer"]["at"], strict=True):
        for state, found in zip(page["states"], states, strict=True):
            told[stop["label"], state] = [words[word] for word in found]
    assert told == {(r["temperature"], r["state"]): [r["verdict"], r["reason"], r["remedy"]] for r in rows}
    for state in page["states"]:
        (panel,) = [p for p in page["panels"] if p["state"] == state]
        (series,) = [s for s in panel["series"] if s["style"] == "answer"]
        assert list(series["seeds"]) == [str(seeds[0])], "one for all seeds"
        for column, name in (("value", "y"), ("low", "low"), ("high", "high")):
            expected = [float(f"{float(row[column]):.5g}") for row in rows if row["state"] == state]
            assert series["seeds"][str(seeds[0])][name] == expected


def test_observables_of_the_answer_are_those_of_the_grid(made):
    _, layout, seeds, page = made
    rows = [r for r in read_table(layout.grid_observables, OBSERVABLE_COLUMNS) if r["observable"] == "mu3"]
    (panel,) = [p for p in page["panels"] if p["title"] == "Mean of mu3"]
    (series,) = [s for s in panel["series"] if s["style"] == "answer"]
    assert series["seeds"][str(seeds[0])]["high"] == pytest.approx([float(row["high"]) for row in rows], rel=1e-4)


def test_the_fixed_plane_is_that_of_the_grid_and_of_models_where_asked_for(made):
    study, layout, _, page = made
    arrays = load_arrays(layout.grid_surfaces)
    near(decoded(page["plane"]["answer"]), arrays["free_energy"])
    near(decoded(page["plane"]["half"]), arrays["free_energy_half"])
    for model in study.models:
        profiles = load_arrays(layout.profiles(model, 1))
        assert profiles["temperatures"].tolist() == study.temperatures.generated
        own = page["bundles"][f"{model}/1"]["plane"]
        assert (own is None) == study.models[model].informed, "its weights are those of the answer"
        if own:
            near(decoded(own), free_energies(profiles["plane_model"]))


def test_latent_surfaces_are_those_of_the_files_the_nearest_one_at_each_stop(made):
    study, layout, seeds, page = made
    for model in study.models:
        for seed in seeds:
            file = load_arrays(layout.surfaces(model, seed))
            latent = page["bundles"][f"{model}/{seed}"]["latent"]
            near(decoded(latent["model"]), file["free_energy"])
            assert latent["labels"] == [f"{T:.4g}" for T in file["temperatures"]]
            for stop, at in zip(page["stops"], latent["at"], strict=True):
                distance = np.abs(np.log(file["temperatures"] / stop["temperature"]))
                assert distance[at] == distance.min()


def test_bins_of_another_run_are_refused(write_files):
    study = make_study()
    layout = write_files(study)
    write_blank_figures(study, layout)
    arrays = load_arrays(layout.profiles("latf", 0))
    save_arrays(layout.profiles("latf", 0), arrays | {"edges_plane": arrays["edges_plane"] + 0.1})
    with pytest.raises(ArtifactError, match=r"profiles.npz: has other bins than the grid of gather; run gather again"):
        run_job("report", study, layout, seeds=[0])
    arrays = load_arrays(layout.grid_surfaces)
    save_arrays(layout.grid_surfaces, arrays | {"temperatures": arrays["temperatures"] * 1.001})
    with pytest.raises(ArtifactError, match=r"grid.csv: has other temperatures than .*grid.npz; run gather again"):
        run_job("report", study, layout, seeds=[0])


def test_md_is_shown_where_there_is_some_and_nowhere_else(made):
    study, layout, _, page = made
    assert [s["temperature"] for s in page["stops"] if s["md"]] == study.temperatures.simulated
    profiles = load_arrays(layout.profiles("latf", 0))
    for which in ("latent", "plane"):
        F = free_energies(profiles[f"{which}_md"])
        shown = page["plane"] if which == "plane" else page["bundles"]["latf/0"]["latent"]
        near(decoded(shown["md"]), F)
        assert [axis["range"] for axis in shown["axes"]] == [[e[0], e[-1]] for e in profiles[f"edges_{which}"].tolist()]


def test_without_reference_only_training_temperatures_have_md(tmp_path):
    study = make_study(reference=False)
    layout = write_study_files(study, tmp_path, [0])
    write_blank_figures(study, layout)
    run_job("report", study, layout, seeds=[0])
    page = embedded(layout)
    assert [s["temperature"] for s in page["stops"] if s["md"]] == [0.2, 0.5]
    assert decoded(page["plane"]["md"]).shape[0] == 2


def test_curves_are_the_tables_seed_by_seed(made):
    study, layout, seeds, page = made
    asked = {T: k for k, T in enumerate(study.temperatures.generated)}
    panels = {panel["title"]: {s["name"]: s for s in panel["series"]} for panel in page["panels"]}
    for seed in seeds:
        tables = tables_of(study, layout, [seed])
        sources = {
            "Population of chevron": lambda m, t=tables: population_of(asked_of(study), t, m, "chevron"),
            "Mean of mu3": lambda m, t=tables: t.observable(m, "mu3"),
            "Divergence from MD, fixed plane (mu2, mu3)": lambda m, t=tables: t.score(m, "js_plane", "fixed"),
            "Training frames that count": lambda m, t=tables: t.score(m, "ess_fraction", ""),
        }
        for title, source in sources.items():
            for name in ("md", "conditional", "mbar", "floor", *study.models):
                values = source(name)
                assert (name in panels[title]) == bool(values)
                if not values or panels[title][name]["style"] == "answer":
                    continue
                assert not panels[title][name]["every"]
                one = panels[title][name]["seeds"][str(seed)]
                assert [len(one["y"]), len(one["e"])] == [len(asked)] * 2
                for T, k in asked.items():
                    expected = None if T not in values else pytest.approx(values[T].median, rel=1e-4)
                    assert one["y"][k] == expected
    own = panels["Divergence from MD, latent plane of latf_published"]
    assert set(own) >= {"latf_published", "mbar"}
    shown = {panel["title"]: panel["models"] for panel in page["panels"]}
    assert shown["Divergence from MD, latent plane of latf_published"] == ["latf_published"]
    assert shown["Divergence from MD, latent plane"] == ["latf"]


def test_melting_is_that_of_the_file(made):
    study, layout, _, page = made
    fits = melting.load_fits(layout.melting)
    (panel,) = [p for p in page["panels"] if p["title"] == "Melting of hexagon"]
    drawn = {s["name"]: s for s in panel["series"] if s["style"] == "fit"}
    T = [stop["temperature"] for stop in page["stops"]]
    for name, shown in (("reweighting", "conditional"), ("md", "md"), ("latf_published", "latf_published")):
        assert drawn[shown]["Tm"] == pytest.approx(fits[name].Tm, rel=1e-4)
        assert drawn[shown]["Tm_half"] == pytest.approx(fits[name].Tm_half, rel=1e-4)
        if name != "reweighting":
            np.testing.assert_allclose(
                drawn[shown]["seeds"]["0"]["y"], fits[name].fitted(asked_of(study), T), rtol=1e-4
            )
    rows = [row for row in read_table(layout.grid, COLUMNS) if row["state"] == "hexagon"]
    y = drawn["conditional"]["seeds"]["0"]["y"]
    assert y == pytest.approx([float(row["value"]) for row in rows], rel=1e-4)


def test_what_is_told_of_a_model_is_its_predictions(made):
    study, layout, seeds, page = made
    for model in study.models:
        known = tables_of(study, layout, seeds).predictions(model)
        for T, told in zip(study.temperatures.generated, page["told"][model], strict=True):
            assert told["doubt"] == any(p.verdict != "trusted" for p in known[T].values())
            assert all(p.reason in told["text"] for p in known[T].values())
    assert all("not informed: assumes" in told["text"] for told in page["told"]["latf_published"])


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


def test_bonds_of_a_molecule_and_its_axes(tmp_path):
    study = load_study("alanine_dipeptide", "studies")
    xyz = write_medoids(study, tmp_path / "T550.medoids.pdb", 550, 0)
    topology, found = medoids.read_medoids(str(tmp_path / "T550.medoids.pdb"))
    symbols = [atom.element.symbol for atom in topology.atoms]
    assert symbols == ["C", "C", "O", "N"]
    assert bonds_by_distance(symbols, found[0].positions).tolist() == [[0, 1], [1, 2], [1, 3]]
    turned = medoids.along_axes(xyz[0])
    assert list(np.argsort(-turned.var(axis=0))) == [0, 1, 2]


def test_beads_of_a_chain_are_bonded_to_their_neighbours(tmp_path):
    system, path = StructureBased(file="chignolin"), str(tmp_path / "medoids.pdb")
    remark = "REMARK   1 MODEL 1: folded, POPULATION 1.0000, FRAME FROM T = 1"
    write_pdb(path, from_openmm(system.topology()), system.starts()["folded"][None], [remark])
    shown = medoids.molecule(True, {1.0: path})
    assert shown == {"elements": ["C"] * 10, "bonds": [(i, i + 1) for i in range(9)], "radius": None}


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


def test_superposition_leaves_the_least_distance_and_knows_two_particles():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(2, 5, 3))
    # Kabsch (Acta Cryst. A32, 922): the sum of the singular values, the last one with the sign of the determinant
    cross = (x - x.mean(0)).T @ (y - y.mean(0))
    overlap = np.linalg.svd(cross)[1] @ (1, 1, np.sign(np.linalg.det(cross)))
    least = ((x - x.mean(0)) ** 2).sum() + ((y - y.mean(0)) ** 2).sum() - 2 * overlap
    found = ((medoids.superposed(x, y) - (y - y.mean(0))) ** 2).sum()
    assert found == pytest.approx(least, rel=1e-10)
    pair = np.array([[0.0, 0.0, 0.0], [2.0, 0.0, 0.0]])
    np.testing.assert_allclose(medoids.superposed(pair, pair[:, ::-1] / 2), [[0, 0, -1], [0, 0, 1]], atol=1e-9)


def test_a_missing_or_broken_file_is_named(write_files):
    study = make_study()
    layout = write_files(study)
    write_blank_figures(study, layout)
    path = Path(layout.medoids("latf", 0, 0.3))
    whole = path.read_text()
    path.write_text("\n".join(line for line in path.read_text().splitlines() if "REMARK" not in line))
    with pytest.raises(ArtifactError, match=r"T0.3.medoids.pdb: has 4 structures, 0 of them with a remark"):
        run_job("report", study, layout, seeds=[0])
    path.unlink()
    with pytest.raises(ArtifactError, match=r"T0.3.medoids.pdb: medoids are missing; run the stage generate"):
        run_job("report", study, layout, seeds=[0])
    path.write_text(whole)
    Path(layout.surfaces("latf", 0)).unlink()
    with pytest.raises(ArtifactError, match=r"surfaces.npz"):
        run_job("report", study, layout, seeds=[0])


def test_markup_in_a_name_cannot_leave_the_script():
    assert report.explorer.as_json({"a": "</script><b>"}) == '{"a":"\\u003c/script>\\u003cb>"}'


@pytest.mark.parametrize("array", [np.arange(6, dtype=np.uint8).reshape(2, 3), np.array([-5, 30000], np.int16)])
def test_packed_arrays_come_back(array):
    np.testing.assert_array_equal(decoded(packing.packed(array)), array)


def test_other_numbers_are_not_packed():
    with pytest.raises(TypeError, match="quantise"):
        packing.packed(np.zeros(3))
