"""Seconds to draw a million latents from trained models, on one core.

    python benchmarks/sampling_speed.py lj7_compare --models spline_informed diffusion_both flow_matching_informed

CPU seconds of one thread, which other work on the machine disturbs least (it still slows memory and a shared core; the load
is printed), the fastest of ``--repeats``. Targets: a flow 3 s, a diffusion by its ODE 30 s, flow matching 15 s. Faster and
wrong does not count: beside it stands the largest difference of a population of the decoder's states, hard, from samples of an
ODE with a hundredth of the tolerance, in their own standard errors. Exits with 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

import numpy as np
import torch

from thermolatent.learn.model import Model
from thermolatent.study.layout import Layout
from thermolatent.study.loading import load_study

TARGETS = {"flow": 3.0, "diffusion": 30.0, "flow_matching": 15.0}
#: A difference that chance reaches in one of some ten thousand comparisons.
MOST = 4.0
_CHECKED = 100_000


def seconds(model: Model, samples: int, temperature: float, repeats: int) -> float:
    """CPU seconds, the least of ``repeats``."""
    found = []
    for _ in range(repeats):
        start = time.process_time()
        model.sample(samples, temperature, seed=0)
        found.append(time.process_time() - start)
    return min(found)


def bias(model: Model, temperature: float) -> float:
    """Largest difference of a state's population by the standard and by a strict tolerance, over its standard error."""
    spec, shares = model.density.spec, []
    for tolerance, seed in ((spec.tolerance, 1), (spec.tolerance / 100, 2)):
        model.density.spec = spec.model_copy(update={"tolerance": tolerance})
        states = model.representation.states(model.sample(_CHECKED, temperature, seed))
        shares.append(np.bincount(states, minlength=model.representation.n_states) / _CHECKED)
    model.density.spec = spec
    mean = np.clip(np.mean(shares, axis=0), 1 / _CHECKED, 1)
    return float((np.abs(shares[0] - shares[1]) / np.sqrt(2 * mean * (1 - mean) / _CHECKED + 1e-12)).max())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study")
    parser.add_argument("--models", nargs="+", help="default: all of the study that have a target")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--samples", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--results", default="results")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    study = load_study(arguments.study)
    layout = Layout.of(study, arguments.results)
    known = [name for name, model in study.models.items() if model.density.kind in TARGETS]
    T = study.temperatures.T_ref  # the sharpest peaks, the most work for an ODE
    print(f"{arguments.samples} latents at T = {T:g}, one thread; load of the machine {os.getloadavg()[0]:.1f}")
    print("| model | CPU s | target s | bias, standard errors |")
    print("|---|---|---|---|")
    missed = []
    for name in arguments.models or known:
        path = layout.model(name, arguments.seed)
        if not os.path.isfile(path):
            sys.exit(f"{path} is missing; run the study first")
        model = Model.load(path)
        target = TARGETS[study.models[name].density.kind] * arguments.samples / 1e6
        took = seconds(model, arguments.samples, T, arguments.repeats)
        by_ode = model.density.by_ode and getattr(model.density.spec, "sampler", "ode") == "ode"
        off = bias(model, T) if by_ode else 0.0
        print(f"| `{name}` | {took:.1f} | {target:g} | {f'{off:.1f}' if by_ode else ''} |", flush=True)
        missed += [name] if took > target or off > MOST else []
    print(f"missed: {', '.join(missed)}" if missed else "met: all targets")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
