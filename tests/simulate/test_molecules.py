"""Molecules: the protocol, walkers in turn and in processes, solvent at constant pressure and volume, blow-ups."""

import signal
from pathlib import Path

import mdtraj
import numpy as np
import pytest
import yaml

from thermolatent.cli import main
from thermolatent.errors import ConfigError, SimulationError, Stopped
from thermolatent.files.artifacts import load_array, load_json
from thermolatent.simulate import molecules, stage, walkers
from thermolatent.simulate.engines import BAR_NM3, Together, gathered, pack, unpack
from thermolatent.simulate.molecules import kelvin_at, molecule_engine, molecule_system, start_walkers
from thermolatent.simulate.processes import Processes
from thermolatent.study.jobs import run_job
from thermolatent.study.layout import Layout
from thermolatent.systems.alanine_dipeptide import AlanineDipeptide

VACUUM = AlanineDipeptide(solvent="vacuum")
WATER = AlanineDipeptide(solvent="explicit", padding=0.6, cutoff=0.6)
SHORT = {"walkers": 3, "frames": 12, "save_every": 10, "equilibration": 100}


def simulate(study, folder, temperature=300.0, threads=1):
    layout = Layout(str(folder))
    run_job("simulate", study, layout, temperature=temperature, threads=threads)
    return layout


def files(layout, count, temperature=300.0):
    names = [*layout.trajectories(temperature, count), layout.md_energies(temperature), layout.topology(temperature)]
    return {Path(name).name: Path(name).read_bytes() for name in names}


def test_saved_files(make_molecular, tmp_path):
    layout = simulate(make_molecular(VACUUM, **SHORT), tmp_path)
    protocol, energies = load_json(layout.protocol(300)), load_array(layout.md_energies(300))
    assert protocol["surroundings"] == "vacuum"
    assert protocol["degrees_of_freedom"] == 3 * 22 - 12
    assert protocol["steps"] == 100 + 12 * 10
    assert len(protocol["kinetic_temperature"]["mean"]) == 3
    assert not Path(layout.volumes(300)).exists()
    for walker, path in enumerate(layout.trajectories(300, 3)):
        trajectory = mdtraj.load(path, top=layout.topology(300))
        assert trajectory.n_frames == 12
        np.testing.assert_allclose(VACUUM.potential_energy(trajectory.xyz), energies[walker], atol=0.1)
        np.testing.assert_allclose(trajectory.xyz.mean(axis=1), 0.0, atol=1e-6)
    assert len(np.unique(energies)) == energies.size  # walkers differ from the first frame on


def test_threads_change_nothing_on_reference(make_molecular, tmp_path):
    """Contexts of the Reference platform share one random number generator: walkers must not feel their company."""
    study = make_molecular(VACUUM, **SHORT)
    alone, shared = simulate(study, tmp_path / "1"), simulate(study, tmp_path / "2", threads=2)
    assert files(alone, 3) == files(shared, 3)


def test_a_walker_does_not_depend_on_how_many_there_are(make_molecular, tmp_path):
    three = simulate(make_molecular(VACUUM, **SHORT), tmp_path / "3")
    two = simulate(make_molecular(VACUUM, **{**SHORT, "walkers": 2}), tmp_path / "2")
    np.testing.assert_array_equal(load_array(three.md_energies(300))[:2], load_array(two.md_energies(300)))


@pytest.mark.parametrize("threads", [1, 2])
def test_stopped_and_resumed_equals_uninterrupted(make_molecular, tmp_path, monkeypatch, threads):
    study = make_molecular(VACUUM, **SHORT)
    whole, torn = simulate(study, tmp_path / "whole"), Layout(str(tmp_path / "torn"))
    monkeypatch.setattr(walkers, "CHUNK_FRAMES", 5)
    potential_energy, calls = AlanineDipeptide.potential_energy, []

    def stops(self, positions):
        calls.append(1)
        if len(calls) in (1, 3):
            signal.raise_signal(signal.SIGTERM)
        return potential_energy(self, positions)

    monkeypatch.setattr(AlanineDipeptide, "potential_energy", stops)
    with pytest.raises(Stopped, match="told to stop after 0 of 12"):
        run_job("simulate", study, torn, temperature=300.0, threads=threads)
    with pytest.raises(Stopped, match="told to stop after 10 of 12"):
        run_job("simulate", study, torn, temperature=300.0, threads=threads)
    run_job("simulate", study, torn, temperature=300.0, threads=3 - threads)  # more or fewer cores the next time
    assert files(torn, 3) == files(whole, 3)


