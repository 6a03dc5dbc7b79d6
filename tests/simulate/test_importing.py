"""Existing MD: what is imported is what the files hold, and files that do not fit are refused in one line."""

from pathlib import Path

import mdtraj
import numpy as np
import pytest
from molecules_for_tests import alanine_dipeptide

from thermolatent.errors import ConfigError, ThermolatentError
from thermolatent.files.artifacts import load_array, load_json
from thermolatent.parsing import parse
from thermolatent.simulate.contents import cut
from thermolatent.study.checks import check_molecule
from thermolatent.study.jobs import run_job
from thermolatent.study.layout import Layout
from thermolatent.study.study import Study
from thermolatent.systems.three_hole import ThreeHole

TORSIONS = [{"kind": "backbone_torsions", "form": "angle"}]
T = 400.0


def study(
    system, walkers=4, frames=10, temperatures=(T,), features=("backbone_torsions",), plane=TORSIONS, **simulated
):
    return parse(
        Study,
        {
            "name": "test",
            "system": {"kind": "trajectories", **system},
            "temperatures": {"train": list(temperatures)},
            "simulate": {"walkers": walkers, "frames": frames, **simulated},
            "featurize": {"features": list(features), "plane": list(plane)},
            "models": {"latf": {"density": "flow"}},
            "validate": {"states": {"kind": "nearest", "centers": {"a": [0, 0], "b": [1, 1]}}},
        },
        "test.yaml",
    )


def csv(path, values):
    path.write_text("\n".join(['#"Potential Energy (kJ/mole)"', *map(repr, map(float, values))]) + "\n")
    return str(path)


@pytest.fixture
def files(tmp_path):
    """Two XTC files of 23 and 25 frames with energies and bias: (system section, topology, [positions], [energies], [bias])."""
    topology, positions = alanine_dipeptide(frames=48)
    parts, rng = [positions[:23], positions[23:]], np.random.default_rng(2)
    energies = [rng.normal(size=len(part)) for part in parts]
    bias = [rng.normal(size=len(part)) for part in parts]
    mdtraj.Trajectory(positions[:1], topology).save_pdb(str(tmp_path / "top.pdb"))
    section = {"topology": str(tmp_path / "top.pdb"), "frame_interval": 2.0, "files": {T: []}}
    section |= {"energies": {"files": {T: []}}, "log_weights": {"files": {T: []}, "column": "bias"}}
    for i, (part, energy, shift) in enumerate(zip(parts, energies, bias, strict=True)):
        mdtraj.Trajectory(part, topology).save_xtc(str(tmp_path / f"{i}.xtc"))
        section["files"][T].append(str(tmp_path / f"{i}.xtc"))
        section["energies"]["files"][T].append(csv(tmp_path / f"{i}.csv", energy))
        colvar = "#! FIELDS time bias\n" + "".join(f"{2 * j} {b!r}\n" for j, b in enumerate(shift.tolist()))
        (tmp_path / f"COLVAR{i}").write_text(colvar)
        section["log_weights"]["files"][T].append(str(tmp_path / f"COLVAR{i}"))
    return section, topology, parts, energies, bias


def imported(made, layout, temperature=T):
    """(positions, energies, protocol) of what the stage simulate wrote."""
    run_job("simulate", made, layout, temperature=temperature)
    top = layout.topology(temperature)
    walkers = [mdtraj.load(path, top=top).xyz for path in layout.trajectories(temperature, made.simulate.walkers)]
    return np.stack(walkers), load_array(layout.md_energies(temperature)), load_json(layout.protocol(temperature))


