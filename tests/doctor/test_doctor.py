"""The doctor: what it makes of drivers, plug-ins, versions and disks; its whole run on this machine."""

import re
import shutil
from collections import namedtuple

import pytest

from thermolatent.cli import main
from thermolatent.doctor import gpu, software
from thermolatent.doctor import machine as surroundings
from thermolatent.doctor.finding import INSTALL, Finding
from thermolatent.doctor.gpu import Driver
from thermolatent.systems import platforms

H100 = Driver(("NVIDIA H100",), "570.1", "12.8")
NEW = Driver(("NVIDIA H100",), "580.1", "13.0")
PLUGINS = "/opt/openmm/lib/plugins/libOpenMM"
NO_LOADER = (
    f"Error loading library {PLUGINS}OpenCL.so: libOpenCL.so.1: cannot open shared object file",
    f"Error loading library {PLUGINS}DrudeOpenCL.so: libOpenMMOpenCL.so: cannot open shared object file",
)
NO_DRIVER = (f"Error loading library {PLUGINS}CUDA.so: libcuda.so.1: cannot open shared object file",)
NO_NVRTC = (f"Error loading library {PLUGINS}CUDA.so: libnvrtc.so.12: cannot open shared object file",)


@pytest.mark.parametrize(
    ("name", "failures", "driver", "level", "what", "remedy"),
    [
        ("OpenCL", NO_LOADER, Driver(), "note", "the OpenCL loader is missing (nothing here would use it)", ""),
        ("OpenCL", NO_LOADER, H100, "problem", "the OpenCL loader is missing", "apt-get install ocl-icd-libopencl1"),
        ("CUDA", NO_LOADER, Driver(), "note", "CUDA plug-in is not installed (nothing here", ""),
        ("CUDA", NO_LOADER, H100, "problem", "CUDA plug-in is not installed", ".[cuda12]"),
        ("CUDA", (), NEW, "problem", "CUDA plug-in is not installed", ".[cuda13]"),
        ("CUDA", NO_DRIVER, H100, "problem", "the NVIDIA driver is missing", "nvidia-smi must list the GPU"),
        ("CUDA", NO_NVRTC, H100, "problem", "compiler library is missing", ".[cuda12]"),
    ],
)
def test_why_a_platform_is_missing(name, failures, driver, level, what, remedy):
    found = gpu._missing(name, failures, driver, amd=False, wanted=bool(driver.gpus))
    assert found.level == level
    assert what in found.what
    assert remedy in found.remedy
    assert bool(remedy) == bool(found.remedy)


def test_a_platform_that_another_one_replaces_is_no_problem():
    assert gpu._missing("OpenCL", NO_LOADER, H100, amd=False, wanted=False).level == "note"


def test_opencl_on_the_cpu_is_not_taken():
    found = gpu._not_taken("OpenCL", "runs on the CPU (pthread-x86, Portable Computing Language)")
    assert found.level == "note"
    assert "PoCL crashes with generalised Born" in found.what
    assert gpu._not_taken("CUDA", "No compatible CUDA device is available").level == "problem"


def test_a_platform_says_why_it_is_not_taken(monkeypatch):
    """CPU and Reference can always be started; a name that OpenCL's devices have on a CPU is recognised."""
    assert platforms.why_not("Reference") is None
    assert platforms.runs_on_cpu("cpu-haswell-AMD EPYC Portable Computing Language")


def test_torch_without_cuda_is_a_problem_only_beside_a_gpu(monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", None)
    assert gpu._torch(Driver())[0].level == "ok"
    found = gpu._torch(H100)[0]
    assert found.level == "problem"
    assert "pip install --force-reinstall torch" in found.remedy
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    assert "driver knows CUDA 12.8" in gpu._torch(H100)[0].what


def test_a_card_that_torch_cannot_compute_on_is_a_problem(monkeypatch):
    import torch

    def no_code(*_, **__):
        raise RuntimeError("CUDA error: no kernel image is available for execution on the device\nmore")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "Old Card")
    monkeypatch.setattr(torch, "ones", no_code)
    (found,) = gpu._torch(H100)
    assert found.level == "problem"
    assert found.what.endswith(
        "uses Old Card (learn.device: auto), and fails: CUDA error: no kernel image is available for "
        "execution on the device"
    )


