import os
import subprocess
import sys
import threading
from types import SimpleNamespace

import openmm as mm
import pytest

from thermolatent.errors import SimulationError
from thermolatent.simulate import devices
from thermolatent.simulate.langevin import platform_properties
from thermolatent.simulate.settings import Simulate

SETTINGS = Simulate(walkers=2, frames=2, save_every=1, equilibration=0, time_step=0.001, friction=1.0)
CODE = "import sys; from thermolatent.simulate.devices import own_device; print(own_device(), flush=True); sys.stdin.read()"


@pytest.fixture
def job(tmp_path):
    """``job(devices, visible=None)``: a process that takes one of the devices; all are killed at the end."""
    started = []

    def start(shared_out, visible=None):
        environment = {k: v for k, v in os.environ.items() if "DEVICES" not in k} | {"TMPDIR": str(tmp_path)}
        environment |= {"THERMOLATENT_DEVICES": shared_out} if shared_out is not None else {}
        environment |= {"CUDA_VISIBLE_DEVICES": visible} if visible is not None else {}
        process = subprocess.Popen(
            [sys.executable, "-c", CODE], env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def device_of(process):
    timer = threading.Timer(60, process.kill)  # rather no answer than to wait for ever
    timer.start()
    told = process.stdout.readline().strip()
    timer.cancel()
    return told


def test_each_process_has_a_device_of_its_own_and_a_killed_one_gives_it_back(job):
    first, second = job("0,1"), job("0,1")
    held = {device_of(first): first, device_of(second): second}
    assert set(held) == {"0", "1"}
    third = job("0,1")
    with pytest.raises(subprocess.TimeoutExpired):  # it waits
        third.wait(timeout=1.5)
    held["1"].kill()
    assert device_of(third) == "1"


def test_an_index_that_stands_there_twice_is_for_two_processes(job):
    """In the order in which they stand: a device gets its second process when each has one."""
    assert [device_of(job("0,1,0,1")) for _ in range(4)] == ["0", "1", "0", "1"]
    with pytest.raises(subprocess.TimeoutExpired):
        job("0,1,0,1").wait(timeout=1.5)


def test_an_index_counts_among_the_visible_devices(job):
    assert device_of(job("0", visible="2,3")) == "0"
    assert device_of(job("0", visible="4")) == "0"
    assert device_of(job("1,0", visible="1,2")) == "0"  # 2 is taken
    assert device_of(job("0,1,2", visible="1,4,GPU-8f")) == "2"


def test_nothing_is_shared_out_unless_asked_for(job):
    assert [device_of(job(None, visible="3")), device_of(job(None, visible="3"))] == ["None", "None"]


@pytest.fixture
def on_cuda(monkeypatch, tmp_path):
    """A platform as OpenMM's CUDA one; locks lie in a folder of the test's."""
    platform = SimpleNamespace(
        getPropertyNames=lambda: ("DeviceIndex", "DeviceName", "Precision", "DeterministicForces")
    )
    monkeypatch.setattr(mm.Platform, "getPlatformByName", lambda name: platform)
    monkeypatch.setattr(devices.tempfile, "gettempdir", lambda: str(tmp_path))
    devices.own_device.cache_clear()
    yield
    devices.own_device.cache_clear()
    for file in devices._held:
        os.close(file)
    devices._held.clear()


def test_a_context_on_a_gpu_asks_for_the_process_s_device(on_cuda, monkeypatch):
    monkeypatch.setenv(devices.DEVICES_VARIABLE, "3, 5")
    assert [platform_properties("CUDA", SETTINGS)["DeviceIndex"] for _ in range(2)] == ["3", "3"]


def test_without_a_list_the_platform_chooses(on_cuda, monkeypatch):
    monkeypatch.delenv(devices.DEVICES_VARIABLE, raising=False)
    assert "DeviceIndex" not in platform_properties("CUDA", SETTINGS)


def test_a_list_that_is_none_is_refused(on_cuda, monkeypatch):
    monkeypatch.setenv(devices.DEVICES_VARIABLE, "GPU-1")
    with pytest.raises(SimulationError, match="THERMOLATENT_DEVICES: is 'GPU-1'; write indices of GPUs, as 0,1"):
        devices.own_device()


def test_on_the_cpu_no_device_is_taken(monkeypatch):
    monkeypatch.setenv(devices.DEVICES_VARIABLE, "GPU-1")
    assert set(platform_properties("CPU", SETTINGS)) <= {"Threads", "DeterministicForces"}
