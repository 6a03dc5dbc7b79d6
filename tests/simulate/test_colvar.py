"""MD of which only columns are there: what is read of every format, what a frame weighs, periods, what is refused in one line."""

import gzip
from pathlib import Path

import numpy as np
import pytest
import yaml
from exact_study import MINIMA, correlated_exact_points
from studies_for_tests import write

from thermolatent.cli import main
from thermolatent.errors import ConfigError, ThermolatentError
from thermolatent.files.artifacts import load_array, load_json
from thermolatent.frame_loading import load_frames
from thermolatent.imported.tables import read_table
from thermolatent.parsing import parse
from thermolatent.reweight.estimator import ConditionalReweighting
from thermolatent.reweight.stage import sample_of
from thermolatent.reweight.units import with_units
from thermolatent.study.answers import asked_of, training_frames
from thermolatent.study.jobs import run_job
from thermolatent.study.layout import Layout
from thermolatent.study.loading import load_study
from thermolatent.study.study import Study
from thermolatent.systems.base import GAS_CONSTANT
from thermolatent.systems.three_hole import ThreeHole

FRAMES, WALKERS = 60, 3
FORMS = ["a.colvar", "a.csv", "a.txt", "a.dat", "a.npz"]


def columns(seed=0, n=FRAMES):
    """phi, psi in radians, energies that rise with the seed, pV, bias and ln w, at 0.5, 1.0, ... ps."""
    rng = np.random.default_rng(seed)
    angles = {name: rng.uniform(-np.pi, np.pi, n).round(6) for name in ("phi", "psi")}
    angles["phi"][:2] = -3.0, 3.0
    others = {"ene": rng.normal(10 * seed, 1, n), "pv": rng.normal(3, 1, n), "m.rbias": rng.normal(2, 1, n)}
    others["lw"] = rng.normal(-1, 1, n)
    return {"time": 0.5 * np.arange(1, n + 1), **angles, **{k: v.round(6) for k, v in others.items()}}


def save(path, data, header=""):
    """The columns in the format that the name says, .gz or not."""
    name, zipped = str(path).removesuffix(".gz"), str(path).endswith(".gz")
    rows = np.stack(list(data.values()), axis=1)
    if name.endswith(".npz"):
        np.savez(name, **data, note=np.array("no column"), grid=np.zeros((2, 2)))
    else:
        first = f"#! FIELDS {' '.join(data)}\n{header}" if name.endswith(".colvar") else None
        separator = "," if name.endswith(".csv") else " "
        first = first or ("# " if name.endswith(".dat") else "") + separator.join(data) + "\n"
        Path(name).write_text(first + "".join(separator.join(map(repr, row)) + "\n" for row in rows.tolist()))
    if zipped:
        Path(path).write_bytes(gzip.compress(Path(name).read_bytes()))
    return str(path)