def test_forces_of_a_platform_are_compared_with_reference(monkeypatch):
    (found,) = gpu._forces("CPU")
    assert found.level == "ok"
    assert re.fullmatch(r"OpenMM's CPU: forces on alanine dipeptide within \de-0[678] of Reference's .*", found.what)
    monkeypatch.setattr(gpu, "FORCE_ERROR", 0.0)
    assert gpu._forces("CPU")[0].level == "problem"


def test_nvidia_smi_is_read(monkeypatch):
    answers = {True: "NVIDIA H100, 570.1\nNVIDIA H100, 570.1\n", False: "| NVIDIA-SMI 570.1   CUDA Version: 12.8 |"}
    monkeypatch.setattr(gpu, "_run", lambda *command: answers[len(command) > 1])
    assert gpu.read_driver() == Driver(("NVIDIA H100", "NVIDIA H100"), "570.1", "12.8")
    monkeypatch.setattr(gpu, "_run", lambda *command: None)
    assert gpu.read_driver() == Driver()


def test_other_versions_than_the_pins_are_named(tmp_path):
    from importlib.metadata import version

    pins = tmp_path / "constraints.txt"
    pins.write_text(f"# pins\nnumpy=={version('numpy')}\nyamlx==1.0\npydantic==1.0.0\n")
    (found,) = software._pins(pins)
    assert found.level == "note"
    assert found.what.endswith(f"pydantic {version('pydantic')} (tested: 1.0.0)")
    assert found.remedy == INSTALL
    assert list(software._pins(tmp_path / "none.txt")) == []


def test_a_requirement_that_is_missing_or_too_old_is_broken():
    from packaging.requirements import Requirement

    found = software._requirements([Requirement("numpy>=1"), Requirement("pydantic<1"), Requirement("no-such-thing")])
    assert [f.level for f in found] == ["ok", "broken", "broken"]
    assert "no-such-thing is missing" in found[2].what


def test_what_one_kind_of_study_needs_is_a_note(monkeypatch):
    from packaging.requirements import Requirement

    monkeypatch.setattr(software, "_OWN", {"no-such-thing": "for nothing"})
    assert [f.level for f in software._requirements([Requirement("no-such-thing")])] == ["ok", "note"]


def test_python_of_another_version_is_broken():
    assert software._python(">=3.11").level == "ok"
    assert software._python("<3.0").level == "broken"


def test_disk_and_lock(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").mkdir()
    (tmp_path / "results/x").write_bytes(b"0" * 2500)
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10, 0, int(2e11)))
    (found,) = surroundings.check_disk("results")
    assert (found.level, found.what) == ("ok", "200 GB free for results/, which holds 2.5 kB")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10, 0, int(1e9)))
    (tmp_path / ".snakemake/locks").mkdir(parents=True)
    (tmp_path / ".snakemake/locks/0.input.lock").touch()
    full, lock = surroundings.check_disk("results")
    assert full.level == "problem"
    assert "thermolatent run NAME --unlock" in lock.remedy


@pytest.mark.parametrize(
    ("there", "working", "words"),
    [
        ([], [], "no SLURM here"),
        (["sbatch", "squeue", "sacct"], ["squeue", "sacct"], None),
        (["sbatch", "squeue", "sacct"], ["squeue"], "--slurm-status-command squeue"),
        (["sbatch", "squeue"], ["squeue"], "--slurm-status-command squeue"),
        (["sbatch", "squeue", "sacct"], [], "scontrol ping"),
    ],
)
def test_cluster(monkeypatch, there, working, words):
    monkeypatch.setattr(shutil, "which", lambda name: name if name in there else None)
    monkeypatch.setattr(surroundings, "_works", lambda name, *_: name in working)
    monkeypatch.setattr(surroundings.metadata, "version", lambda _: "2.8.0")
    found = surroundings.check_cluster()
    bad = [f for f in found if f.level != "ok"]
    if words is None:
        assert bad == []
    else:
        assert words in str((bad or found)[0])


def test_the_whole_doctor_on_this_machine(tmp_path, monkeypatch, capsys):
    """Nothing essential is broken where the tests run; the probes give numbers."""
    from thermolatent.doctor import speed

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(speed.check_speed, "__defaults__", (0.2,))
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    for words in ("python 3.", "torch ", "simulate.platform: auto takes", "walker-steps/s", "ms per step", "free for"):
        assert words in out


def test_what_is_broken_ends_it(monkeypatch, capsys):
    monkeypatch.setattr(software, "check_software", lambda: [Finding("broken", "torch is missing", INSTALL)])
    assert main(["doctor"]) == 1
    assert f"  broken: torch is missing\n      -> {INSTALL}\n" in capsys.readouterr().out
