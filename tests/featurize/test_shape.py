"""RMSD, radius of gyration and native contacts against closed forms."""

import mdtraj
import numpy as np
import pytest
from molecules_for_tests import alanine_dipeptide, chain, rotation

from thermolatent.errors import ThermolatentError
from thermolatent.featurize.shape import NativeContacts, RadiusOfGyration, Rmsd
from thermolatent.systems.topologies import from_openmm, load_native

RNG = np.random.default_rng(4)


def saved(tmp_path, topology, x, name="native.pdb"):
    mdtraj.Trajectory(x, topology).save_pdb(str(tmp_path / name))
    return str(tmp_path / name)


def superposed(x, y):
    """RMSD by Kabsch's formula from singular values."""
    x, y = x - x.mean(0), y - y.mean(0)
    u, s, vt = np.linalg.svd(x.T @ y)
    s[-1] *= np.sign(np.linalg.det(u @ vt))
    return np.sqrt(max(0, ((x**2).sum() + (y**2).sum() - 2 * s.sum()) / len(x)))


def test_rmsd_after_superposition(tmp_path):
    topology = chain(6)
    native = RNG.normal(0, 0.5, (1, topology.n_atoms, 3)).round(4)  # as a PDB file holds it
    x = native + RNG.normal(0, 0.1, (5, topology.n_atoms, 3))
    found = Rmsd(to=saved(tmp_path, topology, native)).on(topology)
    assert found.names == ["RMSD"]
    backbone = [a.index for a in topology.atoms if a.name in ("N", "CA", "C")]
    expected = [superposed(frame[backbone], native[0, backbone]) for frame in x]
    np.testing.assert_allclose(found.compute(x)[:, 0], expected, rtol=1e-3)
    moved = native @ rotation([1, 0, 2], 2.0).T + [5.0, 1.0, 0.0]
    np.testing.assert_allclose(found.compute(moved), 0, atol=2e-3)
    assert found.compute(-native)[0, 0] > 0.1  # the mirror image is another structure


def test_rmsd_from_the_first_start():
    topology = chain(6)
    x = RNG.normal(0, 0.5, (3, topology.n_atoms, 3)).astype(np.float32)
    columns = Rmsd(atoms="all").on(topology)  # a study is checked before there is a start
    with pytest.raises(ThermolatentError, match=r"rmsd\.to: .*no starting structure"):
        columns.compute(x)
    topology.start = x[1]
    found = Rmsd(atoms="all").on(topology).compute(x)[:, 0]
    assert found[1] == pytest.approx(0, abs=1e-3)
    assert found[0] == pytest.approx(superposed(x[0], x[1]), rel=1e-3)


def test_radius_of_gyration_is_mass_weighted():
    topology, positions = alanine_dipeptide()
    masses = np.array([a.element.mass for a in topology.atoms])
    found = RadiusOfGyration().on(topology)
    centre = (masses[:, None] * positions).sum(1, keepdims=True) / masses.sum()
    expected = np.sqrt((masses * ((positions - centre) ** 2).sum(-1)).sum(1) / masses.sum())
    assert found.names == ["Rg"]
    np.testing.assert_allclose(found.compute(positions)[:, 0], expected, rtol=1e-4)
    assert np.ptp(expected) > 0.01
    two = RadiusOfGyration(atoms="resname ALA and (name CA or name C)").on(topology).compute(positions)
    m = np.array([12.011, 12.011])
    ends = [a.index for a in topology.atoms if str(a) in ("ALA2-CA", "ALA2-C")]
    distance = np.linalg.norm(positions[:, ends[0]] - positions[:, ends[1]], axis=1)
    np.testing.assert_allclose(two[:, 0], distance * np.sqrt(m.prod()) / m.sum(), rtol=1e-3)


def hairpin():
    """Ten glycines of which 1 and 10, 2 and 9, 3 and 8 lie 0.4 nm across: (topology, x, distances that are native)."""
    topology = chain(10)
    place = {
        0: (0, 0),
        1: (1, 0),
        2: (2, 0),
        3: (3, -0.3),
        4: (4, 0),
        5: (4, 1),
        6: (3, 1.3),
        7: (2, 1),
        8: (1, 1),
        9: (0, 1),
    }
    x = np.zeros((1, 50, 3))
    for i, (column, row) in place.items():
        near = np.array(
            [[0, 0, 1.0], [0, 0, 0], [0, 0, 2.0], [0, 0, 3.0], [0, 0, 0.1]]
        )  # N, C, O in planes of their own
        x[0, 5 * i : 5 * i + 5] = near + np.array([0.5 * column, 0.4 * row, 0])
    return topology, x


