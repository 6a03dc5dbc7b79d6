"""Whether MD as a whole is fit to answer: toys whose start-up, temperature, starts and halves are known."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from reweight.two_states import chains, md

from thermolatent import ConditionalReweighting
from thermolatent.frames import Frames
from thermolatent.reweight.examination import examine, kinetic_temperature
from thermolatent.reweight.fitness import Soundness
from thermolatent.reweight.fitting import pieces_in_time
from thermolatent.reweight.running import MOST_TIMES, running_rows
from thermolatent.reweight.sample import Arrays
from thermolatent.reweight.start_up import start_up, without_start_up

TEMPERATURES = (1.0, 2.0)


def relaxing(share, walkers, frames, rng, visit, first):
    """Chains of :func:`two_states.chains` that all begin in the state ``first``."""
    into, out = min(1.0, share / (1 - share)) / visit, min(1.0, (1 - share) / share) / visit
    states = np.empty((walkers, frames), int)
    states[:, 0] = first
    for t in range(1, frames):
        change = rng.random(walkers) < np.where(states[:, t - 1] == 1, out, into)
        states[:, t] = np.where(change, 1 - states[:, t - 1], states[:, t - 1])
    return states


def toy(states, energies=None, starts=None, pieces=None):
    """(sample, frames) of states ``(walkers, frames)`` at each of :data:`TEMPERATURES`."""
    arrays = dict(zip(TEMPERATURES, states, strict=True))
    features = {T: a[..., None].astype(np.float32) for T, a in arrays.items()}
    u = energies or [np.full(a.shape, np.nan) for a in states]
    frames = Frames(
        kT={T: T for T in TEMPERATURES},
        features=features,
        plane={T: np.repeat(f, 2, axis=-1) for T, f in features.items()},
        energies=dict(zip(TEMPERATURES, u, strict=True)),
        starts={T: starts or ["here"] * a.shape[0] for T, a in arrays.items()},
        pieces=pieces or {},
    )
    sample = Arrays(
        *([*features.values()], TEMPERATURES),
        **{"states": list(states), "state_names": ["zero", "one"], "energies": energies, "temperature_unit": "reduced"},
    ).sample()
    return sample, frames


def protocol(T=1.0, off=0.0, walkers=8, frames=400, **changes):
    """What the protocol of a model system's MD tells, kinetic temperatures of ten degrees of freedom."""
    rng, spread = np.random.default_rng(round(10 * T)), T * (2 / 10) ** 0.5
    means = T + off + spread / np.sqrt(frames) * rng.standard_normal(walkers)
    told = {"mean": means.tolist(), "std": [spread] * walkers, "expected": {"mean": T, "std": spread}}
    content = {"friction": 1.0, "save_every": 100, "time_step": 0.05, "frames": frames, "kinetic_temperature": told}
    return content | {"starts": ["a", "b"] * (walkers // 2), "platform": "Reference"} | changes


def both(**changes):
    return {T: protocol(T, **changes) for T in TEMPERATURES}


def stationary(seed=0, walkers=8, frames=400):
    rng = np.random.default_rng(seed)
    return [chains(0.4, walkers, frames, rng), chains(0.6, walkers, frames, rng)]


# Start-up


@pytest.mark.parametrize(("walkers", "visit"), [(4, 5), (4, 200), (8, 50), (32, 200)])
def test_stationary_md_loses_next_to_nothing(walkers, visit):
    lost = []
    for seed in range(50):
        rng = np.random.default_rng([seed, walkers, visit])
        states = chains(0.2, walkers, 1000, rng, visit)
        lost.append(start_up([states == 0, states == 1, rng.standard_normal(states.shape)]))
    assert np.median(lost) == 0
    assert np.mean(lost) < 0.01


def test_noise_and_what_never_varies_lose_nothing():
    rng = np.random.default_rng(0)
    found = [start_up([rng.standard_normal((8, 500)), np.zeros((8, 500)), np.full((8, 500), 1e6)]) for _ in range(50)]
    assert np.median(found) == 0
    assert np.mean(np.array(found) > 0) < 0.05
    assert start_up([]) == start_up([np.ones((2, 3))]) == 0


@pytest.mark.parametrize("walkers", [2, 8])
def test_an_energy_that_relaxes_loses_its_relaxation(walkers):
    """From four standard deviations off, with a relaxation time of a tenth of the MD."""
    lost = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        decay = 4 * np.exp(-np.arange(1000) / 100)
        lost.append(start_up([rng.standard_normal((walkers, 1000)) + decay]))
    assert np.min(lost) > 0.15
    assert np.max(lost) < 0.7


def test_walkers_that_leave_their_start_lose_the_way_to_equilibrium():
    lost, left = [], []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        states = relaxing(0.1, 32, 1000, rng, 40, first=1)  # relaxation time 36 frames
        lost.append(start_up([states == 0, states == 1]))
        left.append(states[:, int(lost[-1] * 1000) :].mean() - 0.1)
    assert min(lost) > 0.03
    assert 0.05 < np.median(lost) < 0.25
    assert abs(np.mean(left)) < 0.01


def test_frames_left_out_count_0_and_all_others_stay_in_their_place():
    rng = np.random.default_rng(0)
    cold = relaxing(0.1, 16, 400, rng, 15, first=1)
    sample, frames = toy([cold, chains(0.6, 16, 400, rng)], starts=["here"] * 16)
    cut, shares = without_start_up(sample, frames)
    n = int(np.ceil(400 * shares[0]))
    assert 8 < n < 200
    assert shares[1] == 0
    counts = cut.counts.reshape(2, 16, 400)
    np.testing.assert_array_equal(counts[0, :, :n], 0)
    np.testing.assert_array_equal(counts[0, :, n:], 1)
    np.testing.assert_array_equal(counts[1], 1)
    assert {len(piece) for own in pieces_in_time(cut) for piece in own} == {400 - n, 400}
    fitted = ConditionalReweighting(network=False).fit_sample(cut)
    weights = fitted.weights(1.5)
    assert weights.shape == (2 * 16 * 400,)
    np.testing.assert_array_equal(weights.reshape(2, 16, 400)[0, :, :n] < 1e-200, True)
    # The same as of MD that never had these frames.
    features = [a[..., None].astype(np.float32) for a in (cold[:, n:], frames.features[2.0][..., 0])]
    states = [f[..., 0].astype(int) for f in features]
    more = {"states": states, "state_names": ["zero", "one"], "temperature_unit": "reduced"}
    other = ConditionalReweighting(network=False).fit(features, TEMPERATURES, **more)
    for T in (1.0, 1.5):
        one, two = fitted.populations(T), other.populations(T)
        np.testing.assert_allclose(one.drop(columns="state"), two.drop(columns="state"), rtol=1e-4)
    assert fitted.assessments.equals(other.assessments)


def test_a_state_seen_in_start_up_only_is_as_one_never_seen():
    """Also with energies, those of the start-up absurd, and with networks."""
    content = md(units=8, frames=400)
    for states in content["states"]:
        states[:, :40] = 2
    content["energies"][0][:, :40] += 1e5
    sample = Arrays(
        content.pop("features"), content.pop("temperatures"), **content | {"state_names": list("abc")}
    ).sample()
    counts = sample.counts.reshape(2, 8, 400).copy()
    counts[:, :, :40] = 0
    fitted = ConditionalReweighting().fit_sample(replace(sample, counts=counts.ravel()))
    assert fitted.summary.clipped == 0
    table = fitted.populations(1.5).set_index("state")
    assert table.value["c"] < 1e-100
    assert np.isfinite(table.stderr[["a", "b"]]).all()
    assert not fitted.assessments[fitted.assessments.state == "c"].assessable.any()
    assert (fitted.assessments[fitted.assessments.state == "c"].share == 0).all()


def test_no_more_than_half_is_left_out_and_more_is_said():
    rng = np.random.default_rng(0)
    slow = [rng.standard_normal((8, 400)) + 12 * np.exp(-np.arange(400) / 120) for _ in TEMPERATURES]
    sample, frames = toy(stationary(), energies=slow)
    cut, shares = without_start_up(sample, frames)
    assert (shares > 0.5).all()
    np.testing.assert_array_equal(cut.counts.reshape(2, 8, 400).sum(axis=(1, 2)), 8 * 200)
    found = examine(cut, frames, both(), shares)
    assert len(found.doubts) == 1
    assert found.doubts[0].startswith("more than half of the MD is start-up: ")
    assert found.doubts[0].endswith(f"{shares[0]:.0%} at 1, {shares[1]:.0%} at 2")


def test_existing_trajectories_start_up_where_they_are_used_from_their_beginning_on():
    """Eight walkers cut from two files: only the first walker of each file has a beginning."""
    rng = np.random.default_rng(0)
    places = np.array([[file, 100 * block] for file in (0, 1) for block in range(4)])
    pieces = dict.fromkeys(TEMPERATURES, places)
    energies = [rng.standard_normal((8, 100)) for _ in TEMPERATURES]
    for u in energies:
        u[[0, 4]] += 8 * np.exp(-np.arange(100) / 20)
    states = stationary(frames=100)
    cut, shares = without_start_up(*toy(states, energies, pieces=pieces))
    left_out = (cut.counts.reshape(2, 8, 100) == 0).sum(axis=2)
    assert (left_out[:, [0, 4]] > 20).all()
    assert left_out[:, [1, 2, 3, 5, 6, 7]].max() < 50
    assert (shares < 0.25).all()
    places[:, 1] += 7
    assert (without_start_up(*toy(states, energies, pieces=pieces))[1] == 0).all()


# Kinetic temperature, starts, halves


def test_sound_md_raises_no_doubt():
    raised = 0
    for seed in range(40):
        sample, frames = toy(stationary(seed), starts=["a", "b"] * 4)
        found = examine(sample, frames, both(), np.zeros(2))
        raised += bool(found.doubts)
    assert raised <= 2
    assert list(found.table.starts) == [2, 2]
    assert list(found.table.doubt) == ["", ""]
    np.testing.assert_allclose(found.table.kinetic_temperature, TEMPERATURES, rtol=0.02)


def test_a_kinetic_temperature_is_off_if_surely_and_by_enough():
    sample, frames = toy(stationary())
    found = examine(sample, frames, both(off=0.1), np.zeros(2))
    (doubt,) = found.doubts
    assert doubt.startswith("the kinetic temperature is off: 1.098 +- 0.008 at 1, 2.1")
    assert found.table.doubt[1].startswith("the kinetic temperature is off: 2.1")
    assert not examine(sample, frames, both(off=0.003, frames=10**7), np.zeros(2)).doubts  # surely, but harmless
    unsure = both(off=0.1, frames=4, walkers=2, starts=["a"] * 8)
    assert not examine(sample, frames, unsure, np.zeros(2)).doubts


def test_the_error_of_a_kinetic_temperature_knows_correlated_frames():
    far, near = protocol(), protocol(time_step=0.0005)
    assert kinetic_temperature(near)[1] > 3 * kinetic_temperature(far)[1]
    alone = protocol(walkers=2)
    alone["kinetic_temperature"] |= {"mean": [1.0], "std": [0.4]}
    value, error = kinetic_temperature(alone)
    assert (value, error) == (1.0, pytest.approx(0.4 / 20, rel=0.02))
    assert np.isnan(kinetic_temperature({})).all()


def test_what_the_md_does_not_tell_is_unknown_and_no_doubt():
    sample, frames = toy(stationary())
    found = examine(sample, frames, {}, np.zeros(2))
    assert found.doubts == ()
    assert found.table[["kinetic_temperature", "kinetic_stderr", "starts"]].isna().all(axis=None)
    unknown = Soundness.unknown([1.0, 2.0])
    assert unknown.doubts == ()
    assert list(unknown.table.temperature) == [1, 2]
    assert unknown.table.start_up.isna().all()


def test_walkers_that_remember_their_start_are_found():
    rng = np.random.default_rng(0)
    cold = np.concatenate([chains(0.7, 4, 400, rng, 5), chains(0.2, 4, 400, rng, 5)])
    starts = ["folded"] * 4 + ["extended"] * 4
    sample, frames = toy([cold, chains(0.5, 8, 400, rng)], starts=starts)
    found = examine(sample, frames, both(starts=starts), np.zeros(2))
    (doubt,) = found.doubts
    assert doubt.startswith("walkers from different starts disagree: ")
    assert "from folded" in doubt
    assert "from extended" in doubt
    assert doubt.endswith(" at 1")
    stuck = np.repeat([[1], [1], [1], [1], [0], [0], [0], [0]], 400, axis=1)
    sample, frames = toy([stuck, chains(0.5, 8, 400, rng)], starts=starts)
    assert any("disagree" in doubt for doubt in examine(sample, frames, both(starts=starts), np.zeros(2)).doubts)
    single = ["a", *["b"] * 7]  # of one walker nobody knows how it scatters
    sample, frames = toy([stuck, stuck], starts=single)
    assert not any("disagree" in doubt for doubt in examine(sample, frames, both(starts=single), np.zeros(2)).doubts)


def test_one_start_is_a_doubt_for_molecules_alone():
    sample, frames = toy(stationary())
    one = ["extended"] * 8
    molecule = {"starts": one, "surroundings": "vacuum"}
    assert examine(sample, frames, both(**molecule), np.zeros(2)).doubts == ("all walkers began from one structure",)
    assert examine(sample, frames, both(starts=one), np.zeros(2)).doubts == ()
    assert list(examine(sample, frames, both(starts=one), np.zeros(2)).table.starts) == [1, 1]
    cold = {1.0: protocol(1.0, **molecule), 2.0: protocol(2.0, **molecule | {"starts": ["native"] * 8})}
    assert examine(sample, frames, cold, np.zeros(2)).doubts == ()
    imported = both(starts=["run.xtc"] * 8, platform="imported", kinetic_temperature=None)
    found = examine(sample, frames, imported, np.zeros(2))
    assert found.doubts == ()
    assert found.table.starts.isna().all()


def test_halves_that_share_next_to_nothing_are_found():
    stuck = np.repeat([[0], [1]] * 4, 400, axis=1)  # walkers alternate between the halves
    sample, frames = toy([stuck, stationary()[1]])
    found = examine(sample, frames, both(), np.zeros(2))
    assert found.doubts[-1] == "halves of the MD share next to nothing: zero 1.00 in one and 0.00 in the other at 1"
    assert found.table.doubt[1] == ""
    some = np.zeros((8, 400), int)
    some[0, :] = 1  # a quarter of one half, none of the other
    sample, frames = toy([some, stationary()[1]])
    assert "one" in examine(sample, frames, both(starts=["a"] * 8), np.zeros(2)).doubts[-1]


def test_doubts_are_saved_with_the_estimator(tmp_path):
    sample, frames = toy(stationary())
    fitted = ConditionalReweighting(network=False).fit_sample(sample)
    assert fitted.soundness.doubts == ()
    fitted.soundness = examine(sample, frames, both(off=0.5), np.zeros(2))
    fitted.save(tmp_path / "r.safetensors")
    again = ConditionalReweighting.load(tmp_path / "r.safetensors").soundness
    assert again.doubts == fitted.soundness.doubts
    pd.testing.assert_frame_equal(again.table, fitted.soundness.table)


# Running populations


def test_running_populations_end_in_the_shares_and_start_after_start_up():
    rng = np.random.default_rng(0)
    cold = relaxing(0.1, 16, 400, rng, 15, first=1)
    sample, frames = toy([cold, chains(0.6, 16, 400, rng)], starts=["here"] * 16)
    cut, shares = without_start_up(sample, frames)
    n = int(np.ceil(400 * shares[0]))
    rows = list(running_rows(cut, pieces_in_time(cut), 0.5))
    at = [row for row in rows if row["temperature"] == 1.0 and row["state"] == "one"]
    assert len(at) == MOST_TIMES
    assert {row["start_up"] for row in at} == {0.5 * n}
    assert at[0]["time"] > 0.5 * n
    assert at[-1]["time"] == 200
    of_walkers = cold[:, n:].mean(axis=1)
    assert at[-1]["share"] == pytest.approx(of_walkers.mean())
    assert at[-1]["stderr"] == pytest.approx(of_walkers.std(ddof=1) / 4)
    early = next(row for row in rows if row["temperature"] == 2.0)
    assert early["start_up"] == 0


def test_running_populations_of_one_short_walker():
    features = [np.zeros((1, 5, 1), np.float32)] * 2
    sample = Arrays(
        features, TEMPERATURES, states=[np.arange(5)[None] % 2] * 2, temperature_unit="reduced",
        units=[np.array([[0, 0, 0, 1, 1]])] * 2,
    ).sample()  # fmt: skip
    rows = list(
        running_rows(replace(sample, piece=sample.which), pieces_in_time(replace(sample, piece=sample.which)), 1.0)
    )
    shares = [row["share"] for row in rows if row["temperature"] == 1.0 and row["state"] == "0"]
    np.testing.assert_allclose(shares, [1, 1 / 2, 2 / 3, 1 / 2, 3 / 5])
    assert all(np.isnan(row["stderr"]) for row in rows)