def content(files, **system):
    return {
        "system": {"kind": "colvar", "files": files, "features": ["phi", "psi"], "periodic": ["phi", "psi"], **system},
        "temperatures": {"train": list(files)},
        "simulate": {"walkers": WALKERS, "frames": FRAMES // WALKERS},
        "featurize": {"features": ["columns"], "plane": [{"kind": "columns", "form": "angle"}]},
        "representation": {"lag": 1},
        "models": {"latf": {"density": "flow"}},
        "validate": {"states": {"kind": "nearest", "centers": {"a": [-1.5, -0.5], "b": [-1.5, 2.6]}}},
    }


def imported(folder, files, **system):
    """(layout, study) after the stages simulate and featurize."""
    study, layout = parse(Study, {"name": "mine", **content(files, **system)}, "mine.yaml"), Layout(f"{folder}/results")
    for T in study.temperatures.simulated:
        for stage in ("simulate", "featurize"):
            run_job(stage, study, layout, temperature=T)
    return layout, study


@pytest.mark.parametrize("name", [*FORMS, *(f"{form}.gz" for form in FORMS)])
def test_every_format_gives_the_same_frames(tmp_path, name):
    files = {T: [save(tmp_path / f"{T}{name}", columns(T))] for T in (300, 350)}
    unit = {} if "colvar" in name else {"unit": "kJ/mol"}  # PLUMED's own
    layout, study = imported(tmp_path, files, energy={"column": "ene", **unit})
    assert study.generate.structures == 0
    for T in (300, 350):
        data, protocol = columns(T), load_json(layout.protocol(T))
        expected = np.stack([data["phi"], data["psi"]], axis=1).reshape(WALKERS, -1, 2)
        np.testing.assert_array_equal(load_array(f"{layout.simulation(T)}/columns.npy"), expected)
        np.testing.assert_array_equal(load_array(layout.plane(T)), expected.astype(np.float32))
        sines = np.stack([f(data[name]) for name in ("phi", "psi") for f in (np.sin, np.cos)], axis=1)
        np.testing.assert_allclose(load_array(layout.features(T)).reshape(-1, 4), sines, atol=1e-6)
        np.testing.assert_array_equal(load_array(layout.energies(T)).ravel(), data["ene"])
        assert (protocol["time_step"], protocol["save_every"]) == (0.5, 1)
        assert load_json(layout.features_header(T))["frame_interval"] == 0.5
    assert load_json(layout.features_header(300))["names"] == ["sin phi", "cos phi", "sin psi", "cos psi"]
    assert load_json(layout.features_header(300))["plane_periodic"] == [True, True]


def test_a_frame_counts_the_exponential_of_its_bias_and_its_own_weight(tmp_path):
    files = {T: [save(tmp_path / f"{T}.csv", columns(T))] for T in (300, 350)}
    energies = {"column": "ene", "unit": "kcal/mol"}, {"column": "pv", "unit": "kJ/mol"}
    keys = {"energy": energies[0], "pressure_volume": energies[1], "log_weight": "lw"}
    layout, _ = imported(tmp_path, files, **keys, bias={"column": "m.rbias", "unit": "kT"})
    data = columns(300)
    np.testing.assert_allclose(load_array(layout.energies(300)).ravel(), 4.184 * data["ene"] + data["pv"], rtol=1e-13)
    expected = data["m.rbias"] + data["lw"]
    np.testing.assert_allclose(load_array(layout.log_weights(300)).ravel(), expected - expected.max(), atol=1e-12)
    layout, _ = imported(tmp_path / "b", files, bias={"column": "m.rbias", "unit": "kJ/mol"})
    expected = data["m.rbias"] / (GAS_CONSTANT * 300)
    np.testing.assert_allclose(load_array(layout.log_weights(300)).ravel(), expected - expected.max(), atol=1e-12)
    assert np.isnan(load_array(layout.energies(300))).all()


@pytest.mark.parametrize(
    ("scale", "periodic", "header"),
    [
        (1, ["phi"], ""),
        (180 / np.pi, {"phi": 360}, ""),
        (1, ["phi"], "#! SET min_phi -pi\n#! SET max_phi pi\n"),
        (180 / np.pi, ["phi"], "#! SET min_phi -180\n#! SET max_phi +1.8e2\n"),
        (0.5 / np.pi, ["phi"], "#! SET min_phi 0\n#! SET max_phi 1\n"),
        (1, ["phi"], "#! SET min_phi 0\n#! SET max_phi 2*pi\n"),
        (1, {"phi": 2 * np.pi}, "#! SET min_phi -0.5pi\n#! SET max_phi 1.5*pi\n"),
    ],
)
def test_periods_are_the_studys_the_files_or_two_pi(tmp_path, scale, periodic, header):
    data = columns(1)
    angle = data["phi"]
    data["phi"] = scale * (angle % (2 * np.pi) if " 0\n" in header else angle)
    files = {300: [save(tmp_path / "a.colvar", data, header)]}
    layout, _ = imported(tmp_path, files, periodic=periodic)
    found = load_array(f"{layout.simulation(300)}/columns.npy")[..., 0].ravel()
    np.testing.assert_allclose(found, angle, atol=1e-12)


def test_gaps_strides_and_several_files(tmp_path):
    one, two = columns(1), columns(2)
    gap = {name: np.delete(values, slice(20, 25)) for name, values in one.items()}
    files = {300: [save(tmp_path / "a.csv", gap), save(tmp_path / "b.npz", two)]}
    made = content(files, stride=2)
    made["simulate"] = {"walkers": 5, "frames": 10}
    study, layout = parse(Study, {"name": "mine", **made}, "mine.yaml"), Layout(f"{tmp_path}/results")
    run_job("simulate", study, layout, temperature=300)
    protocol = load_json(layout.protocol(300))
    assert [Path(start).name for start in protocol["starts"]] == ["a.csv", "a.csv from frame 20", *3 * ["b.npz"]]
    assert protocol["first_frames"] == [0, 20, 0, 20, 40]
    found = load_array(f"{layout.simulation(300)}/columns.npy")[..., 0]
    np.testing.assert_array_equal(found[1], gap["phi"][20:40:2])
    np.testing.assert_array_equal(found[2:].ravel(), two["phi"][::2])


def test_a_million_is_read_as_three_rows_are(tmp_path):
    """Sections below a header that a restart wrote again, with other columns in another order."""
    data = columns(0)
    save(tmp_path / "a.colvar", {name: values[:30] for name, values in data.items()})
    swapped = {name: data[name][30:] for name in ("psi", "time", "phi")}
    save(tmp_path / "b.colvar", swapped)
    (tmp_path / "c.colvar").write_text((tmp_path / "a.colvar").read_text() + (tmp_path / "b.colvar").read_text())
    table = read_table(str(tmp_path / "c.colvar"), "phi", "psi")
    for name in ("time", "phi", "psi"):
        np.testing.assert_array_equal(table.finite(name), data[name])
    with pytest.raises(ThermolatentError, match="'ene' is not in all parts of the file"):
        read_table(str(tmp_path / "c.colvar"), "ene").finite("ene")


def edited(path, old, new, count=1):
    text = Path(path).read_text()
    assert old in text
    Path(path).write_text(text.replace(old, new, count))


def third(path, value, column):
    """Write a value into the third row of a COLVAR."""
    lines = Path(path).read_text().splitlines()
    row = lines[3].split()
    row[column] = value
    Path(path).write_text("\n".join([*lines[:3], " ".join(row), *lines[4:], ""]))


REFUSED = {
    "missing column": (lambda: edited("350.colvar", " psi ", " chi "), {}, "350.colvar: column 'psi' is not there; "),
    "near name": (lambda: edited("350.colvar", " psi ", " psi1 "), {}, "did you mean 'psi1'?"),
    "missing energy": (lambda: edited("350.colvar", " ene ", " e1 "), {"energy": "ene"}, "column 'ene' is not there"),
    "not a number": (lambda: third("350.colvar", "nan", 1), {}, "row 2 (from 0) of 'phi' is not a finite number"),
    "a word": (lambda: third("350.colvar", "1.5.", 1), {}, "'1.5.' is not a number; is the file cut off? (row 2"),
    "a decimal comma": (
        lambda: third("350.colvar", "1,5", 1),
        {},
        "'1,5' is not a number; write a decimal point in place of the comma (row 2, from 0, of 'phi')",
    ),
    "Fortran": (
        lambda: third("350.colvar", "0.15D+01", 1),
        {},
        "'0.15D+01' is not a number; write E in place of Fortran's D (row 2, from 0, of 'phi')",
    ),
    "archive without times": (
        lambda: [np.savez("x.npz", phi=np.ones(9), psi=np.ones(9)), Path("x.npz").rename("300.colvar")],
        {},
        "300.colvar: does not say how far its rows are apart; write system.frame_interval: PS",
    ),
    "an array of columns": (
        lambda: [
            np.savez("x.npz", **(columns(350) | {"phi": columns(350)["phi"][:, None]})),
            Path("x.npz").rename("350.colvar"),
        ],
        {},
        "350.colvar: 'phi' is float64 of shape (60, 1), write numbers of shape (n,)",
    ),
    "objects": (
        lambda: [
            np.savez("x.npz", **(columns(350) | {"phi": columns(350)["phi"].astype(object)})),
            Path("x.npz").rename("350.colvar"),
        ],
        {},
        "cannot be read as .npz (Object arrays cannot be loaded when allow_pickle=False); write arrays of float64",
    ),
    "Latin-1": (
        lambda: Path("350.colvar").write_bytes(Path("350.colvar").read_bytes().replace(b" phi ", b" \xe9 ")),
        {},
        "350.colvar: column 'phi' is not there; ",
    ),
    "pressure without volumes": (
        lambda: None,
        {"energy": {"column": "ene", "pressure": 1000}},
        "300.colvar: no column of volumes (named volume, vol or cell.vol) for system.energy.pressure; write one",
    ),
    "one frame has all the weight": (
        lambda: save("350.colvar", columns(350) | {"lw": np.arange(FRAMES)}),
        {"log_weight": "lw"},
        "350.colvar: the weights of 350 are those of 2.2 frames in 60; ",
    ),
    "short row": (lambda: third("350.colvar", "", 1), {}, "a row has 6 columns, must have 7; is the file cut off?"),
    "back in time": (lambda: third("350.colvar", "2.75", 0), {}, "goes back in time, from 2.75 to 2 ps"),
    "twice": (
        lambda: third("350.colvar", "1.0", 0),
        {},
        "is at the time of the one before it, from 1 to 1 ps: a run was restarted before its end; leave out the repeated rows",
    ),
    "descending": (
        lambda: save("350.colvar", {name: values[::-1] for name, values in columns(350).items()}),
        {},
        "times descend",
    ),
    "other interval": (
        lambda: save("350.colvar", columns(350) | {"time": np.arange(FRAMES)}),
        {},
        "frames are 1 ps apart, system.frame_interval says 0.5; write frame_interval: 1",
    ),
    "no times": (
        lambda: [edited(f"{T}.colvar", " time ", " clock ") for T in (300, 350)],
        {},
        "300.colvar: does not say how far its rows are apart; write system.frame_interval: PS",
    ),
    "degrees": (
        lambda: save("350.colvar", columns(350) | {"phi": 57 * columns(350)["phi"]}),
        {},
        "more than the period 2 pi of radians; write system.periodic: {phi: 360} if it is in degrees",
    ),
    "degrees with ends in radians": (
        lambda: [
            save("350.colvar", columns(350) | {"phi": np.degrees(columns(350)["phi"])}),
            edited("350.colvar", "\n", "\n#! SET min_phi -pi\n#! SET max_phi pi\n"),
        ],
        {},
        "more than the period 6.28319 of its lines '#! SET'; write both in one unit (in degrees: '#! SET min_phi -180'",
    ),
    "more than the study's period": (
        lambda: save("350.colvar", columns(350) | {"phi": np.degrees(columns(350)["phi"])}),
        {"periodic": {"phi": 6.3, "psi": 6.3}},
        "more than the period system.periodic: 6.3; write the period in the unit of 'phi'",
    ),
    "period not told": (
        lambda: edited("350.colvar", "\n", "\n#! SET min_phi -pi\n"),
        {},
        "'#! SET' does not say both ends of 'phi' as numbers; write system.periodic: {phi: PERIOD}",
    ),
    "period not in the study": (
        lambda: edited("350.colvar", "\n", "\n#! SET min_phi -pi\n#! SET max_phi pi\n"),
        {"periodic": ["psi"]},
        "'phi' is periodic, as its line '#! SET min_phi' says; write it in system.periodic",
    ),
    "two periods": (
        lambda: edited("350.colvar", "\n", "\n#! SET min_phi -pi\n#! SET max_phi pi\n"),
        {"periodic": {"phi": 360, "psi": 360}},
        "the period of 'phi' is 6.28319 by its lines '#! SET', system.periodic says 360; write one",
    ),
    "no unit": (
        lambda: [save(f"{T}.csv", columns(T)) for T in (300, 350)],
        {"energy": "ene", "files": {T: [f"{T}.csv"] for T in (300, 350)}},
        "does not give the unit of 'ene'; write system.energy.unit: kJ/mol, kcal/mol, kT or eV",
    ),
    "a weight with a unit": (
        lambda: (
            [save(f"{T}.csv", {("lw (kT)" if k == "lw" else k): v for k, v in columns(T).items()}) for T in (300, 350)]
            + [edited("350.csv", "lw (kT)", "lw (kJ/mol)")]
        ),
        {"log_weight": "lw", "files": {T: [f"{T}.csv"] for T in (300, 350)}},
        "350.csv: 'lw (kJ/mol)' is in kJ/mol, ln w has no unit; write system.bias in its place",
    ),
    "no energy": (
        lambda: None,
        {"energy": "time"},
        "column 'time' is time, not a potential energy or bias; write another",
    ),
    "empty": (lambda: Path("350.colvar").write_text(""), {}, "350.colvar: is empty; write another file"),
    "no rows": (lambda: Path("350.colvar").write_text("#! FIELDS time phi psi\n"), {}, "has no rows of numbers"),
    "binary": (lambda: Path("350.colvar").write_bytes(bytes(range(256)) * 9), {}, "is UTF-16 text or binary"),
    "cut off": (
        lambda: Path("350.colvar").write_bytes(gzip.compress(Path("350.colvar").read_bytes())[:-50]),
        {},
        "350.colvar: cannot be read to its end (Compressed file ended before",
    ),
    "broken archive": (
        lambda: Path("350.colvar").write_bytes(b"PK\x03\x04" + bytes(99)),
        {},
        "cannot be read as .npz (",
    ),
    "unequal arrays": (
        lambda: [np.savez("x.npz", phi=np.ones(9), psi=np.ones(8)), Path("x.npz").rename("350.colvar")],
        {},
        "must have columns of one length, has 9 of 'phi', 8 of 'psi'",
    ),
    "not a number in an archive": (
        lambda: [
            np.savez("x.npz", **(columns(350) | {"psi": np.full(FRAMES, np.nan)})),
            Path("x.npz").rename("350.colvar"),
        ],
        {},
        "350.colvar: row 0 (from 0) of 'psi' is not a finite number",
    ),
    "the same file": (lambda: save("350.colvar", columns(300)), {}, "are the same, byte for byte"),
    "falling energies": (
        lambda: [save("300.colvar", columns(350)), save("350.colvar", columns(300))],
        {"energy": "ene"},
        "system.files: the mean potential energy falls",
    ),
    "too short": (
        lambda: save("350.colvar", columns(350, 50)),
        {},
        "simulate: 3 walkers of 20 frames need 3 such blocks, there are 2",
    ),
    "replicas of unequal length": (
        lambda: save("350.colvar", columns(350, 59)),
        {"discontinuous": True, "frame_interval": 0.5, "exchange_interval": 5},
        "350.colvar: has 59 frames, 300.colvar has 60; frames with the same number",
    ),
    "another file's temperature": (
        lambda: [
            save(f"{T}.colvar", columns(T) | {"temperature": np.linspace(T + 39.0, T + 41.0, FRAMES)})
            for T in (300, 350)
        ],
        {"energy": "ene"},
        "its mean temperature is 340.0 ",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_files_are_refused_in_one_line_by_check(tmp_path, monkeypatch, capsys, case):
    monkeypatch.chdir(tmp_path)
    files = {T: [save(f"{T}.colvar", columns(T))] for T in (300, 350)}
    write(Path(), content(files))
    assert main(["check", "mine"]) == 0
    spoil, system, words = REFUSED[case]
    spoil()
    write(Path(), content(**{"files": files, **system}))
    capsys.readouterr()
    assert main(["check", "mine"]) == 1
    error = capsys.readouterr().err.strip()
    assert words in error
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"periodic": ["ph"]}, "system.periodic: 'ph' is none of features, did you mean 'phi'?"),
        ({"features": []}, "system.features: is []"),
        ({"energy": {"column": "ene", "unit": "cal"}}, "system.energy.unit: is 'cal'; input should be 'kJ/mol'"),
        ({"energy": {"unit": "kJ/mol"}}, "system.energy.column: is missing"),
        ({"pressure_volume": "pv"}, "system.pressure_volume: is added to the energies once; write energy: COLUMN"),
        ({"exchange_interval": 5}, "system.exchange_interval: is for replica exchange only"),
        (
            {"discontinuous": True, "exchange_interval": 5},
            "system.frame_interval: is missing; with discontinuous: true",
        ),
        ({"topology": "top.pdb"}, "system.topology: unknown key"),
    ],
)
def test_a_study_that_does_not_fit_is_refused_in_one_line(tmp_path, changes, words):
    files = {300: [save(tmp_path / "a.colvar", columns(1))]}
    with pytest.raises(ConfigError) as error:
        parse(Study, {"name": "mine", **content(files, **changes)}, "mine.yaml")
    assert words in str(error.value)
    assert len(str(error.value).strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("section", "value", "words"),
    [
        (
            "generate",
            {"structures": 5},
            "generate.structures: there are no coordinates in columns of numbers; leave it out",
        ),
        ("simulate", {"walkers": 3, "frames": 20, "seed": 1}, "simulate.seed: is not for system.kind: colvar"),
        ("tempering", True, "tempering: is not for system.kind: colvar"),
        (
            "featurize",
            {"features": ["backbone_torsions"]},
            "has columns (phi, psi) and no positions; write features of kind",
        ),
        ("featurize", {"features": ["position_xy"]}, "has columns (phi, psi) and no positions; write features of kind"),
        ("featurize", {"features": ["sorted_coordination"]}, "has columns (phi, psi) and no positions; write features"),
        (
            "featurize",
            {"features": [{"kind": "columns", "names": ["ph"]}]},
            "columns.names: 'ph' is none of system.features",
        ),
        (
            "featurize",
            {"features": [{"kind": "columns", "form": "angle"}]},
            "phi is an angle, which jumps at 180 degrees",
        ),
    ],
)
def test_what_needs_coordinates_is_refused_in_one_line(tmp_path, section, value, words):
    made = content({300: [save(tmp_path / "a.colvar", columns(1))]})
    made[section] = {**made[section], **value} if section == "featurize" else value
    with pytest.raises(ConfigError) as error:
        parse(Study, {"name": "mine", **made}, "mine.yaml")
    assert words in str(error.value)
    assert len(str(error.value).strip().splitlines()) == 1


