"""From files to features: boxes that cut molecules, in every format of trajectories, and frames that are refused."""

import mdtraj
import numpy as np
import pytest
from molecules_for_tests import alanine_dipeptide

from thermolatent.errors import ArtifactError
from thermolatent.files.artifacts import load_array, load_json
from thermolatent.files.dcd import read_boxes
from thermolatent.parsing import parse
from thermolatent.study.jobs import run_job
from thermolatent.study.layout import Layout
from thermolatent.study.study import Study

T, BOX = 400.0, 2.2
PHI = {"kind": "torsions", "of": ["phi"], "residues": "resSeq 2", "form": "angle"}
PSI = {**PHI, "of": ["psi"]}


def study(topology, files, plane=(PHI, PSI), frames=10, **system):
    return parse(
        Study,
        {
            "name": "test",
            "system": {
                "kind": "trajectories",
                "topology": topology,
                "files": {T: files},
                "frame_interval": 1.0,
                **system,
            },
            "temperatures": {"train": [T]},
            "simulate": {"walkers": 2, "frames": frames},
            "featurize": {"features": list(plane), "plane": list(plane)}
            | {"features": [{**f, "form": "sincos"} if f["kind"] == "torsions" else f for f in plane]},
            "models": {"latf": {"density": "flow"}},
            "validate": {"states": {"kind": "nearest", "centers": {"a": [0, 0], "b": [1, 1]}}},
        },
        "test.yaml",
    )


def with_cell(x, topology, box=BOX):
    n = len(x)
    return mdtraj.Trajectory(x, topology, np.arange(n) * 1.0, np.full((n, 3), box), np.full((n, 3), 90.0))


def cut_by_the_box(x, box=BOX):
    moved = x + np.random.default_rng(0).uniform(0, box, (len(x), 1, 3))
    return np.mod(moved, box).astype(np.float32)


@pytest.mark.parametrize("ending", ["xtc", "trr", "dcd", "nc"])
def test_molecules_cut_by_the_box_are_whole_from_every_format(ending, tmp_path):
    topology, x = alanine_dipeptide(frames=20)
    mdtraj.Trajectory(x[:1], topology).save_pdb(str(tmp_path / "top.pdb"))
    with_cell(cut_by_the_box(x), topology).save(str(tmp_path / f"a.{ending}"))
    made, layout = study(str(tmp_path / "top.pdb"), [str(tmp_path / f"a.{ending}")]), Layout(str(tmp_path / "results"))
    for stage in ("simulate", "featurize"):
        run_job(stage, made, layout, temperature=T)
    whole = mdtraj.Trajectory(x, topology)
    expected = np.stack([f(whole, periodic=False)[1][:, 0] for f in (mdtraj.compute_phi, mdtraj.compute_psi)], axis=1)
    found = load_array(layout.plane(T)).reshape(20, 2)
    np.testing.assert_allclose(np.exp(1j * found), np.exp(1j * expected), atol=0.03 if ending == "xtc" else 1e-4)
    for path in layout.trajectories(T, 2):
        np.testing.assert_allclose(read_boxes(path), np.broadcast_to(BOX * np.eye(3), (10, 3, 3)), atol=1e-5)


def test_a_bad_frame_far_into_the_second_file_is_found(tmp_path):
    topology, x = alanine_dipeptide(frames=20)
    mdtraj.Trajectory(x[:1], topology).save_pdb(str(tmp_path / "top.pdb"))
    files = [str(tmp_path / f"{name}.dcd") for name in "ab"]
    for path in files:
        mdtraj.Trajectory(x, topology).save_dcd(path)
    bad = x.copy()
    bad[17] = 0
    mdtraj.Trajectory(bad, topology).save_dcd(files[1])
    with pytest.raises(
        ArtifactError, match=r"b\.dcd: frame 17 \(from 0\): all coordinates are 0; leave this frame out"
    ):
        run_job("simulate", study(str(tmp_path / "top.pdb"), files), Layout(str(tmp_path / "results")), temperature=T)


def test_files_with_and_without_cells_are_not_mixed(tmp_path):
    topology, x = alanine_dipeptide(frames=20)
    mdtraj.Trajectory(x[:1], topology).save_pdb(str(tmp_path / "top.pdb"))
    files = [str(tmp_path / f"{name}.dcd") for name in "ab"]
    with_cell(x[:10], topology).save_dcd(files[0])
    mdtraj.Trajectory(x[10:], topology).save_dcd(files[1])
    with pytest.raises(ArtifactError, match=r"system\.files: of those at 400 some have unit cells and some have not"):
        run_job("simulate", study(str(tmp_path / "top.pdb"), files), Layout(str(tmp_path / "results")), temperature=T)


@pytest.mark.parametrize("atoms", [None, "name CA CB"])
def test_distances_of_two_molecules_are_minimum_image_from_files_to_features(atoms, tmp_path):
    """Also of atoms without the bonds that say which molecule they are in; the first is as it is, 0.15 nm."""
    topology, x = alanine_dipeptide(frames=20)
    both = topology.join(topology)
    for chain, name in zip(both.chains, "AB", strict=True):
        chain.chain_id = name
    whole = np.concatenate([x, x + np.array([0.2, 0, 1.4])], axis=1)
    mdtraj.Trajectory(whole[:1], both).save_pdb(str(tmp_path / "top.pdb"))
    apart = whole.copy()
    apart[::2, 22:] -= [0, BOX, 2 * BOX]
    with_cell(apart, both).save_dcd(str(tmp_path / "a.dcd"))
    pairs = [[["A:2 and name CA", "A:2 and name CB"]], [["A:2 and name CA", "B:2 and name CA"]]]
    plane = [{"kind": "distances", "pairs": pair} for pair in pairs]
    made = study(str(tmp_path / "top.pdb"), [str(tmp_path / "a.dcd")], plane, atoms=atoms)
    layout = Layout(str(tmp_path / "results"))
    for stage in ("simulate", "featurize"):
        run_job(stage, made, layout, temperature=T)
    assert sorted(set(load_json(layout.protocol(T))["molecules"])) == [0, 1]
    found = load_array(layout.plane(T)).reshape(20, 2)
    ca, cb = (next(a.index for a in topology.atoms if a.name == n) for n in ("CA", "CB"))
    np.testing.assert_allclose(found[:, 0], np.linalg.norm(x[:, ca] - x[:, cb], axis=1), atol=1e-5)
    np.testing.assert_allclose(found[:, 1], np.hypot(0.2, BOX - 1.4), atol=1e-5)