@pytest.mark.parametrize("platform", ["Reference", "CPU"])
def test_a_checkpoint_has_every_walkers_own_noise(make_molecular, platform):
    """Else resumed walkers would feel the noise of their first steps again, the same in every process."""
    settings = make_molecular(VACUUM, **SHORT, platform=platform, friction=1000.0).simulate
    first = molecule_engine(VACUUM, settings, 300.0)
    start_walkers(first, VACUUM, settings, 300.0)
    first.step(5, 300.0)
    again = molecule_engine(VACUUM, settings, 300.0)
    again.restore(first.checkpoint())
    twice = molecule_engine(VACUUM, settings, 300.0)
    twice.restore(pack(unpack(first.checkpoint())[1:]))
    for engine in (first, again, twice):
        engine.step(5, 300.0)
    np.testing.assert_allclose(again.frame()[0], first.frame()[0], atol=1e-6)
    np.testing.assert_allclose(twice.frame()[0], first.frame()[0][1:], atol=1e-6)
    moved = first.frame()[0] - first.frame()[0].mean(axis=1, keepdims=True)
    assert np.abs(moved[0] - moved[1]).max() > 1e-3  # from one start, but not together


@pytest.mark.parametrize("command", ["check", "simulate"])
def test_the_molecule_is_built_and_features_of_others_are_refused_before_the_dynamics(
    tmp_path, capsys, monkeypatch, command
):
    ran = []
    monkeypatch.setattr(stage, "run", lambda *_, **__: ran.append(1))
    monkeypatch.chdir(tmp_path)
    study = {
        "system": {"kind": "alanine_dipeptide", "solvent": "vacuum"},
        "temperatures": {"train": [300, 400]},
        "simulate": {"frames": 10, "time_step": 0.002},
        "featurize": {"features": ["backbone_torsions"], "plane": [{"kind": "backbone_torsions", "form": "angle"}]},
        "representation": {"lag": 1},
        "models": {"latf": {"density": "flow"}},
        "validate": {"states": {"kind": "nearest", "centers": {"a": [0, 0], "b": [1, 1]}}},
    }
    for key, feature, words in (
        ("features", "backbone_torsions", ""),
        ("features", "position_xy", "position_xy"),
        ("features", "side_chain_torsions", "side_chain_torsions"),
        ("plane", "sorted_coordination", "featurize.plane: has columns"),
    ):
        changed = {**study, "featurize": {**study["featurize"], key: [feature]}}
        (tmp_path / "mine.yaml").write_text(yaml.safe_dump(changed))
        assert main([command, "mine", "--studies", str(tmp_path)]) == int(bool(words))
        told = capsys.readouterr().err.strip()
        if words:
            assert words in told
            assert "\n" not in told
    assert len(ran) == (2 if command == "simulate" else 0)  # the temperatures of the sound one


def test_a_killed_process_is_reported(make_molecular):
    study = make_molecular(VACUUM, **SHORT)
    engine = molecule_engine(VACUUM, study.simulate, 300.0, threads=2)
    try:
        assert isinstance(engine, Processes)
        start_walkers(engine, VACUUM, study.simulate, 300.0)
        engine._processes[1].kill()
        engine._processes[1].join()
        with pytest.raises(Exception, match="process of the simulation was killed"):
            engine.step(10, 300.0)
    finally:
        engine.close()


