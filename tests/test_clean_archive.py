"""``thermolatent clean`` and ``archive``, and what a study is told to take of the disk."""

import hashlib
import shutil
from collections import namedtuple

import pytest
from studies_for_tests import SOUND, changed, write

from thermolatent.cli import main
from thermolatent.errors import SimulationError
from thermolatent.study import disk
from thermolatent.study.layout import Layout
from thermolatent.study.loading import load_study


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project whose study has MD, features and stand-ins for the rest; the working directory is its folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("THERMOLATENT_STUDIES", raising=False)
    write(tmp_path, SOUND)
    for command in ("simulate", "featurize"):
        assert main([command, "mine"]) == 0
    root = tmp_path / "results/mine"
    for name in (
        "learn/latf/seed0.safetensors",
        "learn/latf/seed1.checkpoint",
        "generate/latf/seed0/T1.npz",
        "notes.txt",
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x" * 1000)
    return tmp_path


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_clean_says_what_it_would_do_and_does_nothing(project, capsys):
    before = names(project / "results/mine")
    assert main(["clean", "mine"]) == 0
    out = capsys.readouterr().out
    assert "would remove results/mine/generate (1.0 kB): from models and features" in out
    assert "stays: results/mine/simulate" in out
    assert "stays: notes.txt in results/mine, which thermolatent did not write" in out
    assert "nothing was removed; add --yes to do it" in out
    assert names(project / "results/mine") == before


def test_clean_keeps_md_unless_it_is_named(project, capsys):
    assert main(["clean", "mine", "--yes"]) == 0
    assert names(project / "results/mine") == ["notes.txt", "simulate"]
    assert main(["clean", "mine", "--yes", "--md"]) == 0
    assert names(project / "results/mine") == ["notes.txt"]
    assert main(["clean", "mine", "--yes"]) == 0
    assert "nothing to remove" in capsys.readouterr().out


def test_clean_never_follows_a_link_out_of_the_results(project):
    elsewhere = project / "elsewhere"
    shutil.move(project / "results/mine/generate", elsewhere)
    (project / "results/mine/generate").symlink_to(elsewhere)
    assert main(["clean", "mine", "--yes"]) == 0
    assert (elsewhere / "latf/seed0/T1.npz").is_file()
    assert not (project / "results/mine/generate").is_symlink()


def test_clean_keeps_md_that_another_study_uses(project, capsys):
    write(project, changed("simulate", {"from": "mine"}), "taker")
    assert main(["clean", "mine", "--yes", "--md"]) == 1
    assert "results/mine/simulate: is the MD of taker too" in capsys.readouterr().err
    assert (project / "results/mine/simulate").is_dir()


def test_clean_waits_for_a_workflow(project, capsys):
    (project / ".snakemake/locks").mkdir(parents=True)
    (project / ".snakemake/locks/0.input.lock").touch()
    assert main(["clean", "mine", "--yes"]) == 1
    assert "snakemake --unlock" in capsys.readouterr().err
    assert (project / "results/mine/learn").is_dir()


def test_an_archive_holds_what_is_dear_and_its_checksums(project, capsys):
    assert main(["archive", "mine"]) == 0
    out = capsys.readouterr().out
    assert "not in it, as not made yet: represent, reweight, validate, report.html" in out
    shutil.unpack_archive("mine.tar", "unpacked")
    root = project / "unpacked/mine"
    assert (root / "studies/mine.yaml").read_text() == (project / "studies/mine.yaml").read_text()
    inside = {
        str(path.relative_to(root / "results/mine")) for path in (root / "results/mine").rglob("*") if path.is_file()
    }
    layout = Layout("")
    md = [file.lstrip("/") for T in (0.5, 1.0, 1.5) for file in (*layout.trajectories(T, 2), layout.protocol(T))]
    assert {*md, "study.json", "learn/latf/seed0.safetensors"} <= inside
    assert not [name for name in inside if "generate" in name or "featurize" in name or ".restart" in name]
    assert "learn/latf/seed1.checkpoint" not in inside
    sums = dict(reversed(line.split("  ")) for line in (root / "SHA256SUMS").read_text().splitlines())
    files = {str(path.relative_to(root)): path for path in root.rglob("*") if path.is_file()}
    files.pop("SHA256SUMS")
    assert {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()} == sums
    assert main(["archive", "mine"]) == 1
    assert "mine.tar: is there already" in capsys.readouterr().err


def test_an_archive_of_unfinished_md_is_refused(project, capsys):
    (project / "results/mine/simulate/T1/protocol.json").unlink()
    assert main(["archive", "mine"]) == 1
    assert "T1/protocol.json: is missing, so the MD is not complete" in capsys.readouterr().err
    assert not (project / "mine.tar").exists()


def test_the_disk_that_md_takes_is_known_before(project):
    study = load_study("mine", project / "studies")
    files = [project / file for file in Layout("results/mine").trajectories(0.5, 2)]
    files += [project / Layout("results/mine").md_energies(0.5)]
    real = sum(path.stat().st_size for path in files)
    assert disk.md_bytes(study) == pytest.approx(real, rel=0.6)  # so few frames are mostly headers
    assert set(disk.expected(study, [0, 1])) == {"simulate", "featurize", "generate"}
    assert disk.expected(study, [0, 1])["generate"] == 2 * disk.expected(study, [0])["generate"]
    assert "mine: about" in disk.outlook(study, Layout("results/mine"), [0])


def test_md_that_cannot_fit_does_not_begin(project, monkeypatch, capsys):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: usage(10_000, 9_000, 1_000))
    study = load_study("mine", project / "studies")
    assert disk.outlook(study, Layout("results/other"), [0]).endswith("lower simulate.frames or generate.samples")
    with pytest.raises(SimulationError, match=r"2 walkers x 20 frames x 1 atoms x 12 bytes, and 1\.0 kB are free"):
        disk.require_space(study, str(project / "results/other/simulate/T0.5"))
    shutil.rmtree(project / "results")
    assert main(["simulate", "mine", "--temperature", "0.5"]) == 1
    assert "free space or lower simulate.frames" in capsys.readouterr().err
    assert not (project / Layout("results/mine").protocol(0.5)).exists()
