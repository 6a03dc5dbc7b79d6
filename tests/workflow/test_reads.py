"""A stage that reads a key of the study which its rule does not track would leave stale results: find out by watching."""

from pathlib import Path

import pytest
from pydantic import BaseModel
from running_snakemake import snakemake

from thermolatent.study.layout import Layout
from thermolatent.study.loading import load_study
from thermolatent.study.stages import STAGES

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

HOME = Path(__file__).parents[2]
#: In a rule's paths and wildcards, or told by its input files, which are checked against the study.
TOLD = {
    *("name", "temperatures.simulated", "tempered", "simulate.walkers", "simulate.frames", "simulate.source"),
    *("frames", "featurize.frames"),
}
#: What other keys follow from.
FROM = {
    "temperatures.T_ref": "temperatures.train",
    "temperatures.predict": "temperatures.generated",
    "temperatures.role": "temperatures",
}
#: Read for the log only, or to find the code that is used.
HARMLESS = {
    "generate": {"featurize.features", "featurize.plane", "models.latf.density.kind"},
}


class Watched:
    """Stands for a section of a study and notes the dotted keys that are read of it."""

    def __init__(self, section, path, read):
        self.__dict__.update(_section=section, _path=path, _read=read)

    @property
    def __class__(self):
        return type(self._section)

    def __getattr__(self, name):
        value = getattr(self._section, name)
        path = f"{self._path}.{name}".lstrip(".")
        if name.startswith("model_dump") and not self._path:  # of the whole study: what was included counts
            every = type(self._section).model_fields
            return lambda **options: self._note(options.get("include", every)) or value(**options)
        if callable(value) and not isinstance(value, BaseModel):  # a method reads what it likes of its section
            path = path if self._path == "temperatures" else self._path
        elif isinstance(value, BaseModel):
            return Watched(value, path, self._read)
        elif name == "models":
            return {key: Watched(model, f"models.{key}", self._read) for key, model in value.items()}
        self._note([path])
        return value

    def _note(self, paths):
        self._read.update(path.replace("validate_", "validate") for path in paths)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reads")
    done = snakemake(folder, "--cores", "2", "--config", "studies=[three_hole]", "scale=smoke")
    assert done.code == 0, (done.out + done.error)[-3000:]
    return folder


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_reads_no_key_that_its_rule_does_not_track(finished, stage):
    study = load_study("three_hole@smoke", HOME / "studies")
    layout = Layout(str(finished / "results/three_hole@smoke"))
    job = {"temperature": 1.0, "model": "latf", "seed": 0, "seeds": [0]}
    read: set[str] = set()
    STAGES[stage].load()(Watched(study, "", read), layout, **{name: job[name] for name in STAGES[stage].per})
    assert read
    tracked = {key.format(model="latf") for key in STAGES[stage].reads}
    untracked = {
        key
        for key in read - TOLD - HARMLESS.get(stage, set())
        if not any(f"{k}.".startswith(f"{t}.") for t in tracked for k in (key, FROM.get(key, key)))
    }
    if "system.kind" in tracked:  # the other parameters of a system reach the stage through its input files
        untracked.discard("system")
    assert untracked == set()
