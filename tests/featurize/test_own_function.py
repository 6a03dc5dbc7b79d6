"""A user's own function as a feature: its numbers, when it is run, and what is said of its mistakes."""

import numpy as np
import pytest
from molecules_for_tests import alanine_dipeptide
from studies_for_tests import changed, write

from thermolatent.cli import main
from thermolatent.errors import ConfigError, ThermolatentError
from thermolatent.featurize.base import Particles, columns_on
from thermolatent.featurize.own_function import OwnFunction
from thermolatent.featurize.settings import Featurize
from thermolatent.files.artifacts import load_array, load_json
from thermolatent.study.layout import Layout
from thermolatent.study.loading import load_study
from thermolatent.systems.three_hole import ThreeHole

DISTANCE = """
import mdtraj

def salt_bridge(trajectory):
    return mdtraj.compute_distances(trajectory, [[4, 16]], periodic=False)[:, 0]

def both(trajectory):
    return mdtraj.compute_distances(trajectory, [[4, 16], [0, 21]], periodic=False)
"""
RADIUS = """
import numpy as np

def radius(positions):
    return np.hypot(positions[:, 0, 0], positions[:, 0, 1])
"""


@pytest.fixture
def own(tmp_path):
    """Write a file and return the feature that names a function of it."""

    def make(text, name="own", **more):
        path = tmp_path / "mine.py"
        path.write_text(text)
        return OwnFunction(file=str(path), name=name, **more)

    return make


def compute(feature, topology=Particles(1), positions=np.ones((3, 1, 3))):  # noqa: B008
    return feature.on(topology).compute(np.asarray(positions, np.float32))


def test_a_function_of_a_trajectory_gives_its_numbers(own):
    topology, positions = alanine_dipeptide()
    one = own(DISTANCE, "salt_bridge").on(topology)
    expected = np.linalg.norm(positions[:, 4].astype(float) - positions[:, 16], axis=1)
    assert one.names == ["salt_bridge"]
    np.testing.assert_allclose(one.compute(positions)[:, 0], expected, rtol=1e-5)
    two = own(DISTANCE, "both", columns=["bridge", "ends"]).on(topology)
    assert two.names == ["bridge", "ends"]
    np.testing.assert_allclose(two.compute(positions)[:, 0], expected, rtol=1e-5)


def test_it_stands_wherever_features_do(own):
    topology, positions = alanine_dipeptide()
    mine = own(DISTANCE, "both", columns=["bridge", "ends"])
    chosen = Featurize(features=["radius_of_gyration", mine], plane=[mine], observables=[mine])
    assert columns_on(chosen.features, topology).compute(positions).shape == (len(positions), 3)
    assert [path for feature in chosen.all_features for path in feature.input_files] == [mine.file] * 3


def test_reading_a_study_runs_nothing_and_featurize_does(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text("open('ran', 'a').write('x')\n" + RADIUS)
    radius = {"kind": "function", "file": "mine.py", "name": "radius"}
    write(tmp_path, changed("featurize.observables", [radius]))
    study, layout = load_study("mine"), Layout("results/mine")
    assert study.featurize.observables[0].name == "radius"
    assert not (tmp_path / "ran").exists()
    assert main(["simulate", "mine", "--temperature", "0.5", "--threads", "1"]) == 0
    assert main(["featurize", "mine", "--temperature", "0.5"]) == 0
    assert (tmp_path / "ran").exists()
    assert load_json(layout.features_header(0.5))["observable_names"] == ["radius"]
    x, y = np.moveaxis(load_array(layout.plane(0.5)).astype(float), -1, 0)
    np.testing.assert_allclose(load_array(layout.observables(0.5))[..., 0], np.hypot(x, y), rtol=1e-5)


def test_a_mistake_is_told_before_any_md(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text("def radius(positions):\n    return positions.radius\n")
    write(tmp_path, changed("featurize.observables", [{"kind": "function", "file": "mine.py", "name": "radius"}]))
    for command in (["check", "mine"], ["simulate", "mine", "--temperature", "0.5", "--threads", "1"]):
        assert main(command) == 1
        line = capsys.readouterr().err.strip().splitlines()[-1]
        assert line.startswith(f"thermolatent {command[0]}: mine.py: function radius failed: AttributeError: ")
        assert line.endswith("'radius' (line 2)")
    assert not list((tmp_path / "results").rglob("*.dcd"))


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        (None, "file", "there is no file .*mine.py; write the path of a Python file"),
        ("def own(:\n", "file", r".*mine.py, line 1: is not Python \(invalid syntax\)"),
        ("def owl(x):\n    return x\n", "name", ".*mine.py defines no function 'own', did you mean 'owl'"),
    ],
)
def test_a_function_that_is_not_there_is_told_on_reading(tmp_path, text, key, words):
    path = tmp_path / "mine.py"
    if text is not None:
        path.write_text(text)
    write(tmp_path, changed("featurize.observables", [{"kind": "function", "file": str(path), "name": "own"}]))
    with pytest.raises(ConfigError, match=rf"studies/mine\.yaml: featurize\.observables\.0\.{key}: {words}"):
        load_study("mine", tmp_path / "studies")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("raise KeyError('ASP9')", r"failed: KeyError: 'ASP9' \(line 3\)"),
        ("return x[:2, 0, 0]", r"returned shape \(2,\) for 3 frames; return \(3,\) or \(3, n\)"),
        ("return x", r"returned shape \(3, 1, 3\) for 3 frames"),
        ("return x[:, 0, :2]", r"returned 2 columns, the study names 1; write columns: \[\.\.\.\]"),
        ("return x[:, 0, 0] / 0", r"returned \[inf\] for a frame; every value must be a finite number"),
        ("return ['a'] * len(x)", "returned an array of <U1; return real numbers"),
        ("return x[:, 0, 0] * len(x)", "gives a frame another value when it is alone"),
    ],
)
def test_a_wrong_result_is_told_with_file_and_function(own, body, words):
    with pytest.raises(ThermolatentError, match=rf"mine.py: function own .*{words}"):
        compute(own(f"import numpy as np\ndef own(x):\n    {body}\n"))


def test_a_file_that_cannot_be_run_is_told(own):
    with pytest.raises(
        ThermolatentError, match=r"mine.py: cannot be run: ModuleNotFoundError: No module .* \(line 1\)"
    ):
        compute(own("import nonesuch\ndef own(x):\n    return x[:, 0, 0]\n"))


def test_what_it_does_to_the_positions_reaches_nobody_else(own):
    topology, positions = alanine_dipeptide()
    before = positions.copy()
    moved = own("def own(t):\n    t.xyz[:] += 1\n    return t.xyz[:, 0, 0]\n").on(topology).compute(positions)
    np.testing.assert_array_equal(positions, before)
    np.testing.assert_allclose(moved[:, 0], positions[:, 0, 0] + 1, rtol=1e-6)


def test_true_and_false_count_as_numbers(own):
    points = ThreeHole().sample_exact(50, 1.0, np.random.default_rng(0))
    positions = np.concatenate([points, np.zeros((50, 1))], axis=1)[:, None]
    left = compute(own("def own(x):\n    return x[:, 0, 0] < 0\n"), positions=positions)
    np.testing.assert_array_equal(left[:, 0], points[:, 0].astype(np.float32) < 0)
