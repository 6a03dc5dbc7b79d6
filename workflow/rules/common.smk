# What the rules share. Bad input ends here, in one line, before there is any job.

import json
import os
from functools import cache
from pathlib import Path

from snakemake.io import contains_wildcard

try:
    from thermolatent.digest import job_digest
    from thermolatent.errors import ThermolatentError
    from thermolatent.files import manifest
    from thermolatent.files.paths import named_paths, paths_in
    from thermolatent.launch.home import STUDIES_VARIABLE, study_folders
    from thermolatent.simulate import PROTOCOL
    from thermolatent.simulate.devices import DEVICES_VARIABLE
    from thermolatent.study import disk
    from thermolatent.study.jobs import JOBS
    from thermolatent.study.layout import BASELINES_JOB, Layout
    from thermolatent.study.project import check_not_renamed, find_study, load_project, rename_old_folders
    from thermolatent.study.stages import STAGES
    from thermolatent.temperatures import TEMPERATURE_PATTERN
except ModuleNotFoundError as error:
    raise SystemExit(f"{error}; install the package beside snakemake: pip install -e . -c envs/constraints.txt")

HOME = Path(workflow.basedir)
FOLDERS = study_folders(home=HOME)
# The rules' commands look for studies where the Snakefile does.
os.environ.update({STUDIES_VARIABLE: os.pathsep.join(map(str, FOLDERS))})

#: By name those that were asked for, and those whose MD they take over, of which nothing else is made.
STUDIES = {}


def read_studies(names):
    """Add these studies and those whose MD they take over; none is read twice."""
    for name in names:
        STUDIES[name] = STUDIES.get(name) or find_study(name, FOLDERS)
        md = STUDIES[name].md_study
        STUDIES[md] = STUDIES.get(md) or find_study(md, FOLDERS)


try:
    PROJECT = load_project(dict.fromkeys([HOME / "config.yaml", Path("config.yaml").absolute()]), config)
    SUFFIX = "" if PROJECT.scale == "full" else f"@{PROJECT.scale}"
    ASKED = {name + SUFFIX: find_study(name + SUFFIX, FOLDERS) for name in PROJECT.studies}
    STUDIES.update(ASKED)
    if workflow.is_main_process:
        for study in ASKED.values():
            check_not_renamed(study, Layout.of(study))
            rename_old_folders(Layout.of(study))
    read_studies(ASKED)
except ThermolatentError as error:
    raise SystemExit(str(error))

SEEDS = PROJECT.seeds
#: Paths with wildcards, for outputs.
PATHS = Layout("results/{study}")


wildcard_constraints:
    study="|".join(STUDIES),
    temperature=TEMPERATURE_PATTERN,
    model=rf"(?!{BASELINES_JOB}/)[A-Za-z][A-Za-z0-9_]*",
    seed=r"\d+",


def of(wildcards):
    """The study of a job and its paths."""
    study = STUDIES[wildcards.study]
    return study, Layout.of(study)


@cache
def job_of(stage, name, temperature, model, seed):
    """The job of a stage as the command makes it: settings, inputs and outputs."""
    per = {"temperature": temperature, "model": model, "seed": seed, "seeds": SEEDS}
    study = STUDIES[name]
    return JOBS[stage](study, Layout.of(study), **{key: per[key] for key in STAGES[stage].per})


def job(stage, wildcards):
    """The job of a stage that these wildcards ask for; one without a model is the baselines'."""
    temperature = float(wildcards.temperature) if "temperature" in wildcards.keys() else None
    return job_of(
        stage, wildcards.study, temperature, wildcards.get("model", BASELINES_JOB), int(wildcards.get("seed", SEEDS[0]))
    )


def inputs_of(stage, flag=str):
    """Input function: every file that the stage's job reads, by what it is, but those that settings_of() tells of.

    ``flag``: of each path, such as Snakemake's ``ancient``.
    """

    def files(wildcards):
        study, layout = of(wildcards)
        tempered = STUDIES[study.md_study].tempered
        return {
            name: [
                flag(path)
                for path in dict.fromkeys(
                    layout.tracked(path, tempered) for path in paths if not contains_wildcard(path)
                )
            ]
            for name, paths in named_paths(job(stage, wildcards).inputs).items()
        }

    return files


def training_first(wildcards):
    """Priority: what the training waits for, before the MD that is only there to judge."""
    study, _ = of(wildcards)
    return 100 if float(wildcards.temperature) in study.temperatures.train else 0


def settings_of(stage):
    """Params function: what the stage reads of the study, and the times of the user's files whose path Snakemake would take
    for one with wildcards."""

    def text(wildcards):
        settings, inputs = job(stage, wildcards).settings, job(stage, wildcards).inputs
        told = json.dumps(settings.model_dump(mode="json", by_alias=True), sort_keys=True)
        times = {path: os.stat(path).st_mtime_ns for path in paths_in(inputs) if contains_wildcard(path)}
        return f"{told} {times}" if times else told

    return text


def code_of(stage):
    """Params function: digest of the stage's code, with the plug-ins that the study uses."""

    def digest(wildcards):
        return job_digest(STAGES[stage].module, job(stage, wildcards).settings)

    return digest


def model_of(wildcards):
    """The model of a job of represent or validate."""
    return wildcards.get("model", BASELINES_JOB)


def grows(amount):
    """Resource function: so much, for a failed job's next attempts twice, three times as much. Only profiles have retries.

    Memory grows, and the runtime of what starts anew; MD and training go on from their checkpoint. docs/reference/clusters.md has the
    measurements behind the numbers.
    """

    def resource(wildcards, attempt):
        return amount * attempt

    return resource


def share_out_gpus():
    """Where `--resources gpu=N` limits the jobs of this machine, each of them takes one of the devices 0 to N-1, which it shares
    with at most `jobs_per_gpu` - 1 others.

    Other devices: set THERMOLATENT_DEVICES. On a cluster the batch system does this.
    """
    limits = [workflow.global_resources.get(name) for name in ("gpu", "jobs_per_gpu")]
    gpus, each = (limit and limit.value for limit in limits)  # an entry without a value stands where no limit was given
    if workflow.is_main_process and workflow.local_exec and gpus:
        devices = os.environ.get(DEVICES_VARIABLE) or ",".join(map(str, range(gpus)))
        os.environ[DEVICES_VARIABLE] = ",".join([devices] * (each or 1))
        workflow.register_resource("gpu", gpus * (each or 1))


def results_of(studies):
    """Everything that is made of these studies."""
    files = []
    if workflow.is_main_process:
        for study in STUDIES.values():
            manifest.withdraw_if_lost(Layout.of(study).tempered)
    for name, study in studies.items():
        layout = Layout.of(study)
        lists = [layout.generated(model, seed) for model in study.models for seed in SEEDS] + [layout.figures]
        if workflow.is_main_process:
            for path in lists:
                manifest.withdraw_if_lost(path)
        files += [layout.report, layout.all_scores, layout.all_populations, layout.predictions, layout.melting]
        files += [layout.metrics, *lists]
    return files
