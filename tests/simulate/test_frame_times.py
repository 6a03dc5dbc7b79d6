"""Times of frames out of the headers of every format; which are believed, and where files are cut."""

import struct

import mdtraj
import numpy as np
import pytest

from thermolatent.errors import ArtifactError
from thermolatent.files.dcd import read_header, write_trajectories
from thermolatent.imported.frame_times import FrameTimes, read_times
from thermolatent.imported.pieces import Piece, checked, pieces

FORMATS = ["xtc", "trr", "nc"]
TIMES = 5.0 + 2.0 * np.arange(30)


def argon(atoms):
    topology = mdtraj.Topology()
    residue = topology.add_residue("ARG", topology.add_chain())
    for _ in range(atoms):
        topology.add_atom("Ar", mdtraj.element.argon, residue)
    return topology


@pytest.fixture
def saved(tmp_path):
    """A trajectory of so many atoms at these times, in a file of this format."""

    def save(ending, time=TIMES, atoms=12):
        positions = np.random.default_rng(1).normal(size=(len(time), atoms, 3)).astype(np.float32)
        trajectory = mdtraj.Trajectory(positions, argon(atoms), time)
        trajectory.unitcell_vectors = np.tile(np.eye(3) * 4, (len(time), 1, 1))
        trajectory.save(str(tmp_path / f"a.{ending}"))
        return str(tmp_path / f"a.{ending}")

    return save


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("atoms", [3, 12])  # XTC does not compress up to nine atoms
def test_times_are_those_of_the_file(saved, ending, atoms):
    found = read_times(saved(ending, atoms=atoms))
    assert (found.frames, found.atoms, found.step) == (30, atoms, None)
    np.testing.assert_allclose(found.time, TIMES, rtol=1e-6)


@pytest.mark.parametrize("ending", FORMATS)
def test_times_that_only_number_the_frames_are_unknown(saved, ending):
    assert read_times(saved(ending, np.arange(30.0))).time is None
    assert read_times(saved(ending, np.full(30, 7.0))).time is None


@pytest.mark.parametrize("ending", [*FORMATS, "dcd"])
def test_a_file_that_is_cut_off_is_refused(saved, ending):
    path = saved(ending)
    with open(path, "rb") as file:
        content = file.read()
    with open(path, "wb") as file:
        file.write(content[:-20])
    with pytest.raises(ArtifactError, match=r"cut off\?") as caught:
        read_times(path)
    assert path in str(caught.value)


def test_what_openmm_writes(tmp_path):
    import openmm as mm
    from openmm import app, unit
    from openmmtools.testsystems import AlanineDipeptideVacuum

    made = AlanineDipeptideVacuum()
    simulation = app.Simulation(made.topology, made.system, mm.VerletIntegrator(0.0005))
    simulation.context.setPositions(made.positions.in_units_of(unit.nanometer))
    simulation.reporters += [app.DCDReporter(str(tmp_path / "a.dcd"), 4), app.XTCReporter(str(tmp_path / "a.xtc"), 4)]
    simulation.step(12)
    for name in ("a.dcd", "a.xtc"):
        found = read_times(str(tmp_path / name))
        np.testing.assert_array_equal(found.step, [4, 8, 12])
        np.testing.assert_allclose(found.time, [0.002, 0.004, 0.006], rtol=1e-6)


def test_a_dcd_of_a_converter_says_nothing_true(saved, tmp_path):
    found = read_times(saved("dcd"))
    assert (found.frames, found.atoms, found.time, found.step, found.interval) == (30, 12, None, None, None)
    import MDAnalysis

    universe = MDAnalysis.Universe.empty(12, trajectory=True)
    with MDAnalysis.Writer(str(tmp_path / "m.dcd"), 12, dt=2.5) as writer:
        for _ in range(3):
            writer.write(universe.atoms)
    found = read_times(str(tmp_path / "m.dcd"))
    assert (found.frames, found.atoms, found.time) == (3, 12, None)
    assert found.interval == pytest.approx(2.5, rel=1e-6)


def namd_dcd(path, atoms=4, frames=5, first=2000, interval=500, femtoseconds=2.0, order="<", promised=None):
    """A DCD with NAMD's header: step of the first frame, steps between frames, time step in AKMA units."""
    counts = (frames if promised is None else promised, first, interval)
    head = struct.pack(f"{order}i4s3i", 84, b"CORD", *counts) + bytes(24)
    head += struct.pack(f"{order}f", femtoseconds / 48.88821) + bytes(36) + struct.pack(f"{order}2i", 24, 84)
    title = struct.pack(f"{order}2i", 84, 1) + b"REMARKS NAMD".ljust(80) + struct.pack(f"{order}4i", 84, 4, atoms, 4)
    axis = struct.pack(f"{order}i", 4 * atoms) + bytes(4 * atoms) + struct.pack(f"{order}i", 4 * atoms)
    path.write_bytes(head + title + 3 * frames * axis)
    return str(path)


@pytest.mark.parametrize("order", ["<", ">"])
def test_the_header_of_an_md_programs_dcd(tmp_path, order):
    found = read_times(namd_dcd(tmp_path / "a.dcd", order=order))
    np.testing.assert_array_equal(found.step, [2000, 2500, 3000, 3500, 4000])
    np.testing.assert_allclose(found.time, [4, 5, 6, 7, 8], rtol=1e-6)
    with pytest.raises(ArtifactError, match=r"has 5 whole frames, its header promises 9; is it cut off\?"):
        read_times(namd_dcd(tmp_path / "a.dcd", order=order, promised=9))


