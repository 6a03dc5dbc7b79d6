"""What the workflow plans, told by dry runs. A start of Snakemake costs seconds: studies share one."""

import os
import re
import shlex
from collections import Counter
from pathlib import Path

import pytest
import yaml
from running_snakemake import expected, snakemake
from studies_for_tests import BAD, SOUND, changed, write

from thermolatent.cli import build_parser
from thermolatent.study.loading import load_study
from thermolatent.study.stages import STAGES

pytestmark = pytest.mark.workflow

HOME = Path(__file__).parents[2]
STUDIES = sorted(path.stem for path in (HOME / "studies").glob("*.yaml"))
#: The workflow reads studies as tests/test_config.py does, which tries all that can be wrong with one.
FIRST, *OTHERS = BAD
DERIVED = {"represent_own", "validate_baselines"}
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


@pytest.fixture(scope="module", params=["full", "smoke"])
def every_study(request, tmp_path_factory):
    """Scale, and by study the jobs that it takes, of one plan of all studies with the seeds 0 and 3."""
    options = (f"studies=[{', '.join(STUDIES)}]", "seeds=[0,3]", f"scale={request.param}")
    done = snakemake(tmp_path_factory.mktemp("plan"), "-n", "--config", *options)
    assert done.code == 0, done.error
    jobs = done.jobs
    maker = {file: job for job in jobs for file in job["output"]}
    (asked,) = (job["input"] for job in jobs if job["rule"] == "all")
    found = {}
    for study in STUDIES:
        name = study if request.param == "full" else f"{study}@{request.param}"
        files = needed([file for file in asked if file.startswith(f"results/{name}/")], maker)
        found[name] = [job for job in jobs if files & {*job["output"]}]
    planned = {job["output"][0] for jobs in found.values() for job in jobs}
    assert len(planned) + 1 == sum(done.counts.values()), "a job that no study needs"
    return request.param, found


def needed(files, maker):
    """The files and all that they are made of, by the job that makes each file."""
    seen, todo = set(), list(files)
    while todo:
        file = todo.pop()
        if file not in seen:
            seen.add(file)
            todo += maker[file]["input"] if file in maker else []
    return seen


@pytest.mark.parametrize("study", STUDIES)
def test_each_study_takes_the_jobs_it_should(every_study, study):
    scale, jobs = every_study
    name = study if scale == "full" else f"{study}@{scale}"
    assert Counter(job["rule"] for job in jobs[name]) | {"all": 1} == expected(name, seeds=2)
    assert [job["output"] for job in jobs[name] if job["rule"] == "report"] == [[f"results/{name}/report.html"]]


def test_the_default_is_lj7_with_the_seeds_of_the_config(plan):
    seeds = len(yaml.safe_load((HOME / "config.yaml").read_text())["seeds"])
    assert plan().counts == expected("lj7", seeds)


@pytest.mark.parametrize("study", STUDIES)
def test_no_training_job_depends_on_a_held_out_temperature(every_study, study):
    scale, jobs = every_study
    name = study if scale == "full" else f"{study}@{scale}"
    maker = {file: job for job in jobs[name] for file in job["output"]}
    train = load_study(name, HOME / "studies").temperatures.train
    checked = 0
    for job in jobs[name]:
        if job["rule"] in ("represent", "represent_own", "reweight", "learn"):
            files = needed(job["input"], maker)
            assert {float(t) for file in files for t in re.findall(r"/T([\d.]+)/", file)} == set(train), job
            checked += 1
    assert checked >= 3