def test_copies_in_one_context_run_and_resume(make_molecular, copies_engine, tmp_path, monkeypatch):
    study = make_molecular(VACUUM, **SHORT, friction=50.0)
    monkeypatch.setattr(walkers, "molecule_engine", copies_engine)
    whole, torn = simulate(study, tmp_path / "whole"), Layout(str(tmp_path / "torn"))
    energies = load_array(whole.md_energies(300))
    for walker in range(3):
        frames = mdtraj.load(whole.trajectory(300, walker), top=whole.topology(300))
        np.testing.assert_allclose(VACUUM.potential_energy(frames.xyz), energies[walker], atol=0.1)
    assert 250 < np.mean(load_json(whole.protocol(300))["kinetic_temperature"]["mean"]) < 350
    append = walkers.Partial.append
    with monkeypatch.context() as patch:
        patch.setattr(walkers, "CHUNK_FRAMES", 5)
        patch.setattr(walkers.Partial, "append", lambda *a: (append(*a), signal.raise_signal(signal.SIGTERM)))
        with pytest.raises(Stopped, match="told to stop after 5 of 12"):
            run_job("simulate", study, torn, temperature=300.0)
    run_job("simulate", study, torn, temperature=300.0)
    assert files(torn, 3) == files(whole, 3)


def test_gpu_platforms_get_copies_and_solvent_takes_turns(make_molecular, monkeypatch):
    """On a machine without a GPU its branch is still taken: Reference poses as one."""
    monkeypatch.setattr(molecules, "ON_CORES", ())
    study = make_molecular(VACUUM, **SHORT)
    assert isinstance(molecule_engine(VACUUM, study.simulate, 300.0, threads=2), Together)
    study = make_molecular(WATER, **SHORT, pressure=1.0)
    assert not isinstance(molecule_engine(WATER, study.simulate, 300.0, threads=2), Together | Processes)


def test_the_heating_ramp(make_molecular):
    settings = make_molecular(VACUUM, **{**SHORT, "equilibration": 1000}).simulate
    kelvin = [kelvin_at(step, VACUUM, settings, 300.0) for step in range(0, 1000, 20)]
    np.testing.assert_allclose(kelvin[:11], np.linspace(30, 300, 11))
    assert set(kelvin[10:]) == {300.0}
    none = make_molecular(VACUUM, **{**SHORT, "equilibration": 0}).simulate
    assert kelvin_at(0, VACUUM, none, 300.0) == 300.0


def test_constant_pressure(make_molecular, tmp_path):
    study = make_molecular(WATER, **{**SHORT, "walkers": 2, "frames": 6}, pressure=1000.0, platform="CPU")
    layout = simulate(study, tmp_path)
    volumes, energies = load_array(layout.volumes(300)), load_array(layout.md_energies(300))
    protocol = load_json(layout.protocol(300))
    assert volumes.shape == energies.shape == (2, 6)
    assert (volumes[0] != volumes[1]).any()
    assert protocol["mean_volume"] == pytest.approx(volumes.mean())
    assert protocol["volume_nm3"]["mean"] == pytest.approx(volumes.mean(axis=1).tolist())
    assert mdtraj.load(layout.trajectory(300, 0), top=layout.topology(300)).n_atoms == 22


def test_energies_at_constant_pressure_have_pV(make_molecular):
    assert pytest.approx(1e5 * 1e-27 * 6.02214076e23 / 1000) == BAR_NM3
    found = {}
    for pressure in (1.0, 1001.0):
        settings = make_molecular(WATER, **SHORT, pressure=pressure, platform="CPU").simulate
        engine = molecule_engine(WATER, settings, 300.0)
        start_walkers(engine, WATER, settings, 300.0, iterations=20)
        engine.step(1, 30.0)
        found[pressure] = engine.frame()[1]
    difference = found[1001.0]["energies"] - found[1.0]["energies"]
    np.testing.assert_allclose(
        difference, 1000 * BAR_NM3 * found[1.0]["volumes"], rtol=0.05
    )  # U is in single precision