def test_blocks_of_files_become_walkers_with_their_energies_and_weights(files, tmp_path):
    section, topology, parts, energies, bias = files
    layout = Layout(str(tmp_path / "results"))
    made = study(section)
    positions, found, protocol = imported(made, layout)
    assert protocol["starts"] == [section["files"][T][i] for i in (0, 0, 1, 1)]
    assert protocol["first_frames"] == [0, 10, 0, 10]
    expected = [(0, 0), (0, 10), (1, 0), (1, 10)]
    for walker, (file, first) in enumerate(expected):
        np.testing.assert_allclose(positions[walker], parts[file][first : first + 10], atol=6e-4)  # as XTC rounds
        np.testing.assert_array_equal(found[walker], energies[file][first : first + 10])
    weights = load_array(layout.md_log_weights(T))
    in_kT = [b / made.system.kT(T) for b in bias]
    highest = max(b.max() for b in in_kT)
    np.testing.assert_allclose(weights, [in_kT[f][i : i + 10] - highest for f, i in expected], rtol=1e-12)
    assert protocol["weighted"] is True
    check_molecule(made)  # as thermolatent check does
    run_job("featurize", made, layout, temperature=T)
    header = load_json(layout.features_header(T))
    assert header["frame_interval"] == pytest.approx(2.0)
    assert header["names"] == ["sin phi ALA2", "cos phi ALA2", "sin psi ALA2", "cos psi ALA2"]
    phi = mdtraj.compute_phi(mdtraj.Trajectory(parts[1][10:20], topology))[1][:, 0]
    np.testing.assert_allclose(np.exp(1j * load_array(layout.plane(T))[3, :, 0]), np.exp(1j * phi), atol=0.03)


@pytest.mark.parametrize("extension", ["xtc", "dcd", "nc", "trr"])
def test_three_hole_through_every_format_is_the_source(extension, tmp_path):
    """simulate -> featurize of exact points: x, y and the energies come out as they went in."""
    points = ThreeHole().sample_exact(60, 1.0, np.random.default_rng(0))
    topology = mdtraj.Topology()
    topology.add_atom("A1", mdtraj.element.argon, topology.add_residue("HOL", topology.add_chain()))
    x = np.pad(points, ((0, 0), (0, 1)))[:, None].astype(np.float32)
    trajectory = mdtraj.Trajectory(x, topology)
    trajectory[0].save_pdb(str(tmp_path / "top.pdb"))
    path = str(tmp_path / f"all.{extension}")
    trajectory.save(path)
    energies = ThreeHole().plane_energy(points)
    section = {
        "topology": str(tmp_path / "top.pdb"),
        "files": {1: [path]},
        "frame_interval": 0.5,
        "unit": "reduced",
        "energies": {"files": {1: [csv(tmp_path / "energies.csv", energies)]}},
    }
    made = study(section, 3, 20, [1.0], ["position_xy"], ["position_xy"])
    layout = Layout(str(tmp_path / "results"))
    run_job("simulate", made, layout, temperature=1.0)
    run_job("featurize", made, layout, temperature=1.0)
    tolerance = 6e-4 if extension == "xtc" else 1e-6
    np.testing.assert_allclose(load_array(layout.features(1.0)).reshape(60, 2), points, atol=tolerance)
    np.testing.assert_array_equal(load_array(layout.energies(1.0)).ravel(), energies)
    assert load_json(layout.features_header(1.0))["kT"] == 1.0


def test_stride_selection_and_rows_between_frames(files, tmp_path):
    section, topology, parts, energies, _ = files
    section = {**section, "stride": 2, "atoms": "not element H", "log_weights": None}
    for i, energy in enumerate(energies):  # a row before the first frame, and two per frame
        csv(tmp_path / f"{i}.csv", [999.0, *np.stack([energy, energy + 100], axis=1).ravel()])
    with pytest.raises(
        ThermolatentError,
        match=r"0\.csv: has 47 rows, for 23 frames of .*0\.xtc, 2 ps apart; their times are not both known",
    ) as e:
        imported(study(section, 2, 11), Layout(str(tmp_path / "none")))
    assert (
        "skip: 24 with system.energies.every: 1, or system.energies.skip: 1 to 2 with system.energies.every: 2"
        in str(e.value)
    )
    section["energies"] = {**section["energies"], "skip": 1, "every": 2}
    positions, found, protocol = imported(study(section, 2, 11), Layout(str(tmp_path / "results")))
    heavy = topology.select("not element H")
    assert positions.shape == (2, 11, len(heavy), 3)
    np.testing.assert_allclose(positions[1], parts[1][: 2 * 11 : 2, heavy], atol=6e-4)
    np.testing.assert_array_equal(found, [energies[0][:22:2], energies[1][:22:2]])
    assert protocol["save_every"] * protocol["time_step"] == pytest.approx(4.0)


