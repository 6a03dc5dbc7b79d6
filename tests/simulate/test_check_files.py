"""``thermolatent check`` opens the files of existing MD: what the import would refuse is refused before there is any job."""

import copy
from pathlib import Path

import mdtraj
import numpy as np
import openmm as mm
import pytest
from molecules_for_tests import alanine_dipeptide
from studies_for_tests import write

from thermolatent.cli import main
from thermolatent.parsing import parse
from thermolatent.simulate.importing import sampled_positions
from thermolatent.systems.trajectories import Trajectories

FRAMES = 240
FILES = {T: [f"{T}_{i}" for i in (0, 1)] for T in (300, 400)}
TOPOLOGY, EVERY = alanine_dipeptide(frames=4 * FRAMES)
POSITIONS = dict(zip([name for names in FILES.values() for name in names], np.split(EVERY, 4), strict=True))
ANGLES = [{"kind": "backbone_torsions", "form": "angle"}]


def save(path, positions, topology=TOPOLOGY):
    mdtraj.Trajectory(positions, topology, time=2.0 * np.arange(1, len(positions) + 1)).save(path)


def energies(path, rows, mean, seed):
    values = np.random.default_rng(seed).normal(mean, 1.0, rows).tolist()
    Path(path).write_text('#"Potential Energy (kJ/mole)"\n' + "".join(f"{value!r}\n" for value in values))


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A study of MD at 300 and 400 in two files each; its folder is the working directory."""
    monkeypatch.chdir(tmp_path)
    mdtraj.Trajectory(EVERY[:1], TOPOLOGY).save_pdb("top.pdb")
    for name, positions in POSITIONS.items():
        save(f"{name}.xtc", positions)
    files = {T: [f"{name}.xtc" for name in names] for T, names in FILES.items()}
    return {
        "system": {"kind": "trajectories", "topology": "top.pdb", "frame_interval": 2.0, "files": files},
        "temperatures": {"train": [300, 400]},
        "simulate": {"walkers": 2, "frames": FRAMES},
        "featurize": {"features": ["backbone_torsions"], "plane": ANGLES},
        "representation": {"lag": 1},
        "models": {"latf": {"density": "flow"}},
        "validate": {"states": {"kind": "nearest", "centers": {"a": [-1.4, 1.2], "b": [1.0, -1.0]}}},
    }


def told(study, capsys):
    """The one line that ``thermolatent check`` refuses it with; empty if it does not."""
    write(Path(), study)
    code = main(["check", "mine"])
    out, error = capsys.readouterr()
    assert code == (0 if not error else 1)
    assert len(error.splitlines()) == code
    assert ("mine: fine" in out) == (code == 0)
    return error


def test_sound_files_are_fine_and_their_first_and_last_frames_are_read(study, capsys):
    assert told(study, capsys) == ""
    system = parse(Trajectories, study["system"], "mine")
    found = sampled_positions(system, 300)
    assert found.shape == (200, 22, 3)
    first, second = POSITIONS["300_0"], POSITIONS["300_1"]
    np.testing.assert_allclose(found[[0, 99, 100, 199]], [first[0], first[-1], second[0], second[-1]], atol=6e-4)
    np.testing.assert_allclose(sampled_positions(system, 400, 3)[:3], POSITIONS["400_0"][[0, 120, 239]], atol=6e-4)


def nan(positions):
    positions[-1] = np.nan


def torn(positions):
    positions[-1, 3] += 5.0


@pytest.mark.parametrize(("change", "words"), [(nan, "not finite numbers"), (torn, "nm long")])
def test_the_last_frame_of_the_last_file_is_looked_at(study, capsys, change, words):
    positions = POSITIONS["400_1"].copy()
    change(positions)
    save("400_1.dcd", positions)
    study["system"]["files"][400][1] = "400_1.dcd"
    error = told(study, capsys)
    assert error.startswith("thermolatent check: 400_1.dcd: ")
    assert words in error


@pytest.mark.parametrize("extension", ["xtc", "trr"])
def test_a_file_that_is_cut_off_is_told(study, capsys, extension):
    save(f"whole.{extension}", POSITIONS["300_1"])
    content = Path(f"whole.{extension}").read_bytes()
    Path(f"cut.{extension}").write_bytes(content[: len(content) * 19 // 20 - 10])
    study["system"]["files"][300][1] = f"cut.{extension}"
    study["simulate"]["frames"] = 100
    assert "cut off?" in told(study, capsys)


def test_other_atoms_in_a_second_file_are_told(study, capsys):
    save("300_1.xtc", POSITIONS["300_1"][:, :20], TOPOLOGY.subset(range(20)))
    assert "300_1.xtc: has 20 atoms, system.topology has 22" in told(study, capsys)


def test_too_few_frames_are_told(study, capsys):
    save("400_0.xtc", POSITIONS["400_0"][:-1])
    assert "2 walkers of 240 frames need 2 such blocks, there are 1" in told(study, capsys)


def test_rows_of_energies_are_counted_at_every_temperature(study, capsys):
    for seed, name in enumerate(POSITIONS):
        energies(f"{name}.csv", FRAMES, float(name[:3]), seed)
    files = {T: [f"{name}.csv" for name in names] for T, names in FILES.items()}
    study["system"]["energies"] = {"files": files, "skip": 0, "every": 1}
    assert told(study, capsys) == ""
    energies("400_1.csv", FRAMES - 7, 400.0, 9)
    error = told(study, capsys)
    assert "400_1.csv" in error
    assert f"{FRAMES - 7} rows" in error


def test_a_system_of_other_particles_is_told(study, capsys):
    system = mm.System()
    system.addParticle(1.0)
    Path("system.xml").write_text(mm.XmlSerializer.serialize(system))
    study["system"]["energies"] = {"system_xml": "system.xml"}
    assert "system.xml: has 1 particles, system.topology has 22 atoms" in told(study, capsys)


def changed_centers(study, plane, **centers):
    study = copy.deepcopy(study)
    study["featurize"]["plane"], study["validate"]["states"]["centers"] = plane, centers
    return study


def test_centers_in_degrees_are_told_with_what_to_write(study, capsys):
    error = told(changed_centers(study, ANGLES, alpha=[-60, -45], beta=[-120, 130]), capsys)
    assert "validate.states.centers.alpha: [-60.0, -45.0] is in degrees" in error
    assert error.rstrip().endswith("write [-1.047, -0.785]")
    assert told(changed_centers(study, ANGLES, alpha=[-1.047, -0.785], beta=[4.19, 2.27]), capsys) == ""


def test_centers_at_the_same_place_are_told(study, capsys):
    error = told(changed_centers(study, ANGLES, alpha=[-1.0, 1.0], beta=[2.0, 2.0], gamma=[-1.0, 1.0]), capsys)
    assert "validate.states.centers.gamma: [-1.0, 1.0] is the place of alpha, too; move one of them" in error
    turned = [-1.0 + 2 * np.pi, 1.0]
    error = told(changed_centers(study, ANGLES, alpha=[-1.0, 1.0], beta=turned), capsys)
    assert "is the same place on the circle as alpha" in error


def test_centers_in_angstrom_are_told_with_what_to_write(study, capsys):
    plane = ["radius_of_gyration", {"kind": "distances", "pairs": [["name CB", "name CH3 and resSeq 1"]]}]
    size = mdtraj.compute_rg(mdtraj.Trajectory(EVERY, TOPOLOGY)).mean().item()
    error = told(changed_centers(study, plane, small=[9 * size, 5.0], large=[11 * size, 6.0]), capsys)
    assert f"none is near any center ({9 * size:g}, {11 * size:g}); are they in angstrom?" in error
    assert error.rstrip().endswith(f"Write {0.9 * size:.4g}, {1.1 * size:.4g}")
    # one that no frame is near may be a state that was not visited
    assert told(changed_centers(study, plane, small=[size, 0.5], large=[9 * size, 6.0]), capsys) == ""
