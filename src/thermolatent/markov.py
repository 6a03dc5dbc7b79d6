"""Markov models of walkers that did not start in equilibrium: how often each of their frames counts, and the error of that.

Frames of state i count pi_i / (share of i among the frames). pi is the stationary distribution of the reversible transition
matrix of maximum likelihood (Prinz and others, J. Chem. Phys. 134, 174105 (2011)): it follows from the transitions, wherever
the walkers started. They must be in equilibrium within a state.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from thermolatent.errors import ThermolatentError

#: Least frames of a walker.
LEAST_FRAMES = 10
#: tICA components together have this share of the kinetic variance; k-means is fitted to at most this many frames.
_VARIANCE, _KMEANS_FRAMES = 0.95, 50_000
#: At most this many states: the counts of 64 walkers then take 32 MB.
_MOST_STATES = 250


def lag_of(frames: int) -> int:
    """A tenth of a walker: a longer lag would cost more transitions than it gains in accuracy."""
    return max(1, frames // 10)


def with_lag(frames: int) -> int:
    """Frames of a walker of which so many are used: the others are its first lag."""
    return frames + lag_of(-(-10 * frames // 9))


@dataclass(frozen=True)
class Chains:
    """Walkers as series of Markov states.

    Attributes
    ----------
    states: numbers from 0, ``(walkers, frames)`` int.
    lag: of the transitions, in frames. The first ``lag`` frames of each walker are left out: in them the degrees of freedom
        that the states do not show come to equilibrium.
    """

    states: np.ndarray
    lag: int

    @classmethod
    def of(cls, features: np.ndarray) -> Chains:
        """States by k-means in the slow tICA components of the features ``(walkers, frames, n)``, scaled so that distances are
        kinetic (Noe and Clementi, J. Chem. Theory Comput. 11, 5002 (2015)): the square root of the number of frames of them.

        Raises :class:`ThermolatentError` for features that do not vary.
        """
        from deeptime.clustering import KMeans
        from deeptime.decomposition import TICA

        lag = lag_of(features.shape[1])
        walkers = [np.asarray(walker, np.float64) for walker in features]
        try:
            tica = TICA(lagtime=lag, var_cutoff=_VARIANCE, scaling="kinetic_map").fit(walkers).fetch_model()
        except Exception as error:  # of deeptime or numpy
            raise ThermolatentError(
                f"featurize.features: Markov states of reseeded MD cannot be made of them ({error})"
            ) from None
        points = np.concatenate([np.asarray(tica.transform(walker)) for walker in walkers])
        few = np.ascontiguousarray(points[:: -(-len(points) // _KMEANS_FRAMES)])
        number = min(int(len(points) ** 0.5), _MOST_STATES, len(np.unique(few, axis=0)))
        found = KMeans(number, max_iter=50, fixed_seed=1, n_jobs=1).fit(few).fetch_model().transform(points)
        return cls(np.unique(found, return_inverse=True)[1].reshape(features.shape[:2]), lag)

    @property
    def used(self) -> np.ndarray:
        """The states without the first ``lag`` frames."""
        return self.states[:, self.lag :]

    @cached_property
    def model(self) -> MarkovModel:
        return MarkovModel.of(transition_counts(self.used, self.lag, int(self.states.max()) + 1))

    @cached_property
    def seen(self) -> np.ndarray:
        """Frames of each walker in each state, ``(walkers, n)``."""
        return np.stack([np.bincount(walker, minlength=len(self.model.stationary)) for walker in self.used])

    @cached_property
    def counts(self) -> np.ndarray:
        """How often each frame counts, ``(walkers, frames)`` of mean 1: 0 at the beginning, and in states that are not
        connected with most of the others in both directions."""
        found = np.zeros(self.states.shape)
        found[:, self.lag :] = (self.model.stationary / np.maximum(self.seen.sum(0), 1))[self.used]
        return found * (found.size / found.sum())

    @cached_property
    def response(self) -> np.ndarray:
        """Derivative of the logarithm of the count of a state's frames by the weight of each walker, ``(walkers, n)``."""
        share = self.seen / np.maximum(self.seen.sum(0), 1)
        return np.where(self.model.stationary > 0, self.model.response - share, 0.0)

    def timescales(self) -> tuple[float, float]:
        """Slowest implied timescale in frames, at the lag and at twice the lag; NaN where there is none."""
        return tuple(
            MarkovModel.of(transition_counts(self.used, lag, self.seen.shape[1])).timescale(lag)
            for lag in (self.lag, 2 * self.lag)
        )

    def chapman_kolmogorov(self, groups: np.ndarray, n_groups: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Chapman-Kolmogorov test of groups of frames ``(walkers, frames)``, such as the named states.

        Returns the probability ``(n_groups,)`` to be in a group two lags after one was there, predicted by the model and by one
        with twice the lag, and the standard error of the difference; NaN for groups without frames. By the jackknife over
        walkers, which also takes from the first how much the difference is biased by few transitions per state.
        """
        n = self.seen.shape[1]
        one, two = (transition_counts(self.used, lag, n) for lag in (self.lag, 2 * self.lag))
        pairs = self.used * n_groups + groups[:, self.lag :]
        inside = np.stack([np.bincount(walker, minlength=n * n_groups) for walker in pairs]).reshape(-1, n, n_groups)

        def both(once: np.ndarray, twice: np.ndarray, frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            member = frames / np.maximum(frames.sum(1, keepdims=True), 1)
            return MarkovModel.of(once[None]).returns(member, 2), MarkovModel.of(twice[None]).returns(member, 1)

        whole = [part.sum(0) for part in (one, two, inside)]
        without = (
            [total - own for total, own in zip(whole, parts, strict=True)]
            for parts in zip(one, two, inside, strict=True)
        )
        left_out = np.stack([np.subtract(*both(*rest)) for rest in without])
        predicted, seen = both(*whole)
        U = len(left_out)
        bias = (U - 1) * (left_out.mean(axis=0) - (predicted - seen))
        return predicted - bias, seen, np.sqrt((U - 1) * left_out.var(axis=0))


@dataclass(frozen=True)
class MarkovModel:
    """A reversible model of ``n`` states.

    Attributes
    ----------
    stationary: pi, ``(n,)`` of sum 1; 0 for states outside of the largest set that is connected in both directions.
    transition: matrix between the ``m`` connected states, ``(m, m)``, in ascending order of their numbers.
    response: derivative of the logarithm of pi by the weight of each walker, ``(walkers, n)``; 0 where pi is 0.
    """

    stationary: np.ndarray
    transition: np.ndarray
    response: np.ndarray

    @classmethod
    def of(cls, counts: np.ndarray) -> MarkovModel:
        """From the transition counts of each walker, ``(walkers, n, n)``."""
        n, connected = counts.shape[1], _largest_connected(counts.sum(0))
        own = counts[:, connected[:, None], connected]
        transition, pi = _reversible(own.sum(0))
        stationary, response = np.zeros(n), np.zeros((len(counts), n))
        stationary[connected], response[:, connected] = pi, _response(pi, own)
        return cls(stationary, transition, response)

    def timescale(self, lag: int) -> float:
        """Slowest implied timescale -lag / ln(lambda_2), in frames; NaN without one."""
        root = np.sqrt(self.stationary[self.stationary > 0])
        second = np.linalg.eigvalsh(root[:, None] * self.transition / root)[-2:][0]
        return float(-lag / np.log(second)) if 0 < second < 1 and len(root) > 1 else float("nan")

    def returns(self, member: np.ndarray, steps: int) -> np.ndarray:
        """Probability to be in a group ``steps`` after one was there, in equilibrium, ``(groups,)``.

        ``member`` ``(n, groups)``: share of each state's frames in each group.
        """
        connected = self.stationary > 0
        begin, end = self.stationary[connected, None] * member[connected], member[connected]
        later = np.linalg.matrix_power(self.transition, steps) @ end
        with np.errstate(divide="ignore", invalid="ignore"):
            return (begin * later).sum(0) / begin.sum(0)


def transition_counts(states: np.ndarray, lag: int, n: int) -> np.ndarray:
    """Sliding-window counts of each walker, ``(walkers, n, n)``, of states ``(walkers, frames)``."""
    pairs = (np.arange(len(states))[:, None] * n + states[:, :-lag]) * n + states[:, lag:]
    return np.bincount(pairs.ravel(), minlength=len(states) * n * n).reshape(len(states), n, n).astype(float)


def _largest_connected(counts: np.ndarray) -> np.ndarray:
    """Numbers of the states of the strongly connected set with most transitions, ascending."""
    from scipy.sparse.csgraph import connected_components

    _, own = connected_components(counts > 0, connection="strong")
    return np.flatnonzero(own == np.bincount(own, counts.sum(1)).argmax())


def _reversible(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Reversible transition matrix of maximum likelihood and its stationary distribution, of connected states."""
    from deeptime.markov.msm import MaximumLikelihoodMSM

    if len(counts) == 1:
        return np.ones((1, 1)), np.ones(1)
    model = MaximumLikelihoodMSM(reversible=True, maxerr=1e-12).fit_from_counts(counts).fetch_model()
    return model.transition_matrix, model.stationary_distribution


def _response(pi: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """d ln pi by the weight of each walker, ``(walkers, m)``, from the walkers' counts ``(walkers, m, m)``.

    By implicit differentiation of the estimate's equations, x_i = sum_j S_ij / D_ij with S = C + C^T, D_ij = c_i/x_i + c_j/x_j,
    c_i = sum_j C_ij. A common factor of all x is free: the solution is that with sum_i pi_i dln pi_i = 0.
    """
    if len(pi) == 1:
        return np.zeros((len(counts), 1))
    rows, both = counts.sum(2), counts + counts.transpose(0, 2, 1)
    r, own = rows.sum(0) / pi, rows / pi
    D = r[:, None] + r
    Q = both.sum(0) / D**2
    change = (both / D).sum(2) - own * Q.sum(1) - own @ Q
    A = np.diag(r * (pi - r * Q.sum(1))) - r[:, None] * Q * r  # symmetric, and singular along (1, ..., 1)
    found = np.linalg.solve(A + np.abs(A).max(), (r * change).T).T
    return found - (found @ pi)[:, None]
