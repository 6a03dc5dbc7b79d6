"""Units of imported MD: blocks of known correlation time, their coverage, and blocks of time of replica exchange."""

import logging
from dataclasses import replace

import numpy as np
import pytest
from frames_for_tests import write_frames
from reweight.imported_md import BORDER, FILES, LENGTH, TAU, WALKER, ar1, imported, study
from scipy.stats import binom, norm

from thermolatent import ConditionalReweighting
from thermolatent.correlation import memory
from thermolatent.errors import ThermolatentError
from thermolatent.files.artifacts import load_json
from thermolatent.frame_loading import load_frames
from thermolatent.reweight import stage
from thermolatent.reweight.fitness import assess
from thermolatent.reweight.fitting import pieces_in_time
from thermolatent.reweight.sample import Arrays
from thermolatent.reweight.units import MEMORIES, block_length, joined, with_units
from thermolatent.study.answers import asked_of
from thermolatent.study.jobs import run_job, training_frames
from thermolatent.study.layout import Layout


def toy(seed):
    return imported(ar1((1, FILES, LENGTH), TAU, np.random.default_rng([3, seed])))


def test_short_walkers_of_a_file_are_joined_to_ten_correlation_times():
    frames = toy(0)
    sample = stage.sample_of(asked_of(study()).named, frames, None)
    lengths = np.bincount(sample.unit)
    # The leading tIC is x itself, whose autocorrelation is that of the AR(1).
    x = frames.plane[1.0][..., 0].reshape(FILES, LENGTH).astype(float)
    slowest = max(memory(list(x)), memory(list((x > BORDER).astype(float))))
    assert slowest == pytest.approx(TAU, rel=0.35)
    assert lengths.min() >= MEMORIES * slowest
    assert len(lengths) == FILES * (LENGTH // WALKER // int(np.ceil(np.ceil(MEMORIES * slowest) / WALKER)))
    assert np.ptp(lengths) <= WALKER
    # No unit goes through two files, and walkers of one file are one series in time.
    for number in range(len(lengths)):
        assert len(np.unique(np.flatnonzero(sample.unit == number) // LENGTH)) == 1
    assert [len(piece) for own in pieces_in_time(sample) for piece in own] == [LENGTH] * FILES
    assert assess(sample, pieces_in_time(sample)).assessable.all()


def holds(sample, truth):
    """Whether the interval of the share of high holds the exact one."""
    table = ConditionalReweighting().fit_sample(sample).populations(1.0).set_index("state")
    return table.low["high"] < truth < table.high["high"]


def test_intervals_of_blocks_cover_and_those_of_short_walkers_do_not():
    truth, blocks, walkers, sets = norm.sf(BORDER), 0, 0, 40
    for seed in range(sets):
        sample = stage.sample_of(asked_of(study()).named, toy(seed), None)
        short = np.arange(len(sample.unit)) // WALKER
        naive = replace(sample, unit=short, stratum=np.zeros(short[-1] + 1, int), piece=None)
        blocks, walkers = (n + holds(own, truth) for n, own in ((blocks, sample), (walkers, naive)))
    least = binom.ppf(0.005, sets, 0.95)
    assert blocks >= least > walkers


@pytest.mark.parametrize(
    ("pieces", "length", "expected"),
    [
        ([[0, 0], [0, 10], [0, 20], [0, 30], [1, 0]], 20, [0, 0, 1, 1, 2]),
        ([[0, 0], [0, 10], [0, 20], [0, 30], [0, 40]], 20, [0, 0, 0, 1, 1]),  # as equal as can be
        ([[0, 0], [0, 10], [1, 0], [1, 10]], 10, [0, 1, 2, 3]),  # long enough
        ([[0, 0], [0, 10], [0, 20], [1, 0]], 200, [0, 0, 0, 1]),  # a file too short for two
        ([[0, 0], [0, 40], [0, 80], [0, 120]], 40, [0, 1, 2, 3]),  # what is left out lies between
    ],
)
def test_a_unit_is_a_stretch_of_consecutive_walkers_of_one_file(pieces, length, expected):
    np.testing.assert_array_equal(joined(np.array(pieces), length), expected)


def test_pieces_of_a_series_give_the_block_length_of_the_whole():
    x = ar1((1, 200_000), 20.0, np.random.default_rng(1))[0]
    assert block_length([x]) == pytest.approx(MEMORIES * 20, rel=0.4)
    assert block_length([x.reshape(4, -1)]) == block_length([list(x.reshape(4, -1))])
    assert block_length([x.reshape(4, -1)]) == pytest.approx(block_length([x]), rel=0.1)
    assert block_length([np.zeros(100), x]) == block_length([x])


def test_a_series_ends_where_frames_were_left_out():
    frames = imported(np.zeros((1, 2, 240)), 60)
    frames.pieces = {1.0: np.array([[0, 0], [0, 60], [0, 180], [0, 240], [1, 0], [1, 60], [1, 120], [1, 180]])}
    np.testing.assert_array_equal(np.bincount(frames.series), [120, 120, 240])


def test_the_energy_counts_as_slow(caplog):
    rng = np.random.default_rng(5)
    slow = 50.0 * ar1((FILES, LENGTH), 4 * TAU, rng).reshape(-1, WALKER)
    frames = toy(1)
    frames.energies = {1.0: slow}
    with caplog.at_level(logging.INFO):
        sample = stage.sample_of(asked_of(study()).named, frames, None)
    assert "times the correlation time of the energy" in caplog.text
    assert np.bincount(sample.unit).min() >= 10 * memory(list(slow.reshape(FILES, LENGTH)))


def test_few_units_are_told_and_fewer_than_two_refused(caplog):
    x = ar1((1, 1, 3000), 100.0, np.random.default_rng(8))
    with caplog.at_level(logging.WARNING):
        stage.sample_of(asked_of(study()).named, imported(np.concatenate([x, -x], axis=1)[..., :1200]), None)
    (told,) = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert told == (
        "system.files: fewer than 4 independent pieces of MD: no networks, and wide intervals; add files of independent "
        "runs, or longer ones"
    )
    with pytest.raises(ThermolatentError) as e:
        stage.sample_of(asked_of(study()).named, imported(x[..., :600]), None)
    line = str(e.value)
    assert "\n" not in line
    assert line.startswith("system.files: independent pieces of MD: 1 at 1 (blocks of ")
    assert "an error bar needs two; add files of independent runs at 1, or longer ones" in line


def test_md_that_we_ran_keeps_its_walkers():
    frames = toy(0)
    frames.pieces = {}
    sample = stage.sample_of(asked_of(study()).named, frames, None)
    np.testing.assert_array_equal(sample.unit, frames.units)
    np.testing.assert_array_equal(sample.piece, frames.units)


# Replica exchange

COLD, HOT, EXCHANGE = 0.5, 1.5, 25


def exchanged(frames, rng, tau=TAU, temperatures=2):
    """``(temperatures, frames)``: x of replicas that go on for 25 frames each and then exchange their temperatures."""
    replicas = ar1((temperatures, frames), tau, rng)
    where = np.stack([rng.permutation(temperatures) for _ in range(frames // EXCHANGE)], axis=1)
    return np.take_along_axis(replicas, np.repeat(where, EXCHANGE, axis=1), axis=0)


def replica_study():
    system = {"kind": "three_hole"}
    return study((COLD, HOT), system=system, simulate={"walkers": 20, "frames": 500, "time_step": 0.02})


@pytest.fixture
def replicas(tmp_path):
    """(study, layout, frames) of replica exchange as featurize leaves it: 20 walkers of 500 frames at each temperature."""
    made, layout = replica_study(), Layout(str(tmp_path / "results"))
    x = exchanged(10_000, np.random.default_rng(4))
    for T, own in zip((COLD, HOT), x, strict=True):
        plane = np.stack([own, np.zeros_like(own)], axis=-1).reshape(20, 500, 2).astype(np.float32)
        pieces = [[0, 500 * w] for w in range(20)]
        write_frames(layout, T, plane, plane, np.full((20, 500), np.nan), pieces=pieces, stretch=EXCHANGE)
    return made, layout, load_frames(training_frames(made, layout))


def test_units_of_replica_exchange_are_blocks_of_time_through_all_temperatures(replicas, caplog):
    made, _, frames = replicas
    with caplog.at_level(logging.INFO):
        sample = stage.sample_of(asked_of(made).named, frames, None)
    assert sample.shared_units
    assert (sample.stratum == 0).all()
    cold, hot = sample.unit.reshape(2, -1)
    np.testing.assert_array_equal(cold, hot)
    assert (np.diff(cold) >= 0).all()
    states = sample.states.reshape(2, -1)
    mean = (states == 1).mean(axis=0)
    assert np.bincount(cold).min() >= block_length([mean])
    assert [len(piece) for own in pieces_in_time(sample) for piece in own] == [10_000, 10_000]
    assert "of replica exchange (blocks of " in caplog.text
    fitted = ConditionalReweighting().fit_sample(sample)
    assert len(fitted.influence(COLD, "high")) == len(sample.stratum)


def test_all_temperatures_together_remember_what_one_forgets():
    x = exchanged(20_000, np.random.default_rng(2), 200.0, 12)[:, None]
    every = imported(x, 500, [COLD, HOT, *np.linspace(0.6, 1.4, 10).round(2).tolist()])
    every.stretch = dict.fromkeys(every.kT, 25.0)
    two = every.among([COLD, HOT])
    every = with_units(asked_of(replica_study()).named, every).among([COLD, HOT])
    alone, known = (
        np.bincount(stage.sample_of(asked_of(replica_study()).named, own, None).unit).min() / 2 for own in (two, every)
    )
    assert known > 1.5 * alone
    assert known > 0.6 * MEMORIES * 200


def test_visits_that_an_exchange_ends_are_not_worth_one_each(replicas):
    sample = stage.sample_of(asked_of(replicas[0]).named, replicas[2], None)
    table = assess(sample, pieces_in_time(sample)).set_index(["state", "temperature"])
    high = table.loc["high", HOT]
    mean = (sample.states.reshape(2, -1) == 1).mean(axis=0)
    assert high.evidence <= (sample.states[10_000:] == 1).sum() / (2 * memory([mean])) + 1e-9
    assert high.evidence < high.visits / 2


def test_the_stage_asks_all_temperatures_of_an_exchange(replicas, monkeypatch):
    made, layout, frames = replicas
    between = type(made.temperatures)(train=[COLD, HOT], predict=[1.0], reference=[1.0])
    made = made.model_copy(update={"temperatures": between})
    plane = frames.plane[COLD][:, ::-1]
    write_frames(
        layout, 1.0, plane, plane, np.full((20, 500), np.nan), pieces=frames.pieces[COLD].tolist(), stretch=EXCHANGE
    )
    asked = []
    monkeypatch.setattr(type(made.system), "discontinuous", True, raising=False)
    monkeypatch.setattr(stage, "load_representation", lambda path: None)
    monkeypatch.setattr(
        stage, "load_frames", lambda files, *rest: asked.append(list(files)) or load_frames(files, *rest)
    )
    run_job("reweight", made, layout, seed=0)
    assert asked == [[COLD, HOT], [COLD, 1.0, HOT]]
    found = ConditionalReweighting.load(layout.reweighting)
    assert found.shared_units
    assert found.populations(1.0).stderr.max() < 0.2
    assert load_json(layout.features_header(COLD))["stretch"] == EXCHANGE


def test_too_short_a_replica_exchange_is_refused(tmp_path):
    x = exchanged(500, np.random.default_rng(4), 200.0)[:, None]
    frames = imported(x, 50, (COLD, HOT))
    frames.stretch = {COLD: 25.0, HOT: 25.0}
    with pytest.raises(ThermolatentError, match=r"1 of replica exchange \(blocks of .*needs two; add longer files"):
        stage.sample_of(asked_of(replica_study()).named, frames, None)


def test_pieces_are_given_beside_units():
    x = ar1((1, 4, 1000), TAU, np.random.default_rng(0))[0]
    states = (x > BORDER).astype(int)
    content = {"features": [x[..., None].reshape(-1, 1)], "temperatures": [1.0], "states": [states.ravel()]}
    unit, file = np.arange(4000) // 200, np.arange(4000) // 1000
    sample = Arrays(**content, units=[unit], pieces=[file], temperature_unit="reduced").sample()
    assert len(sample.stratum) == 20
    assert [len(piece) for own in pieces_in_time(sample) for piece in own] == [1000] * 4
