# What the rules share. Bad input ends here, in one line, before there is any job.

import os
from pathlib import Path

try:
    from thermolatent.study import disk
    from thermolatent.files import manifest
    from thermolatent import simulate
    from thermolatent.errors import ThermolatentError
    from thermolatent.temperatures import TEMPERATURE_PATTERN
    from thermolatent.study.layout import Layout
    from thermolatent.papers.catalogue import studies as studies_of_papers
    from thermolatent.study.project import (STUDIES_VARIABLE, check_not_renamed, code, find_study, load_project, settings)
    from thermolatent.simulate.devices import DEVICES_VARIABLE
except ModuleNotFoundError as error:
    raise SystemExit(f"{error}; install the package beside snakemake: pip install -e . -c envs/constraints.txt")

HOME = Path(workflow.basedir)
FOLDERS = [Path("studies")]
if HOME.resolve() != Path.cwd().resolve():
    FOLDERS.append(HOME / "studies")
# The rules' commands look for studies where the Snakefile does.
os.environ.update({STUDIES_VARIABLE: os.pathsep.join(map(str, FOLDERS))})

try:
    PROJECT = load_project(dict.fromkeys([HOME / "config.yaml", Path("config.yaml").absolute()]), config)
    SUFFIX = "" if PROJECT.scale == "full" else f"@{PROJECT.scale}"
    ASKED = {name + SUFFIX: find_study(name + SUFFIX, FOLDERS) for name in PROJECT.studies}
    if workflow.is_main_process:
        for study in ASKED.values():
            check_not_renamed(study, Layout.of(study))
    # and those of the papers' figures, which have two scales; and of all of them those whose MD they take over, of which
    # nothing else is made. None is read twice.
    PAPER_SUFFIX = SUFFIX if PROJECT.scale == "smoke" else ""
    STUDIES = dict(ASKED)
    for name in [*ASKED, *(name + PAPER_SUFFIX for name in studies_of_papers())]:
        STUDIES[name] = STUDIES.get(name) or find_study(name, FOLDERS)
        if STUDIES[name].md_study not in STUDIES:
            STUDIES[STUDIES[name].md_study] = find_study(STUDIES[name].md_study, FOLDERS)
except ThermolatentError as error:
    raise SystemExit(str(error))

SEEDS = PROJECT.seeds
#: Paths with wildcards, for outputs.
PATHS = Layout("results/{study}")
#: Stands where a model's name does: the baselines are scored like a model.
BASELINES = "baselines"


wildcard_constraints:
    study="|".join(STUDIES),
    temperature=TEMPERATURE_PATTERN,
    model=rf"(?!{BASELINES}/)[A-Za-z][A-Za-z0-9_]*",
    seed=r"\d+",


def of(wildcards):
    """The study of a job and its paths."""
    study = STUDIES[wildcards.study]
    return study, Layout.of(study)


def md_file(study, file, temperature):
    """This file of the MD; of a tempered temperature the list that stands for all its files, which no rule names."""
    layout = Layout.of(study)
    tempered = float(temperature) in STUDIES[study.md_study].tempered
    return layout.tempered if tempered else getattr(layout, file)(temperature)


def at_temperature(file):
    """Input function: this file of the MD at the job's temperature, where the study's MD is."""

    def path(wildcards):
        return md_file(of(wildcards)[0], file, wildcards.temperature)

    return path


def files_of_system(wildcards):
    """Input function: files of the user's that the MD at the job's temperature is made from."""
    return of(wildcards)[0].system.input_files(float(wildcards.temperature))


def files_of_ladder(wildcards):
    """Input function: files of the user's that the MD at any temperature of the ladder is made from."""
    study, _ = of(wildcards)
    return list(dict.fromkeys(path for t in study.ladder for path in study.system.input_files(t)))


def files_of_features(wildcards):
    """Input function: structures that features compare with."""
    return [path for feature in of(wildcards)[0].featurize.all_features for path in feature.input_files]


