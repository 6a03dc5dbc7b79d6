"""What a GPU computes. Without one these tests are skipped, but for platforms that are named: they run the same code.

THERMOLATENT_TEST_PLATFORM=CPU pytest tests/gpu          # or OpenCL, with PoCL; several separated by commas
"""

import os
import sys
from pathlib import Path

import openmm as mm
import pytest
import torch

from thermolatent.systems.platforms import why_not

sys.path.insert(0, str(Path(__file__).parent))
from as_on_gpu import take_it

NAMED = [name for name in os.environ.get("THERMOLATENT_TEST_PLATFORM", "").split(",") if name]


def platforms():
    """Those that are named, else those of a GPU that can be started."""
    loaded = [mm.Platform.getPlatform(i).getName() for i in range(mm.Platform.getNumPlatforms())]
    return NAMED or [name for name in ("CUDA", "HIP", "OpenCL") if name in loaded and why_not(name) is None]


def pytest_generate_tests(metafunc):
    if "platform" in metafunc.fixturenames:
        found = platforms()
        metafunc.parametrize("platform", found or [pytest.param("", marks=pytest.mark.skip("no GPU platform"))])


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.parent.name == "gpu":
            item.add_marker(pytest.mark.gpu)


@pytest.fixture
def device():
    """Torch's, of the GPU."""
    if torch.cuda.is_available():
        return "cuda"
    if not NAMED:
        pytest.skip("torch sees no GPU")
    return "cpu"


@pytest.fixture(autouse=True)
def _as_on_a_gpu(monkeypatch):
    take_it(monkeypatch.setattr)
