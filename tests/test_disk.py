"""What a study is told to take of the disk."""

import shutil
from collections import namedtuple

import pytest
from studies_for_tests import SOUND, write

from thermolatent.cli import main
from thermolatent.errors import SimulationError
from thermolatent.simulate import space
from thermolatent.study import disk
from thermolatent.study.layout import Layout
from thermolatent.study.loading import load_study


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project whose study has MD; the working directory is its folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("THERMOLATENT_STUDIES", raising=False)
    write(tmp_path, SOUND)
    assert main(["simulate", "mine"]) == 0
    return tmp_path


def test_the_disk_that_md_takes_is_known_before(project):
    study = load_study("mine", project / "studies")
    files = [project / file for file in Layout("results/mine").trajectories(0.5, 2)]
    files += [project / Layout("results/mine").md_energies(0.5)]
    real = sum(path.stat().st_size for path in files)
    assert space.md_bytes(study.system, study.simulate) == pytest.approx(
        real, rel=0.6
    )  # so few frames are mostly headers
    assert set(disk.expected(study, [0, 1])) == {"simulate", "featurize", "generate"}
    assert disk.expected(study, [0, 1])["generate"] == 2 * disk.expected(study, [0])["generate"]
    assert "mine: about" in disk.outlook(study, Layout("results/mine"), [0])


def test_md_that_cannot_fit_does_not_begin(project, monkeypatch, capsys):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10_000, 9_000, 1_000))
    study = load_study("mine", project / "studies")
    assert disk.outlook(study, Layout("results/other"), [0]).endswith("lower simulate.frames or generate.samples")
    with pytest.raises(SimulationError, match=r"2 walkers x 20 frames x 1 atoms x 12 bytes, and 1\.0 kB are free"):
        space.require_space(study.system, study.simulate, str(project / "results/other/simulate/T0.5"))
    shutil.rmtree(project / "results")
    assert main(["simulate", "mine", "--temperature", "0.5"]) == 1
    assert "free space or lower simulate.frames" in capsys.readouterr().err
    assert not (project / Layout("results/mine").protocol(0.5)).exists()
