"""Checks of the GPU: the driver, torch, and OpenMM's platforms with the reasons if one does not load."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from thermolatent.doctor.finding import INSTALL, Finding

GPU_PLATFORMS = ("CUDA", "HIP", "OpenCL")
#: Relative error of all forces in mixed precision, above which a platform is not right.
FORCE_ERROR = 1e-4
_UPDATE = "see that nvidia-smi lists the GPU, and update its driver"
#: Missing library of a plug-in -> its meaning, and how to install it.
_LIBRARIES = {
    "libOpenCL": (
        "the OpenCL loader is missing",
        "apt-get install ocl-icd-libopencl1 (Debian, Ubuntu), and the GPU's driver",
    ),
    "libcuda": ("the NVIDIA driver is missing", "install NVIDIA's driver; nvidia-smi must list the GPU"),
    "libnvrtc": ("CUDA's compiler library is missing", "{extra}"),
    "libcufft": ("CUDA's FFT library is missing", "{extra}"),
    "libcudart": ("CUDA's runtime library is missing", "{extra}"),
    "libamdhip": (
        "AMD's HIP runtime is missing",
        'install ROCm 6, and: pip install -e ".[hip]" -c envs/constraints.txt',
    ),
}


@dataclass(frozen=True)
class Driver:
    """Output of nvidia-smi: GPUs by name, the driver's version and the newest CUDA it supports. No GPUs if it is missing."""

    gpus: tuple[str, ...] = ()
    version: str = ""
    cuda: str = ""

    @property
    def extra(self) -> str:
        """Command that installs OpenMM's CUDA plug-in for this driver."""
        name = "cuda12" if self.cuda and int(self.cuda.partition(".")[0]) < 13 else "cuda13"
        return f'pip install -e ".[{name}]" -c envs/constraints.txt'


def read_driver() -> Driver:
    """The driver, by nvidia-smi."""
    query = _run("nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader")
    if query is None:
        return Driver()
    lines = [line.split(", ") for line in query.splitlines() if ", " in line]
    cuda = re.search(r"CUDA Version: ([\d.]+)", _run("nvidia-smi") or "")
    return Driver(tuple(line[0] for line in lines), lines[0][1] if lines else "", cuda[1] if cuda else "")


def check_gpu(driver: Driver | None = None) -> list[Finding]:
    """Check driver, torch and OpenMM."""
    driver = read_driver() if driver is None else driver
    amd = Path("/dev/kfd").exists()
    if driver.gpus:
        found = [
            Finding("ok", f"GPU: {', '.join(driver.gpus)}; driver {driver.version}, CUDA {driver.cuda or 'unknown'}")
        ]
    elif amd:
        found = [Finding("ok", "GPU: AMD's driver is there (/dev/kfd)")]
    else:
        found = [
            Finding("note", "no GPU is seen (nvidia-smi lists none): small systems run well without, proteins do not")
        ]
    return [*found, *_torch(driver), *_openmm(driver, amd)]


def _torch(driver: Driver) -> list[Finding]:
    import torch

    built = torch.version.cuda
    if torch.cuda.is_available():
        what = f"torch {torch.__version__} uses {torch.cuda.get_device_name(0)} (learn.device: auto)"
        try:
            right = float(torch.ones(8, 8, device="cuda").matmul(torch.ones(8, 8, device="cuda")).sum()) == 512.0
        except (RuntimeError, AssertionError) as error:  # a card that this build has no code for
            return [Finding("problem", f"{what}, and fails: {error}".splitlines()[0], "install another build of torch")]
        return [Finding("ok", what) if right else Finding("problem", f"{what}, and computes wrongly", _UPDATE)]
    if not driver.gpus:
        return [Finding("ok", f"torch {torch.__version__}, on the CPU")]
    if built is None:
        return [
            Finding(
                "problem",
                f"torch {torch.__version__} is the build without CUDA: models train on the CPU",
                "pip install --force-reinstall torch -c envs/constraints.txt (without the CPU index)",
            )
        ]
    return [
        Finding(
            "problem",
            f"torch {torch.__version__} is built for CUDA {built} and sees no GPU; the driver knows CUDA {driver.cuda or '?'}",
            "update NVIDIA's driver, or see whether CUDA_VISIBLE_DEVICES hides the GPU",
        )
    ]