def test_native_contacts_by_the_published_formula(tmp_path):
    topology, native = hairpin()
    q = NativeContacts(to=saved(tmp_path, topology, native), atoms="name CA").on(topology)
    assert q.names == ["Q"]

    def closed_form(r, r0=0.4):
        return 1 / (1 + np.exp(50 * (r - 1.8 * r0)))

    assert q.compute(native)[0, 0] == pytest.approx(closed_form(0.4), abs=1e-6)
    opened = np.repeat(native, 3, axis=0)
    for frame, gap in enumerate((0.5, 0.72, 3.0)):
        opened[frame, 35:, 1] += gap - 0.4  # residues 8 to 10
    np.testing.assert_allclose(q.compute(opened)[:, 0], [closed_form(r) for r in (0.5, 0.72, 3.0)], atol=1e-4)
    assert q.compute(opened)[1, 0] == pytest.approx(0.5, abs=1e-3)
    half = native.copy()
    half[0, 45:, 1] += 5.0  # of the three pairs one is lost
    assert q.compute(half)[0, 0] == pytest.approx(2 / 3, abs=1e-3)


def test_a_native_structure_of_something_else_is_refused(tmp_path):
    topology, native = hairpin()
    with pytest.raises(ThermolatentError, match=r"rmsd\.to: there is no file nowhere\.pdb"):
        Rmsd(to="nowhere.pdb").on(topology)
    other = chain(9)
    path = saved(tmp_path, other, native[:, :45])
    with pytest.raises(ThermolatentError, match=r"rmsd\.to: it has 27 of the atoms, the system has 30"):
        Rmsd(to=path).on(topology)
    with pytest.raises(ThermolatentError, match=r"native_contacts\.to: its atom GLY1-N stands where .* has ACE1-CH3"):
        NativeContacts(to=path).on(alanine_dipeptide()[0])
    (tmp_path / "text.pdb").write_text("hello\n")
    with pytest.raises(ThermolatentError, match=r"text\.pdb cannot be read as a structure"):
        Rmsd(to=str(tmp_path / "text.pdb")).on(topology)
    stretched = native * [1, 30, 1]
    with pytest.raises(ThermolatentError, match=r"no heavy atoms within 0\.45 nm .* write a folded structure"):
        NativeContacts(to=saved(tmp_path, topology, stretched), atoms="name CA").on(topology)


def test_native_contacts_between_residues(tmp_path):
    """Of the C-alpha atoms alone, by residues in contact in the whole structure; slack 1.5."""
    from thermolatent.systems.structure_based import StructureBased

    system = StructureBased(file="chignolin")
    topology, native = from_openmm(system.topology()), system.starts()["folded"]
    q = NativeContacts(to="chignolin", between="residues").on(topology)
    pairs = system.native.contacts
    r0 = np.linalg.norm(native[pairs[:, 0]] - native[pairs[:, 1]], axis=1)
    for factor in (1.0, 1.5, 2.0):
        expected = np.mean(1 / (1 + np.exp(50 * (factor - 1.5) * r0)))
        assert q.compute(factor * native[None])[0, 0] == pytest.approx(expected, abs=1e-4)
    assert q.compute(1.5 * native[None])[0, 0] == pytest.approx(0.5, abs=1e-4)
    # the same in the whole molecule
    whole = load_native("native_contacts.to", "chignolin")
    assert NativeContacts(to="chignolin", between="residues").on(whole.topology).compute(whole.xyz)[
        0, 0
    ] == pytest.approx(q.compute(native[None])[0, 0], abs=1e-4)
    with pytest.raises(ThermolatentError, match=r"native_contacts\.to: it has 10 of the atoms, the system has 9"):
        NativeContacts(to="chignolin", between="residues").on(topology.subset(range(9)))
