"""States proposed from the plane of finished MD, against places of minima that are known."""

import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from thermolatent.cli import main
from thermolatent.parsing import parse
from thermolatent.states.minima import minima
from thermolatent.states.settings import NearestStates

EDGES = np.linspace(-np.pi, np.pi, 61)
PLACES = {(-1.5, 1.0): 0.6, (1.2, -1.0): 0.3, (1.2, 1.5): 0.1}


def counts(places, n=200_000, width=0.3, seed=0):
    """Frames of Gaussian wells, angles on the circle."""
    rng = np.random.default_rng(seed)
    points = [p + width * rng.standard_normal((round(n * share), 2)) for p, share in places.items()]
    points = (np.concatenate(points) + np.pi) % (2 * np.pi) - np.pi
    return np.histogram2d(*points.T, [EDGES, EDGES])[0]


def test_wells_are_found_with_their_shares():
    found = minima(counts(PLACES), [EDGES, EDGES], [False, False])
    assert [m.share for m in found] == pytest.approx(list(PLACES.values()), abs=0.01)
    for one, place in zip(found, PLACES, strict=True):
        assert one.point == pytest.approx(place, abs=0.15)
    assert found[0].depth == np.inf


def test_a_well_on_the_border_of_an_angle_is_one():
    places = {(3.1, 0.0): 0.7, (0.0, 3.1): 0.3}
    found = minima(counts(places), [EDGES, EDGES], [True, True])
    assert [m.share for m in found] == pytest.approx([0.7, 0.3], abs=0.01)
    assert len(minima(counts(places), [EDGES, EDGES], [False, False])) == 4


def test_depth_is_the_height_of_the_pass():
    """Two wells of a double well exp(-F) on a line of bins: the depth of the shallower is F at the pass minus F there."""
    x = (EDGES[1:] + EDGES[:-1]) / 2
    F = 3 * (x**2 - 1) ** 2 + 0.5 * x
    mass = np.exp(-F[:, None] - 20 * x[None] ** 2)
    inside = np.abs(x) < 1.3
    fine = (F[inside][np.abs(x[inside]).argmin()] - F[x > 0.5].min(), F[x > 0.5].min())
    (_, shallow) = minima(1e6 * mass, [EDGES, EDGES], [False, False])
    assert shallow.depth == pytest.approx(fine[0], abs=0.35)  # the smoothing lowers the pass
    assert len(minima(1e6 * mass, [EDGES, EDGES], [False, False], depth=5.0)) == 1


def test_noise_makes_no_states():
    flat = np.random.default_rng(1).poisson(400, (60, 60))
    assert len(minima(flat, [EDGES, EDGES], [True, True])) == 1


@pytest.mark.parametrize("depth", ["nan", "inf", "0"])
def test_a_depth_that_is_none_is_refused(capsys, depth):
    assert main(["states", "lj7", "--depth", depth]) == 1
    assert capsys.readouterr().err == f"thermolatent states: --depth: {depth}; write a positive number, in kT\n"


def test_the_command_prints_states_that_a_study_takes(finished, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(finished)
    picture = tmp_path / "states.png"
    assert main(["states", "lj7", "--out", str(picture)]) == 0
    said = capsys.readouterr().out
    states = yaml.safe_load(said)["states"]
    assert len(parse(NearestStates, states, "said").centers) >= 2
    shares = [float(share) for share in re.findall(r"([\d.]+)% of the frames", said)]
    assert sorted(shares, reverse=True) == shares
    assert sum(shares) == pytest.approx(100, abs=3)
    assert picture.read_bytes()[:4] == b"\x89PNG"
    assert main(["states", "lj7", "--out", "states.gif"]) == 1
    assert "write a name that ends in .png" in capsys.readouterr().err
    assert not Path("states.gif").exists()
