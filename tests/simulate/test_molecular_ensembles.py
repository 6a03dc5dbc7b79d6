"""What is sampled is the canonical ensemble: kinetic and potential energies, volumes, copies against one molecule."""

import mdtraj
import numpy as np
import pytest
from scipy.optimize import minimize

from thermolatent.files.artifacts import load_array, load_json
from thermolatent.simulate import walkers
from thermolatent.study.jobs import run_job
from thermolatent.study.layout import Layout
from thermolatent.systems.alanine_dipeptide import AlanineDipeptide

pytestmark = pytest.mark.slow

VACUUM = AlanineDipeptide(solvent="vacuum")
WALKERS = 8
SETTINGS = {"walkers": WALKERS, "frames": 1500, "save_every": 50, "equilibration": 10000, "friction": 5.0}
LOW, HIGH = 300.0, 380.0


@pytest.fixture(scope="module")
def sampled(tmp_path_factory, make_molecular, copies_engine):
    """``name -> (layout, temperature)``: walkers in turn at two temperatures, copies in one Context at the lower one."""
    study = make_molecular(VACUUM, (LOW, HIGH), **SETTINGS)
    layout = Layout(str(tmp_path_factory.mktemp("turns")))
    for temperature in (LOW, HIGH):
        run_job("simulate", study, layout, temperature=temperature, threads=2)
    copies = Layout(str(tmp_path_factory.mktemp("copies")))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(walkers, "molecule_engine", copies_engine)
        run_job("simulate", study, copies, temperature=LOW)
    return {"low": (layout, LOW), "high": (layout, HIGH), "copies": (copies, LOW)}


def agree(one, other, errors=4.5):
    """Whether two sets of walkers' values ``(walkers, ...)`` have one mean, by their own standard errors."""
    spread = np.sqrt((one.var(axis=0, ddof=1) + other.var(axis=0, ddof=1)) / len(one))
    np.testing.assert_array_less(np.abs(one.mean(axis=0) - other.mean(axis=0)), errors * spread + 1e-12)


@pytest.mark.parametrize("name", ["low", "high", "copies"])
def test_kinetic_temperature_and_its_fluctuations(sampled, name):
    layout, temperature = sampled[name]
    told = load_json(layout.protocol(temperature))["kinetic_temperature"]
    freedom = 3 * 22 - 12
    assert told["expected"]["std"] == pytest.approx(temperature * np.sqrt(2 / freedom))
    for key in ("mean", "std"):
        values = np.array(told[key])
        error = values.std(ddof=1) / np.sqrt(WALKERS)
        assert error < 0.02 * told["expected"][key]
        assert abs(values.mean() - told["expected"][key]) < 4.5 * error + 0.005 * told["expected"][key]  # time step


def test_potential_energies_of_two_temperatures_have_the_ratio_of_their_ensembles(sampled):
    """ln p_high(U) / p_low(U) is linear in U with slope 1/kT_low - 1/kT_high (Shirts, doi:10.1021/ct300688p)."""
    energies = [load_array(sampled[name][0].md_energies(sampled[name][1])) for name in ("low", "high")]
    expected = 1 / VACUUM.kT(LOW) - 1 / VACUUM.kT(HIGH)

    def slope(low, high):
        """Maximum likelihood, equal numbers from both."""
        middle = (low.mean() + high.mean()) / 2

        def loss(p):
            wrong = np.concatenate([p[0] + p[1] * (low - middle), -p[0] - p[1] * (high - middle)])
            return np.logaddexp(0, wrong).sum()

        return minimize(loss, [0.0, 0.0]).x[1]

    slopes = np.array([slope(low, high) for low, high in zip(*energies, strict=True)])
    error = slopes.std(ddof=1) / np.sqrt(WALKERS)
    assert error < 0.05 * expected
    assert abs(slopes.mean() - expected) < 4 * error


def test_copies_have_the_distribution_of_one_molecule(sampled):
    """Energies and both torsions of copies, restrained and with a cutoff, against those of molecules alone."""
    values = {}
    for name in ("low", "copies"):
        layout, temperature = sampled[name]
        energies = load_array(layout.md_energies(temperature))
        torsions = []
        for walker in range(WALKERS):
            frames = mdtraj.load(layout.trajectory(temperature, walker), top=layout.topology(temperature))
            psi, phi = mdtraj.compute_psi(frames)[1][:, 0], mdtraj.compute_phi(frames)[1][:, 0]
            basin = np.histogram(psi[phi < 0], np.linspace(-np.pi, np.pi, 7))[0] / (phi < 0).sum()
            torsions.append(basin)
        edges = [-np.inf, -45, -38, -31, -24, -17, np.inf]
        histogram = np.stack([np.histogram(e, edges)[0] / len(e) for e in energies])
        values[name] = np.concatenate([histogram, np.stack(torsions), energies.std(axis=1)[:, None]], axis=1)
    agree(values["low"], values["copies"])
    assert (values["low"].mean(axis=0) > 0.05).sum() >= 7  # bins that say something