def test_files_that_this_project_writes_carry_their_times(tmp_path):
    paths = [str(tmp_path / f"{w}.dcd") for w in (0, 1)]
    positions = np.zeros((6, 2, 3, 3), np.float32)
    write_trajectories(paths, positions, 250, 0.004)
    np.testing.assert_allclose(read_times(paths[1]).time, [1, 2, 3, 4, 5, 6], rtol=1e-6)
    np.testing.assert_array_equal(read_times(paths[1]).step, 250 * np.arange(1, 7))
    write_trajectories(paths, positions, 1, 20.0, [1, 41])
    np.testing.assert_allclose(read_times(paths[0]).time, 20 * np.arange(1, 7), rtol=1e-6)
    np.testing.assert_allclose(read_times(paths[1]).time, 800 + 20 * np.arange(1, 7), rtol=1e-6)
    assert read_header(paths[1]).own


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.xtc", b"", "is empty; write XTC, TRR, DCD or NetCDF"),
        ("a.xtc", b"no trajectory" * 20, r"cannot be read as a trajectory \(.+\); write XTC"),
        ("a.dcd", b"no trajectory" * 20, "is not a DCD trajectory"),
        ("a.nc", b"no trajectory" * 20, r"cannot be read as a trajectory \(.+\); write XTC"),
        ("a.pdb", b"ATOM", r"'\.pdb' is not a supported trajectory format; write XTC"),
    ],
)
def test_what_is_no_trajectory_is_refused_in_one_line(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ArtifactError, match=words) as caught:
        read_times(str(tmp_path / name))
    assert "\n" not in str(caught.value)
    assert "()" not in str(caught.value)


def test_another_number_of_atoms_within_a_file_is_named_with_its_frame(saved):
    with open(saved("xtc", atoms=12), "rb") as first:
        whole = first.read()
    path = saved("xtc", atoms=11)
    with open(path, "rb") as second:
        other = second.read()
    with open(path, "wb") as both:
        both.write(whole + other)
    with pytest.raises(ArtifactError, match=r"has 12 atoms in its first frame and 11 in frame 30 \(from 0\)"):
        read_times(path)


# Intervals and pieces


def times(*parts, single=True):
    time = np.concatenate(parts)
    return FrameTimes("a.xtc", len(time), 12, time.astype(np.float32).astype(float) if single else time, single=single)


def test_frame_interval_is_compared_with_the_file(caplog):
    for interval in (1.9, 20.0, 0.002):
        with pytest.raises(
            ArtifactError, match=r"frames are 2 ps apart, system\.frame_interval says .*; write frame_interval: 2"
        ):
            checked(times(TIMES), interval)
    assert checked(times(TIMES), 2.0).time is not None
    tenth_of_a_microsecond = 1e8 + 0.1 * np.arange(30)
    assert checked(times(tenth_of_a_microsecond), 0.1).time is None  # single precision holds 8 ps there
    assert "too coarse for frames 0.1 ps apart" in caplog.text
    assert checked(times(tenth_of_a_microsecond, single=False), 0.1).time is not None
    checked(FrameTimes("m.dcd", 3, 12, interval=2.5), 2.0)
    assert "m.dcd: its header says 2.5 ps between frames, system.frame_interval 2" in caplog.text


def test_a_gap_cuts_a_file_in_one_line(caplog):
    file = times(TIMES[:10], TIMES[10:] + 500)
    assert pieces(file, 2.0) == [Piece(0, 10, 0), Piece(10, 30, 0)]
    assert caplog.text.count("\n") == 1
    assert "a.xtc: cut into 2 units where times are not 2 ps apart: at frame 10 (23 to 525 ps)" in caplog.text
    missing = times(TIMES[:10], TIMES[11:20], TIMES[20:] - 1)
    assert pieces(missing, 2.0) == [Piece(0, 10, 0), Piece(10, 19, 0), Piece(19, 29, 0)]


def test_runs_that_begin_at_0_each_are_runs_of_their_own():
    run = 2.0 * np.arange(10)
    assert pieces(times(run, run, run[:5]), 2.0) == [Piece(0, 10, 0), Piece(10, 20, 1), Piece(20, 25, 2)]


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ((TIMES[:20], TIMES[15:]), r"frame 20 \(from 0\) goes back in time, from 43 to 35 ps"),
        ((TIMES[:20], TIMES[19:]), r"frame 20 \(from 0\) is at the time of the one before it, from 43 to 43 ps"),
        ((TIMES[:20], TIMES[:20] + 4.0), r"frame 20 \(from 0\) goes back in time, from 43 to 9 ps"),
    ],
)
def test_times_that_are_there_twice_are_refused(parts, words):
    with pytest.raises(ArtifactError, match=words):
        pieces(times(*parts), 2.0)


def test_descending_times_are_refused():
    with pytest.raises(
        ArtifactError, match="times descend, from 63 to 5 ps; write the frames in ascending order of time"
    ):
        checked(times(TIMES[::-1]), 2.0)


def test_a_file_without_times_is_one_piece():
    assert pieces(FrameTimes("a.dcd", 30, 12), 2.0) == [Piece(0, 30, 0)]
