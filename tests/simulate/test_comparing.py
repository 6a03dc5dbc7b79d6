"""What files say is compared: temperatures, means, volumes, restraints, and files with each other."""

import numpy as np
import pytest

from thermolatent.errors import ArtifactError
from thermolatent.imported import comparing
from thermolatent.imported.quantities import unit
from thermolatent.imported.tables import EnergyTable
from thermolatent.imported.volumes import add_pV, pV_of_boxes
from thermolatent.systems.trajectories import Energies

ROWS = np.arange(400)


def table(program="OpenMM", pressure=None, **columns):
    """A table of these columns; of ``__`` in a name comes the bracket of a unit."""
    numbers = {
        name.replace("__", " ("): np.broadcast_to(np.asarray(n, float), len(ROWS)) for name, n in columns.items()
    }
    numbers = {name + ")" * ("(" in name): n for name, n in numbers.items()}
    return EnergyTable("e.csv", program, tuple(numbers), numbers, energy_unit=unit("kJ/mol"), pressure=pressure)


def logged(mean, spread=8.0):
    return table(Temperature__K=np.random.default_rng(3).normal(mean, spread, len(ROWS)))


@pytest.mark.parametrize("mean", [300.0, 301.0, 296.0])  # a long time step makes 1 %
def test_a_temperature_that_is_the_studys_passes(mean):
    comparing.check_temperature(logged(mean), ROWS, 300.0, [300.0, 340.0])


@pytest.mark.parametrize(
    ("mean", "T", "words"),
    [
        (
            340.0,
            300.0,
            r"mean temperature is 3\d\d\.\d \+- 0\.\d K, the study has it at 300; that of 340: .*swapped\? Put",
        ),
        (306.0, 300.0, "that of 306: are files of the two swapped"),
        (350.0, 76.85, r"is 76\.85 in degrees Celsius\? Write kelvin, 350"),
        (76.85, 350.0, "is the file's in degrees Celsius"),
        (520.0, 300.0, "is it of another run, or of its heating"),
    ],
)
def test_another_temperature_is_refused_with_the_likely_mistake(mean, T, words):
    with pytest.raises(ArtifactError, match=words) as caught:
        comparing.check_temperature(logged(mean), ROWS, T, [T, 306.0, 340.0])
    assert "\n" not in str(caught.value)


def test_only_rows_that_have_frames_count_and_files_without_temperatures_pass():
    heating = np.concatenate([np.full(300, 100.0), 300 + np.random.default_rng(0).normal(0, 5, 100)])
    comparing.check_temperature(table(Temperature__K=heating), ROWS[300:], 300.0, [300.0])
    with pytest.raises(ArtifactError, match="the study has it at 300"):
        comparing.check_temperature(table(Temperature__K=heating), ROWS, 300.0, [300.0])
    comparing.check_temperature(table(Temperature__C=27.0), ROWS, 300.0, [300.0])  # of a unit that is not known
    comparing.check_temperature(table(Potential=1.0), ROWS, 300.0, [300.0])


def test_mean_and_error_of_independent_numbers():
    draws = [np.random.default_rng(i).normal(5.0, 2.0, 4000) for i in range(4)]
    mean, error = comparing.mean_and_error(draws)
    assert mean == pytest.approx(5.0, abs=5 * 2 / 16000**0.5)
    assert error == pytest.approx(2 / 16000**0.5, rel=0.5)
    assert comparing.mean_and_error([np.zeros(3)])[1] == float("inf")


def test_the_mean_energy_must_rise_with_temperature():
    rising = {300.0: (-100.0, 1.0), 340.0: (-60.0, 1.0), 380.0: (-63.0, 1.0)}
    for T in rising:
        comparing.check_rising(rising, T)  # a fall within the errors says nothing
    falling = {300.0: (-60.0, 1.0), 340.0: (-100.0, 1.0), 380.0: (-20.0, 1.0)}
    for T in (300.0, 340.0):
        with pytest.raises(
            ArtifactError, match=r"falls from -60\.0 kJ/mol at 300 to -100\.0 at 340, it must rise with temperature"
        ):
            comparing.check_rising(falling, T)
    comparing.check_rising(falling, 380.0)


def test_copies_are_found_whatever_their_names(tmp_path):
    for name, content in {"a": b"12345", "b": b"12346", "copy": b"12345"}.items():
        (tmp_path / name).write_bytes(content)
    a, b, copy = (str(tmp_path / name) for name in ("a", "b", "copy"))
    comparing.check_different({300.0: [a], 340.0: [b]}, "system.files")
    for files in ({300.0: [a, copy]}, {300.0: [a], 340.0: [copy]}):
        with pytest.raises(
            ArtifactError, match=r"system\.files: .*copy at 3.0 and .*a at 300 are the same, byte for byte"
        ):
            comparing.check_different(files, "system.files")


