"""Matched scores: what a perfect, a wrong and a reweighted candidate get beside the floor."""

import numpy as np
import pytest

from thermolatent.frames import Frames
from thermolatent.validate.matching import Candidate, half_of, matched_scores
from thermolatent.validate.view import View

WALKERS, FRAMES = 16, 2000


@pytest.fixture(scope="module")
def view():
    """Harmonic wells: x ~ N(0, T) in both coordinates, at T = 1 (trained on), 2 (trained on) and 1.5."""
    rng = np.random.default_rng(0)
    points = {T: rng.normal(scale=np.sqrt(T), size=(WALKERS, FRAMES, 2)) for T in (1.0, 1.5, 2.0)}
    return view_of(points)


def view_of(points, counts=None, most=None):
    energies = {T: np.zeros(p.shape[:2]) for T, p in points.items()}
    starts = {T: (["a", "b"] * len(p))[: len(p)] for T, p in points.items()}
    md = Frames({T: T for T in points}, points, points, energies, counts or {}, starts)
    return View("fixed" if most is None else "latent", md, md.among([1.0, 2.0]), points, [False, False], 20, most)


def exact_weights(view, temperature):
    """MBAR weights of the training frames with the exact partition functions Z = 2 pi T."""
    energy = (view.training_points**2).sum(1) / 2
    mixture = sum(np.exp(-energy / T) / T for T in (1.0, 2.0))
    weights = np.exp(-energy / temperature) / mixture
    return weights / weights.sum()


def score(view, candidate, temperature=1.5, seed=1):
    return matched_scores(view, temperature, candidate, 60, np.random.default_rng(seed)).scores


def weighted(view, temperature):
    return Candidate(view.training_points, exact_weights(view, temperature), view.training.units, view.training.strata)


def test_halves_are_disjoint_and_complete(view):
    A, B = half_of(view, 1.5, True), half_of(view, 1.5, False)
    assert len(A.points) == len(B.points) == WALKERS * FRAMES // 2
    both = np.concatenate([A.points, B.points])
    assert len(np.unique(both, axis=0)) == len(both)


def test_perfect_candidates_score_like_the_floor(view):
    floor = score(view, None)
    fresh = Candidate(np.random.default_rng(5).normal(scale=np.sqrt(1.5), size=(20_000, 2)))
    for candidate in (fresh, weighted(view, 1.5)):
        found = score(view, candidate)
        for metric in ("js_plane", "kl_sym", "kl_sym_paper"):
            assert found[metric][0] == pytest.approx(floor[metric][0], rel=0.2), metric
        assert found["free_energy_rmse_kT"][0] < 1.2 * floor["free_energy_rmse_kT"][0]
        assert found["sliced_w2"][0] < 2 * floor["sliced_w2"][0] + 0.01


def test_the_wrong_temperature_does_not(view):
    floor, wrong = score(view, None), score(view, weighted(view, 1.0))
    # kl_sym_paper is not among them: with 100 bins, 16,000 points have a floor that hides a factor 1.5 in T
    for metric in ("js_plane", "kl_ref_gen", "kl_gen_ref", "kl_sym", "free_energy_rmse_kT"):
        assert wrong[metric][0] > floor[metric][0] + 5 * wrong[metric][1], metric
    assert wrong["sliced_w2"][0] == pytest.approx(1 - np.sqrt(1 / 1.5), abs=0.03)
    assert wrong["coverage"][0] == pytest.approx(1, abs=1e-3)


def test_sizes_are_matched(view):
    result = matched_scores(view, 1.5, weighted(view, 1.5), 10, np.random.default_rng(0))
    assert (result.n_ref, result.n_gen) == (16_000, 16_000)
    few = Candidate(np.random.default_rng(0).normal(size=(500, 2)))
    assert matched_scores(view, 1.5, few, 10, np.random.default_rng(0)).n_gen == 500
    view_of_few = view_of(view.points, most=1000)
    for candidate in (None, few, weighted(view, 1.5)):
        assert matched_scores(view_of_few, 1.5, candidate, 10, np.random.default_rng(0)).n_gen <= 1000


def test_fewer_effective_frames_have_a_higher_floor(view):
    floor = score(view, None)["js_plane"][0]
    n = len(view.training_points)
    weights = np.where(np.arange(n) % 100 == 0, 1.0, 0)
    few = score(
        view, Candidate(view.training_points, weights / weights.sum(), view.training.units, view.training.strata)
    )
    enough = score(view, weighted(view, 1.5))
    assert enough["js_plane_floor_ess"][0] == pytest.approx(floor, rel=0.05)
    assert few["js_plane_floor_ess"][0] > 5 * floor
    assert "js_plane_floor_ess" not in score(view, None)


def test_systematic_draw_follows_the_weights():
    weights = np.random.default_rng(3).dirichlet(np.ones(100))
    counts = np.bincount(Candidate(np.zeros((100, 1)), weights).draw(10_000, np.random.default_rng(4)), minlength=100)
    assert counts.sum() == 10_000
    assert np.abs(counts - 10_000 * weights).max() <= 1


def test_unweighted_draw_has_no_point_twice():
    drawn = Candidate(np.zeros((50, 1))).draw(30, np.random.default_rng(0))
    assert len(np.unique(drawn)) == 30


def test_errors_grow_with_correlation(view):
    """Frames that repeat their walker's first hundred: twenty times fewer, so a larger stderr of every score."""
    points = {T: np.tile(p[:, :100], (1, 20, 1)) for T, p in view.points.items()}
    slow = score(view_of(points), None)
    fast = score(view, None)
    assert slow["js_plane"][0] > 5 * fast["js_plane"][0]
    assert slow["js_plane"][1] > 2 * fast["js_plane"][1]


def test_same_seed_same_scores(view):
    assert score(view, weighted(view, 1.5)) == score(view, weighted(view, 1.5))
