"""More frames asked of a finished simulation: it goes on, and is then the run that had them from the beginning."""

import shutil
from pathlib import Path

import pytest

from thermolatent.files.artifacts import load_array, load_json
from thermolatent.simulate import stage, walkers
from thermolatent.simulate.partial import Partial
from thermolatent.study.jobs import run_job, simulate_job
from thermolatent.study.layout import Layout
from thermolatent.systems.alanine_dipeptide import AlanineDipeptide
from thermolatent.systems.lj_cluster import LJCluster

LJ = {"features": "sorted_coordination", "plane": "coordination_moments", "time_step": 0.005, "equilibration": 7}


def files(layout, temperature, walkers=4):
    names = [*layout.trajectories(temperature, walkers), layout.md_energies(temperature), layout.topology(temperature)]
    return {Path(name).name: Path(name).read_bytes() for name in names}


def as_snakemake_deletes(layout, temperature):
    """Declared outputs of a rule are removed before it runs again."""
    for path in (layout.topology(temperature), layout.md_energies(temperature), layout.protocol(temperature)):
        Path(path).unlink()


@pytest.fixture
def lj(make_study):
    """(short study, long study, temperature, walkers)."""
    return *(make_study(LJCluster(), **LJ, frames=frames) for frames in (20, 33)), 0.5, 4


@pytest.fixture
def alanine(make_molecular):
    molecule = AlanineDipeptide(solvent="vacuum")
    settings = {"walkers": 3, "save_every": 10, "equilibration": 100}
    return *(make_molecular(molecule, **settings, frames=frames) for frames in (5, 9)), 300.0, 3


