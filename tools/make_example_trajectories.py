"""Small files of real MD for docs/trajectories.md: alanine dipeptide in vacuum at two temperatures, as GROMACS would leave them.

``python tools/make_example_trajectories.py example`` writes ``example/ala.pdb`` and for each temperature and run an XTC
trajectory and the ``.xvg`` of ``gmx energy``: potential energy and temperature. Half a minute on one idle core.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import mdtraj
import numpy as np
from openmm import Context, LangevinMiddleIntegrator, Platform, unit
from openmm.unit import MOLAR_GAS_CONSTANT_R

from thermolatent.systems.kinds import SYSTEMS

TEMPERATURES = (750, 950)  # kelvin: hot, so that half a nanosecond crosses the barrier in phi
TIME_STEP, SAVE_EVERY = 0.003, 100  # ps, steps: a frame every 0.3 ps
HEADER = """@    title "GROMACS Energies"
@    xaxis  label "Time (ps)"
@    yaxis  label "(kJ/mol), (K)"
@TYPE xy
@ s0 legend "Potential"
@ s1 legend "Temperature"
"""


def write_run(folder: Path, temperature: int, run: int, frames: int) -> None:
    """MD of ``frames`` frames after 10 ps that are not saved, into ``<run>_<temperature>K.xtc`` and ``.xvg``."""
    molecule = SYSTEMS["alanine_dipeptide"](solvent="vacuum", hydrogen_mass=3.0)
    integrator = LangevinMiddleIntegrator(temperature, 1 / unit.picosecond, TIME_STEP)
    integrator.setRandomNumberSeed(1000 * run + temperature)
    context = Context(molecule.built.system, integrator, Platform.getPlatformByName("Reference"))
    context.setPositions(next(iter(molecule.starts().values())))
    context.setVelocitiesToTemperature(temperature, 1000 * run + temperature)
    integrator.step(round(10 / TIME_STEP))
    topology = mdtraj.Topology.from_openmm(molecule.topology())
    positions, rows = [], []
    for frame in range(frames):
        state = context.getState(positions=True, energy=True)
        kinetic = state.getKineticEnergy().value_in_unit(unit.kilojoule_per_mole)
        potential = state.getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole)
        positions.append(state.getPositions(asNumpy=True).value_in_unit(unit.nanometer))
        rows.append((frame * SAVE_EVERY * TIME_STEP, potential, kinetic))
        integrator.step(SAVE_EVERY)
    system = context.getSystem()
    freedom = 3 * system.getNumParticles() - system.getNumConstraints()
    gas = MOLAR_GAS_CONSTANT_R.value_in_unit(unit.kilojoule_per_mole / unit.kelvin)
    name = folder / f"{run}_{temperature}K"
    trajectory = mdtraj.Trajectory(np.array(positions), topology, time=np.array(rows)[:, 0])
    trajectory.save_xtc(str(name.with_suffix(".xtc")))
    lines = [f"{t:12.6f} {potential:12.6f} {2 * kinetic / (freedom * gas):12.6f}" for t, potential, kinetic in rows]
    name.with_suffix(".xvg").write_text(HEADER + "\n".join(lines) + "\n")
    trajectory[0].save_pdb(str(folder / "ala.pdb"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where the files go")
    parser.add_argument("--runs", type=int, default=8, help="independent runs per temperature (default: 8)")
    parser.add_argument("--frames", type=int, default=1600, help="of each run, 0.3 ps apart (default: 1600)")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for temperature in TEMPERATURES:
        for run in range(options.runs):
            write_run(options.folder, temperature, run, options.frames)
        print(f"{options.folder}/*_{temperature}K.xtc, .xvg: {options.runs} runs of {options.frames} frames")


if __name__ == "__main__":
    main()
