"""Files cut short: each is told by name with what to do, nothing beside it is touched, and the remedy works."""

from pathlib import Path

import pytest
from faults_for_tests import content, one_line, without

pytestmark = pytest.mark.faults

#: What is cut -> (the stage that reads it, words of the line it says, the stage that brings it back).
CUT = {
    "simulate/T0.5/walker01.dcd": ("featurize", ["trajectory has", "run the stage simulate again"], "simulate"),
    "simulate/T0.5/energies.npy": (
        "featurize",
        ["energies of the MD cannot be read", "run its stage again"],
        "simulate",
    ),
    "featurize/T0.5/features.npy": ("represent", ["features cannot be read", "run its stage again"], "featurize"),
    "featurize/T0.5/features.json": ("represent", ["header cannot be read", "run its stage again"], "featurize"),
    "represent/seed0.safetensors": ("learn", ["spib file cannot be read", "run its stage again"], "represent"),
    "reweight/reweighting.safetensors": (
        "learn",
        ["reweighting file cannot be read", "run its stage again"],
        "reweight",
    ),
    "learn/latf/seed0.safetensors": ("generate", ["model file cannot be read", "run its stage again"], "learn"),
    "generate/latf/seed0/T1.npz": ("validate", ["cannot be read", "run its stage again"], "generate"),
    "validate/latf/seed0.scores.csv": ("gather", ["middle of a line", "run validate"], "validate"),
    "validate/latf/seed0.populations.csv": ("gather", ["middle of a line", "run validate"], "validate"),
    "validate/scores.csv": ("report", ["middle of a line"], "gather"),
}


@pytest.mark.parametrize("cut", CUT)
def test_a_file_cut_short_is_told_and_made_again(finished, copied, jobs, cut):
    expected = content(finished)
    reader, words, maker = CUT[cut]
    path = copied / "results/tiny" / cut
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 3 // 4 - 1])
    kept = {name: data for name, data in content(copied).items() if name != cut}
    without(copied, reader)
    code, error, _ = jobs.run(copied, reader)
    assert code == 1
    line = one_line(error)
    assert f"results/tiny/{cut}: " in line
    assert not [word for word in words if word not in line], line
    assert {name: data for name, data in content(copied).items() if name in kept}.items() <= kept.items()
    path.unlink()  # as the line says
    for stage in (maker, reader):
        code, error, _ = jobs.run(copied, stage)
        assert code == 0, error
    assert content(copied) == expected


def test_a_score_file_cut_between_two_lines_is_not_taken_for_a_whole_one(copied, jobs):
    path = copied / "results/tiny/validate/latf/seed0.scores.csv"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[: len(lines) // 2]))
    code, error, _ = jobs.run(copied, "gather")
    assert code == 1
    assert "seed0.scores.csv: has no rows at T = " in one_line(error)


def test_a_checkpoint_cut_short_starts_the_training_again(finished, copied, jobs):
    without(copied, "learn")
    checkpoint = Path(copied / "results/tiny/learn/latf/seed0.checkpoint")
    checkpoint.write_bytes((copied / "results/tiny/represent/seed0.safetensors").read_bytes()[:200])
    code, error, _ = jobs.run(copied, "learn")
    assert code == 0, error
    assert "seed0.checkpoint cannot be read, training starts again" in error
    assert content(copied) == content(finished)
