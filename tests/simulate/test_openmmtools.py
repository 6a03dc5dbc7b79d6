"""MD of openmmtools' test systems: an oscillator whose energies are known, a peptide down to its features."""

import numpy as np
import pytest
from openmm import unit
from openmmtools import testsystems
from openmmtools.states import ThermodynamicState

from thermolatent.files.artifacts import load_array, load_json
from thermolatent.study.jobs import run_job
from thermolatent.study.layout import Layout

OSCILLATOR = {"kind": "openmmtools", "name": "HarmonicOscillator"}
ALANINE = {"kind": "openmmtools", "name": "AlanineDipeptideVacuum", "arguments": {"hydrogenMass": "3.0*amu"}}


def test_mean_and_spread_of_an_oscillators_energy(make_study, tmp_path):
    (tmp_path / "plane.py").write_text("def place(trajectory):\n    return trajectory.xyz[:, 0, :2]\n")
    plane = {"kind": "function", "file": str(tmp_path / "plane.py"), "name": "place", "columns": ["x", "y"]}
    md = {"walkers": 4, "frames": 500, "save_every": 100, "equilibration": 500, "time_step": 0.002, "friction": 10.0}
    study = make_study(OSCILLATOR, (300.0, 400.0), plane, plane, **md)
    layout, exact = Layout(str(tmp_path)), testsystems.HarmonicOscillator()
    for T in (300.0, 400.0):
        run_job("simulate", study, layout, temperature=T)
        energies = np.asarray(load_array(layout.md_energies(T)))
        state = ThermodynamicState(exact.system, temperature=T * unit.kelvin)
        mean = exact.get_potential_expectation(state) / unit.kilojoules_per_mole
        assert mean == pytest.approx(1.5 * study.system.kT(T), rel=1e-4)
        # In units of kT the energy is a Gamma variable of shape 3/2 (openmmtools takes its deviation for 3/2)
        spread = np.sqrt(1.5) * study.system.kT(T)
        # Frames are 0.2 ps apart at a friction of 10 / ps, about independent of each other
        assert abs(energies.mean() - mean) < 4 * spread / np.sqrt(energies.size)
        # whose kurtosis is 7: Var(s^2) = 6 s^4 / n
        assert abs(energies.std() / spread - 1) < 4 * np.sqrt(6 / energies.size) / 2
        assert not load_json(layout.protocol(T))["centroid_removed"]


def test_a_peptide_down_to_its_features(make_study, tmp_path):
    torsions = {"kind": "backbone_torsions", "form": "angle"}
    study = make_study(ALANINE, (500.0, 600.0), "backbone_torsions", torsions, walkers=2, time_step=0.003)
    layout = Layout(str(tmp_path))
    run_job("simulate", study, layout, temperature=500.0)
    run_job("featurize", study, layout, temperature=500.0)
    features, plane = (load_array(path) for path in (layout.features(500.0), layout.plane(500.0)))
    assert (features.shape, plane.shape) == ((2, 20, 4), (2, 20, 2))
    sines_and_cosines = np.sort(np.concatenate([np.sin(plane), np.cos(plane)], axis=-1), axis=-1)
    np.testing.assert_allclose(np.sort(features, axis=-1), sines_and_cosines, atol=1e-5)
