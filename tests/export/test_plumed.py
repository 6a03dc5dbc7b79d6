"""The learned variable and its features as PLUMED inputs, evaluated by a reader that shares no code with them."""

from dataclasses import asdict
from types import SimpleNamespace

import mdtraj
import numpy as np
import pytest
import torch
from molecules_for_tests import alanine_dipeptide, base, bases, chain
from plumed_reader import Input

from thermolatent.errors import ThermolatentError
from thermolatent.export import cv
from thermolatent.export.frames import Weighting
from thermolatent.export.plumed import PlumedInput
from thermolatent.featurize.base import Particles, columns_on
from thermolatent.featurize.kinds import FEATURES
from thermolatent.files.artifacts import load_array, save_model
from thermolatent.frame_loading import load_frames
from thermolatent.parsing import parse
from thermolatent.represent.representation import load_representation, spib_tensors
from thermolatent.represent.scaler import Scaler, new_spib
from thermolatent.represent.settings import Representation
from thermolatent.study.answers import training_frames
from thermolatent.study.jobs import run_job
from thermolatent.study.layout import Layout
from thermolatent.study.study import Study
from thermolatent.systems.kinds import SYSTEMS
from thermolatent.systems.prepared import Prepared
from thermolatent.systems.topologies import load_topology

T = 300.0
FRAMES = 1000


def random_coil(topology, frames=50, seed=0):
    """Positions of atoms that are 0.15 nm from the one before, in any direction."""
    steps = np.random.default_rng(seed).normal(size=(frames, topology.n_atoms, 3))
    return np.cumsum(0.15 * steps / np.linalg.norm(steps, axis=-1, keepdims=True), axis=1).astype(np.float32)


def on_a_chain(**parameters):
    topology = chain(8)
    return parameters, topology, random_coil(topology)


def with_native(folder, **parameters):
    topology = chain(8)
    positions = random_coil(topology) * np.float32(0.6)  # so tight that there are contacts
    mdtraj.Trajectory(positions[0], topology).save_pdb(str(folder / "native.pdb"))
    return (
        {"to": str(folder / "native.pdb"), **parameters},
        topology,
        positions[1:],
    )  # at its minimum RMSD has few digits


def with_bases(**parameters):
    rng, letters = np.random.default_rng(0), "GCAAGC"
    frames = [
        np.concatenate(
            [base(letter, rng.normal(0, 0.4, 3), np.linalg.qr(rng.normal(size=(3, 3)))[0]) for letter in letters]
        )
        for _ in range(20)
    ]
    return parameters, bases(letters), np.array(frames, np.float32)


def with_particles(particles, **parameters):
    return (
        parameters,
        Particles(particles),
        np.random.default_rng(0).uniform(0, 3, (50, particles, 3)).astype(np.float32),
    )


CASES = {
    "torsions by name": ("backbone_torsions", lambda _: ({}, *alanine_dipeptide())),
    "torsions of atoms": ("torsions", lambda _: ({"of": ["phi"], "atoms": [[4, 6, 8, 10]]}, *alanine_dipeptide())),
    "the angle itself": ("backbone_torsions", lambda _: ({"form": "angle"}, *alanine_dipeptide())),
    "C-alpha atoms": ("ca_distances", lambda _: on_a_chain()),
    "pairs": ("distances", lambda _: on_a_chain(pairs=[["resSeq 1", "resSeq 5 and name O"]])),
    "ends": ("end_to_end", lambda _: on_a_chain()),
    "closest atoms": ("contacts", lambda _: on_a_chain()),
    "smooth contacts": ("contacts", lambda _: on_a_chain(form="smooth")),
    "gyration": ("radius_of_gyration", lambda _: on_a_chain()),
    "gyration of a part": ("radius_of_gyration", lambda _: on_a_chain(atoms="resSeq 2 to 4")),
    "native contacts": ("native_contacts", lambda folder: with_native(folder)),
    "superposed": ("rmsd", lambda folder: with_native(folder)),
    "superposed in part": ("rmsd", lambda folder: with_native(folder, atoms="name CA or name O")),
    "pairs of bases": ("base_pairs", lambda _: with_bases()),
    "hydrogen bonds": ("base_pairs", lambda _: with_bases(form="distance")),
    "sorted coordination": ("sorted_coordination", lambda _: with_particles(7)),
    "coordination of other exponents": ("sorted_coordination", lambda _: with_particles(5, n=6, m=10, r0=1.2)),
    "moments": ("coordination_moments", lambda _: with_particles(7)),
    "position": ("position_xy", lambda _: with_particles(1)),
}