def test_spare_blocks_are_left_out_evenly():
    assert cut(["a", "b"], [50, 50], 4, 10) == [(0, 0), (0, 20), (1, 0), (1, 20)]
    with pytest.raises(
        ThermolatentError,
        match=r"there are 4 .*\(25 in a, 29 in b\); write simulate\.frames: 9 or simulate\.walkers: 4",
    ):
        cut(["a", "b"], [25, 29], 5, 10)


def test_energies_from_a_system_and_molecules_cut_by_the_box(tmp_path):
    import openmm as mm
    from openmmtools.testsystems import AlanineDipeptideVacuum

    topology, positions = alanine_dipeptide(frames=20)
    made = AlanineDipeptideVacuum()
    (tmp_path / "system.xml").write_text(mm.XmlSerializer.serialize(made.system))
    box = 1.5
    wrapped = positions - box * np.floor(positions / box)  # atoms on both sides of the box
    assert not np.allclose(wrapped, positions, atol=0.1)
    trajectory = mdtraj.Trajectory(wrapped, topology, None, np.full((20, 3), box), np.full((20, 3), 90.0))
    trajectory.save_dcd(str(tmp_path / "a.dcd"))
    mdtraj.Trajectory(positions[:1], topology).save_pdb(str(tmp_path / "top.pdb"))
    section = {"topology": str(tmp_path / "top.pdb"), "files": {T: [str(tmp_path / "a.dcd")]}, "frame_interval": 1.0}
    phi = "(resname ACE and name C) or (resname ALA and (name N or name CA or name C)) or (resname NME and name N)"
    for atoms in (None, "not element H", phi):  # the box is undone along bonds, also those to atoms that are not kept
        found, energies, protocol = imported(
            study({**section, "atoms": atoms}, 2, 10), Layout(str(tmp_path / str(atoms)[:3]))
        )
        kept = topology.select(atoms or "all")
        pairs = [[0, len(kept) - 1], [1, 3]]
        np.testing.assert_allclose(
            mdtraj.compute_distances(mdtraj.Trajectory(found.reshape(20, -1, 3), topology.subset(kept)), pairs),
            mdtraj.compute_distances(mdtraj.Trajectory(positions, topology), [kept[pair] for pair in pairs]),
            atol=1e-5,
        )
        assert np.isnan(energies).all()
        assert protocol["energies"] is False
    mdtraj.Trajectory(positions, topology).save_dcd(str(tmp_path / "a.dcd"))
    section |= {"energies": {"system_xml": str(tmp_path / "system.xml")}, "atoms": "not element H"}
    _, energies, _ = imported(study(section, 2, 10), Layout(str(tmp_path / "again")))
    context = mm.Context(made.system, mm.VerletIntegrator(0.001), mm.Platform.getPlatformByName("Reference"))
    for frame in (0, 13):
        context.setPositions(positions[frame].astype(float))
        expected = context.getState(energy=True).getPotentialEnergy()._value
        assert energies.ravel()[frame] == pytest.approx(expected, rel=1e-4)


