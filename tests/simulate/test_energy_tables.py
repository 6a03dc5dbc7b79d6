"""Energy files as MD programs write them, cut to a few rows: which numbers are taken, in which unit, and what is refused."""

import gzip
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from thermolatent.errors import ArtifactError
from thermolatent.imported.quantities import quantity, unit, unit_of_column
from thermolatent.imported.tables import read_table

KEY = "system.energies"
OPENMM = """#"Step","Potential Energy (kJ/mole)","Temperature (K)"
100,-1234.5,300.1
200,-1200.25,299.5
#"Step","Potential Energy (kJ/mole)","Temperature (K)"
300,-1210.0,301.5
"""
RESTARTED = """#"Step","Potential Energy (kJ/mole)","Temperature (K)"
100,-1234.5,300.1
#"Temperature (K)","Time (ps)","Step","Potential Energy (kJ/mole)"
299.5,0.4,200,-1200.25
"""
XVG = """# This file was created Mon Jan  1 00:00:00 2024
@    title "GROMACS Energies"
@    xaxis  label "Time (ps)"
@    yaxis  label "(kJ/mol), (K)"
@ s0 legend "Bond"
@ s1 legend "Potential"
@ s2 legend "Temperature"
    0.000000   10.5  -1234.500000  300.0
    2.000000   11.5  -1200.250000  301.0
"""
PLUMED = """#! FIELDS time phi metad.bias metad.rbias
#! SET min_phi -pi
 0.000000 -1.49 0.0 -2.0
 1.000000 -1.36 3.5 1.5
"""
PLUMED_AGAIN = """#! FIELDS time metad.rbias phi
 2.000000 2.5 -1.36
"""
AMBER_BLOCK = """
 NSTEP = {step:8d}   TIME(PS) = {time:11.3f}  TEMP(K) =   298.01  PRESS =     0.0
 Etot   =       -10.5000  EKtot   =         9.7510  EPtot      = {U:14.4f}
 BOND   =         3.1234  ANGLE   =         4.5678  DIHED      =         9.1111
 1-4 NB =         1.0000  1-4 EEL =        49.0000  VDWAALS    =        -1.0000
 {more}
 ------------------------------------------------------------------------------
"""
AVERAGES = "      A V E R A G E S   O V E R       2 S T E P S\n\n"
FLUCTUATIONS = "      R M S  F L U C T U A T I O N S\n\n"
NAMD = """Info: TIMESTEP               2
ETITLE:      TS           BOND          ANGLE       POTENTIAL         VOLUME
ENERGY:       0         1.0000         2.0000       -100.0000        0.0000
ENERGY:     500         1.5000         2.5000       -101.5000        0.0000
WRITING EXTENDED SYSTEM
ETITLE:      TS           BOND          ANGLE       POTENTIAL         VOLUME
ENERGY:    1000         1.5000         2.5000       -102.5000        0.0000
"""


def block(step, U, time=None, more=""):
    return AMBER_BLOCK.format(step=step, time=step * 0.002 if time is None else time, U=U, more=more)


AMBER = "   4.  RESULTS\n" + block(1000, -20.25) + block(2000, -21.25) + AVERAGES + block(2000, -20.75)


@pytest.fixture
def written(tmp_path):
    def write(text, name="file.log", encoding="utf-8"):
        (tmp_path / name).write_text(text, encoding=encoding)
        return str(tmp_path / name)

    return write


def energies(path, column=None, given=None, kT=2.5):
    return read_table(path, column).energies(column, given, kT, KEY)