@pytest.fixture(params=["lj", "alanine"])
def case(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def steps(monkeypatch):
    """Numbers of steps of every call of the dynamics."""
    found, run = [], stage.simulate_walkers

    def counted(*arguments):
        done = run(*arguments)
        found.append(done["walker_steps"])
        return done

    monkeypatch.setattr(stage, "simulate_walkers", counted)
    return found


def test_extended_equals_long_from_the_beginning(case, tmp_path, steps):
    short, long, T, count = case
    whole, extended = Layout(str(tmp_path / "whole")), Layout(str(tmp_path / "extended"))
    run_job("simulate", long, whole, temperature=T)
    run_job("simulate", short, extended, temperature=T)
    as_snakemake_deletes(extended, T)
    run_job("simulate", long, extended, temperature=T)
    assert files(extended, T, count) == files(whole, T, count)
    added = long.simulate.frames - short.simulate.frames
    assert steps[2] == added * long.simulate.save_every * count
    assert load_json(extended.protocol(T))["steps"] == load_json(whole.protocol(T))["steps"]
    assert load_array(extended.md_energies(T)).shape == (count, long.simulate.frames)


def test_more_frames_at_one_temperature_are_none_at_the_others(make_study, tmp_path, steps):
    short, long = (make_study(LJCluster(), **LJ, frames=10, **more) for more in ({}, {"frames_at": {0.5: 25}}))
    layout, whole = Layout(str(tmp_path)), Layout(str(tmp_path / "whole"))
    for study in (short, long):
        run_job("simulate", study, layout, temperature=0.5)
    run_job("simulate", make_study(LJCluster(), **LJ, frames=25), whole, temperature=0.5)
    assert files(layout, 0.5) == files(whole, 0.5)
    assert steps[1] == 15 * long.simulate.save_every * 4
    there, now = (simulate_job(study, layout, 1.5) for study in (short, long))
    assert there == now


def test_again_and_again(make_study, tmp_path, steps):
    whole, extended = Layout(str(tmp_path / "whole")), Layout(str(tmp_path / "extended"))
    for frames in (10, 20, 21, 40):
        run_job("simulate", make_study(LJCluster(), **LJ, frames=frames), extended, temperature=0.5)
    run_job("simulate", make_study(LJCluster(), **LJ, frames=40), whole, temperature=0.5)
    assert files(extended, 0.5) == files(whole, 0.5)
    assert sum(steps[:-1]) == steps[-1]


def test_md_begun_without_kinetic_temperatures_goes_on_without_them(lj, tmp_path, steps):
    short, long, T, count = lj
    whole, extended = Layout(str(tmp_path / "whole")), Layout(str(tmp_path / "extended"))
    run_job("simulate", long, whole, temperature=T)
    run_job("simulate", short, extended, temperature=T)
    (Path(f"{extended.simulation(T)}.restart") / "kinetic_temperature.float64").unlink()
    run_job("simulate", long, extended, temperature=T)
    assert files(extended, T, count) == files(whole, T, count)
    assert steps[2] < steps[0]
    assert "kinetic_temperature" in load_json(whole.protocol(T))
    assert "kinetic_temperature" not in load_json(extended.protocol(T))


def test_lost_outputs_come_back_without_dynamics(lj, tmp_path, steps):
    """Snakemake repeats the rule for any changed parameter, also one that does not decide the frames."""
    study, _, T, _ = lj
    layout = Layout(str(tmp_path))
    run_job("simulate", study, layout, temperature=T)
    before = files(layout, T)
    as_snakemake_deletes(layout, T)
    run_job("simulate", study, layout, temperature=T)
    assert files(layout, T) == before
    assert len(steps) == 1


def test_an_unfinished_run_may_get_longer(lj, tmp_path, monkeypatch, steps):
    short, long, T, _ = lj
    whole, torn = Layout(str(tmp_path / "whole")), Layout(str(tmp_path / "torn"))
    run_job("simulate", long, whole, temperature=T)
    with monkeypatch.context() as patch:
        patch.setattr(stage, "write_trajectories", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            run_job("simulate", short, torn, temperature=T)
    run_job("simulate", long, torn, temperature=T)
    assert files(torn, T) == files(whole, T)
    assert steps[2] < steps[0]


@pytest.mark.parametrize(
    "where",
    [
        (walkers, "_to_the_end"),
        (Partial, "checkpoint"),
        (stage, "write_trajectories"),
        (stage, "save_array"),
        (stage, "save_json"),
        (Partial, "finish"),
    ],
)
def test_killed_while_it_is_extended(lj, tmp_path, monkeypatch, steps, where):
    short, long, T, _ = lj
    whole, torn = Layout(str(tmp_path / "whole")), Layout(str(tmp_path / "torn"))
    run_job("simulate", long, whole, temperature=T)
    run_job("simulate", short, torn, temperature=T)
    with monkeypatch.context() as patch:
        patch.setattr(*where, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            run_job("simulate", long, torn, temperature=T)
    run_job("simulate", long, torn, temperature=T)
    assert files(torn, T) == files(whole, T)
    assert sum(steps) <= 2 * steps[0]  # nothing was made twice


def test_other_or_fewer_frames_start_again(lj, make_study, tmp_path, steps, caplog):
    study, _, T, _ = lj
    layout, fresh = Layout(str(tmp_path / "changed")), Layout(str(tmp_path / "fresh"))
    for changes in ({"frames": 12}, {"frames": 40, "friction": 2.0}):
        run_job("simulate", study, layout, temperature=T)
        changed = make_study(LJCluster(), **{**LJ, **changes})
        run_job("simulate", changed, layout, temperature=T)
        shutil.rmtree(fresh.root, ignore_errors=True)
        run_job("simulate", changed, fresh, temperature=T)
        assert files(layout, T) == files(fresh, T)
        assert f"other {'friction' if 'friction' in changes else 'frames'}, starting again" in caplog.text


@pytest.mark.parametrize("damage", ["missing", "cut off"])
def test_without_its_trajectories_it_starts_again(lj, tmp_path, caplog, damage):
    short, long, T, _ = lj
    layout, whole = Layout(str(tmp_path / "damaged")), Layout(str(tmp_path / "whole"))
    run_job("simulate", short, layout, temperature=T)
    path = Path(layout.trajectory(T, 2))
    path.unlink() if damage == "missing" else path.write_bytes(path.read_bytes()[:-50])
    run_job("simulate", long, layout, temperature=T)
    assert "starting again" in caplog.text
    run_job("simulate", long, whole, temperature=T)
    assert files(layout, T) == files(whole, T)
