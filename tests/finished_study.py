"""Studies run in this process; a folder like a user's, in which the study ``lj7`` has been run, small and short."""

from pathlib import Path

import pytest
import yaml

from thermolatent.parsing import merge
from thermolatent.study.jobs import run_job
from thermolatent.study.layout import BASELINES_JOB, Layout
from thermolatent.study.loading import load_study
from thermolatent.study.project import save_resolved

HOME = Path(__file__).parents[1]
#: LJ7 in seconds; its numbers mean nothing.
SMALL = {
    "temperatures": {"predict": [0.3, 0.4], "reference": [0.3]},
    "simulate": {"walkers": 4, "frames": 150, "save_every": 50, "equilibration": 1000},
    "representation": {"epochs": 3, "refinements": 1, "initial_labels": 8, "batch_size": 128, "learning_rate": 5e-3},
    "learn": {"steps": 60, "evaluate_every": 30, "batch_size": 256},
    "generate": {"samples": 500, "structures": 5, "grid": 3},
    "featurize": {"observables": ["coordination_moments"]},
    "validate": {"bins": 10, "bootstrap": 5, "tolerance": {"coordination_moments": 0.2}},
}


def finish_study(folder):
    """Write ``studies/lj7.yaml``, with one model, and all that its stages write, into a folder."""
    content = yaml.safe_load((HOME / "studies/lj7.yaml").read_text())
    content.pop("scales")
    content = merge(content, SMALL)
    content["models"] = {"latf": content["models"]["latf"]}
    content["models"]["latf"]["density"] |= {"couplings": 2, "width": 8, "bins": 4}
    (folder / "studies").mkdir()
    (folder / "studies/lj7.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        run_stages("lj7", Path("studies"))


def run_stages(name, studies):
    """Every job of a study with seed 0, in this process and the working directory. Returns study and layout."""
    study = load_study(name, studies)
    layout = Layout.of(study)
    save_resolved(study, layout)
    source = load_study(study.md_study, studies)
    for T in study.temperatures.simulated:
        run_job("simulate", source, Layout.of(source), temperature=T)
        run_job("featurize", study, layout, temperature=T)
    for model in study.spibs:
        run_job("represent", study, layout, model=model, seed=0)
    run_job("reweight", study, layout, seed=0)
    for model in study.models:
        for stage in ("learn", "generate", "validate"):
            run_job(stage, study, layout, model=model, seed=0)
    run_job("validate", study, layout, model=BASELINES_JOB, seed=0)
    for stage in ("gather", "figures", "report"):
        run_job(stage, study, layout, seeds=[0])
    return study, layout
