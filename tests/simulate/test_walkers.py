"""The dynamics: exact ensembles, independent copies, errors a user can act on."""

import numpy as np
import openmm as mm
import pytest

from thermolatent.errors import SimulationError
from thermolatent.files.artifacts import load_array, load_json
from thermolatent.simulate.langevin import make_context, seed_of, starting_positions
from thermolatent.study.jobs import run_job
from thermolatent.study.layout import Layout
from thermolatent.systems.base import GAS_CONSTANT
from thermolatent.systems.lj_cluster import LJCluster
from thermolatent.systems.structure_based import StructureBased
from thermolatent.systems.three_hole import ThreeHole


def simulate(study, folder, temperature):
    layout = Layout(str(folder))
    run_job("simulate", study, layout, temperature=temperature)
    return layout


def within(values, expected, standard_errors=4):
    """Whether the mean over walkers is ``expected`` within its own standard error."""
    error = values.std(ddof=1) / np.sqrt(len(values))
    assert abs(values.mean() - expected) < standard_errors * error
    assert error < 0.05 * abs(expected)  # it says something


@pytest.mark.parametrize("temperature", [0.5, 1.5])
def test_harmonic_walkers_have_three_halves_kT(make_study, tmp_path, temperature, harmonic):
    study = make_study(harmonic(), walkers=32, frames=1000, save_every=50, equilibration=500)
    layout = simulate(study, tmp_path, temperature)
    within(load_array(layout.md_energies(temperature)).mean(axis=1), 1.5 * temperature)


def test_temperatures_in_kelvin_have_the_gas_constant(make_study, harmonic):
    class Kelvin(harmonic):
        temperature_unit = "kelvin"

    system = Kelvin()
    assert system.kelvin(300.0) == pytest.approx(300.0)
    assert system.kT(300.0) == pytest.approx(2.494339, abs=1e-6)
    assert harmonic().kelvin(0.5) * GAS_CONSTANT == pytest.approx(0.5)
    context = make_context(system, make_study(system).simulate, 300.0)
    assert context.getIntegrator().getTemperature()._value == pytest.approx(300.0)


def test_three_hole_against_quadrature(make_study, tmp_path):

    system, temperature = ThreeHole(), 1.5
    study = make_study(system, walkers=64, frames=400, save_every=100, equilibration=2000)
    layout = simulate(study, tmp_path, temperature)
    run_job("featurize", study, layout, temperature=temperature)
    within(load_array(layout.energies(temperature)).mean(axis=1), system.exact_mean_energy(temperature))
    edges = np.linspace(-2.4, 2.4, 9), np.linspace(-2.0, 2.8, 9)
    exact = system.exact_histogram(*edges, temperature)
    plane = load_array(layout.plane(temperature))
    counts = np.stack([np.histogram2d(*walker.T, bins=edges)[0] for walker in plane]) / plane.shape[1]
    error = counts.std(axis=0, ddof=1) / 8
    well_sampled = exact > 2e-3
    assert well_sampled.sum() > 20
    deviation = ((counts.mean(axis=0) - exact) / np.maximum(error, 1e-9))[well_sampled]
    assert np.abs(deviation).max() < 4.5
    assert 0.6 < np.sqrt(np.mean(deviation**2)) < 1.5


@pytest.mark.parametrize("system", [LJCluster(), ThreeHole()])
def test_a_walker_among_many_moves_as_if_alone(system):
    names = list(system.starts().values())
    start = np.stack([names[w % len(names)] for w in range(5)])
    velocities = np.random.default_rng(0).normal(0, 0.5, start.shape)

    def path(walkers):
        reference = mm.Platform.getPlatformByName("Reference")
        context = mm.Context(system.build(len(walkers)), mm.VerletIntegrator(0.005), reference)
        context.setPositions(start[walkers].reshape(-1, 3))
        context.setVelocities(velocities[walkers].reshape(-1, 3))
        context.getIntegrator().step(300)
        return context.getState(positions=True).getPositions(asNumpy=True)._value.reshape(len(walkers), -1, 3)

    together = path(list(range(5)))
    for walker in range(5):
        np.testing.assert_allclose(path([walker])[0], together[walker], atol=1e-8)


def test_saved_files(make_study, tmp_path):
    study = make_study(LJCluster(), features="sorted_coordination", plane="coordination_moments", time_step=0.005)
    layout = simulate(study, tmp_path, 0.5)
    protocol = load_json(layout.protocol(0.5))
    assert protocol["starts"] == ["hexagon", "tricapped", "trapezoid", "chevron"]
    assert protocol["steps"] == 100
    assert protocol["platform"] == "Reference"
    assert protocol["openmm"] == mm.version.version
    assert protocol["convergence"]["standard_errors"] is None  # one walker per start
    import mdtraj

    energies = load_array(layout.md_energies(0.5))
    for walker, path in enumerate(layout.trajectories(0.5, 4)):
        trajectory = mdtraj.load(path, top=layout.topology(0.5))
        assert trajectory.n_frames == 20
        np.testing.assert_allclose(study.system.potential_energy(trajectory.xyz), energies[walker], atol=1e-4)
        np.testing.assert_array_equal(trajectory.xyz[..., 2], 0.0)
        np.testing.assert_allclose(trajectory.xyz.mean(axis=1), 0.0, atol=1e-6)  # the centroid diffuses, unsaved
    assert not list(tmp_path.glob("**/*.partial"))
    assert not [p for p in tmp_path.glob("**/*") if p.name.startswith(".")]