@pytest.mark.parametrize("case", CASES)
def test_a_feature_is_in_plumed_what_it_is_here(case, tmp_path):
    kind, made = CASES[case]
    parameters, topology, positions = made(tmp_path)
    columns = FEATURES[kind](kind=kind, **parameters).on(topology)
    expected = columns.compute(positions)
    written = PlumedInput(np.arange(topology.n_atoms) + 1, [list(range(topology.n_atoms))], False, "z")
    names = [written.name(value) for value in columns.plumed()]
    assert len(names) == len(columns.names)
    masses = None if isinstance(topology, Particles) else np.array([a.element.mass for a in topology.atoms])
    for name, text in written.structures.items():
        (tmp_path / name).write_text(text)
    read = Input(written.text([]), positions, masses, tmp_path)
    found = np.stack([read[name] for name in names], axis=1)
    if any(columns.periodic):
        expected, found = np.exp(1j * expected), np.exp(1j * found)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert np.ptp(expected, axis=0).max() > 0.01  # there was something to compare


def test_molecules_are_made_whole_and_meet_at_the_nearest_image():
    topology = chain(2, chains=2)
    written = PlumedInput(np.arange(20) + 101, [list(range(10)), list(range(10, 20))], bonded=True)
    pairs = FEATURES["distances"](kind="distances", pairs=[["index 0", "index 9 or index 10"]]).on(topology)
    for value in pairs.plumed():
        written.name(value)
    assert written.text([]).splitlines() == [
        "WHOLEMOLECULES ENTITY0=101-110 ENTITY1=111-120",
        "distance1: DISTANCE ATOMS=101,110 NOPBC",
        "distance2: DISTANCE ATOMS=101,111",
    ]


