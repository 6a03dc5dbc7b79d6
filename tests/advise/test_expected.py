"""Expected errors against those of the MD that is then there, on two-state toys; and against exact identities."""

import numpy as np
import pytest
from reweight.two_states import md

from thermolatent import ConditionalReweighting
from thermolatent.advise.expected import Expectation, NewMd
from thermolatent.errors import ThermolatentError

ASKED, NEW, UNITS, FRAMES = 1.7, 1.35, 8, 400


def fitted(**toy) -> tuple[ConditionalReweighting, np.ndarray | None]:
    content = md(**toy)
    energies = content["energies"] and np.concatenate([e.ravel() for e in content["energies"]])
    return ConditionalReweighting(network=False).fit(**content), energies


def longer(content: dict, factor: int, seed: int) -> dict:
    """The toy with its last temperature ``factor`` times as long, by walkers that go on."""
    more = md(
        seed=1000 + seed, frames=content["frames"] * (factor - 1), **{k: content[k] for k in content if k != "frames"}
    )
    first = md(seed=seed, **content)
    for name in ("features", "states", "energies"):
        if first[name]:
            first[name][-1] = np.concatenate([first[name][-1], more[name][-1]], axis=1)
    return first


@pytest.mark.parametrize("bath", [None, 12], ids=["no energies", "energies"])
def test_a_new_temperature_brings_the_expected_error(bath):
    """Mean variances over twelve sets; both are estimates, by few walkers."""
    expected, realised, now = np.zeros((3, 4))
    for seed in range(12):
        before, energies = fitted(seed=seed, bath=bath, units=UNITS, frames=FRAMES)
        found = Expectation(before, energies).parts(ASKED, NewMd(NEW, UNITS, FRAMES))
        after, _ = fitted(seed=seed, bath=bath, units=UNITS, frames=FRAMES, temperatures=(1.0, NEW, 2.0))
        then, present = (f.population_influences(ASKED).parts() for f in (after, before))
        for total, parts in ((expected, found), (realised, then), (now, present)):
            total += [parts.sampling.sum(0)[1], parts.form[1], parts.visits[1], parts.total[1]]
    np.testing.assert_allclose(np.sqrt(expected / realised), 1, atol=0.2)
    assert expected[3] < now[3] / 1.5


@pytest.mark.parametrize("bath", [None, 12], ids=["no energies", "energies"])
def test_longer_md_brings_the_expected_error(bath):
    toy, (expected, realised) = {"bath": bath, "units": UNITS, "frames": FRAMES}, np.zeros((2, 2))
    for seed in range(12):
        before, energies = fitted(seed=seed, **toy)
        found = Expectation(before, energies).parts(ASKED, NewMd(2.0, UNITS, 3 * FRAMES))
        after = ConditionalReweighting(network=False).fit(**longer(toy, 4, seed))
        for total, parts in ((expected, found), (realised, after.population_influences(ASKED).parts())):
            total += [parts.sampling.sum(0)[1], parts.form[1]]
    np.testing.assert_allclose(np.sqrt(expected / realised), 1, atol=0.2)


def test_no_further_frames_change_nothing():
    reweighting, energies = fitted()
    expectation = Expectation(reweighting, energies)
    _, now = expectation.present(ASKED)
    same = expectation.parts(ASKED, NewMd(2.0, UNITS, 0))
    np.testing.assert_allclose(same.total, now.total, rtol=1e-6)
    np.testing.assert_allclose(same.degrees_of_freedom, now.degrees_of_freedom, rtol=1e-6)


@pytest.mark.parametrize("network", [False, True], ids=["states", "network"])
def test_frames_of_a_cell_sum_to_its_influence(network, monkeypatch):
    """With a stride of one: the variance at the new temperature is of the influences that the estimator has."""
    content = md(bath=12)
    reweighting = ConditionalReweighting(network=network).fit(**content)
    assert reweighting.summary.stride == 1
    checked = []
    of_frames = Expectation._influence_of_frames

    def compared(self, fit, influences, b, h, chosen):
        own, half = of_frames(self, fit, influences, b, h, chosen), fit.solution.design.halves[h]
        n = self.reweighting.n_frames
        values = np.zeros((len(half.frames), own.shape[1]))
        values[chosen] = own * half.counts[chosen, None]
        for number, piece in enumerate(half.cells):
            if half.frames[piece.start] >= n:
                cell = influences.cells[half.first_cell + number]
                np.testing.assert_allclose(values[piece].sum(0), cell, rtol=1e-4, atol=1e-8)
                checked.append(number)
        return own

    monkeypatch.setattr(Expectation, "_influence_of_frames", compared)
    energies = np.concatenate([e.ravel() for e in content["energies"]])
    Expectation(reweighting, energies).parts(ASKED, NewMd(NEW, UNITS, FRAMES))
    assert len(checked) == 32  # 8 walkers at 2 temperatures in 2 states


@pytest.mark.parametrize("temperature", [NEW, 0.8, 2.6, 2.0])
def test_more_md_is_worth_more(temperature):
    reweighting, energies = fitted()
    expectation = Expectation(reweighting, energies)
    errors = [expectation.present(2.6)[1].stderr[1]]
    errors += [expectation.parts(2.6, NewMd(temperature, UNITS, n)).stderr[1] for n in (50, 200, 800, 3200)]
    assert (np.diff(errors) < 0).all()


def test_what_cannot_be_expected_is_refused():
    with pytest.raises(ThermolatentError, match=r"the only MD is at 1; what a second temperature"):
        Expectation(fitted(temperatures=(1.0,))[0])
    reweighting, energies = fitted()
    with pytest.raises(ThermolatentError, match=r"energies: none for 6400 frames"):
        Expectation(reweighting)
    with pytest.raises(ThermolatentError, match=r"energies: 5 for 6400 frames"):
        Expectation(reweighting, energies[:5])