@pytest.mark.parametrize(
    ("text", "column", "expected"),
    [
        (OPENMM, None, [-1234.5, -1200.25, -1210.0]),
        (RESTARTED, None, [-1234.5, -1200.25]),
        (OPENMM.replace(",", "\t"), None, [-1234.5, -1200.25, -1210.0]),
        (OPENMM.replace(",", ";"), None, [-1234.5, -1200.25, -1210.0]),
        (OPENMM.replace("#", "").replace('"', ""), None, [-1234.5, -1200.25, -1210.0]),
        (OPENMM.replace("kJ/mole", "kcal/mol"), None, np.array([-1234.5, -1200.25, -1210.0]) * 4.184),
        (OPENMM.replace("kJ/mole", "kcal/mol"), "Potential Energy (kcal/mol)", [-5165.148, -5021.846, -5062.64]),
        (OPENMM.replace("kJ/mole", "eV"), None, np.array([-1234.5, -1200.25, -1210.0]) * 96.48533212331),
        (OPENMM.replace("kJ/mole", "kT"), "potential energy", np.array([-1234.5, -1200.25, -1210.0]) * 2.5),
        (XVG, None, [-1234.5, -1200.25]),
        (XVG, "Bond", [10.5, 11.5]),
        (XVG.replace("kJ/mol", "kcal/mol"), None, [-1234.5 * 4.184, -1200.25 * 4.184]),
        (PLUMED, "metad.rbias", [-2.0, 1.5]),
        (PLUMED + PLUMED_AGAIN, "metad.rbias", [-2.0, 1.5, 2.5]),
        (AMBER, None, [-20.25 * 4.184, -21.25 * 4.184]),
        (AMBER, "1-4 NB", [4.184, 4.184]),
        (NAMD, None, [-100.0 * 4.184, -101.5 * 4.184, -102.5 * 4.184]),
    ],
)
def test_each_program(written, text, column, expected):
    found = energies(written(text), column)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=1e-14)


@pytest.mark.parametrize("text", [OPENMM, XVG, PLUMED, AMBER, NAMD])
def test_a_gzipped_file_is_the_file(written, text):
    plain, zipped = written(text), written("", "file.gz")
    Path(zipped).write_bytes(gzip.compress(text.encode()))
    one, other = (read_table(path, "metad.rbias") for path in (plain, zipped))
    assert one.names == other.names
    for name, values in one.numbers.items():
        np.testing.assert_array_equal(other.numbers[name], values)


def test_blanks_separate_columns_where_nothing_else_does(written):
    table = read_table(written("time phi U\n0 1 -5e3\n0.5 -2 -6e3\n"), "phi")
    assert table.names == ("time", "phi", "U")
    np.testing.assert_array_equal(np.stack([table.time, table.finite("phi")]), [[0, 0.5], [1, -2]])
    np.testing.assert_array_equal(energies(written("#  Step U(eV)\n1 2\n2 3\n")), 96.48533212331 * np.array([2, 3]))
    np.testing.assert_array_equal(energies(written("Potential Energy (kJ/mole)\n-1\n-2\n")), [-1, -2])  # one column


def test_a_file_with_a_byte_order_mark_is_the_file_without_it(written):
    np.testing.assert_array_equal(energies(written(OPENMM, encoding="utf-8-sig")), [-1234.5, -1200.25, -1210.0])
    table = read_table(written(OPENMM, encoding="utf-8-sig"))
    assert table.names[0] == "Step"
    with pytest.raises(ArtifactError, match=r"file\.log: is UTF-16 .*save it as UTF-8"):
        read_table(written(OPENMM, encoding="utf-16"))


@pytest.mark.parametrize(
    ("text", "time", "step", "temperature"),
    [
        (OPENMM, None, [100, 200, 300], [300.1, 299.5, 301.5]),
        (OPENMM.replace("Step", "Time (ns)"), [1e5, 2e5, 3e5], None, [300.1, 299.5, 301.5]),
        (XVG, [0, 2], None, [300, 301]),
        (XVG.replace("Time (ps)", "Time (ns)"), [0, 2000], None, [300, 301]),
        (PLUMED, [0, 1], None, None),
        (AMBER, [2, 4], [1000, 2000], [298.01, 298.01]),
        (NAMD, [0, 1, 2], [0, 500, 1000], None),
    ],
)
def test_times_steps_and_temperatures(written, text, time, step, temperature):
    table = read_table(written(text))
    for found, expected in ((table.time, time), (table.step, step), (table.standard("temperature"), temperature)):
        if expected is None:
            assert found is None
        else:
            np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_what_openmm_itself_writes(tmp_path):
    import openmm as mm
    from openmm import app, unit
    from openmmtools.testsystems import HarmonicOscillator

    made = HarmonicOscillator()
    simulation = app.Simulation(made.topology, made.system, mm.VerletIntegrator(0.001))
    simulation.context.setPositions([[0.1, 0.0, 0.0]] * unit.nanometer)
    path = str(tmp_path / "state.csv")
    energy_terms = ["potentialEnergy", "kineticEnergy", "totalEnergy"]
    everything = dict.fromkeys([*energy_terms, "step", "time", "temperature", "volume", "progress", "speed"], True)
    simulation.reporters.append(app.StateDataReporter(path, 5, totalSteps=10, remainingTime=True, **everything))
    simulation.step(10)
    energy = simulation.context.getState(energy=True).getPotentialEnergy()._value
    table = read_table(path)
    np.testing.assert_allclose(table.energies(None, None, 1.0, KEY)[1], energy, rtol=1e-6)
    np.testing.assert_allclose(table.time, [0.005, 0.01], rtol=1e-12)
    np.testing.assert_array_equal(table.step, [5, 10])