def _openmm(driver: Driver, amd: bool) -> list[Finding]:
    import openmm as mm

    from thermolatent.systems.platforms import gpu_platform, why_not

    loaded = [mm.Platform.getPlatform(i).getName() for i in range(mm.Platform.getNumPlatforms())]
    found = [Finding("ok", f"OpenMM {mm.version.version} has the platforms {', '.join(loaded)}")]
    best = gpu_platform()
    found += _forces(best) if best else []
    wanted = bool(driver.gpus or amd) and best is None
    for name in GPU_PLATFORMS:
        if name not in loaded:
            found.append(_missing(name, mm.Platform.getPluginLoadFailures(), driver, amd, wanted))
        elif reason := why_not(name):
            found.append(_not_taken(name, reason))
    chosen = best or "CPU, and Reference for tiny systems"
    return [*found, Finding("ok", f"simulate.platform: auto takes {chosen}")]


def _forces(name: str) -> list[Finding]:
    """Whether the platform computes what Reference does: alanine dipeptide in implicit solvent."""
    import openmm as mm

    from thermolatent.systems.alanine_dipeptide import AlanineDipeptide
    from thermolatent.systems.platforms import evaluated, relative_error

    built = AlanineDipeptide(solvent="implicit").built
    positions = next(iter(built.starts.values()))
    positions = positions + np.random.default_rng(0).normal(
        0, 0.005, positions.shape
    )  # at the minimum forces are small
    try:
        error = relative_error(*(evaluated(built.system, positions, where)[1] for where in (name, "Reference")))
    except mm.OpenMMException as failure:
        return [Finding("problem", f"OpenMM's {name} fails with a molecule: {str(failure).strip()}", _UPDATE)]
    text = f"OpenMM's {name}: forces on alanine dipeptide within {error:.0e} of Reference's (mixed precision)"
    return [Finding("ok", text) if error < FORCE_ERROR else Finding("problem", text, _UPDATE)]


def _missing(name: str, failures: Iterable[str], driver: Driver, amd: bool, wanted: bool) -> Finding:
    """Why a platform did not load; a problem only if its GPU has no other platform."""
    own = {"CUDA": bool(driver.gpus), "HIP": amd, "OpenCL": bool(driver.gpus or amd)}[name]
    level = "problem" if own and wanted else "note"
    for failure in failures:
        library = re.search(rf"libOpenMM{name}\.so: (lib\w+)", failure)
        if library:
            what, remedy = _LIBRARIES.get(library[1], (f"{library[1]} is missing", INSTALL))
            remedy = remedy.format(extra=driver.extra) if own else ""
            return Finding(
                level, f"OpenMM's {name} does not load: {what}{'' if own else ' (nothing here would use it)'}", remedy
            )
    remedy = {"CUDA": driver.extra, "HIP": 'pip install -e ".[hip]" -c envs/constraints.txt', "OpenCL": INSTALL}[name]
    if not own:
        return Finding("note", f"OpenMM's {name} plug-in is not installed (nothing here would use it)")
    return Finding(level, f"OpenMM's {name} plug-in is not installed", remedy)


def _not_taken(name: str, reason: str) -> Finding:
    if reason.startswith("runs on the CPU"):
        return Finding(
            "note",
            f"OpenMM's {name} {reason}: PoCL crashes with generalised Born forces, so auto does not take it",
            "leave simulate.platform at auto or CPU; apt-get remove pocl-opencl-icd if nothing else needs it",
        )
    return Finding(
        "problem",
        f"OpenMM's {name} loads but cannot start: {reason}",
        _UPDATE,
    )


def _run(*command: str) -> str | None:
    """The output of a command; None if it is missing or fails."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
