"""ODE integrator of the densities that are defined by a velocity field: Dormand-Prince 5(4) with adaptive steps.

With ``divergence=True`` it also integrates the exact divergence of the velocity, the change of ln p along a trajectory
(continuous normalizing flows, Chen et al., arXiv:1806.07366); no stochastic trace estimate. All rows of a batch share the
step size, so a row's result depends on the other rows within the tolerance.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from thermolatent.errors import ThermolatentError

Velocity = Callable[[Tensor, float], Tensor]

# Dormand & Prince, J. Comput. Appl. Math. 6, 19 (1980); the seventh stage is the next step's first.
_TIMES = (0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1, 1)
_STAGES = (
    (),
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    (35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
)
_ERROR = (71 / 57600, 0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40)
_MOST_STEPS = 10_000
_ADVICE = "train the model longer or with a lower learning rate"


def integrate(
    velocity: Velocity, x: Tensor, start: float, end: float, tolerance: float, divergence: bool = False
) -> tuple[Tensor, Tensor]:
    """Integrate dx/dt = velocity(x, t) from ``start`` to exactly ``end``, forwards or backwards. Not differentiable.

    Parameters
    ----------
    velocity: ``(n, d)`` and a time to ``(n, d)``, row by row; differentiable where the divergence is integrated.
    x: initial values ``(n, d)``.
    tolerance: root mean square over the batch of one step's error in x and in the divergence's integral, each relative
        to 1 + its size.

    Returns
    -------
    x at ``end`` ``(n, d)``, and the integral of the divergence from ``start`` to ``end`` ``(n,)`` (zeros without).

    Raises
    ------
    ThermolatentError: the velocity is not finite, or there are too many steps.
    """
    n, d = x.shape
    state = torch.cat([x.detach(), x.new_zeros(n, 1)], dim=1) if divergence else x.detach()
    if n == 0:
        return x.detach(), x.new_zeros(0)

    def rate(state: Tensor, t: float) -> Tensor:
        if divergence:
            return torch.cat(velocity_and_divergence(velocity, state[:, :d], t), dim=1)
        with torch.no_grad():
            return velocity(state, t)

    t, step = float(start), (end - start) / 20
    slopes = [rate(state, t)]
    for _ in range(_MOST_STEPS):
        last = abs(step) >= abs(end - t)
        step = end - t if last else step
        for fraction, weights in zip(_TIMES[1:], _STAGES[1:], strict=True):
            reached = _combine(state, step, slopes, weights)
            slopes.append(rate(reached, t + fraction * step))
        # The seventh stage is at the end point of the fifth-order solution, so `reached` is that solution.
        error = _combine(torch.zeros_like(state), step, slopes, _ERROR)
        scale = tolerance * (1 + torch.maximum(state.abs(), reached.abs()))
        ratio = float((error / scale).square().mean().sqrt())
        if ratio != ratio:
            raise ThermolatentError(f"the velocity is not finite near t = {t:.4g}; {_ADVICE}")
        if ratio <= 1:
            state, slopes = reached, slopes[-1:]
            if last:
                return state[:, :d], state[:, d] if divergence else x.new_zeros(n)
            t += step
        else:
            slopes = slopes[:1]
        step *= min(5.0, max(0.2, 0.9 * max(ratio, 1e-10) ** -0.2))
    raise ThermolatentError(f"the ODE needs more than {_MOST_STEPS} steps, stopped at t = {t:.4g}; {_ADVICE}")


def velocity_and_divergence(velocity: Velocity, x: Tensor, t: float) -> tuple[Tensor, Tensor]:
    """The velocity ``(n, d)`` and its exact divergence ``(n, 1)``, by one backward pass per dimension."""
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        v = velocity(x, t)
        divergence = torch.zeros_like(x[:, :1])
        for i in range(x.shape[1]) if v.requires_grad else ():
            (gradient,) = torch.autograd.grad(v[:, i].sum(), x, retain_graph=i + 1 < x.shape[1])
            divergence = divergence + gradient[:, i : i + 1]
    return v.detach(), divergence


def _combine(state: Tensor, step: float, slopes: list[Tensor], weights: tuple[float, ...]) -> Tensor:
    result = state
    for slope, weight in zip(slopes, weights, strict=True):
        if weight:
            result = torch.add(result, slope, alpha=step * weight)
    return result