# AMBER and NAMD


def test_several_runs_running_averages_and_step_0_of_mdout(written):
    running = AVERAGES + block(1000, 99.0) + FLUCTUATIONS + block(1000, 98.0)
    derivatives = "      DV/DL, AVERAGES OVER    1000 STEPS\n" + block(1000, 97.0)
    first = (
        block(0, -19.0, 0.0)
        + block(1000, -20.0)
        + running
        + derivatives
        + block(2000, -21.0)
        + AVERAGES
        + block(2000, 9.0)
    )
    second = "   4.  RESULTS\n" + block(0, -21.001, 4.0) + block(1000, -22.0, 6.0) + FLUCTUATIONS + block(1000, 8.0)
    table = read_table(written(first + second))
    np.testing.assert_array_equal(table.numbers["EPtot"], [-19, -20, -21, -21.001, -22])
    np.testing.assert_array_equal(table.time, [0, 2, 4, 4, 6])


def test_two_regions_of_thermodynamic_integration_are_refused_where_their_energies_differ(written):
    def run(U_one, U_two):
        return "".join(
            f"| TI region  {r}\n" + block(1000, U, more="DV/DL  =  1.5") for r, U in ((1, U_one), (2, U_two))
        )

    with pytest.raises(ArtifactError, match="thermodynamic integration with energies of two regions at each step"):
        read_table(written(run(-20.0, -21.0)))
    np.testing.assert_array_equal(read_table(written(run(-20.0, -20.0))).numbers["EPtot"], [-20, -20])


def test_mdout_says_its_pressure_and_its_restraints(written):
    text = "     ntp     =       1\n     pres0   =   1.01325, comp    =  44.60000\n"
    text += block(1000, -20.0, more="EAMBER (non-restraint)  =       -22.5  RESTRAINT  =  2.5  VOLUME     =    27000.0")
    table = read_table(written(text), "EAMBER (non-restraint)")
    assert table.pressure == 1.01325
    np.testing.assert_allclose(table.standard("volume"), [27.0])
    np.testing.assert_allclose(table.energies("EAMBER (non-restraint)", None, 1.0, KEY), [-22.5 * 4.184])
    np.testing.assert_allclose(table.standard("restraint"), [2.5 * 4.184])


def test_rows_of_namds_minimisation_are_left_out(written):
    title = "ETITLE:      TS       KINETIC      TEMP     POTENTIAL     VOLUME\n"
    minimised = (
        "TCL: Minimizing for 2 steps\n"
        + title
        + "".join(f"ENERGY: {i} 0.0000 0.0000 -5{i}.0 64000.0\n" for i in range(3))
    )
    run = (
        "TCL: Running for 1000 steps\n"
        + title
        + "ENERGY: 2 5.0 290.0 -60.0 64000.0\nENERGY: 502 5.5 310.0 -61.0 64100.0\n"
    )
    info = "Info: TIMESTEP  2\nInfo:        TARGET PRESSURE IS 1.01325 BAR\n"
    for text in (info + minimised + run, info + minimised.replace("TCL: Minimizing for 2 steps\n", "") + run):
        table = read_table(written(text))
        np.testing.assert_array_equal(table.numbers["POTENTIAL"], [-60, -61])
        np.testing.assert_allclose(table.time, [0.004, 1.004])
        np.testing.assert_allclose(table.standard("volume"), [64.0, 64.1])
        assert table.pressure == 1.01325
    with pytest.raises(ArtifactError, match="no rows of dynamics, only of minimisation"):
        read_table(written(minimised))