@pytest.fixture(scope="module")
def dipeptide(tmp_path_factory):
    """(study content, layout): 1,000 frames of a dipeptide behind an ion, imported without it and featurized."""
    folder = tmp_path_factory.mktemp("cv")
    own, positions = alanine_dipeptide(FRAMES)
    topology = mdtraj.Topology()
    topology.add_atom("NA", mdtraj.element.sodium, topology.add_residue("NA", topology.add_chain()))
    topology = topology.join(own)
    every = np.concatenate([np.full((FRAMES, 1, 3), 3, np.float32), positions], axis=1)
    trajectory = mdtraj.Trajectory(every, topology)
    start = trajectory[0]
    start.xyz += np.random.default_rng(1).normal(
        0, 0.05, start.xyz.shape
    )  # no frame: at its minimum RMSD has few digits
    start.save_pdb(str(folder / "top.pdb"))
    trajectory.save_dcd(str(folder / "a.dcd"))
    content = {
        "system": {
            "kind": "trajectories",
            "topology": str(folder / "top.pdb"),
            "files": {T: [str(folder / "a.dcd")]},
            "frame_interval": 1.0,
            "atoms": "not resname NA",
        },
        "temperatures": {"train": [T]},
        "simulate": {"walkers": 2, "frames": FRAMES // 2},
        "featurize": {
            "features": ["backbone_torsions", {"kind": "distances", "pairs": [["name CH3 and resSeq 1", "resSeq 2"]]}],
            "plane": [{"kind": "backbone_torsions", "form": "angle"}],
        },
        "models": {"latf": {"density": "flow"}},
        "validate": {"states": {"kind": "nearest", "centers": {"a": [0, 0], "b": [1, 1]}}},
    }
    layout = Layout(str(folder / "results/mine"))
    for stage in ("simulate", "featurize"):
        run_job(stage, made(content), layout, temperature=T)
    return content, layout


def made(content):
    return parse(Study, {"name": "mine", **content}, "mine.yaml")


@pytest.mark.parametrize("encoder", ["linear", "mlp"])
@pytest.mark.parametrize("components", [None, 3])
def test_the_exported_variable_is_the_encoder(dipeptide, tmp_path, encoder, components):
    content, layout = dipeptide
    study, features = made(content), load_array(layout.features(T))
    torch.manual_seed(1)
    rows = torch.from_numpy(features.reshape(FRAMES, -1))
    loadings = None if components is None else np.random.default_rng(0).normal(size=(rows.shape[1], components))
    settings = Representation(encoder=encoder)
    spib = new_spib(settings, Scaler(rows, np.arange(FRAMES)), 4, loadings)
    with torch.no_grad():
        for parameter in spib.encoder.parameters():
            parameter.mul_(2)  # a network as it is when new gives next to the same for all
    save_model(layout.spib(3), "spib", {"spib": asdict(spib.spec)}, spib_tensors(spib))
    files = cv.run(study, layout, str(tmp_path / "z.dat"), Weighting(seed=3))
    assert [path.rpartition(".")[2] for path in files] == (["dat"] if encoder == "linear" else ["dat", "ptc"])
    expected = load_representation(layout.spib(3)).encode(features).reshape(FRAMES, 2)
    positions = mdtraj.load(study.system.at(T)[0], top=study.system.topology_file).xyz  # the user's own, with the ion
    read = Input((tmp_path / "z.dat").read_text(), positions, folder=tmp_path)
    assert read.whole == [22]
    found = np.stack([read["z1"], read["z2"]], axis=1)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert expected.std(axis=0).min() > 0.1


def test_the_variable_of_columns_stands_below_the_users_own_input_and_is_read_back(dipeptide, tmp_path):
    """Torsions in degrees from the user's input; then the exported variable, written to a COLVAR, as the columns of a study."""
    _, layout = dipeptide
    positions = mdtraj.load(layout.trajectory(T, 0), top=layout.topology(T)).xyz
    own = (
        "phi: TORSION ATOMS=5,7,9,15\nd: DISTANCE ATOMS=1,22\ndegrees: COMBINE ARG=phi COEFFICIENTS=57.29577951308232 "
    )
    own += "PERIODIC=NO\n"
    measured = Input(own, positions)
    system = {"kind": "colvar", "features": ["degrees", "d"], "periodic": {"degrees": 360}}
    study, at = imported_columns(tmp_path / "a", system, {name: measured[name] for name in ("degrees", "d")})
    features = load_array(at.features(T))
    rows = torch.from_numpy(features.reshape(-1, 3))
    spib = new_spib(Representation(), Scaler(rows, np.arange(len(rows))), 4)
    save_model(at.spib(0), "spib", {"spib": asdict(spib.spec)}, spib_tensors(spib))
    cv.run(study, at, str(tmp_path / "z.dat"), Weighting())
    text = (tmp_path / "z.dat").read_text()
    assert "# Write it below your own input, which defines degrees, d\n" in text
    expected = load_representation(at.spib(0)).encode(features).reshape(-1, 2)
    read = Input(own + text, positions)
    found = {"z1": read["z1"], "z2": read["z2"]}
    np.testing.assert_allclose(np.stack(list(found.values()), axis=1), expected, atol=1e-5)
    again, at = imported_columns(tmp_path / "b", {"kind": "colvar", "features": ["z1", "z2"]}, found)
    data = load_frames(training_frames(again, at))
    split = np.median(expected[:, 0])
    assert abs((data.plane[T][..., 0] < split).mean() - (expected[:, 0] < split).mean()) < 1e-4


def imported_columns(folder, system, columns):
    """(study, layout): columns in a COLVAR, imported and featurized."""
    folder.mkdir()
    path = str(folder / "a.colvar")
    data = np.column_stack([np.arange(FRAMES // 2), *columns.values()])
    np.savetxt(path, data, "%.9f", header=f"! FIELDS time {' '.join(columns)}", comments="#")
    content = {
        "system": {**system, "files": {T: [path]}},
        "temperatures": {"train": [T]},
        "simulate": {"walkers": 2, "frames": FRAMES // 4},
        "featurize": {
            "features": ["columns"],
            "plane": [{"kind": "columns", "form": "angle"} if "periodic" in system else "columns"],
        },
        "models": {"latf": {"density": "flow"}},
        "validate": {"states": {"kind": "nearest", "centers": {"a": [0, 0], "b": [1, 1]}}},
    }
    layout = Layout(str(folder / "results/mine"))
    for stage in ("simulate", "featurize"):
        run_job(stage, made(content), layout, temperature=T)
    return made(content), layout


def test_a_structure_to_compare_with_lies_beside_the_input(dipeptide, tmp_path):
    content, layout = dipeptide
    study = made({**content, "featurize": {**content["featurize"], "features": ["rmsd"]}})
    topology = load_topology(layout.topology(T))
    positions = mdtraj.load(study.system.at(T)[0], top=study.system.topology_file).xyz
    rows = columns_on(study.featurize.features, topology).compute(positions[:, 1:])  # without the ion
    spib = new_spib(Representation(), Scaler(torch.from_numpy(rows), np.arange(FRAMES)), 4)
    save_model(layout.spib(4), "spib", {"spib": asdict(spib.spec)}, spib_tensors(spib))
    files = cv.run(study, layout, str(tmp_path / "z.dat"), Weighting(seed=4))
    assert files == [str(tmp_path / "z.dat"), str(tmp_path / "z.rmsd1.pdb")]
    read = Input((tmp_path / "z.dat").read_text(), positions, folder=tmp_path)
    np.testing.assert_allclose(read["rmsd1"], rows[:, 0], atol=1e-5)  # mdtraj's is in single precision
    z = load_representation(layout.spib(4)).encode(rows)
    np.testing.assert_allclose(read["z1"], z[:, 0], atol=1e-3)


def test_what_cannot_be_exported_is_refused_in_one_line(dipeptide, tmp_path):
    content, layout = dipeptide
    features = torch.from_numpy(load_array(layout.features(T)).reshape(FRAMES, -1))
    spib = new_spib(Representation(), Scaler(features, np.arange(FRAMES)), 4)
    save_model(layout.spib(0), "spib", {"spib": asdict(spib.spec)}, spib_tensors(spib))
    (tmp_path / "own.py").write_text("def own(trajectory):\n    return trajectory.xyz[:, 0, 0]\n")
    own = {"kind": "function", "file": str(tmp_path / "own.py"), "name": "own"}
    out = str(tmp_path / "z.dat")
    for features, words in (
        (["backbone_torsions", own], "featurize.features: 'own' cannot be written as actions of PLUMED"),
        (["backbone_torsions"], "was trained on 14 features, the study has 4; run represent again"),
    ):
        study = made({**content, "featurize": {**content["featurize"], "features": features}})
        with pytest.raises(ThermolatentError, match=words) as caught:
            cv.run(study, layout, out, Weighting())
        assert "\n" not in str(caught.value)
    for asked, words in (
        ((out, Weighting("later")), "--model later: study mine has no such model"),
        ((out, Weighting(seed=7)), "seed7.safetensors: spib file is missing"),
        (("z.txt", Weighting()), "z.txt: write a name that ends in .dat"),
    ):
        with pytest.raises(ThermolatentError, match=words):
            cv.run(made(content), layout, *asked)
    assert not (tmp_path / "z.dat").exists()


def test_torch_without_torchscript_is_said(tmp_path, monkeypatch):
    spib = new_spib(Representation(encoder="mlp"), Scaler(torch.zeros(9, 14), np.arange(9)), 4)
    monkeypatch.delattr(torch.jit, "trace")
    with pytest.raises(ThermolatentError, match=r"writes no TorchScript.*encoder: linear"):
        cv.write_torchscript(str(tmp_path / "z.ptc"), spib)


def test_atoms_have_the_numbers_of_the_users_own_topology(monkeypatch):
    """Of prepared files whose solute stands behind two waters."""
    prepared = Prepared.model_construct(kind="prepared", topology_file="my.prmtop")
    monkeypatch.setattr(Prepared, "built", SimpleNamespace(saved=np.array([6, 7, 8])))
    numbers, file = cv.atom_numbers(SimpleNamespace(system=prepared), Particles(3), "results/mine/topology.pdb")
    assert (numbers.tolist(), file) == ([7, 8, 9], "my.prmtop")
    numbers, file = cv.atom_numbers(made_lj7(), Particles(7), "results/lj7/topology.pdb")
    assert (numbers.tolist(), file) == ([1, 2, 3, 4, 5, 6, 7], "results/lj7/topology.pdb")


def made_lj7():
    return SimpleNamespace(system=SYSTEMS["lj_cluster"](kind="lj_cluster"))


def test_a_number_that_no_pdb_holds_is_said(tmp_path):
    parameters, topology, _ = with_native(tmp_path)
    (value,) = FEATURES["rmsd"](kind="rmsd", **parameters).on(topology).plumed()
    with pytest.raises(ThermolatentError, match="no room for atom numbers above 99999"):
        PlumedInput(np.arange(topology.n_atoms) + 99_990, [list(range(topology.n_atoms))], True, "z").name(value)
