"""Checks of the speed: a few seconds of LJ7's dynamics, and of training steps of a flow."""

from __future__ import annotations

import time

from thermolatent.doctor.finding import Finding
from thermolatent.rates import short
from thermolatent.simulate.settings import Simulate

#: Duration of each measurement, seconds.
SECONDS = 2.0
#: Minimum of walker-steps/s of LJ7; one core of 2024 does a million.
_SLOW = 2e5
#: Samples of a training step.
_BATCH = 4096


def check_speed(seconds: float = SECONDS) -> list[Finding]:
    """Measure LJ7 on its fastest platform, and a training step of a spline flow on the device of ``learn.device: auto``."""
    from thermolatent.simulate.speed import measure
    from thermolatent.systems.lj_cluster import LJCluster

    settings = Simulate(walkers=32, frames=2, time_step=0.005)
    speed = measure(LJCluster(kind="lj_cluster"), settings, 0.2, seconds)
    rate = speed.walker_steps_per_second
    text = f"LJ7: {short(rate)} walker-steps/s on one core ({speed.platform})"
    level = "ok" if rate > _SLOW else "problem"
    remedy = "" if level == "ok" else "a slow processor or emulation; expect everything to take this much longer"
    found = [Finding(level, text, remedy)]
    if speed.share < 0.7:
        found.append(
            Finding(
                "note", f"the machine is busy: the probe got {speed.share:.0%} of a core", "see what else runs: top"
            )
        )
    return [*found, _training(seconds)]


def _training(seconds: float) -> Finding:
    import torch

    from thermolatent.densities.descent import adam
    from thermolatent.densities.fit import build_density
    from thermolatent.training import pick_device

    device = pick_device("auto")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as in the rule learn
    try:
        torch.manual_seed(0)
        spec = {"kind": "flow", "transform": "spline", "couplings": 6, "bins": 16}
        density = build_density(spec, 2, ["steer", "condition"], [1.0, 2.5]).to(device)
        optimiser = adam(density.parameters(), 1e-3)
        z, theta = torch.randn(_BATCH, 2, device=device), torch.ones(_BATCH, device=device)
        clock = time.perf_counter if device.type == "cuda" else time.process_time  # the core may be shared
        steps, began = -2, clock()  # two warm-up steps
        while steps < 1 or clock() - began < seconds:
            if steps == 0:
                began = clock()
            optimiser.zero_grad(set_to_none=True)
            density.loss(z, theta).mean().backward()
            optimiser.step()
            if device.type == "cuda":
                torch.cuda.synchronize()
            steps += 1
        each = (clock() - began) / steps
    finally:
        torch.set_num_threads(threads)
    where = torch.cuda.get_device_name(0) if device.type == "cuda" else "one core"
    return Finding("ok", f"training a spline flow: {1000 * each:.0f} ms per step of {_BATCH} samples on {where}")