# What is refused


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        ("1 2 3\n4 5 6\n", None, "is none of OpenMM's CSV"),
        (
            OPENMM,
            "Potental Energy",
            r"column 'Potental Energy' is not there; did you mean 'Potential Energy \(kJ/mole\)'",
        ),
        (
            PLUMED,
            None,
            r"no column is named as the potential energy; write its name as system\.energies\.column; known: m",
        ),
        (OPENMM + "400,nan,300\n", None, r"row 3 \(from 0\) of 'Potential Energy \(kJ/mole\)' is not a finite number"),
        (OPENMM + "40", None, r"a row has 1 columns, must have 3; is the file cut off\? \(row 3, from 0\)"),
        (OPENMM + "400,-1230,30500,-1240,300\n", None, r"a row has 5 columns, must have 3"),
        (OPENMM + "400,-,300", None, "'-' is not a number; is the file cut off"),
        (XVG + "    4.0000\n", None, "a row has 1 columns, must have 4; is the file cut off"),
        (XVG + "&\n 0.0 1.0 2.0 3.0\n", None, "holds several sets of data"),
        ("@ xaxis label\n 0.0 1.0\n", None, "has no legends that name its columns"),
        ('#"Potential Energy (kJ/mole)"\n', None, "has no rows of numbers"),
        (AMBER.replace("-21.2500", "********"), None, r"'\*+' is not a number \(row 1, from 0, of 'EPtot'\)"),
        (
            block(1000, -20.25) + "\n NSTEP =     2000   TIME(PS) =       4.000",
            None,
            r"row 1 \(from 0\) has no EPtot; is the file cut",
        ),
        (NAMD + "ENERGY:    1500         1.5", None, "a row has 2 columns, must have 5; is the file cut off"),
    ],
)
def test_bad_files_in_one_line(written, text, column, words):
    with pytest.raises(ArtifactError, match=words) as caught:
        energies(written(text), column)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "column", "what"),
    [
        (OPENMM.replace("Potential", "Total"), "Total Energy (kJ/mole)", "is total"),
        (OPENMM, "Temperature (K)", "is temperature"),
        (OPENMM, "Temperature", "is temperature"),
        (OPENMM.replace("Temperature (K)", "Box Volume (nm^3)"), "Box Volume (nm^3)", "is volume"),
        (OPENMM.replace("Potential", "Kinetic"), "Kinetic Energy (kJ/mole)", "is kinetic"),
        (XVG.replace("Bond", "Conserved En."), "Conserved En.", "is total"),
        (XVG, "time", "is time"),
        (AMBER, "Etot", "is total"),
        (AMBER, "EKtot", "is kinetic"),
        (NAMD, "TS", "is step"),
        (NAMD.replace("ANGLE", "TOTAL"), "TOTAL", "is total"),
        (OPENMM.replace("Temperature", "something"), "something (K)", r"is in K"),
    ],
)
def test_other_quantities_are_never_the_potential_energy(written, text, column, what):
    with pytest.raises(ArtifactError, match=f"{what}, not a potential energy or bias; write another as system"):
        energies(written(text), column)


def test_a_unit_that_nobody_says_is_asked_for_and_one_that_a_file_says_counts(written, caplog):
    path = written(OPENMM.replace(" (kJ/mole)", ""))
    with pytest.raises(
        ArtifactError, match=r"does not give the unit of 'Potential Energy'; write system\.energies\.unit: kJ"
    ):
        energies(path)
    np.testing.assert_allclose(energies(path, given="kcal/mol")[0], -1234.5 * 4.184)
    np.testing.assert_allclose(energies(path, given="kT", kT=3.0)[0], -1234.5 * 3)
    np.testing.assert_allclose(energies(written(PLUMED), "metad.bias", "kcal/mol"), [0, 3.5 * 4.184])
    np.testing.assert_allclose(energies(written(NAMD), given="kJ/mol")[0], -418.4)  # once, and not as the study says
    assert "'POTENTIAL' is in kcal/mol, as the file says, not in kJ/mol (system.energies.unit)" in caplog.text


