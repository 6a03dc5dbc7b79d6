"""Replica exchange: exact ensembles at every rung, a sound criterion, runs that go on, and no way into learning."""

from pathlib import Path

import numpy as np
import pytest

from thermolatent.errors import SimulationError
from thermolatent.files.artifacts import load_array, load_json
from thermolatent.simulate import rung_averages, tempering, walkers
from thermolatent.simulate.ladders import Ladders, exchange_statistics, log_acceptance
from thermolatent.simulate.molecules import engine_in_turn
from thermolatent.simulate.partial import Partial
from thermolatent.simulate.rung_averages import mbar_averages
from thermolatent.study.jobs import run_job, temper_job
from thermolatent.study.layout import Layout
from thermolatent.systems.alanine_dipeptide import AlanineDipeptide
from thermolatent.systems.three_hole import ThreeHole

SMALL = {"reference": [0.7, 1.0], "tempering": {"rungs": [2.0]}, "frames": 30, "equilibration": 23}


class OneBasin(ThreeHole):
    def starts(self):
        return {"left": super().starts()["left"]}


def temper(study, folder, threads=1):
    layout = Layout(str(folder))
    run_job("temper", study, layout, threads=threads)
    return layout


def files(layout, study):
    """Bytes of everything but the protocols, which hold wall times."""
    job = temper_job(study, layout)
    names = [path for path in tempering._files(job.settings, job.outputs) if not path.endswith("protocol.json")]
    return {str(Path(name).relative_to(layout.root)): Path(name).read_bytes() for name in names}


def test_the_criterion_keeps_two_two_level_systems_in_equilibrium():
    """Levels 0 and 1.3 at kT = 0.4 and 1.1: the exact exchange matrix on their four states leaves the product alone."""
    levels, betas = np.array([0.0, 1.3]), 1 / np.array([0.4, 1.1])
    states = [(a, b) for a in (0, 1) for b in (0, 1)]
    weights = np.array([np.exp(-betas @ levels[list(state)]) for state in states])
    weights /= weights.sum()
    matrix = np.zeros((4, 4))
    for i, (a, b) in enumerate(states):
        share = min(1.0, np.exp(log_acceptance(betas, levels[[a, b]])[0]))
        matrix[i, states.index((b, a))] += share
        matrix[i, i] += 1 - share
    flow = weights[:, None] * matrix
    np.testing.assert_allclose(flow, flow.T, atol=1e-15)
    assert matrix[states.index((0, 1)), states.index((1, 0))] == pytest.approx(np.exp(-1.3 * (1 / 0.4 - 1 / 1.1)))


class StillLevels:
    """An engine whose replicas jump to a level drawn from the Boltzmann distribution of their temperature."""

    def __init__(self, system, replicas):
        self.system, self.rng, self.at = system, np.random.default_rng(3), np.zeros(replicas)
        self.asked = []

    def step_each(self, steps, kelvins, factors):
        self.asked.append((kelvins.copy(), factors.copy()))

    def frame(self):
        return np.zeros((len(self.at), 1, 3)), {"energies": self.at.copy()}


def test_exchanges_are_drawn_at_the_rate_of_the_criterion(harmonic):
    """Energies that the replicas keep (U + pV is such a series as well) and that order the ladders once and for all."""
    system, ladders, temperatures = harmonic(), 4000, [0.5, 0.8, 1.0]
    engine = StillLevels(system, 3 * ladders)
    engine.at = np.tile([0.2, 0.9, 0.4], ladders)  # replicas 0, 1, 2 of every ladder
    tempered = Ladders(engine, system, temperatures, ladders, seed=5)
    kelvin = system.kelvin(0.5)
    for _ in range(3):
        tempered.step(1, kelvin)
    share = np.exp((1 / 0.5 - 1 / 0.8) * (0.2 - 0.9))
    first, second = (np.mean(engine.asked[i][0].reshape(-1, 3)[:, 0] > 1.01 * kelvin) for i in (1, 2))
    assert first == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / ladders))
    assert second == pytest.approx(first)  # the second round is between the two upper rungs
    kelvins, factors = (np.reshape(values, (-1, 3)) for values in engine.asked[1])
    np.testing.assert_allclose(factors, np.sqrt(kelvins / engine.asked[0][0].reshape(-1, 3)))
    for kelvins, _ in engine.asked:
        rungs = np.sort(kelvins.reshape(-1, 3), axis=1)
        np.testing.assert_allclose(rungs, np.tile([system.kelvin(t) for t in temperatures], (ladders, 1)))


