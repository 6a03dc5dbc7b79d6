"""OpenMM's platform for molecules with ``platform: auto``."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import openmm

#: Parts of the names of OpenCL implementations on a CPU. Debian's PoCL crashes with GB forces.
_OPENCL_ON_CPU = ("portable computing", "pocl", "pthread", "cpu")


@functools.cache
def gpu_platform() -> str | None:
    """The fastest GPU platform that can be started on this machine, or None: CUDA, then HIP, then OpenCL on a real GPU."""
    import openmm as mm

    loaded = {mm.Platform.getPlatform(i).getName() for i in range(mm.Platform.getNumPlatforms())}
    for name in ("CUDA", "HIP", "OpenCL"):
        if name in loaded and why_not(name) is None:
            return name
    return None


def why_not(name: str) -> str | None:
    """Why ``auto`` does not take this loaded platform: no Context can be made, or it is OpenCL on a CPU; None if it does.

    The Context is one of mixed precision, the study's default, which Apple's GPUs lack.
    """
    import openmm as mm

    system = mm.System()
    system.addParticle(1.0)
    platform = mm.Platform.getPlatformByName(name)
    try:
        properties = {"Precision": "mixed"} if "Precision" in platform.getPropertyNames() else {}
        context = mm.Context(system, mm.VerletIntegrator(0.001), platform, properties)
    except mm.OpenMMException as error:  # the plug-in is installed, the device or its driver is not
        return str(error).strip()
    shown = [platform.getPropertyValue(context, p) for p in ("DeviceName", "OpenCLPlatformName") if name == "OpenCL"]
    return f"runs on the CPU ({', '.join(shown)})" if runs_on_cpu(" ".join(shown)) else None


def runs_on_cpu(shown: str) -> bool:
    """Whether an OpenCL device and platform name are those of a CPU."""
    return any(sign in shown.lower() for sign in _OPENCL_ON_CPU)


def evaluated(
    system: openmm.System, positions: np.ndarray, name: str, precision: str = "mixed"
) -> tuple[float, np.ndarray]:
    """Potential energy (kJ/mol) and forces ``(n, 3)`` (kJ/mol/nm) on a platform, at ``positions`` ``(n, 3)`` in nm.

    Raises OpenMMException where no Context can be made.
    """
    import openmm as mm

    platform = mm.Platform.getPlatformByName(name)
    properties = {"Precision": precision} if "Precision" in platform.getPropertyNames() else {}
    context = mm.Context(system, mm.VerletIntegrator(0.001), platform, properties)
    context.setPositions(positions)
    state = context.getState(energy=True, forces=True)
    return state.getPotentialEnergy()._value, state.getForces(asNumpy=True)._value


def relative_error(values: np.ndarray, exact: np.ndarray) -> float:
    """Norm of the difference of two arrays over the norm of the second."""
    return float(np.linalg.norm(values - exact) / np.linalg.norm(exact))