def test_one_volume_for_all_temperatures(make_molecular, tmp_path):
    vectors = WATER.built.system.getDefaultPeriodicBoxVectors()
    volume = 1.1 * np.prod([vectors[i][i]._value for i in range(3)])
    settings = make_molecular(WATER, **SHORT, volume=float(volume), platform="CPU").simulate
    for temperature in (300.0, 400.0):
        engine = molecule_engine(WATER, settings, temperature)
        start_walkers(engine, WATER, settings, temperature, iterations=20)
        engine.step(2, 30.0)
        state = engine._context.getState(energy=True)
        assert state.getPeriodicBoxVolume()._value == pytest.approx(volume)
        positions, seen = engine.frame()
        assert positions.shape == (3, 22, 3)
        assert np.isfinite(seen["energies"]).all()
        assert "volumes" not in seen


@pytest.mark.parametrize(
    ("molecule", "changes", "message"),
    [
        (VACUUM, {"pressure": 1.0}, r"simulate\.pressure: there is no explicit solvent; leave it out"),
        (WATER, {}, r"simulate\.volume: is missing.*'pressure: 1'.*lowest temperature \(300\).*mean_volume of results"),
        (WATER, {"pressure": 1.0, "volume": 30.0}, r"simulate\.volume: .*remove volume or pressure"),
    ],
)
def test_what_keeps_one_hamiltonian_is_asked_for(make_molecular, molecule, changes, message):
    with pytest.raises(ConfigError, match=message):
        make_molecular(molecule, **SHORT, **changes)


def test_a_box_too_small_for_the_cutoff(make_molecular, tmp_path):
    with pytest.raises(
        SimulationError, match=r"only 1 nm wide, less than twice the cutoff of 0\.6 nm; add more solvent"
    ):
        simulate(make_molecular(WATER, **SHORT, volume=1.0), tmp_path)


def test_molecules_of_the_solute_stay_together():
    box = np.array([[3.0, 0, 0], [1.0, 3.0, 0], [-1.0, 0.5, 3.0]])
    first, second = np.random.default_rng(0).normal(0, 0.2, (2, 5, 3))
    together = np.concatenate([first, second + np.array([0.3, -0.2, 0.4])])
    for shift in ((1, 0, 0), (0, -1, 0), (2, 1, -3)):
        apart = together.copy()
        apart[5:] += shift @ box
        np.testing.assert_allclose(gathered(apart, [list(range(5)), list(range(5, 10))], box), together, atol=1e-12)


def test_a_broken_bond_names_walker_bond_cause_and_remedy(make_molecular, tmp_path, monkeypatch):
    study = make_molecular(VACUUM, **SHORT)
    frame = molecules.InTurn.frame

    def torn(self):
        positions, seen = frame(self)
        positions[1, 8] += 0.3  # CA
        return positions, seen

    monkeypatch.setattr(molecules.InTurn, "frame", torn)
    with pytest.raises(
        SimulationError,
        match=r"T=300: walker 1 blew up between steps 0 and 100 \(its bond ALA2-CA to ALA2-\w+ is 0\.\d+ nm long, should be "
        r"0\.1\d+\); the time step is too long .*lower simulate\.time_step \(now 0\.002 ps\).*simulate\.equilibration",
    ):
        simulate(study, tmp_path)


def test_a_time_step_that_blows_up_is_found(make_molecular, tmp_path, monkeypatch):
    """Whatever OpenMM does about it: numbers that are none, an exception, or bonds that fly apart."""
    monkeypatch.setattr(AlanineDipeptide, "check_simulate", lambda *_: None)
    with pytest.raises(SimulationError, match=r"blew up between steps \d+ and \d+ .*0\.05 ps"):
        simulate(make_molecular(VACUUM, **SHORT, time_step=0.05), tmp_path)


def test_starts_are_minimised_and_kept_distinct(make_molecular):
    settings = make_molecular(VACUUM, **SHORT).simulate
    system = molecule_system(VACUUM, settings, 300.0)
    minimised = molecules.minimised_starts(VACUUM, settings, system)
    for name, positions in minimised.items():
        assert VACUUM.potential_energy(positions) < VACUUM.potential_energy(VACUUM.built.starts[name])
