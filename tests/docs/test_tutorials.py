"""The tutorials' commands on the files that they are about, and what their studies say of known structures."""

import subprocess
import sys

import mdtraj
import numpy as np
import pytest
from code_blocks import BLOCKS, HOME, commands, words

from thermolatent.cli import main
from thermolatent.featurize.base import columns_on
from thermolatent.states.named import NearestCenters
from thermolatent.study.jobs import run_job
from thermolatent.study.layout import Layout
from thermolatent.study.loading import load_study

#: Of the tutorial of trajectories: files made by a script, and all that is done with them.
EXAMPLE = next(commands(b.text) for b in BLOCKS if b.kind == "shell" and "make_example_trajectories" in b.text)


def make_example(command: str, *more: str) -> None:
    program, script, *arguments = words(command)
    assert program == "python"
    subprocess.run([sys.executable, str(HOME / script), *arguments, *more], check=True, capture_output=True)


def test_the_example_trajectories_are_answered_for(tmp_path, monkeypatch, capsys):
    """A few of their frames at the scale smoke; the whole workflow is that of every study."""
    monkeypatch.chdir(tmp_path)
    script, init, check, run, predict = EXAMPLE
    make_example(script, "--runs", "4", "--frames", "150")
    for command in (init, check):
        assert main([*words(command)[1:], *(["--no-probe"] if command == init else [])]) == 0, command
    assert "fine" in capsys.readouterr().out
    assert main([*words(run)[1:], "-n"]) == 0
    name = words(predict)[2]
    study = load_study(f"{name}@smoke")
    layout = Layout.of(study)
    for stage in ("simulate", "featurize"):
        for T in study.temperatures.simulated:
            run_job(stage, study, layout, temperature=T)
    for stage in ("represent", "reweight"):
        run_job(stage, study, layout, seed=0)
    capsys.readouterr()
    assert main(["predict", f"{name}@smoke", *words(predict)[3:]]) == 0
    told = capsys.readouterr().out
    assert all(state in told for state in study.validate_.states.centers)
    energies = [np.load(layout.frame_files(T).energies) for T in study.temperatures.train]
    # 22 atoms, 12 rigid bonds: equipartition gives about half of 54 k for each kelvin, anharmonicity a little more
    heat_capacity = (energies[1].mean() - energies[0].mean()) / 200 / 0.0083145
    assert heat_capacity == pytest.approx(27, rel=0.25)


@pytest.mark.slow
def test_the_example_trajectories_as_the_tutorial_has_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_example(EXAMPLE[0])
    for command in EXAMPLE[1:]:
        done = subprocess.run(
            [sys.executable, "-m", "thermolatent.cli", *words(command)[1:]], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("800 K ") == 4
    assert ", trusted within 0.05" in done.stdout


def test_the_peptide_is_compact_where_it_is_compact(tmp_path, monkeypatch):
    """The chain as built is extended; chignolin as folded, of the same length, is compact."""
    monkeypatch.chdir(tmp_path)
    page = [b for b in BLOCKS if b.page == "docs/peptide.md" and b.kind == "yaml"]
    (tmp_path / "studies").mkdir()
    (tmp_path / "studies/mine.yaml").write_text(next(b.text for b in page if "sequence:" in b.text))
    study = load_study("mine")
    centers = study.validate_.states.centers
    nearest = NearestCenters(np.array([*centers.values()]))
    folded = load_study("chignolin", HOME / "studies").system

    def state(system, start):
        topology = mdtraj.Topology.from_openmm(system.topology())
        plane = columns_on(study.featurize.plane, topology).of(system.starts()[start][None])
        return [*centers][nearest.assign(plane)[0]]

    assert state(study.system, "extended") == "extended"
    assert state(folded, "extended") == "extended"
    assert state(folded, "folded") == "compact"
    assert study.validate_.melting == "compact"