def test_kinetic_energies_are_those_of_the_rung_though_replicas_wander(make_study, harmonic):
    """With hardly any friction, only the scaling at an exchange can bring a replica to its new temperature."""
    system, temperatures = harmonic(), [0.5, 1.0, 2.0]
    settings = make_study(system, friction=0.01, time_step=0.1).simulate
    engine = Ladders(engine_in_turn(system, settings, 0.5, 48), system, temperatures, 16, seed=1)
    rng = np.random.default_rng(0)
    spread = np.sqrt(np.tile(temperatures, 16))
    engine.start(
        rng.normal(size=(48, 1, 3)) * spread[:, None, None], system.kelvin(0.5), [(i, i) for i in range(1, 49)]
    )
    seen = {"kinetic_temperature": [], "energies": []}
    for _ in range(400):
        engine.step(7, system.kelvin(0.5))
        for name, values in seen.items():
            values.append(engine.frame()[1][name].reshape(3, 16))
    kinetic, potential = (np.mean(values, axis=0) for values in seen.values())
    for rung, temperature in enumerate(temperatures):
        for values, exact in ((kinetic[rung], system.kelvin(temperature)), (potential[rung], 1.5 * temperature)):
            error = values.std(ddof=1) / 4
            assert abs(values.mean() - exact) < 4.5 * error
            assert error < 0.08 * exact
    told = exchange_statistics(engine.checkpoint())
    assert min(told["acceptance"]) > 0.3
    assert np.sum(told["round_trips"]) > 100


def test_three_hole_from_one_basin_against_quadrature(make_study, tmp_path, caplog):

    system, temperatures = OneBasin(), [0.5, 1.0, 1.5]
    study = make_study(
        system,
        (0.4, 2.0),
        reference=temperatures,
        tempering=True,
        walkers=16,
        frames=300,
        save_every=50,
        equilibration=2000,
    )
    layout = temper(study, tmp_path)
    edges = np.array([-4.5, 0.0, 4.5]), np.array([-4.2, 0.85, 4.8])  # left and right of the ridge, and above it
    for temperature in temperatures:
        energies = load_array(layout.md_energies(temperature)).mean(axis=1)
        run_job("featurize", study, layout, temperature=temperature)
        plane = load_array(layout.plane(temperature))
        found = np.stack([np.histogram2d(*walker.T, bins=edges)[0].ravel() for walker in plane]) / plane.shape[1]
        exact = [*system.exact_histogram(*edges, temperature).ravel(), system.exact_mean_energy(temperature)]
        for values, expected in zip([*found.T, energies], exact, strict=True):
            error = values.std(ddof=1) / 4
            assert abs(values.mean() - expected) < 4 * error
            assert error < 0.04
    protocol = load_json(layout.protocol(0.5))
    assert protocol["continuous"] is False
    assert protocol["ladder"] == [0.4, 0.5, 1.0, 1.5, 2.0]
    assert np.shape(protocol["round_trips"]) == (16, 5)
    assert min(protocol["acceptance"]) > 0.2
    assert "tempering.rungs" not in caplog.text
    assert not Path(layout.protocol(0.4)).exists()
    for T, mean, error in zip(
        protocol["ladder"], protocol["mbar"]["mean_energy"], protocol["mbar"]["mean_energy_error"], strict=True
    ):
        assert abs(mean - system.exact_mean_energy(T)) < 4 * error
        assert error < 0.03