@pytest.fixture(scope="module")
def of_ones_own(tmp_path_factory):
    """Folder, and by study the jobs of six of one's own that are planned together."""
    folder = tmp_path_factory.mktemp("own")
    write(folder, changed("temperatures.reference", []), "without_reference")
    write(folder, changed("tempering", True), "tempered")
    (folder / "mine.py").write_text(
        "raise RuntimeError('run')\n\ndef radius(positions):\n    return positions[:, 0, 0]\n"
    )
    observable = {"kind": "function", "file": "mine.py", "name": "radius"}
    write(folder, changed("featurize.observables", [observable]), "with_function")
    content = changed("models.plain", SOUND["models"]["latf"])
    content["models"]["latf"] = content["models"]["latf"] | {"informed": True}
    write(folder, content, "informed")
    content = changed("models.latf.representation", {"lag": 2})
    content["models"] |= {"shared": SOUND["models"]["latf"], "alike": content["models"]["latf"]}
    write(folder, content, "two_lags")
    temperatures = {"train": [0.5, 0.8, 1.5], "reseeded": [0.8], "predict": [1.0], "reference": [1.0]}
    write(folder, changed("temperatures", temperatures), "reseeded")
    names = ("without_reference", "tempered", "with_function", "informed", "two_lags", "reseeded")
    done = snakemake(folder, "-n", "-p", "--config", f"studies=[{', '.join(names)}]", "seeds=[0]")
    assert done.code == 0, done.error
    jobs = {name: [job for job in done.jobs if job["output"][:1] and name in job["output"][0]] for name in names}
    assert sum(map(len, jobs.values())) + 1 == sum(done.counts.values())
    return folder, jobs, re.findall(r"^Shell command: (thermolatent .*)$", done.out + done.error, re.M)


def test_every_job_s_command_is_one_that_thermolatent_takes(of_ones_own):
    """make test-slow runs them."""
    _, jobs, commands = of_ones_own
    assert len(commands) == sum(map(len, jobs.values()))
    arguments = [shlex.split(command.partition(" > ")[0])[1:] for command in commands]
    assert {words[0] for words in arguments} == set(STAGES)
    for words in arguments:
        build_parser().parse_args(words)


def test_without_reference_only_training_temperatures_are_simulated(of_ones_own):
    counts = Counter(job["rule"] for job in of_ones_own[1]["without_reference"])
    assert counts["simulate"] == counts["featurize"] == 2
    assert {"report", "figures", "validate"} <= set(counts)


def test_tempered_temperatures_are_one_job_that_learning_does_not_see(of_ones_own):
    folder, jobs = of_ones_own[0], of_ones_own[1]["tempered"]
    counts = Counter(job["rule"] for job in jobs)
    assert counts | {"all": 1} == expected("tempered", 1, folder / "studies")
    assert counts["temper"] == 1
    tempered = "results/tempered/simulate/tempered.json"
    readers = {job["rule"] for job in jobs if tempered in job["input"]}
    assert readers == {"featurize", "validate", "validate_baselines", "report"}
    assert [job["output"] for job in jobs if job["rule"] == "temper"] == [[tempered]]


def test_starts_at_a_reseeded_temperature_come_from_the_other_training_ones(of_ones_own):
    """All that the MD there is made of; and no training job sees the reference."""
    folder, jobs = of_ones_own[0], of_ones_own[1]["reseeded"]
    assert Counter(job["rule"] for job in jobs) | {"all": 1} == expected("reseeded", 1, folder / "studies")
    maker = {file: job for job in jobs for file in job["output"]}
    (own,) = (job for job in jobs if job["rule"] == "simulate" and "T0.8" in job["output"][0])
    assert own["input"] == ["results/reseeded/simulate/starts/T0.8.npz"]
    files = needed(own["input"], maker)
    assert {t for file in files for t in re.findall(r"/T([\d.]+)/", file)} == {"0.5", "1.5"}
    for job in jobs:
        if job["rule"] in ("represent", "reweight", "learn"):
            found = {t for file in needed(job["input"], maker) for t in re.findall(r"/T([\d.]+)/", file)}
            assert found == {"0.5", "0.8", "1.5"}