@pytest.mark.parametrize(
    ("name", "what", "in_unit"),
    [
        ("Potential Energy (kJ/mole)", "potential", "kJ/mole"),
        ("Potential [kcal mol^-1]", "potential", "kcal mol^-1"),
        ("EPtot", "potential", None),
        ("Kinetic En.", "kinetic", None),
        ("TEMP(K)", "temperature", "K"),
        ("Temperature (C)", "temperature", None),
        ("TIME(PS)", "time", "PS"),
        ("Box Volume (nm^3)", "volume", "nm^3"),
        ("cell.vol", "volume", "nm^3"),
        ("Pres. DC (bar)", "pressure", "bar"),
        ("pV", "pV", None),
        ("RESTRAINT", "restraint", None),
        ("EAMBER (non-restraint)", "other", None),
        ("1-4 NB", "other", None),
    ],
)
def test_names_of_columns(name, what, in_unit):
    assert quantity(name) == what
    found = unit_of_column(name, None)
    assert (None if found is None else found.name) == in_unit


def test_units_have_their_sizes():
    sizes = {"kJ/mol": 1, "kcal/mol": 4.184, "eV": 96.48533212331, "ns": 1000, "fs": 1e-3, "A^3": 1e-3, "atm": 1.01325}
    assert {name: unit(name).size for name in sizes} == sizes
    assert unit("kT").factor(2.5) == 2.5
    assert unit("furlong") is None


# .edr


def test_an_edr_file_without_its_package_says_how_to_make_an_xvg(written, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "pyedr", None)
    words = r"file\.edr: .*pip install pyedr.*gmx energy -f file\.edr -o energy\.xvg"
    with pytest.raises(ArtifactError, match=words):
        read_table(written("", "file.edr"))


@pytest.mark.skipif(find_spec("pyedr") is None, reason="needs pyedr")
@pytest.mark.parametrize("name", ["1", "1_d", "2", "3"])
def test_an_edr_file_is_what_gmx_energy_writes_of_it(name):
    """Of formats 1 to 3 in single and double precision, the files that pyedr brings."""
    data = Path(find_spec("pyedr").submodule_search_locations[0]) / "tests" / "data"
    edr, xvg = (read_table(str(data / f"{name}.{ending}")) for ending in ("edr", "xvg"))
    np.testing.assert_allclose(edr.time, xvg.time, atol=1e-6)
    for what in ("potential", "temperature"):
        np.testing.assert_allclose(edr.standard(what), xvg.standard(what), atol=1e-4)
    assert edr.unit("Temperature").name == "K"


@pytest.mark.skipif(find_spec("pyedr") is None, reason="needs pyedr")
@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("no energies", "it is too short"),  # pyedr would make room for 1.9e9 of them
        ("no energies, but more text", "it does not begin like one"),
        ("\x00\x00\x00!\x00\x00\x00\x04Bond", "it does not begin like one"),
        ("\x00\x00\x00\x02\x00\x00\x00\x04Bond" + "\x00" * 4, "it has no frames"),
    ],
)
def test_a_damaged_edr_file_is_refused_in_words(written, content, words):
    with pytest.raises(ArtifactError, match=rf"file\.edr: cannot be read as \.edr \({words}\); is it cut off"):
        read_table(written(content, "file.edr"))


@pytest.mark.skipif(find_spec("pyedr") is None, reason="needs pyedr")
def test_of_an_edr_file_that_ends_within_a_frame_the_whole_ones_are_read(tmp_path):
    """Rows belong to frames by time: the frame without a row is said where they are matched."""
    whole = Path(find_spec("pyedr").submodule_search_locations[0]) / "tests" / "data" / "3.edr"
    path = tmp_path / "cut.edr"
    path.write_bytes(whole.read_bytes()[:-50])
    cut, complete = read_table(str(path)), read_table(str(whole))
    np.testing.assert_array_equal(cut.time, complete.time[:-1])
    np.testing.assert_array_equal(cut.standard("potential"), complete.standard("potential")[:-1])
