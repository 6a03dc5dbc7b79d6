"""Training speed at the papers' sizes: three-hole, 1e6 frames at T = 1, a RealNVP of 10 couplings x 16, one thread.

    python benchmarks/training_speed.py [--frames 1000000]

Prints seconds per epoch at batch 512 of the SPIB stage and of the joint stage, and the seconds of flow training (at the
batch size given) until the symmetrised KL on 60x60 bins, 1e6 samples against 1e6 frames not trained on, is below 0.011.
The frames are drawn from the exact density by quadrature, shuffled in time: speed does not depend on their order, and
convergence of MD does not enter.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch

from thermolatent.densities.flow import FlowDensity
from thermolatent.densities.specs import FlowSpec
from thermolatent.represent.labels import initial_labels, place_representatives
from thermolatent.represent.spib import Spib, SpibSpec
from thermolatent.systems.three_hole import ThreeHole
from thermolatent.training import adam, shuffled_batches

BETA_IB = 1e-4


def symmetrised_kl(a: np.ndarray, b: np.ndarray, bins: int = 60) -> float:
    """Mean of both directions on ``bins`` x ``bins`` over the range of ``a``, mass + 1e-10, renormalised."""
    edges = [np.linspace(a[:, i].min(), a[:, i].max(), bins + 1) for i in (0, 1)]
    p, q = (np.histogram2d(v[:, 0], v[:, 1], bins=edges)[0].ravel() / len(v) + 1e-10 for v in (a, b))
    p, q = p / p.sum(), q / q.sum()
    return float(((p - q) * np.log(p / q)).sum() / 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=1_000_000)
    parser.add_argument("--batch", type=int, default=4096, help="batch size of the time to 0.011")
    parser.add_argument("--rate", type=float, default=5e-3, help="learning rate of the time to 0.011")
    parser.add_argument("--steps", type=int, default=4000, help="steps of the time to 0.011")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    n = arguments.frames
    frames = torch.from_numpy(ThreeHole().sample_exact(2 * n, 1.0, rng).astype(np.float32))
    training, fresh = frames[:n], frames[n:]
    generator = torch.Generator().manual_seed(0)
    index = torch.arange(n)

    labels = torch.from_numpy(initial_labels(training.numpy(), 100, 0))
    spib = Spib(SpibSpec(2, 2, int(labels.max()) + 1))
    spib.feature_mean.copy_(training.mean(0))
    spib.feature_std.copy_(training.std(0))
    x = spib.standardise(training)
    place_representatives(spib, x, labels)
    density = FlowDensity(FlowSpec(tau=3.0, couplings=10, width=16), 2, ["steer"], (1.0, 1.0))
    with torch.no_grad():
        density.fit_scale(spib.encoder(x))

    for name, prior in (("SPIB", None), ("joint", density)):
        optimiser = adam([*spib.parameters(), *(prior.parameters() if prior else [])], 1e-3)
        start = time.perf_counter()
        for batch, y in shuffled_batches(512, generator, (x, index), (labels, index)):
            noise = torch.randn(len(batch), 2, generator=generator)
            terms = spib.terms(batch, y, noise, prior, torch.ones(len(batch)), BETA_IB)
            loss = terms.cross_entropy + BETA_IB * terms.log_q + (BETA_IB if prior is None else 1) * terms.neg_log_r
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
        print(f"{name} stage: {time.perf_counter() - start:.2f} s per epoch of {n} frames at batch 512", flush=True)

    density = FlowDensity(FlowSpec(tau=3.0, couplings=10, width=16), 2, ["steer"], (1.0, 1.0))
    density.fit_scale(training)
    optimiser = adam(density.parameters(), arguments.rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, arguments.rate, arguments.steps, pct_start=0.1)
    theta, seconds = torch.ones(arguments.batch), 0.0
    for step in range(1, arguments.steps + 1):
        start = time.perf_counter()
        batch = training[torch.randint(n, (arguments.batch,), generator=generator)]
        loss = density.loss(batch, theta)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
        seconds += time.perf_counter() - start
        if step % (arguments.steps // 8) == 0:
            sample = density.sample(n, 1.0, generator).numpy()
            kl = symmetrised_kl(fresh.numpy(), sample)
            print(f"flow, batch {arguments.batch}: step {step}, {seconds:.0f} s, symmetrised KL {kl:.4f}", flush=True)
            if kl < 0.011:
                break
    print(f"floor, {n} frames against {n} others: {symmetrised_kl(fresh.numpy(), training.numpy()):.4f}")


if __name__ == "__main__":
    main()