def test_a_period_of_degrees_for_radians_is_said(tmp_path, caplog):
    files = {300: [save(tmp_path / "a.colvar", columns(1))]}
    imported(tmp_path / "fine", files)
    assert "little of its period" not in caplog.text
    imported(tmp_path, files, periodic={"phi": 360, "psi": None})
    assert "a.colvar: 'phi' goes over 6.02, little of its period 360; is the period in the unit" in caplog.text


def test_an_angle_of_columns_that_are_none_is_refused(tmp_path):
    """Degrees without ``periodic``, and the plane as angles."""
    made = content({300: [save(tmp_path / "a.colvar", columns(1))]}, periodic=[])
    with pytest.raises(
        ConfigError, match=r"form: angle is for angles, system\.periodic has none of phi, psi; write them"
    ):
        parse(Study, {"name": "mine", **made}, "mine.yaml")


def test_latin_1_among_other_columns_is_no_matter(tmp_path):
    save(tmp_path / "a.colvar", columns(1), "#! SET min_\u00e9 -pi\n")
    content = (tmp_path / "a.colvar").read_text().replace(" pv ", " \u00e9 ")
    (tmp_path / "a.colvar").write_bytes(content.encode("latin-1"))
    np.testing.assert_array_equal(read_table(str(tmp_path / "a.colvar"), "phi").finite("phi"), columns(1)["phi"])