def at_training(*files):
    """Input function: these files at the training temperatures, and at no other."""

    def paths(wildcards):
        study, layout = of(wildcards)
        return [getattr(layout, file)(t) for file in files for t in study.temperatures.train]

    return paths


def at_simulated(*files):
    """Input function: these files at every temperature with MD."""

    def paths(wildcards):
        study, layout = of(wildcards)
        return [getattr(layout, file)(t) for file in files for t in study.temperatures.simulated]

    return paths


def exchanged(*files):
    """Input function: these files at every temperature of replica exchange from elsewhere, which say how long blocks must be."""

    def paths(wildcards):
        return at_simulated(*files)(wildcards) if getattr(of(wildcards)[0].system, "discontinuous", False) else []

    return paths


def protocols(wildcards):
    """Input function: what tells of the MD, at every temperature with any."""
    study, _ = of(wildcards)
    return list(dict.fromkeys(md_file(study, "protocol", t) for t in study.temperatures.simulated))


def training_protocols(wildcards):
    """Input function: what tells of the MD at the training temperatures."""
    study, _ = of(wildcards)
    return list(dict.fromkeys(md_file(study, "protocol", t) for t in study.temperatures.train))


def of_models(file, baselines=False):
    """Input function: this file of every model and seed, of the baselines too if asked."""

    def paths(wildcards):
        study, layout = of(wildcards)
        models = [*study.models, *([BASELINES] if baselines else [])]
        return [getattr(layout, file)(model, seed) for model in models for seed in SEEDS]

    return paths


def profiles_with_bins(wildcards):
    """Input function: the profiles that the bins of the fixed plane are taken from."""
    study, layout = of(wildcards)
    return layout.profiles(next(iter(study.models)), SEEDS[0])


def weights_if_informed(wildcards):
    """The estimator, for a model that is trained on reweighted frames."""
    study, layout = of(wildcards)
    return [layout.reweighting] if study.models[wildcards.model].informed else []


def model_of(wildcards):
    """The model of a job; one without a model is the baselines'."""
    return wildcards.get("model", BASELINES)


def histories(wildcards):
    """Loss histories of everything that was trained."""
    study, layout = of(wildcards)
    trained = [layout.spib(seed) for seed in SEEDS]
    trained += [layout.model(model, seed) for model in study.models for seed in SEEDS]
    return [layout.history(file) for file in trained]


def training_first(wildcards):
    """Priority: what the training waits for, before the MD that is only there to judge."""
    study, _ = of(wildcards)
    return 100 if float(wildcards.temperature) in study.temperatures.train else 0


def settings_of(stage):
    """Params function: what the stage reads of the study."""

    def text(wildcards):
        return settings(of(wildcards)[0], stage, model_of(wildcards))

    return text


def code_of(stage):
    """Params function: digest of the stage's code, with the plug-ins that the study uses."""

    def digest(wildcards):
        return code(of(wildcards)[0], stage, model_of(wildcards))

    return digest


def grows(amount):
    """Resource function: so much, for a failed job's next attempts twice, three times as much. Only profiles have retries.

    Memory grows, and the runtime of what starts anew; MD and training go on from their checkpoint. docs/clusters.md has the
    measurements behind the numbers.
    """

    def resource(wildcards, attempt):
        return amount * attempt

    return resource


def share_out_gpus():
    """Where `--resources gpu=N` limits the jobs of this machine, each of them takes one of the devices 0 to N-1 for itself.

    Other devices: set THERMOLATENT_DEVICES. On a cluster the batch system does this.
    """
    limit = workflow.global_resources.get("gpu")
    gpus = limit.value if limit is not None else None  # an entry without a value stands where no limit was given
    if workflow.is_main_process and workflow.local_exec and gpus:
        os.environ.setdefault(DEVICES_VARIABLE, ",".join(map(str, range(gpus))))


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
