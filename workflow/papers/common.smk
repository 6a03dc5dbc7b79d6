# What the papers' rules share: which files each figure is drawn from.

import sys
from itertools import product

PAPERS_FOLDER = Path(workflow.current_basedir.get_path_or_uri(secret_free=True))
sys.path.append(str(PAPERS_FOLDER))

from catalogue import FIGURES, PAPERS, TORSIONS, Paths, at_scale
from survey_settings import load_survey
from thermolatent.files.paths import paths_in
from thermolatent.study.jobs import figures_job, training_frames

PAPER_PATHS = Paths("results")
# Studies have two scales here, whatever those of config.yaml have.
PAPER_SUFFIX = SUFFIX if PROJECT.scale == "smoke" else ""
try:
    SURVEY = load_survey(SURVEY_SCALE)
    read_studies(at_scale(name, PAPER_SUFFIX) for figure in FIGURES.values() for name in figure.all_studies)
    read_studies([f"{SURVEY.torsions.study}{PAPER_SUFFIX}"])
except ThermolatentError as error:
    raise SystemExit(str(error))


wildcard_constraints:
    study="|".join(STUDIES),
    figure="|".join(FIGURES),
    experiment="|".join(SURVEY.experiments),
    framework="|".join(SURVEY.frameworks),
    scale=SURVEY_SCALE,


def files_of_training(wildcards):
    """Input function: the frames of the job's study at the training temperatures."""
    return list(paths_in(training_frames(*of(wildcards))))


def settings_of_survey(wildcards):
    """Params function: what a job of the survey, on mixtures or torsions, reads of its settings."""
    experiment = SURVEY.experiments.get(wildcards.get("experiment"), SURVEY.torsions)
    numbers = f"{SURVEY.generated} {SURVEY.likelihoods} {SURVEY.evaluate_every}"
    own = experiment.model_dump_json(exclude={"frameworks"})
    return f"{numbers} {own} {framework_of(wildcards).model_dump_json()}"


def settings_of_paths(wildcards):
    """Params function: what the paths read of a study."""
    study, _ = of(wildcards)
    return f"{study.temperatures.train} {study.validate_.states.model_dump_json()}"


def code_of_script(script, settings):
    """Params function: digest of a script's code, of what it imports, and of the plug-ins in these settings of the job."""
    return lambda wildcards: job_digest(script, settings(wildcards), PAPERS_FOLDER)


def system_of(wildcards):
    return of(wildcards)[0].system


def spec_of(wildcards):
    return of(wildcards)[0].models[wildcards.model]


def framework_of(wildcards):
    return SURVEY.framework(wildcards.get("experiment"), wildcards.framework)


def code_of_paper_figure(wildcards):
    """Params function: digest of a figure's code."""
    figure = FIGURES[wildcards.figure]
    return job_digest(figure.draw.partition(":")[0], figure, PAPERS_FOLDER)


def paper_study(name):
    """A study of the papers at their scale, and its paths."""
    study = STUDIES[at_scale(name, PAPER_SUFFIX)]
    return study, Layout.of(study)


def files_of_torsions(wildcards):
    """Input function: the MD that the survey learns torsions from."""
    study, layout = paper_study(SURVEY.torsions.study)
    return [file(study.temperatures.train[0]) for file in (layout.features, layout.features_header)]


def files_of_paper_figure(wildcards):
    """Input function: everything a figure is drawn from."""
    figure, files = FIGURES[wildcards.figure], []
    for experiment in figure.experiments:
        jobs = [(framework, seed) for framework in SURVEY.frameworks for seed in SURVEY.seeds]
        files += [PAPER_PATHS.survey(SURVEY_SCALE, experiment, *job) for job in jobs]
        if experiment == TORSIONS:
            files += files_of_torsions(wildcards)
            files += [PAPER_PATHS.torsion_samples(SURVEY_SCALE, *job) for job in jobs]
    for study, layout in map(paper_study, figure.studies):
        files += paths_in(figures_job(study, layout, SEEDS).inputs)
    for study, _ in map(paper_study, figure.divergences):
        files += [PAPER_PATHS.divergences(study.name, seed) for seed in SEEDS]
    for study, _ in map(paper_study, figure.all_studies[:1]):
        files += [PAPER_PATHS.base_paths(study.name, *job) for job in product(figure.paths, SEEDS)]
    return files


def files_of_every_model(wildcards):
    """Input function: model files, histories and lists of samples of all models of the job's study and seed."""
    study, layout = of(wildcards)
    files = [file(model, wildcards.seed) for model in study.models for file in (layout.model, layout.generated)]
    return [*files, *(layout.history(layout.model(model, wildcards.seed)) for model in study.models)]


def can_be_made(figure):
    """Whether a target makes it here: MD that is for a GPU must be there already."""
    needed = [layout.protocol(T) for s, layout in map(paper_study, figure.studies) for T in s.temperatures.simulated]
    return not figure.gpu or all(map(os.path.isfile, needed))


def paper_figures(*papers):
    """Captions of these papers' figures; each stands for its whole figure."""
    made = [name for name, figure in FIGURES.items() if figure.paper in papers and can_be_made(figure)]
    return [PAPER_PATHS.figure(name, "md") for name in made]