def test_without_exchanges_it_would_not_leave_that_basin(make_study, tmp_path, monkeypatch):
    """The control of the test above."""
    monkeypatch.setattr(Ladders, "_exchange", lambda *_: None)
    study = make_study(
        OneBasin(), (0.2, 2.0), reference=[0.3], tempering=True, frames=100, save_every=50, equilibration=500
    )
    layout = temper(study, tmp_path)
    import mdtraj

    left = [
        np.mean(mdtraj.load(path, top=layout.topology(0.3)).xyz[:, 0, 0] < 0) for path in layout.trajectories(0.3, 4)
    ]
    assert np.mean(left) > 0.9  # 0.5 would be right


def test_a_molecule_in_vacuum(make_molecular, tmp_path):
    settings = {"walkers": 2, "frames": 6, "save_every": 10, "equilibration": 200, "friction": 30.0}
    ladder = {"reference": [320.0], "tempering": True}
    vacuum = make_molecular(AlanineDipeptide(solvent="vacuum"), **ladder, **settings)
    layout = temper(vacuum, tmp_path / "vacuum")
    energies = load_array(layout.md_energies(320))
    import mdtraj

    for path, values in zip(layout.trajectories(320, 2), energies, strict=True):
        frames = mdtraj.load(path, top=layout.topology(320))
        np.testing.assert_allclose(vacuum.system.potential_energy(frames.xyz), values, atol=0.1)
    protocol = load_json(layout.protocol(320))
    assert protocol["kinetic_temperature"]["expected"]["mean"] == 320
    assert 200 < np.mean(protocol["kinetic_temperature"]["mean"]) < 440


@pytest.mark.slow
def test_explicit_solvent_at_constant_pressure(make_molecular, tmp_path):
    settings = {"walkers": 2, "frames": 4, "save_every": 10, "equilibration": 50, "platform": "CPU"}
    study = make_molecular(
        AlanineDipeptide(solvent="explicit"), reference=[310.0], tempering=True, pressure=1.0, **settings
    )
    layout = temper(study, tmp_path)
    assert load_array(layout.volumes(310)).shape == load_array(layout.md_energies(310)).shape == (2, 4)
    assert load_json(layout.protocol(310))["mean_volume"] > 5


@pytest.mark.parametrize("threads", [1, 2])
def test_killed_and_continued_equals_uninterrupted(make_study, tmp_path, monkeypatch, threads):
    study = make_study(ThreeHole(), **SMALL)
    whole, torn = temper(study, tmp_path / "whole"), Layout(str(tmp_path / "torn"))
    monkeypatch.setattr(walkers, "CHUNK_FRAMES", 4)
    monkeypatch.setattr(walkers, "CHECKPOINT_SECONDS", 0.0)  # a checkpoint after every frame
    append, calls = Partial.append, []

    def dies(self, positions, energies):
        append(self, positions, energies)
        calls.append(len(positions))
        if len(calls) in (5, 11):
            raise KeyboardInterrupt

    monkeypatch.setattr(Partial, "append", dies)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            run_job("temper", study, torn, threads=threads)
    run_job("temper", study, torn, threads=threads)
    assert sum(calls) == 30 + 2  # two were made twice
    assert files(torn, study) == files(whole, study)
    for key in ("acceptance", "round_trips", "steps", "mbar"):
        assert load_json(torn.protocol(1.0))[key] == load_json(whole.protocol(1.0))[key]
    before = Path(torn.protocol(1.0)).stat().st_mtime_ns
    run_job("temper", study, torn)
    assert Path(torn.protocol(1.0)).stat().st_mtime_ns == before


def test_more_frames_continue_a_finished_run(make_study, tmp_path):
    short, long = (make_study(ThreeHole(), **{**SMALL, "frames": frames}) for frames in (11, 30))
    whole, extended = temper(long, tmp_path / "whole"), temper(short, tmp_path / "extended")
    state = load_json(extended.protocol(0.7))["steps"]
    run_job("temper", long, extended)
    assert load_json(extended.protocol(0.7))["steps"] == state + 19 * 5
    assert files(extended, long) == files(whole, long)
    assert load_json(extended.protocol(0.7))["mbar"] == load_json(whole.protocol(0.7))["mbar"]


