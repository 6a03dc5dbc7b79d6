"""Exact samples of the three-hole potential, and a study with every file that validate reads."""

import numpy as np
import pytest

from thermolatent.study.study import Study
from thermolatent.systems.three_hole import ThreeHole


@pytest.fixture(scope="session")
def three_hole_samples():
    return sample_three_hole


def sample_three_hole(n, temperature, seed=0):
    return ThreeHole(kind="three_hole").sample_exact(n, temperature, np.random.default_rng(seed))


@pytest.fixture(scope="session")
def study():
    return Study(
        name="tiny",
        system="three_hole",
        temperatures={"train": [0.5, 1.5], "predict": [1.0, 2.0], "reference": [1.0]},
        simulate={"walkers": 16, "frames": 1000, "time_step": 0.02},
        featurize={"features": ["position_xy"], "plane": ["position_xy"]},
        models={
            "good": {"density": "flow", "encoder": "frozen"},
            "joint": {"density": "flow", "encoder": "joint", "representation": {"lag": 3}},
        },
        generate={"samples": 8000, "grid": 5},
        validate={
            "bins": 30,
            "bootstrap": 20,
            "states": {
                "kind": "basins",
                "minima": {"left": [-1.0481, -0.0421], "right": [1.0481, -0.0421], "top": [0.0, 1.5371]},
            },
        },
    )