@pytest.mark.parametrize(
    ("system", "features", "plane"),
    [(LJCluster(), "sorted_coordination", "coordination_moments"), (ThreeHole(), "position_xy", "position_xy")],
)
def test_the_protocol_of_a_model_system_has_its_kinetic_temperature(make_study, tmp_path, system, features, plane):
    study = make_study(
        system,
        features=features,
        plane=plane,
        walkers=16,
        frames=300,
        save_every=50,
        time_step=0.005,
        equilibration=2000,
    )
    told = load_json(simulate(study, tmp_path, 0.5).protocol(0.5))["kinetic_temperature"]
    freedom = 3 * system.n_particles
    assert told["expected"] == {"mean": 0.5, "std": pytest.approx(0.5 * (2 / freedom) ** 0.5)}
    within(np.array(told["mean"]), 0.5)
    assert np.mean(told["std"]) == pytest.approx(told["expected"]["std"], rel=0.1)


def test_energies_come_from_float64_positions(make_study, tmp_path):
    layout = simulate(make_study(ThreeHole()), tmp_path, 0.5)
    energies = load_array(layout.md_energies(0.5))
    assert energies.dtype == np.float64
    assert (energies != energies.astype(np.float32)).any()


def test_each_temperature_and_purpose_has_its_own_seed(make_study, tmp_path):
    seeds = {seed_of(s, t, p) for s in (1, 2) for t in (0.5, 1.5, 300) for p in ("noise", "velocities")}
    assert len(seeds) == 12
    assert all(0 < s < 2**31 for s in seeds)
    assert seed_of(1, 300, "noise") == seed_of(1, 300.0, "noise") == 1153423580  # the same in every process
    one, two = (load_array(simulate(make_study(ThreeHole()), tmp_path / f, 0.5).md_energies(0.5)) for f in "ab")
    np.testing.assert_array_equal(one, two)


def test_a_missing_platform_names_the_others(make_study, tmp_path, harmonic):
    class Elsewhere(harmonic):
        fastest_platform = "Abacus"

    with pytest.raises(SimulationError, match=r"no platform 'Abacus' here; write one of Reference, .*auto") as caught:
        simulate(make_study(Elsewhere()), tmp_path, 0.5)
    assert "\n" not in str(caught.value)


def test_the_study_chooses_platform_and_threads(make_study, tmp_path, harmonic):
    study = make_study(harmonic(), platform="CPU", frames=4)
    layout = Layout(str(tmp_path))
    run_job("simulate", study, layout, temperature=0.5, threads=2)
    assert load_json(layout.protocol(0.5))["platform"] == "CPU"
    context = make_context(study.system, study.simulate, 0.5, threads=2)
    assert context.getPlatform().getPropertyValue(context, "Threads") == "2"


def test_a_blow_up_names_walker_steps_temperature_and_remedy(make_study, tmp_path, harmonic):
    study = make_study(harmonic(), time_step=5.0, frames=200, equilibration=20)
    with pytest.raises(
        SimulationError,
        match=r"T=1\.5: walker \d blew up between steps \d+ and \d+ .*lower simulate\.time_step.*5\.0 ps",
    ):
        simulate(study, tmp_path, 1.5)
    assert not list(tmp_path.glob("**/walker*.dcd"))


def test_nan_in_one_walker_is_found(make_study, tmp_path, harmonic):
    class Poisoned(harmonic):
        def potential_energy(self, positions):
            energies = super().potential_energy(positions)
            if np.ndim(energies) == 2:
                energies[-1, 2] = np.nan
            return energies

    with pytest.raises(SimulationError, match="walker 2 blew up"):
        simulate(make_study(Poisoned()), tmp_path, 0.5)


def test_only_temperatures_of_the_study_are_simulated(make_study, tmp_path):
    with pytest.raises(SimulationError, match=r"no MD at T=0\.7; simulated: 0\.5, 1\.5"):
        simulate(make_study(ThreeHole()), tmp_path, 0.7)


def test_walkers_start_in_all_minima():
    starts = starting_positions(ThreeHole(), 5)
    np.testing.assert_array_equal(starts[0], starts[3])
    assert len(np.unique(starts[:3, 0, 0])) == 3


def test_a_model_system_with_residues(make_study, tmp_path):
    """All copies in one Context, features of its topology."""
    system = StructureBased(file="chignolin")
    settings = {"walkers": 4, "frames": 3, "save_every": 20, "equilibration": 20, "time_step": 0.002}
    ends = {"kind": "distances", "pairs": [["resSeq 1", "resSeq 10"], ["resSeq 2", "resSeq 9"]]}
    study = make_study(system, (0.8, 1.2), features="ca_distances", plane=ends, **settings)
    layout = simulate(study, tmp_path, 0.8)
    protocol = load_json(layout.protocol(0.8))
    assert protocol["starts"] == ["folded", "extended", "folded", "extended"]
    assert protocol["kinetic_temperature"]["expected"] == {"mean": 0.8, "std": pytest.approx(0.8 * (2 / 30) ** 0.5)}
    run_job("featurize", study, layout, temperature=0.8)
    header = load_json(layout.features_header(0.8))
    assert header["plane_names"] == ["d(TYR1-CA,TYR10-CA)", "d(TYR2-CA,TRP9-CA)"]
    first = load_array(layout.plane(0.8))[:, 0]
    assert (first[::2] < 0.8).all()  # the folded ones are folded still
    assert (first[1::2] > 1.5).all()
