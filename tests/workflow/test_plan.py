"""What the workflow plans, told by dry runs."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from running_snakemake import snakemake
from studies_for_tests import BAD, SOUND, changed, write

from thermolatent.study.loading import load_study
from thermolatent.study.stages import STAGES

pytestmark = pytest.mark.workflow

HOME = Path(__file__).parents[2]
STUDIES = sorted(path.stem for path in (HOME / "studies").glob("*.yaml"))
DERIVED = {"validate_baselines"}
#: Rules of the papers' figures, which no study takes.
OF_PAPERS = {
    "survey",
    "survey_torsions",
    "paper_paths",
    "paper_divergences",
    "paper_figure",
    "paper_latf",
    "paper_dspib",
    "paper_survey",
    "paper",
}


def expected(name, seeds, folder=HOME / "studies"):
    """Jobs per rule that a study takes."""
    study = load_study(name, folder)
    simulated, tempered, models = len(study.temperatures.simulated), len(study.tempered), len(study.models)
    per_seed = {"represent": 1, "learn": models, "generate": models, "validate": models}
    jobs = {"simulate": simulated - tempered, "featurize": simulated, "validate_baselines": seeds}
    jobs |= {"temper": 1} if tempered else {}
    jobs |= {rule: count * seeds for rule, count in per_seed.items()}
    return jobs | {"reweight": 1, "gather": 1, "figures": 1, "report": 1, "all": 1}


@pytest.mark.parametrize("scale", ["full", "smoke"])
@pytest.mark.parametrize("study", STUDIES)
def test_each_study_takes_the_jobs_it_should(plan, study, scale):
    done = plan("--config", f"studies=[{study}]", "seeds=[0,3]", f"scale={scale}")
    assert done.code == 0, done.error
    name = study if scale == "full" else f"{study}@{scale}"
    assert done.counts == expected(name, seeds=2)
    root = f"results/{name}"
    assert [job["output"] for job in done.jobs if job["rule"] == "report"] == [[f"{root}/report.html"]]


def test_the_default_is_lj7_with_the_seeds_of_the_config(plan):
    seeds = len(yaml.safe_load((HOME / "config.yaml").read_text())["seeds"])
    assert plan().counts == expected("lj7", seeds)


@pytest.mark.parametrize("study", STUDIES)
def test_no_training_job_depends_on_a_held_out_temperature(plan, study):
    jobs = plan("--config", f"studies=[{study}]").jobs
    maker = {file: job for job in jobs for file in job["output"]}

    def ancestors(job):
        for file in job["input"]:
            yield file
            if file in maker:
                yield from ancestors(maker[file])

    train = load_study(study, HOME / "studies").temperatures.train
    checked = 0
    for job in jobs:
        if job["rule"] in ("represent", "reweight", "learn"):
            found = {float(t) for file in ancestors(job) for t in re.findall(r"/T([\d.]+)/", file)}
            assert found == set(train), job
            checked += 1
    assert checked >= 3


def test_without_reference_only_training_temperatures_are_simulated(plan, tmp_path):
    write(tmp_path, changed("temperatures.reference", []))
    done = plan("--config", "studies=[mine]")
    assert done.code == 0, done.error
    assert done.counts["simulate"] == done.counts["featurize"] == 2
    assert {"report", "figures", "validate"} <= set(done.counts)


def test_tempered_temperatures_are_one_job_that_learning_does_not_see(plan, tmp_path):
    write(tmp_path, changed("tempering", True))
    done = plan("--config", "studies=[mine]", "seeds=[0]")
    assert done.code == 0, done.error
    assert done.counts == expected("mine", 1, tmp_path / "studies")
    assert done.counts["temper"] == 1
    tempered = "results/mine/simulate/tempered.json"
    readers = {job["rule"] for job in done.jobs if tempered in job["input"]}
    assert readers == {"featurize", "validate", "validate_baselines", "report"}
    assert [job["output"] for job in done.jobs if job["rule"] == "temper"] == [[tempered]]


def test_a_user_s_function_is_an_input_of_featurize_alone(plan, tmp_path):
    (tmp_path / "mine.py").write_text(
        "raise RuntimeError('run')\n\ndef radius(positions):\n    return positions[:, 0, 0]\n"
    )
    write(tmp_path, changed("featurize.observables", [{"kind": "function", "file": "mine.py", "name": "radius"}]))
    done = plan("--config", "studies=[mine]", "seeds=[0]")
    assert done.code == 0, done.error
    readers = [job["rule"] for job in done.jobs if "mine.py" in job["input"]]
    assert readers == ["featurize"] * 3


def test_a_model_waits_for_the_weights_only_if_informed(plan, tmp_path):
    content = changed("models.plain", SOUND["models"]["latf"])
    content["models"]["latf"] = content["models"]["latf"] | {"informed": True}
    write(tmp_path, content)
    jobs = plan("--config", "studies=[mine]", "seeds=[0]").jobs
    inputs = {job["output"][0]: job["input"] for job in jobs if job["rule"] == "learn"}
    weights = "results/mine/reweight/reweighting.safetensors"
    assert {path.split("/")[3]: weights in files for path, files in inputs.items()} == {"latf": True, "plain": False}


def test_a_study_and_a_config_of_the_working_directory_go_first(plan, tmp_path):
    write(tmp_path, SOUND, "lj7")
    (tmp_path / "config.yaml").write_text("seeds: [4]\n")
    done = plan()
    assert done.counts == expected("lj7", 1, tmp_path / "studies")
    assert any("represent/seed4" in file for job in done.jobs for file in job["output"])


def test_two_studies_are_planned_together(plan):
    done = plan("--config", "studies=[lj7, three_hole]", "seeds=[0]")
    one, other = (expected(study, 1) for study in ("lj7", "three_hole"))
    assert done.counts == {rule: one[rule] + other[rule] for rule in one} | {"all": 1}


@pytest.mark.parametrize("wrong", BAD)
def test_a_bad_study_is_refused_before_there_is_any_job(plan, tmp_path, wrong):
    key, value, words = BAD[wrong]
    write(tmp_path, changed(key, value))
    refused(plan("--config", "studies=[mine]"), "studies/mine.yaml: ", *words)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("studies=[lj8]", ["studies/lj8.yaml", "no such study, did you mean 'lj7'?"]),
        ("scale=smok", ["studies/lj7.yaml: scales: has no 'smok', did you mean 'smoke'?"]),
        ("seeds=[one]", ["--config: seeds.0: is 'one'"]),
        ("studys=[lj7]", ["--config: studys: unknown key, did you mean 'studies'?"]),
    ],
)
def test_a_bad_config_is_refused_before_there_is_any_job(plan, config, words):
    refused(plan("--config", config), *words)


def test_broken_yaml_is_refused_before_there_is_any_job(plan, tmp_path):
    write(tmp_path, "system: {kind: three_hole\n")
    refused(plan("--config", "studies=[mine]"), "studies/mine.yaml: line", "not valid YAML")


def refused(done, *words):
    """One line besides Snakemake's word about the profile, and no traceback."""
    assert done.code == 1
    assert "Traceback" not in done.out + done.error
    lines = [line for line in (done.out + done.error).splitlines() if line and not line.startswith("Using workflow")]
    assert len(lines) == 1, lines
    assert not [word for word in words if word not in lines[0]], lines[0]


def test_lint_finds_nothing(tmp_path):
    tool = Path(sys.executable).parent
    lint = subprocess.run([tool / "snakemake", "--lint"], cwd=HOME, capture_output=True, text=True)
    assert lint.returncode == 0, lint.stdout + lint.stderr
    formatted = subprocess.run(
        [tool / "snakefmt", "--check", "Snakefile", "workflow"], cwd=HOME, capture_output=True, text=True
    )
    assert formatted.returncode == 0, formatted.stderr


def test_rules_are_named_like_the_stages_and_profiles_know_only_them(plan, tmp_path):
    write(tmp_path, changed("tempering", True))
    rules = set(plan("--config", "studies=[mine]").counts)
    assert rules == {*STAGES, *DERIVED, "all"}
    assert rules | OF_PAPERS == set(snakemake(tmp_path, "--list-rules").out.split())
    for path in (HOME / "profiles").glob("*/profile.yaml"):
        profile = yaml.safe_load(path.read_text())
        named = {*profile.get("set-resources", {}), *profile.get("set-threads", {})}
        assert named <= rules | OF_PAPERS, path
        assert set(profile["rerun-triggers"]) == {"mtime", "params", "input"}, path