def test_columns_are_no_feature_of_positions():
    three = {"system": "three_hole", "temperatures": {"train": [0.5, 1.5]}}
    simulate = {"walkers": 2, "frames": 20, "time_step": 0.01}
    with pytest.raises(ConfigError, match=r"columns: is for system\.kind: colvar, the system has positions"):
        parse(Study, {"name": "mine", **content({}), **three, "simulate": simulate}, "mine.yaml")


def test_a_function_of_ones_own_gets_the_columns(tmp_path):
    (tmp_path / "own.py").write_text("def left(columns):\n    return columns[:, 0] > 0\n")
    made = content({300: [save(tmp_path / "a.colvar", columns(1))]})
    made["featurize"]["observables"] = [{"kind": "function", "file": str(tmp_path / "own.py"), "name": "left"}]
    study, layout = parse(Study, {"name": "mine", **made}, "mine.yaml"), Layout(f"{tmp_path}/results")
    for stage in ("simulate", "featurize"):
        run_job(stage, study, layout, temperature=300)
    np.testing.assert_array_equal(load_array(layout.observables(300)).ravel(), columns(1)["phi"] > 0)


def test_another_study_takes_the_columns_over(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = content({T: [save(f"{T}.colvar", columns(T))] for T in (300, 350)})
    write(Path(), made)
    taken = {key: value for key, value in made.items() if key != "system"} | {"simulate": {"from": "mine"}}
    taken["featurize"] = {"features": [{"kind": "columns", "names": ["psi"]}], "plane": ["columns"]}
    Path("studies/other.yaml").write_text(yaml.safe_dump(taken))
    with pytest.raises(ConfigError, match=r"featurize\.plane: has columns .*, must have exactly two"):
        load_study("other")
    taken["featurize"]["plane"] = [{"kind": "columns", "names": ["psi"]}]
    Path("studies/other.yaml").write_text(yaml.safe_dump(taken))
    other = load_study("other")
    assert other.generate.structures == 0
    run_job("simulate", load_study("mine"), Layout.of(load_study("mine")), temperature=300)
    run_job("featurize", other, Layout.of(other), temperature=300)
    sines = np.stack([np.sin(columns(300)["psi"]), np.cos(columns(300)["psi"])], axis=1)
    np.testing.assert_allclose(load_array(Layout.of(other).plane(300)).reshape(-1, 2), sines, atol=1e-6)


def test_replica_exchange_with_a_known_answer(tmp_path):
    """Exact points of the three-hole potential: shares at a temperature between are known by quadrature."""
    files, temperatures = {}, (0.5, 1.0, 1.5)
    for T in temperatures:
        points = correlated_exact_points(T, np.random.default_rng(round(10 * T)), 1, 6000)[0]
        data = {"time": np.arange(6000.0), "x": points[:, 0], "y": points[:, 1], "U": ThreeHole().plane_energy(points)}
        files[T] = [save(tmp_path / f"{T}.colvar.gz", data)]
    centers = {name: list(MINIMA[name]) for name in ("left", "right")}
    exchange = {"discontinuous": True, "exchange_interval": 20, "frame_interval": 1, "unit": "reduced"}
    made = content(files, **exchange, energy="U", features=["x", "y"], periodic=[]) | {
        "temperatures": {"train": [0.5, 1.5], "predict": [1.0], "reference": [1.0]},
        "simulate": {"walkers": 12, "frames": 500},
        "featurize": {"features": ["columns"], "plane": ["columns"]},
        "representation": {"lag": 3},
        "validate": {"states": {"kind": "nearest", "centers": centers}},
    }
    study, layout = parse(Study, {"name": "mine", **made}, "mine.yaml"), Layout(f"{tmp_path}/results")
    for T in temperatures:
        for stage in ("simulate", "featurize"):
            run_job(stage, study, layout, temperature=T)
    named = asked_of(study).named
    everywhere = with_units(named, load_frames({T: layout.frame_files(T) for T in temperatures}))
    frames = everywhere.among([0.5, 1.5])
    assert load_frames(training_frames(study, layout)).stretch == {0.5: 20.0, 1.5: 20.0}
    sample = sample_of(named, frames, None)
    assert sample.shared_units
    answer = ConditionalReweighting(network=False).fit_sample(sample).populations(1.0).set_index("state")
    x, y = np.meshgrid(*2 * [np.linspace(-4.5, 4.5, 901)], indexing="ij")
    p = np.exp(-ThreeHole().plane_energy(np.stack([x, y], axis=-1)))
    left = (p * ((x - centers["left"][0]) ** 2 < (x - centers["right"][0]) ** 2)).sum() / p.sum()
    for name, share in (("left", left), ("right", 1 - left)):
        row = answer.loc[name]
        assert abs(row.value - share) < row.high - row.low
        assert row.high - row.low < 0.2
