"""Columns of numbers as MD programs write them; the samples are cut to a few rows."""

import numpy as np
import pytest

from thermolatent.errors import ArtifactError
from thermolatent.simulate.columns import read_column

OPENMM = """#"Step","Potential Energy (kJ/mole)","Temperature (K)"
100,-1234.5,300.1
200,-1200.25,299.5
#"Step","Potential Energy (kJ/mole)","Temperature (K)"
300,-1210.0,301.5
"""
XVG = """# This file was created Mon Jan  1 00:00:00 2024
@    title "GROMACS Energies"
@    xaxis  label "Time (ps)"
@ s0 legend "Bond"
@ s1 legend "Potential"
    0.000000   10.5  -1234.500000
    2.000000   11.5  -1200.250000
"""
PLUMED = """#! FIELDS time phi metad.bias metad.rbias
#! SET min_phi -pi
 0.000000 -1.49 0.0 -2.0
 1.000000 -1.36 3.5 1.5
"""
AMBER = """
   4.  RESULTS
 NSTEP =     1000   TIME(PS) =       2.000  TEMP(K) =   298.01  PRESS =     0.0
 Etot   =       -10.5000  EKtot   =         9.7510  EPtot      =       -20.2500
 BOND   =         3.1234  ANGLE   =         4.5678  DIHED      =         9.1111
 1-4 NB =         1.0000  1-4 EEL =        49.0000  VDWAALS    =        -1.0000
 ------------------------------------------------------------------------------

 NSTEP =     2000   TIME(PS) =       4.000  TEMP(K) =   301.01  PRESS =     0.0
 Etot   =       -11.5000  EKtot   =         9.7510  EPtot      =       -21.2500
 BOND   =         3.1234  ANGLE   =         4.5678  DIHED      =         9.1111
 1-4 NB =         2.0000  1-4 EEL =        49.0000  VDWAALS    =        -1.0000
 ------------------------------------------------------------------------------
      A V E R A G E S   O V E R       2 S T E P S
 NSTEP =     2000   TIME(PS) =       4.000  TEMP(K) =   299.51  PRESS =     0.0
 Etot   =       -11.0000  EKtot   =         9.7510  EPtot      =       -20.7500
"""
NAMD = """Info: NAMD 2.14
ETITLE:      TS           BOND          ANGLE       POTENTIAL         VOLUME
ENERGY:       0         1.0000         2.0000       -100.0000        0.0000
ENERGY:     500         1.5000         2.5000       -101.5000        0.0000
WRITING EXTENDED SYSTEM
ETITLE:      TS           BOND          ANGLE       POTENTIAL         VOLUME
ENERGY:    1000         1.5000         2.5000       -102.5000        0.0000
"""


@pytest.fixture
def written(tmp_path):
    def write(text, name="file.log"):
        (tmp_path / name).write_text(text)
        return str(tmp_path / name)

    return write


@pytest.mark.parametrize(
    ("text", "column", "expected"),
    [
        (OPENMM, None, [-1234.5, -1200.25, -1210.0]),
        (OPENMM, "Temperature (K)", [300.1, 299.5, 301.5]),
        (XVG, None, [-1234.5, -1200.25]),
        (XVG, "Bond", [10.5, 11.5]),
        (PLUMED, "metad.rbias", [-2.0, 1.5]),
        (AMBER, None, [-20.25 * 4.184, -21.25 * 4.184]),
        (AMBER, "1-4 NB", [4.184, 2 * 4.184]),
        (NAMD, None, [-100.0 * 4.184, -101.5 * 4.184, -102.5 * 4.184]),
    ],
)
def test_each_program(written, text, column, expected):
    found = read_column(written(text), column)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_what_openmm_itself_writes(tmp_path):
    import openmm as mm
    from openmm import app, unit
    from openmmtools.testsystems import HarmonicOscillator

    made = HarmonicOscillator()
    simulation = app.Simulation(made.topology, made.system, mm.VerletIntegrator(0.001))
    simulation.context.setPositions([[0.1, 0.0, 0.0]] * unit.nanometer)
    path = str(tmp_path / "state.csv")
    simulation.reporters.append(app.StateDataReporter(path, 5, step=True, potentialEnergy=True, temperature=True))
    simulation.step(5)
    energy = simulation.context.getState(energy=True).getPotentialEnergy()._value
    np.testing.assert_allclose(read_column(path), [energy], rtol=1e-6)


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        ("1 2 3\n4 5 6\n", None, "is none of OpenMM's CSV"),
        (
            OPENMM,
            "Potential Energy",
            r"column 'Potential Energy' is not there; did you mean 'Potential Energy \(kJ/mole\)'",
        ),
        (
            PLUMED,
            None,
            "column 'potential energy' is missing, name the potential energy by 'column'; known: metad.bias",
        ),
        (OPENMM + "400,nan,300\n", None, r"row 3 \(from 0\) is no finite number"),
        (OPENMM + "40", None, "a row has 1 columns, must have 3; is the file cut off"),
        (OPENMM + "400,-,300", None, "'-' is no number; is the file cut off"),
        (XVG + "    4.0000\n", None, "a row has 1 columns, must have 3; is the file cut off"),
        ('#"Potential Energy (kJ/mole)"\n', None, "has no rows of numbers"),
    ],
)
def test_bad_files_in_one_line(written, text, column, words):
    with pytest.raises(ArtifactError, match=words) as caught:
        read_column(written(text), column)
    assert "\n" not in str(caught.value)


def test_an_edr_file_without_its_package_says_how_to_make_an_xvg(written, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ArtifactError, match=r"file\.edr: .*pip install pyedr.*gmx energy -f file\.edr -o energy\.xvg"):
        read_column(written("", "file.edr"))


def test_an_edr_file_is_read_by_its_package(written, monkeypatch):
    import sys
    import types

    package = types.SimpleNamespace(edr_to_dict=lambda path: {"Time": [0.0, 1.0], "Potential": [-5.0, -6.0]})
    monkeypatch.setitem(sys.modules, "pyedr", package)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: package if name == "pyedr" else None)
    np.testing.assert_array_equal(read_column(written("", "file.edr")), [-5.0, -6.0])