def test_plain_and_tempered_md_are_not_taken_for_each_other(make_study, tmp_path):
    tempered = make_study(ThreeHole(), **SMALL)
    plain = tempered.model_copy(update={"tempering": None})
    layout, fresh = temper(tempered, tmp_path / "both"), Layout(str(tmp_path / "fresh"))
    first = files(layout, tempered)
    for T in tempered.tempered:
        run_job("simulate", plain, layout, temperature=T)
        run_job("simulate", plain, fresh, temperature=T)
        assert "continuous" not in load_json(layout.protocol(T))
    assert files(layout, tempered) == files(fresh, tempered) != first
    run_job("temper", tempered, layout)
    assert files(layout, tempered) == first
    longer = plain.model_copy(update={"simulate": plain.simulate.model_copy(update={"frames": 40})})
    for folder in (layout, fresh):
        run_job("simulate", longer, folder, temperature=0.7)
    assert load_array(layout.md_energies(0.7)).tobytes() == load_array(fresh.md_energies(0.7)).tobytes()


def test_rungs_too_far_apart_are_told(make_study, tmp_path, caplog, harmonic):
    study = make_study(harmonic(), (0.001, 50.0), reference=[0.0011], tempering=True)
    temper(study, tmp_path)
    warnings = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert len([text for text in warnings if "tempering.rungs" in text]) == 1
    assert "between T=0.0011 and 50 were accepted; add temperatures between them" in "".join(warnings)


def test_wrong_calls_say_what_to_do(make_study, tmp_path):
    study, layout = make_study(ThreeHole(), **SMALL), Layout(str(tmp_path))
    with pytest.raises(SimulationError, match=r"T=0\.7 from tempering; run 'thermolatent temper'"):
        run_job("simulate", study, layout, temperature=0.7)
    with pytest.raises(SimulationError, match="has no tempering; write 'tempering: true'"):
        run_job("temper", make_study(ThreeHole()), layout)


def test_a_blow_up_names_walker_and_rung(make_study, tmp_path, harmonic):
    study = make_study(harmonic(), (0.5, 1.5), reference=[1.0], tempering=True, time_step=5.0, frames=300)
    with pytest.raises(SimulationError, match=r"tempering from T=0\.5 to 1\.5: walker \d at T=[\d.]+ blew up"):
        temper(study, tmp_path)


def test_mbar_over_the_ladder_against_exact_answers_with_honest_errors():
    """Oscillators with strongly correlated frames: over many ladders the deviations must be what the errors say."""
    rng, betas, ladders = np.random.default_rng(8), np.array([2.0, 1.0, 0.6]), 24
    deviations = []
    for _ in range(10):
        drawn = rng.standard_normal((3, ladders, 8, 3)).repeat(10, axis=2)  # each frame ten times
        energies = 0.5 * (drawn**2).sum(-1) / betas[:, None, None]
        found = mbar_averages(energies, betas)
        free, mean = 1.5 * np.log(betas / betas[0]), 1.5 / betas
        for name, exact in (("free_energy", free), ("mean_energy", mean)):
            error = np.array(found[f"{name}_error"])
            off = np.array(found[name]) - exact
            deviations.append(off[1:] / error[1:])
            assert found["free_energy"][0] == found["free_energy_error"][0] == 0
    spread = np.sqrt(np.mean(np.square(deviations)))
    assert 0.6 < spread < 1.7  # frames taken as independent would give 3


def test_mbar_thins_evenly(monkeypatch):
    energies = np.random.default_rng(0).exponential(size=(2, 3, 400)) * np.array([1.0, 1.5])[:, None, None]
    whole = mbar_averages(energies[:, :, ::4], np.array([1.0, 1 / 1.5]))
    monkeypatch.setattr(rung_averages, "MOST_FRAMES", 600)
    assert mbar_averages(energies, np.array([1.0, 1 / 1.5])) == whole
