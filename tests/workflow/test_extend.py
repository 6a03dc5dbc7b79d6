"""A study whose ``simulate.frames`` was raised: the workflow continues its MD, although it deletes a job's old outputs."""

import re
from pathlib import Path

import pytest
from running_snakemake import snakemake

from thermolatent.files.artifacts import load_json
from thermolatent.study.layout import Layout

pytestmark = pytest.mark.workflow

HOME = Path(__file__).parents[2]


T = "0.5"


def asked(folder, frames):
    """Arguments that ask for the MD of one temperature with so many frames, after writing the study."""
    study = (HOME / "studies/three_hole.yaml").read_text()
    (folder / "studies").mkdir(exist_ok=True)
    (folder / "studies/mine.yaml").write_text(re.sub(r"frames: 400\b", f"frames: {frames}", study))
    return "--cores", "1", "--config", "studies=[mine]", "scale=smoke", "--", Layout("results/mine@smoke").protocol(T)


def simulate(folder, frames):
    """Run the job; the trajectories' bytes and the job's log."""
    layout = Layout("results/mine@smoke")
    target = layout.protocol(T)
    done = snakemake(folder, *asked(folder, frames))
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


#: Stands for an upgraded package: another OpenMM, and a new key among the settings that Snakemake compares.
UPGRADE = """
import openmm as mm
from thermolatent.simulate.settings import Settings
mm.version.version = "99.1"
dump = Settings.model_dump
Settings.model_dump = lambda self, **how: dump(self, **how) | {"new_key": 1}
"""


@pytest.mark.slow
def test_an_upgrade_that_repeats_the_rule_loses_no_md(tmp_path, monkeypatch):
    """Snakemake sees other settings, removes the declared outputs and runs the job, which finds its MD finished."""
    before, _ = simulate(tmp_path, 400)
    protocol = tmp_path / Layout("results/mine@smoke").protocol("0.5")
    told, written = protocol.read_bytes(), protocol.stat().st_mtime_ns
    (tmp_path / "site").mkdir()
    (tmp_path / "site/sitecustomize.py").write_text(UPGRADE)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'site'}:{HOME / 'src'}")
    after, _ = simulate(tmp_path, 400)
    assert protocol.stat().st_mtime_ns > written, "the job was not run again, so this tests nothing"
    assert after == before
    assert protocol.read_bytes() == told
    assert "99.1" not in told.decode()
    done = snakemake(tmp_path, *asked(tmp_path, 700))
    assert done.code != 0
    assert "here is 99.1" in (tmp_path / "logs/mine@smoke/simulate/T0.5.log").read_text()
    assert simulate(tmp_path, 400)[0] == before
    assert protocol.read_bytes() == told
