"""Paths of the user's files as people name them: blanks, umlauts, and braces, which are Snakemake's wildcards."""

import os
import shutil

import mdtraj
import numpy as np
import pytest
from molecules_for_tests import alanine_dipeptide
from running_snakemake import snakemake
from studies_for_tests import write

from thermolatent.cli import main
from thermolatent.files.dcd import stream_positions
from thermolatent.study.layout import Layout

pytestmark = pytest.mark.workflow

TARGET = "results/mine/featurize/T400/features.npy"
FILES = ["Läufe {study} é/1 {x}.xtc", "Läufe {study} é/2, {walker,\\d+} 'kalt' $HOME.xtc"]
TOPOLOGY = "Läufe {study} é/ganz & gar.pdb"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working directory with such a name, a study of existing MD in such files, and what is asked of Snakemake."""
    folder = tmp_path / "Mein Rechner {temperature} ü"
    (folder / "Läufe {study} é").mkdir(parents=True)
    topology, positions = alanine_dipeptide(frames=20)
    mdtraj.Trajectory(positions[:1], topology).save_pdb(str(folder / TOPOLOGY))
    for path, part in zip(FILES, (positions[:10], positions[10:]), strict=True):
        plain = str(tmp_path / "plain.xtc")  # mdtraj's writer takes no umlauts
        mdtraj.Trajectory(part, topology, time=2.0 * np.arange(10)).save_xtc(plain)
        shutil.move(plain, folder / path)
    torsions = [{"kind": "backbone_torsions", "form": "angle"}]
    study = {
        "system": {"kind": "trajectories", "topology": TOPOLOGY, "frame_interval": 2.0, "files": {400: FILES}},
        "temperatures": {"train": [400]},
        "simulate": {"walkers": 2, "frames": 10},
        "featurize": {"features": ["backbone_torsions"], "plane": torsions},
        "representation": {"lag": 1},
        "models": {"latf": {"density": "flow", "informed": False}},
        "validate": {"states": {"kind": "nearest", "centers": {"a": [-1.4, 1.2], "b": [1.0, -1.0]}}},
    }
    write(folder, study)
    monkeypatch.chdir(folder)
    return folder


def test_such_files_are_checked(folder, capsys):
    assert main(["check", "mine"]) == 0
    assert capsys.readouterr().out.startswith("mine: fine")


def test_such_files_are_read_and_their_changes_seen(folder):
    asked = (TARGET, "--config", "studies=[mine]")
    done = snakemake(folder, "--cores", "1", *asked)
    assert done.code == 0, (done.out + done.error)[-3000:]
    assert done.counts == {"simulate": 1, "featurize": 1}
    _, positions = alanine_dipeptide(frames=20)
    for walker, first in ((0, 0), (1, 10)):
        path = Layout("results/mine").trajectories(400, 2)[walker]
        read = np.concatenate([part for _, part in stream_positions(path, 10, positions.shape[1])])
        np.testing.assert_allclose(read, positions[first : first + 10], atol=6e-4)
    assert snakemake(folder, "-n", *asked).counts == {}
    os.utime(folder / FILES[1])
    assert snakemake(folder, "-n", *asked).counts == {"simulate": 1, "featurize": 1}


def test_only_paths_that_are_no_wildcards_are_inputs(folder):
    planned = snakemake(folder, "-n", TARGET, "--config", "studies=[mine]")
    (simulate,) = (job for job in planned.jobs if job["rule"] == "simulate")
    assert simulate["input"] == []