def test_a_second_molecule_stays_beside_the_first(tmp_path):
    """Two molecules on both sides of the box are brought together."""
    topology, positions = alanine_dipeptide(frames=4)
    both = topology.join(topology)
    box = 3.0
    x = np.concatenate([positions, positions + np.array([0.6, 0, 0])], axis=1)
    x = x - x.mean(axis=(0, 1))  # the first molecule at -0.3, the second at 0.3, around the border of the box
    apart = x.copy()
    apart[:, :22, 0] += box
    trajectory = mdtraj.Trajectory(apart, both, None, np.full((4, 3), box), np.full((4, 3), 90.0))
    trajectory.save_dcd(str(tmp_path / "a.dcd"))
    trajectory[0].save_pdb(str(tmp_path / "top.pdb"))
    section = {"topology": str(tmp_path / "top.pdb"), "files": {T: [str(tmp_path / "a.dcd")]}, "frame_interval": 1.0}
    torsion = [{"kind": "torsions", "of": ["phi"], "form": "angle"}]
    found, _, _ = imported(study(section, 2, 2, plane=torsion), Layout(str(tmp_path / "results")))
    between = found.reshape(4, 44, 3)[:, 22:].mean(1) - found.reshape(4, 44, 3)[:, :22].mean(1)
    np.testing.assert_allclose(between, [[0.6, 0, 0]] * 4, atol=1e-4)


def test_what_was_imported_is_left_alone_until_a_file_changes(files, tmp_path):
    section, _, _, energies, _ = files
    layout = Layout(str(tmp_path / "results"))
    imported(study(section), layout)
    before = Path(layout.protocol(T)).stat().st_mtime_ns
    run_job("simulate", study(section), layout, temperature=T)
    assert Path(layout.protocol(T)).stat().st_mtime_ns == before
    csv(Path(section["energies"]["files"][T][0]), energies[0] + 1)
    _, found, _ = imported(study(section), layout)
    np.testing.assert_array_equal(found[0], energies[0][:10] + 1)
    assert not list(Path(layout.simulation(T)).parent.glob("*.partial"))


def test_files_that_do_not_fit_are_refused_in_one_line(files, tmp_path):
    section, topology, parts, energies, _ = files
    layout = Layout(str(tmp_path / "results"))

    def refused(words, changes, **more):
        with pytest.raises(ThermolatentError, match=words) as caught:
            run_job("simulate", study({**section, **changes}, **more), layout, temperature=T)
        assert "\n" not in str(caught.value)
        assert not Path(layout.protocol(T)).exists()

    refused(
        r"4 walkers of 20 frames need 4 .*there are 2 .*23 in .*write simulate\.frames: 11 or simulate\.walkers: 2",
        {},
        frames=20,
    )
    mdtraj.Trajectory(parts[0][:, :10], topology.subset(range(10))).save_dcd(str(tmp_path / "small.dcd"))
    small = {"files": {T: [str(tmp_path / "small.dcd"), section["files"][T][0]]}}
    refused(r"small\.dcd: has 10 atoms, system\.topology has 22", small)
    mixed = parts[0][:, np.random.default_rng(0).permutation(22)] * 5
    mdtraj.Trajectory(mixed, topology).save_dcd(str(tmp_path / "mixed.dcd"))
    refused(
        r"mixed\.dcd: frame 0 \(from 0\): its bond .* nm long, as most are, so system\.topology",
        {"files": {T: [str(tmp_path / "mixed.dcd")]}, "energies": None, "log_weights": None},
        walkers=2,
    )
    csv(Path(section["energies"]["files"][T][1]), energies[1][:-2])
    refused(r"1\.csv: has 23 rows, for 25 frames of .*1\.xtc, .* so no choice of rows gives each frame one; write", {})
    (tmp_path / "text.xtc").write_text("no trajectory")
    refused(
        r"text\.xtc: cannot be read as a trajectory",
        {"files": {T: [str(tmp_path / "text.xtc"), section["files"][T][1]]}},
    )
    refused(r"system\.atoms: 'resname XXX' selects no atom", {"atoms": "resname XXX"})
    with pytest.raises(ThermolatentError, match="backbone_torsions: the molecule has no phi"):
        check_molecule(study({**section, "atoms": "resname NME"}))