def test_md_that_is_reseeded_stays_when_other_frames_are_newer(of_ones_own, tmp_path):
    write(tmp_path, (of_ones_own[0] / "studies/reseeded.yaml").read_text(), "reseeded")
    for job in of_ones_own[1]["reseeded"]:
        for file in job["output"] if job["rule"] in ("simulate", "featurize", "reseed") else ():
            path = tmp_path / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            newer = job["rule"] == "featurize" and "/T0.8/" not in file
            os.utime(path, (2000.0, 2000.0) if newer else (1000.0, 1000.0))
    counts = snakemake(tmp_path, "-n", "--config", "studies=[reseeded]", "seeds=[0]").counts
    assert not counts.keys() & {"simulate", "featurize", "reseed"}
    assert counts["represent"] == 1


def test_a_user_s_function_is_an_input_of_featurize_alone(of_ones_own):
    readers = [job["rule"] for job in of_ones_own[1]["with_function"] if "mine.py" in job["input"]]
    assert readers == ["featurize"] * 3


def test_a_model_waits_for_the_weights_only_if_informed(of_ones_own):
    jobs = of_ones_own[1]["informed"]
    inputs = {job["output"][0]: job["input"] for job in jobs if job["rule"] == "learn"}
    weights = "results/informed/reweight/reweighting.safetensors"
    assert {path.split("/")[3]: weights in files for path, files in inputs.items()} == {"latf": True, "plain": False}


def test_models_with_one_representation_of_their_own_share_its_spib(of_ones_own):
    folder, jobs = of_ones_own[0], of_ones_own[1]["two_lags"]
    assert Counter(job["rule"] for job in jobs) | {"all": 1} == expected("two_lags", 1, folder / "studies")
    shared, own = (f"results/two_lags/represent/{of}seed0.safetensors" for of in ("", "latf/"))
    made = {job["rule"]: job["output"][0] for job in jobs if job["rule"].startswith("represent")}
    assert made == {"represent": shared, "represent_own": own}
    inputs = {job["output"][0].split("/")[3]: job["input"] for job in jobs if job["rule"] == "learn"}
    read = {model: {shared, own} & {*files} for model, files in inputs.items()}
    assert read == {"latf": {own}, "shared": {shared}, "alike": {own}}
    others = [job["input"] for job in jobs if job["rule"] in ("reweight", "validate_baselines")]
    assert [{shared, own} & {*files} for files in others] == [{shared}, {shared}]


def test_a_study_and_a_config_of_the_working_directory_go_first(plan, tmp_path):
    write(tmp_path, SOUND, "lj7")
    (tmp_path / "config.yaml").write_text("seeds: [4]\n")
    done = plan()
    assert done.counts == expected("lj7", 1, tmp_path / "studies")
    assert any("represent/seed4" in file for job in done.jobs for file in job["output"])


@pytest.mark.parametrize("wrong", [FIRST, *(pytest.param(wrong, marks=pytest.mark.slow) for wrong in OTHERS)])
def test_a_bad_study_is_refused_before_there_is_any_job(plan, tmp_path, wrong):
    key, value, words = BAD[wrong]
    write(tmp_path, changed(key, value))
    refused(plan("--config", "studies=[mine]"), "studies/mine.yaml: ", *words)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("studies=[lj8]", ["studies/lj8.yaml", "no such study, did you mean 'lj7'?"]),
        pytest.param(
            "scale=smok", ["studies/lj7.yaml: scales: has no 'smok', did you mean 'smoke'?"], marks=pytest.mark.slow
        ),
        pytest.param("seeds=[one]", ["--config: seeds.0: is 'one'"], marks=pytest.mark.slow),
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


def test_rules_are_named_like_the_stages_and_profiles_know_only_them(of_ones_own, tmp_path):
    rules = {job["rule"] for name in ("tempered", "two_lags", "reseeded") for job in of_ones_own[1][name]} | {"all"}
    assert rules == {*STAGES, *DERIVED, "all"}
    assert rules | OF_PAPERS == set(snakemake(tmp_path, "--list-rules").out.split())
    for path in (HOME / "profiles").glob("*/profile.yaml"):
        profile = yaml.safe_load(path.read_text())
        named = {*profile.get("set-resources", {}), *profile.get("set-threads", {})}
        assert named <= rules | OF_PAPERS, path
        assert set(profile["rerun-triggers"]) == {"mtime", "params", "input"}, path
