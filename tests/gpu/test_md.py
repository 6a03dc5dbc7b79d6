"""MD on a GPU: energies and forces against Reference, copies in one Context, ensembles, checkpoints, devices."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import openmm as mm
import pytest
import yaml

from thermolatent.files.artifacts import load_array, load_json
from thermolatent.simulate import devices
from thermolatent.simulate.copies import make_copies
from thermolatent.simulate.engines import Together
from thermolatent.simulate.langevin import new_context, platform_properties
from thermolatent.simulate.molecules import molecule_engine, start_walkers
from thermolatent.simulate.settings import Simulate
from thermolatent.study.layout import Layout
from thermolatent.study.loading import load_study
from thermolatent.systems.alanine_dipeptide import AlanineDipeptide
from thermolatent.systems.chignolin import Chignolin
from thermolatent.systems.platforms import evaluated, gpu_platform, relative_error, runs_on_cpu, why_not

VACUUM = AlanineDipeptide(solvent="vacuum")
MOLECULES = {
    "chignolin": Chignolin(solvent="implicit", hydrogen_mass=3.0),
    "alanine": VACUUM,
    "water": AlanineDipeptide(solvent="explicit", water="tip3p", box=2.8, hydrogen_mass=3.0),
    "less water": AlanineDipeptide(solvent="explicit", water="tip3p", box=2.3, hydrogen_mass=3.0),
}
#: Relative error of all forces in mixed precision.
FORCES = 1e-4


@pytest.fixture
def molecule(request, platform):
    """PoCL crashes with generalized Born."""
    if request.param == "chignolin" and platform == "OpenCL" and why_not("OpenCL"):
        pytest.skip("PoCL crashes with generalized Born")
    return MOLECULES[request.param]


def warm(molecule, copies=1):
    """``(copies, n, 3)`` positions as in MD: at a minimum forces are small, and their relative error large."""
    start = next(iter(molecule.built.starts.values()))
    return start + np.random.default_rng(0).normal(0, 0.005, (copies, *start.shape))


@pytest.mark.parametrize("molecule", ["chignolin", "water"], indirect=True)
def test_energies_and_forces_are_those_of_reference(platform, molecule):
    system, positions = molecule.built.system, warm(molecule)[0]
    (energy, forces), (exact, exact_forces) = (evaluated(system, positions, p) for p in (platform, "Reference"))
    assert relative_error(forces, exact_forces) < FORCES
    assert abs(energy - exact) < 1e-5 * abs(exact) + 0.05


@pytest.mark.parametrize("copies", [1, 8, 128])
@pytest.mark.parametrize("molecule", ["chignolin", "alanine"], indirect=True)
def test_copies_have_the_energies_and_forces_of_one_molecule(platform, molecule, copies):
    """At the positions that the platform holds, in single precision: 55 nm from the origin the rounding itself is 1.4e-4 of
    chignolin's forces. Each copy is moved so that its restraint, on the centre of mass, is zero."""
    system, n = molecule.built.system, molecule.built.system.getNumParticles()
    made, positions = make_copies(system, copies), warm(molecule, copies)
    masses = np.array([system.getParticleMass(i)._value for i in range(n)])
    middle = np.average(positions, axis=1, weights=masses)
    positions = (positions + (made.centers - middle)[:, None]).astype(np.float32).astype(float)
    energy, forces = evaluated(made.system, positions.reshape(-1, 3), platform)
    one = make_copies(system, 1).system  # its cutoff shifts the energy by a constant
    alone = [evaluated(one, p, "Reference") for p in positions - made.centers[:, None]]
    assert abs(energy - sum(e for e, _ in alone)) / copies < 0.05
    assert relative_error(forces, np.concatenate([f for _, f in alone])) < FORCES


def test_kinetic_temperature_of_128_copies_and_its_spread(platform):
    settings = Simulate(walkers=64, frames=2, time_step=0.002, friction=5.0, platform=platform)
    settings = settings.model_copy(update={"walkers": 128})
    engine = molecule_engine(VACUUM, settings, 300.0)
    assert isinstance(engine, Together)
    start_walkers(engine, VACUUM, settings, 300.0, 100)
    engine.step(3000, 300.0)
    seen = []
    for _ in range(60):
        engine.step(100, 300.0)
        seen.append(engine.frame()[1]["kinetic_temperature"])
    seen = np.array(seen)
    expected = {"mean": 300.0, "std": 300.0 * (2 / (3 * 22 - 12)) ** 0.5}
    for values, key in ((seen.mean(axis=0), "mean"), (seen.std(axis=0, ddof=1), "std")):
        error = values.std(ddof=1) / np.sqrt(128)
        assert error < 0.02 * expected[key]
        assert abs(values.mean() - expected[key]) < 4.5 * error + 0.01 * expected[key]  # time step; few frames


