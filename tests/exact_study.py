"""Exact samples of the three-hole potential with short-time dynamics, laid out as featurize would."""

from functools import partial
from unittest import mock

import mdtraj
import numpy as np
from frames_for_tests import write_frames

from thermolatent import ConditionalReweighting
from thermolatent.study.study import Study
from thermolatent.systems.three_hole import ThreeHole

WALKERS, FRAMES, SEGMENT = 16, 900, 15
#: Frames of the fixture ``short``, for what holds of any numbers.
SHORT = 300
MINIMA = {"left": (-1.0481, -0.0421), "right": (1.0481, -0.0421), "top": (0.0, 1.5371)}


def make_study(**changes):
    """A quick three-hole study, trained at 0.5 and 1.5."""
    content = {
        "name": "exact",
        "system": "three_hole",
        "temperatures": {"train": [0.5, 1.5], "predict": [1.0]},
        "simulate": {"walkers": WALKERS, "frames": FRAMES, "time_step": 0.02},
        "featurize": {"features": ["position_xy"], "plane": ["position_xy"]},
        "representation": {
            "initial_labels": 12,
            "epochs": 4,
            "refinements": 6,
            "batch_size": 512,
            "learning_rate": 5e-3,
        },
        "learn": {"steps": 500, "evaluate_every": 125, "batch_size": 1024, "learning_rate": 5e-3},
        "models": {
            "informed": {
                "density": {"kind": "flow", "transform": "spline", "couplings": 4, "width": 16, "tau": 3.0},
                "temperature": ["steer", "condition"],
                "informed": True,
                "encoder": "frozen",
            },
            "joint": {"density": {"kind": "flow", "couplings": 4, "width": 8}, "encoder": "joint"},
        },
        "generate": {"samples": 5000, "structures": 0, "grid": 3},
        "validate": {"states": {"kind": "basins", "minima": MINIMA}},
    }
    return Study(**{**content, **changes})


def correlated_exact_points(T, rng, walkers=WALKERS, frames=FRAMES):
    """``(walkers, frames, 2)``: exact points, each followed for SEGMENT frames by Metropolis, which keeps them exact."""
    system = ThreeHole()
    points = system.sample_exact(walkers * frames // SEGMENT, T, rng)
    energy, followed = system.plane_energy(points), []
    for _ in range(SEGMENT):
        followed.append(points)
        for _ in range(4):
            trial = points + 0.25 * rng.normal(size=points.shape)
            trial_energy = system.plane_energy(trial)
            accepted = rng.random(len(points)) < np.exp((energy - trial_energy) / T)
            points = np.where(accepted[:, None], trial, points)
            energy = np.where(accepted, trial_energy, energy)
    return np.stack(followed, axis=1).reshape(walkers, frames, 2)


def write_features(study, layout, temperatures, frames=FRAMES):
    for T in temperatures:
        points = correlated_exact_points(T, np.random.default_rng(round(100 * T)), frames=frames)
        write_frames(layout, T, points, points, ThreeHole().plane_energy(points), names=["x", "y"])


def without_network():
    """The stage reweight fits no network, which takes seconds: for what does not depend on one."""
    quick = partial(ConditionalReweighting, network=False)
    return mock.patch("thermolatent.reweight.stage.ConditionalReweighting", quick)


def as_trajectory(points):
    """Points ``(frames, 2)`` as the trajectory of one particle."""
    topology = mdtraj.Topology()
    topology.add_atom("A1", mdtraj.element.argon, topology.add_residue("HOL", topology.add_chain()))
    return mdtraj.Trajectory(np.pad(points, ((0, 0), (0, 1)))[:, None].astype(np.float32), topology)
