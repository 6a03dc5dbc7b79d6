"""A study whose ``simulate.frames`` was raised: the workflow continues its MD, although it deletes a job's old outputs."""

import re
from pathlib import Path

import pytest
from running_snakemake import snakemake

from thermolatent.files.artifacts import load_json
from thermolatent.study.layout import Layout

pytestmark = pytest.mark.workflow

HOME = Path(__file__).parents[2]


def simulate(folder, frames, T="0.5"):
    """Run the job of one temperature with so many frames; the trajectories' bytes and the job's log."""
    study = (HOME / "studies/three_hole.yaml").read_text()
    (folder / "studies").mkdir(exist_ok=True)
    (folder / "studies/mine.yaml").write_text(re.sub(r"frames: 400\b", f"frames: {frames}", study))
    layout = Layout("results/mine@smoke")
    target = layout.protocol(T)
    done = snakemake(folder, "--cores", "1", "--config", "studies=[mine]", "scale=smoke", "--", target)
    assert done.code == 0, (done.out + done.error)[-3000:]
    assert load_json(folder / target)["frames"] == frames
    files = [*layout.trajectories(T, 8), layout.md_energies(T)]
    return [(folder / f).read_bytes() for f in files], (folder / f"logs/mine@smoke/simulate/T{T}.log").read_text()


def test_raised_frames_continue_the_simulation(tmp_path):
    whole, extended = tmp_path / "whole", tmp_path / "extended"
    whole.mkdir()
    extended.mkdir()
    expected, _ = simulate(whole, 700)
    simulate(extended, 400)
    found, log = simulate(extended, 700)
    assert "going on where the finished run of 400 frames ended" in log
    assert found == expected