@pytest.mark.parametrize("molecule", ["alanine", "less water"], indirect=True)
def test_two_processes_on_one_gpu_one_is_killed_and_goes_on(platform, molecule, tmp_path):
    """Copies in one Context, and walkers in turn. What was saved stays, and the walkers go on from where they were."""
    study = write_study(tmp_path, molecule, platform)
    killed, other = (simulate(tmp_path, T) for T in (300, 400))
    layout = Layout.of(study, str(tmp_path / "results"))
    partial = Path(f"{layout.simulation(300.0)}.partial")
    deadline = time.monotonic() + 300
    while not (frames := saved(partial, molecule)) and killed.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert frames, (tmp_path / "300.log").read_text()
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    before = np.fromfile(partial / "energies.float64")[: 2 * frames].reshape(-1, 2)
    assert other.wait(300) == 0, (tmp_path / "400.log").read_text()
    assert simulate(tmp_path, 300).wait(300) == 0, (tmp_path / "300.log").read_text()
    assert "going on after" in (tmp_path / "300.log").read_text()
    energies = load_array(layout.md_energies(300.0))
    assert energies.shape == (2, study.simulate.frames)
    np.testing.assert_array_equal(energies[:, :frames], before.T)
    assert np.isfinite(energies).all()
    assert load_json(layout.protocol(300.0))["platform"] == platform


def write_study(folder, molecule, platform):
    content = {
        "system": molecule.model_dump(exclude_unset=True) | {"kind": molecule.kind},
        "temperatures": {"train": [300, 400]},
        "simulate": {"walkers": 2, "frames": 40, "save_every": 10, "time_step": 0.002, "platform": platform}
        | ({"pressure": 1.0} if molecule.surroundings == "explicit" else {}),
        "featurize": {"features": ["backbone_torsions"], "plane": [{"kind": "backbone_torsions", "form": "angle"}]},
        "models": {"latf": {"density": "flow"}},
        "validate": {"states": {"kind": "nearest", "centers": {"alpha": [-1.2, -0.5], "beta": [-2.5, 2.7]}}},
    }
    (folder / "studies").mkdir()
    (folder / "studies/test.yaml").write_text(yaml.safe_dump(content))
    return load_study("test", folder / "studies")


#: The command, which on a CPU takes the path of a GPU, with a checkpoint and a pause after every few frames.
COMMAND = """
import sys, time
sys.path.insert(0, sys.argv.pop(1))
from as_on_gpu import take_it
from thermolatent.cli import main
from thermolatent.simulate import partial, walkers
take_it()
walkers.CHECKPOINT_SECONDS, walkers.CHUNK_FRAMES = 0.0, 13
checkpoint = partial.Partial.checkpoint
partial.Partial.checkpoint = lambda *arguments: (checkpoint(*arguments), time.sleep(0.3))
sys.exit(main(sys.argv[1:]))
"""


def simulate(folder, temperature):
    log = (folder / f"{temperature}.log").open("w")
    command = [
        sys.executable,
        "-c",
        COMMAND,
        str(Path(__file__).parent),
        "simulate",
        "test",
        "--temperature",
        str(temperature),
    ]
    return subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)


def saved(partial, molecule):
    """Frames that the last checkpoint of two walkers counts."""
    from thermolatent.simulate.partial import Partial

    if not (partial / "checkpoint").is_file():
        return 0
    found = Partial(partial, {}, 2, molecule.n_particles)._read(partial, quiet=True)
    return found[0]["frames"] if found else 0


def test_a_context_is_on_the_device_that_the_process_was_given(platform, monkeypatch, tmp_path):
    monkeypatch.setenv(devices.DEVICES_VARIABLE, "0")
    monkeypatch.setattr(devices.tempfile, "gettempdir", lambda: str(tmp_path))
    devices.own_device.cache_clear()
    settings = Simulate(walkers=2, frames=2, time_step=0.001, platform=platform)
    properties = platform_properties(platform, settings)
    context = new_context(VACUUM.built.system, mm.VerletIntegrator(0.001), platform, properties)
    used = mm.Platform.getPlatformByName(platform)
    names = used.getPropertyNames()
    if "DeviceIndex" in names:
        assert devices.own_device() == used.getPropertyValue(context, "DeviceIndex") == "0"
    assert used.getPropertyValue(context, "Precision") == "mixed" if "Precision" in names else not devices._held
    devices.own_device.cache_clear()
    while devices._held:
        os.close(devices._held.pop())


def test_an_opencl_that_is_a_cpu_is_refused(platform):
    if platform != "OpenCL":
        assert why_not(platform) is None
        return
    context = mm.Context(VACUUM.built.system, mm.VerletIntegrator(0.001), mm.Platform.getPlatformByName("OpenCL"))
    shown = context.getPlatform().getPropertyValue(context, "OpenCLPlatformName")
    assert runs_on_cpu(shown) == (why_not("OpenCL") is not None)
    assert not (runs_on_cpu(shown) and gpu_platform() == "OpenCL")