def test_a_study_that_does_not_fit_its_files_is_refused_before_any_job(files):
    section = files[0]

    def refused(words, changes=None, **more):
        with pytest.raises(ConfigError, match=words) as caught:
            study({**section, **(changes or {})}, **more)
        assert "\n" not in str(caught.value)

    refused(r"simulate\.time_step: is not for system\.kind: trajectories", time_step=0.002)
    refused(
        r"temperatures: 0\.5 is not between 50 and 2000; temperatures are in kelvin",
        {"files": {0.5: section["files"][T]}, "energies": None, "log_weights": None},
        temperatures=[0.5],
    )
    refused(r"system\.files: there are none at 500; there are some at 400", temperatures=[T, 500.0])
    twice = [section["files"][T][0]] * 2
    refused(r"0\.xtc' is there twice at 400; leave one out", {"files": {T: twice}})
    refused(r"0\.xtc' is at 400 and at 500; write each temperature's own", {"files": {T: twice[:1], 500.0: twice[:1]}})
    energies = section["energies"]["files"][T]
    refused(r"0\.csv' is at 400 and at 500", {"energies": {"files": {T: energies, 500.0: energies}}})
    refused(r"'nowhere\.xtc' is not a file", {"files": {T: ["nowhere.xtc"]}})
    refused(
        r"system\.energies\.files: 1 files at 400 for 2 trajectories",
        {"energies": {"files": {T: section["energies"]["files"][T][:1]}}},
    )
    refused(r"write files or system_xml, one of them", {"energies": {"column": "Potential"}})
    refused(r"unknown key, did you mean 'frame_interval'", {"frame_intervals": 3})


# Times, energies and temperatures that the files tell


def described(folder, interval=2.0, temperatures=(300.0, T), frames=40, every=2, first=None, **columns):
    """The section ``system`` of XTC files with times, and CSV with times and energies, ``every`` rows per frame; the energies."""
    topology, positions = alanine_dipeptide(frames=frames)
    mdtraj.Trajectory(positions[:1], topology).save_pdb(str(folder / "top.pdb"))
    section = {"topology": str(folder / "top.pdb"), "frame_interval": interval, "files": {}, "energies": {"files": {}}}
    taken = {}
    for t in temperatures:
        rng = np.random.default_rng(int(t))
        time = interval * np.arange(1, frames + 1)
        shifted = mdtraj.Trajectory(positions + np.float32(t / 1e3), topology, time if first is None else first(time))
        shifted.save_xtc(str(folder / f"{t:g}.xtc"))
        rows = interval / every * np.arange(every * frames + 1)
        numbers = {"Time (ps)": rows, "Potential Energy (kJ/mole)": rng.normal(t, 5, len(rows))}
        numbers |= {name.format(t): value(t, rows, rng) for name, value in columns.items()}
        table = np.stack([*numbers.values()], axis=1)
        header = ",".join(f'"{name}"' for name in numbers)
        np.savetxt(folder / f"{t:g}.csv", table, "%.6f", ",", header=header, comments="#")
        section["files"][t] = [str(folder / f"{t:g}.xtc")]
        section["energies"]["files"][t] = [str(folder / f"{t:g}.csv")]
        taken[t] = np.round(numbers["Potential Energy (kJ/mole)"], 6)[every::every]
    return section, taken


def both(section, **more):
    return study(section, 2, 10, [300.0, T], **more)


def test_rows_are_taken_by_time(tmp_path):
    section, energies = described(tmp_path)
    made, layout = both(section), Layout(str(tmp_path / "results"))
    _, found, protocol = imported(made, layout)
    assert protocol["first_frames"] == [0, 20]
    np.testing.assert_array_equal(found, [energies[T][:10], energies[T][20:30]])
    from thermolatent.imported.frame_times import read_times

    for path, first in zip(layout.trajectories(T, 2), (2.0, 42.0), strict=True):
        np.testing.assert_allclose(read_times(path).time, first + 2.0 * np.arange(10), rtol=1e-6)