@pytest.mark.parametrize("kind", ["colvar", "csv", "npz"])
def test_shortened_copies_are_found(tmp_path, kind):
    """1500 of 2000 rows; that two runs have 99 rows in common, and a header, is no copy."""
    rows = np.random.default_rng(0).normal(size=(2000, 3))
    other = np.concatenate([rows[:99], rows[100:]])
    for name, content in {"a": rows, "b": other, "copy": rows[:1500]}.items():
        if kind == "npz":
            np.savez(tmp_path / name, phi=content[:, 0], psi=content[:, 1])
            (tmp_path / f"{name}.npz").rename(tmp_path / name)
        else:
            first, separator = ("#! FIELDS time phi psi", " ") if kind == "colvar" else ("time,phi,psi", ",")
            np.savetxt(tmp_path / name, content, delimiter=separator, header=first, comments="")
    a, b, copy = (str(tmp_path / name) for name in ("a", "b", "copy"))
    comparing.check_different({300.0: [a], 340.0: [b]}, "system.files")
    with pytest.raises(ArtifactError, match=r"copy at 340 and .*a at 300 begin with the same 100 rows, as a copy does"):
        comparing.check_different({300.0: [a], 340.0: [copy]}, "system.files")


def test_names_that_stand_crosswise_are_refused():
    comparing.check_names(["a.xtc", "b.xtc"], ["x/a.csv", "x/b.csv"], "system.energies.files")
    comparing.check_names(["a.xtc", "b.xtc"], ["e1.csv", "e0.csv"], "system.energies.files")
    with pytest.raises(ArtifactError, match=r"x/b\.csv is in the place of a\.xtc, but has another name"):
        comparing.check_names(["a.xtc", "b.xtc"], ["x/b.csv", "x/a.csv"], "system.energies.files")


def test_restraints_in_the_potential_energy_are_said(caplog):
    comparing.say_restraints(table("AMBER", EPtot=-20.0, RESTRAINT=0.0), ROWS, None)
    comparing.say_restraints(table("AMBER", EPtot=-20.0, RESTRAINT=2.5), ROWS, "EPtot")
    assert not caplog.text
    comparing.say_restraints(table("AMBER", EPtot=-20.0, RESTRAINT=2.5), ROWS, None)
    assert "EPtot holds restraint energies, RESTRAINT, of 2.5 kJ/mol on average" in caplog.text
    assert "column: 'EAMBER (non-restraint)'" in caplog.text
    caplog.clear()
    comparing.say_restraints(table("NAMD", POTENTIAL=-20.0, MISC=1.5), ROWS, None)
    assert "POTENTIAL holds restraint energies, MISC, of 1.5 kJ/mol" in caplog.text


# Volumes

VOLUMES = 27.0 + np.random.default_rng(1).normal(0, 0.2, len(ROWS))
U = np.linspace(-5, 5, len(ROWS))


def test_pV_is_added_where_the_pressure_is_known(caplog):
    expected = U + 2.0 * 0.0602214076 * VOLUMES
    for made, pressure in ((table(), 2.0), (table(pressure=2.0), None), (table(pressure=7.0), 2.0)):
        np.testing.assert_allclose(add_pV(made, U, VOLUMES, pressure, None), expected, rtol=1e-14)
    np.testing.assert_array_equal(add_pV(table(pV=3.0), U, VOLUMES, None, None), U + 3.0)
    np.testing.assert_array_equal(add_pV(table(pressure=2.0), U, VOLUMES, 0.0, None), U)
    assert "WARNING" not in caplog.text


def test_a_volume_that_fluctuates_without_pressure_is_said_and_one_that_does_not_is_no_matter(caplog):
    np.testing.assert_array_equal(add_pV(table(), U, np.full(len(ROWS), 27.0), 2.0, None), U)
    assert not caplog.text
    np.testing.assert_array_equal(add_pV(table(), U, VOLUMES, None, None), U)
    assert "the volume fluctuates, by 0.18 nm^3 about 26.98" in caplog.text
    assert "write system.energies.pressure: 1 (bar)" in caplog.text


def test_volumes_of_boxes_serve_where_the_energies_have_none():
    source = Energies(files={300: [__file__]}, pressure=2.0)
    boxes = VOLUMES.reshape(4, 100)
    np.testing.assert_allclose(pV_of_boxes(source, boxes, False, 300.0), 2.0 * 0.0602214076 * boxes)
    for volumes, seen in ((boxes, True), (np.zeros((4, 100)), False), (np.full((4, 100), 27.0), False)):
        assert np.all(pV_of_boxes(source, volumes, seen, 300.0) == 0)
