"""The job of each stage: its settings say when it is repeated, its inputs are all that it opens."""

import shutil
from functools import partial
from pathlib import Path

import pytest
from studies_for_tests import changed, written

from thermolatent.digest import reached
from thermolatent.files.paths import named_paths, paths_in
from thermolatent.study.jobs import JOBS, run_stage
from thermolatent.study.layout import Layout
from thermolatent.study.loading import load_study
from thermolatent.study.stages import STAGES

#: What one job of a stage is for.
PER = {"temperature": 0.5, "model": "latf", "seed": 0, "seeds": [0]}


def job_of(stage, study, **per):
    return JOBS[stage](study, Layout.of(study), **{key: (PER | per)[key] for key in STAGES[stage].per})


@pytest.fixture
def study(tmp_path):
    return partial(written, tmp_path)


#: A change of a study -> the stages whose settings it changes.
CHANGES = {
    "models.latf.density.width": (5, {"learn", "validate", "gather", "figures", "report"}),
    "generate.samples": (60, {"generate", "validate", "report"}),
    "generate.structures": (4, {"generate", "report"}),
    "reweight": ({"heat_capacity": 7.0}, {"reweight", "report"}),
    "representation": (
        {"lag": 2},
        {"represent", "reweight", "learn", "validate", "gather", "figures", "report"},
    ),
    "models.latf.representation": ({"lag": 2}, {"represent", "learn", "validate", "gather", "figures", "report"}),
    "simulate.frames": (30, {"simulate", "featurize", "report"}),
    "temperatures.predict": ([0.75, 1.0], {"generate", "validate", "gather", "figures", "report"}),
    "description": ("words", {"figures", "report"}),
}


@pytest.mark.parametrize("key", CHANGES)
def test_a_change_concerns_the_stages_that_read_it_and_no_other(study, key):
    value, concerned = CHANGES[key]
    stages = [stage for stage in STAGES if stage not in ("reseed", "temper")]
    before = {stage: job_of(stage, study()).settings.model_dump() for stage in stages}
    after = {stage: job_of(stage, study(changed(key, value))).settings.model_dump() for stage in stages}
    assert {stage for stage in stages if before[stage] != after[stage]} == concerned


def test_a_prediction_inside_the_learning_range_does_not_repeat_training(study):
    before, after = (
        study(changed("temperatures.predict", predict)) for predict in ([0.75, 1.0, 1.75], [0.75, 1.0, 1.75, 1.6])
    )
    assert job_of("learn", before).settings == job_of("learn", after).settings
    assert job_of("generate", before).settings != job_of("generate", after).settings


def test_settings_of_md_are_what_decides_the_frames(study):
    """Their text is among what Snakemake compares: MD on disk is repeated where it changes."""
    assert set(job_of("simulate", study()).settings.model_dump(mode="json")) == {"system", "simulate"}


def test_the_code_of_training_covers_the_density_and_no_figure():
    modules = reached([STAGES["learn"].module, "thermolatent.densities.flow"])
    assert {"thermolatent.densities.couplings", "thermolatent.represent.spib"} <= modules
    assert not {m.split(".")[1] for m in modules} & {"figures", "validate", "simulate", "generate", "study"}


def test_training_sees_no_held_out_temperature(study):
    for stage in ("represent", "reweight", "learn", "generate"):
        held_out = [path for path in paths_in(job_of(stage, study()).inputs) if "/T1/" in path]
        assert not held_out, stage


#: A study of which 1.0 is reseeded.
RESEEDED = {"train": [0.5, 1.0, 1.5], "reseeded": [1.0], "predict": [0.75]}


def test_starts_come_from_temperatures_that_are_not_reseeded(study):
    """And nobody who learns reads them: MD at a reseeded temperature is training MD like other."""
    job = job_of("reseed", study(changed("temperatures", RESEEDED)), temperature=1.0)
    read = [*paths_in(job.inputs)]
    assert read
    assert all("/T0.5/" in path or "/T1.5/" in path for path in read)
    reader = job_of("simulate", study(changed("temperatures", RESEEDED)), temperature=1.0)
    assert job.outputs == reader.inputs.starts
    assert reader.settings.simulate.equilibration == 0
    assert job_of("simulate", study(changed("temperatures", RESEEDED))).inputs.starts is None
    for stage in ("represent", "reweight", "learn"):
        assert job.outputs not in paths_in(job_of(stage, study(changed("temperatures", RESEEDED))).inputs)


def test_starts_are_drawn_once(study):
    """What the estimator depends on changes neither them nor the MD that they start."""
    content = changed("temperatures", RESEEDED)
    before = job_of("reseed", study(content), temperature=1.0).settings.model_dump(mode="json")
    content["reweight"] = {"heat_capacity": 9.0}
    content["simulate"]["frames"] = 40
    assert job_of("reseed", study(content), temperature=1.0).settings.model_dump(mode="json") == before
    content["simulate"]["walkers"] = 3
    assert job_of("reseed", study(content), temperature=1.0).settings.model_dump(mode="json") != before


def test_each_stage_runs_with_its_inputs_alone(finished, tmp_path, monkeypatch):
    """Every file that a stage opens is among its inputs: where no disk is shared, others are not there."""
    monkeypatch.chdir(finished)
    whole = load_study("lj7")
    for stage in STAGES:
        if stage in ("reseed", "temper"):
            continue
        job = job_of(stage, whole)
        alone = tmp_path / stage
        alone.mkdir()
        for path in paths_in(job.inputs):
            source = finished / path
            if source.is_dir():
                shutil.copytree(source, alone / path)
            elif source.is_file():
                (alone / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, alone / path)
        monkeypatch.chdir(alone)
        run_stage(stage, job)
        written = [path for path in paths_in(job.outputs) if (finished / path).exists()]
        assert written
        assert [path for path in written if not (alone / path).exists()] == []
        monkeypatch.chdir(finished)


def test_lag_beta_and_batch_in_training_are_those_of_the_model_s_spib(study):
    own = {"lag": 2, "beta_ib": 1e-5, "batch_size": 8}
    made = study(changed("models.latf.representation", own))
    learn, represent = job_of("learn", made), job_of("represent", made)
    assert (learn.settings.lag, learn.settings.beta_ib) == (2, 1e-5)
    assert learn.inputs.spib == represent.outputs.model == "results/mine/represent/latf/seed0.safetensors"
    assert represent.settings.representation.model_dump().items() >= own.items()
    reweight = job_of("reweight", made)
    assert (reweight.settings.lag, reweight.inputs.spib) == (1, "results/mine/represent/seed0.safetensors")


def test_inputs_have_names_for_the_workflow(study):
    assert named_paths(job_of("learn", study()).inputs).keys() >= {"frames", "spib"}
    assert named_paths(("a", "b")) == {"files": ["a", "b"]}
    assert Path(job_of("report", study()).outputs).name == "report.html"