def test_a_gap_makes_units_that_do_not_follow_each_other(tmp_path):
    section, energies = described(tmp_path, first=lambda time: time + 4.0 * (time > 26))
    layout = Layout(str(tmp_path / "results"))
    with pytest.raises(
        ThermolatentError, match=r"there are 3 in the frames used \(13 in .*400\.xtc, 25 in .*400\.xtc from frame 13"
    ):
        imported(study(section, 4, 10, [300.0, T]), layout)
    _, found, protocol = imported(both(section), layout)
    path = section["files"][T][0]
    assert protocol["starts"] == [path, f"{path} from frame 13"]
    assert protocol["first_frames"] == [0, 13]
    np.testing.assert_array_equal(found, [energies[T][:10], energies[T][15:25]])  # two frames' time is missing
    run_job("featurize", both(section), layout, temperature=T)
    assert load_json(layout.features_header(T))["pieces"] == [[0, 0], [1, 13]]


def test_files_of_two_temperatures_that_are_swapped_are_refused(tmp_path):
    layout = Layout(str(tmp_path / "results"))

    def refused(section, words, temperature=T):
        with pytest.raises(ThermolatentError, match=words) as caught:
            run_job("simulate", both(section), layout, temperature=temperature)
        assert "\n" not in str(caught.value)

    section, _ = described(tmp_path)
    files = section["energies"]["files"]
    swapped = {300.0: files[T], T: files[300.0]}
    for temperature in (300.0, T):
        refused(
            {**section, "energies": {"files": swapped}},
            r"mean potential energy falls from (399|400)\.\d kJ/mol at 300 to (299|300)\.\d at 400",
            temperature,
        )
    section, _ = described(tmp_path, **{"Temperature (K)": lambda t, rows, rng: rng.normal(700 - t, 5, len(rows))})
    refused(section, r"mean temperature is (299|300)\.\d .* the study has it at 400; that of 300: .*swapped")
    copy = tmp_path / "copy.xtc"
    copy.write_bytes(Path(section["files"][T][0]).read_bytes())
    section["files"][300.0] = [str(copy)]
    refused(section, r"system\.files: .* are the same, byte for byte")


def test_pV_of_a_volume_that_fluctuates(tmp_path, caplog):
    section, energies = described(tmp_path, **{"Box Volume (nm^3)": lambda t, rows, rng: 27 + 0.1 * np.sin(rows)})
    _, found, _ = imported(both(section), Layout(str(tmp_path / "unsaid")))
    np.testing.assert_array_equal(found[0], energies[T][:10])
    assert "the volume fluctuates" in caplog.text
    section["energies"]["pressure"] = 1000.0
    _, found, _ = imported(both(section), Layout(str(tmp_path / "said")))
    volumes = np.round(27 + 0.1 * np.sin(2.0 * np.arange(1, 11)), 6)
    np.testing.assert_allclose(found[0], energies[T][:10] + 1000 * 0.0602214076 * volumes, rtol=1e-12)


def test_one_energy_file_serves_parts_of_a_run_and_no_row_twice(tmp_path):
    section, energies = described(tmp_path)
    top = section["topology"]
    whole = mdtraj.load(section["files"][T][0], top=top)
    parts = [str(tmp_path / f"part{i}.xtc") for i in (0, 1)]
    for path, frames in zip(parts, (slice(0, 20), slice(20, 40)), strict=True):
        whole[frames].save_xtc(path)
    section["files"][T], section["energies"]["files"][T] = parts, section["energies"]["files"][T] * 2
    _, found, _ = imported(study(section, 2, 20, [T]), Layout(str(tmp_path / "results")))
    np.testing.assert_array_equal(found, energies[T].reshape(2, 20))
    whole[5:25].save_xtc(parts[1])
    with pytest.raises(ThermolatentError, match=r"rows for .*part1\.xtc are already used by another trajectory"):
        imported(study(section, 2, 20, [T]), Layout(str(tmp_path / "again")))


def test_energies_for_some_frames_ask_for_a_stride(tmp_path):
    section, _ = described(tmp_path)
    path = Path(section["energies"]["files"][T][0])
    lines = path.read_text().splitlines(keepends=True)
    path.write_text(lines[0] + "".join(lines[1::8]))  # a row for every fourth frame
    with pytest.raises(
        ThermolatentError, match=r"frame 4 of .*400\.xtc \(from 0\) has no row, .*; write stride: 4, or"
    ):
        imported(both(section), Layout(str(tmp_path / "none")))
