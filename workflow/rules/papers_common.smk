# What the papers' rules share: which files each figure is drawn from.

from thermolatent.digest import code_digest
from thermolatent.study.layout import PaperLayout
from thermolatent.papers.catalogue import FIGURES, PAPERS
from thermolatent.papers.survey_settings import load_survey

PAPER_PATHS = PaperLayout("results")
try:
    SURVEY = load_survey(PROJECT.survey)
except ThermolatentError as error:
    raise SystemExit(str(error))


wildcard_constraints:
    figure="|".join(FIGURES),
    experiment="|".join(SURVEY.experiments),
    framework="|".join(SURVEY.frameworks),
    scale=r"[a-z]+",


def settings_of_survey(wildcards):
    """Params function: what a job of the survey, on mixtures or torsions, reads of its settings."""
    survey = load_survey(wildcards.scale)
    experiment = survey.experiments.get(wildcards.get("experiment"), survey.torsions)
    framework = survey.frameworks[wildcards.framework]
    numbers = f"{survey.generated} {survey.likelihoods} {survey.evaluate_every}"
    return f"{numbers} {experiment.model_dump_json()} {framework.model_dump_json()}"


def study_of_torsions(scale):
    """The study whose torsions the survey learns at this scale, and its paths."""
    return paper_study(load_survey(scale).torsions.study)


def at_torsions(file):
    """Input function: this file of that study, at the temperature that is learned."""

    def path(wildcards):
        study, layout = study_of_torsions(wildcards.scale)
        return getattr(layout, file)(study.temperatures.train[0])

    return path


def name_of_torsions(wildcards):
    """Params function: the study on the command line, with its scale."""
    return study_of_torsions(wildcards.scale)[0].name


def settings_of_paths(wildcards):
    """Params function: what the paths read of a study."""
    study, _ = of(wildcards)
    return f"{study.temperatures.train} {study.validate_.states.model_dump_json()}"


def code_of_papers(*modules):
    """Params function: digest of these modules and of what they import."""
    return lambda wildcards: code_digest(modules)


def code_of_paper_figure(wildcards):
    """Params function: digest of a figure's code."""
    return code_digest([FIGURES[wildcards.figure].module])


def paper_study(name):
    """A study of the papers at their scale, and its paths."""
    study = STUDIES[name + PAPER_SUFFIX]
    return study, Layout.of(study)


def files_of_paper_figure(wildcards):
    """Input function: everything a figure is drawn from."""
    figure, files = FIGURES[wildcards.figure], []
    for experiment in figure.experiments:
        for framework in SURVEY.frameworks:
            files += [PAPER_PATHS.survey(PROJECT.survey, experiment, framework, s) for s in SURVEY.seeds]
    if figure.torsions:
        study, layout = study_of_torsions(PROJECT.survey)
        files += [layout.features(study.temperatures.train[0]), layout.features_header(study.temperatures.train[0])]
        for framework in SURVEY.frameworks:
            for seed in SURVEY.seeds:
                files.append(PAPER_PATHS.survey(PROJECT.survey, "torsions", framework, seed))
                files.append(PAPER_PATHS.torsion_samples(PROJECT.survey, framework, seed))
    for study, layout in map(paper_study, figure.studies):
        each = [(model, seed) for model in study.models for seed in SEEDS]
        files += [layout.all_scores, layout.all_populations, layout.predictions, layout.melting, layout.metrics]
        files += [file(*one) for one in each for file in (layout.generated, layout.profiles)]
    if figure.studies:
        _, layout = paper_study(figure.studies[0])
        files += [layout.paths(model, SEEDS[0]) for model in figure.paths]
        files += [layout.exact_divergences(seed) for seed in SEEDS if figure.divergences]
    return files


def files_of_every_model(wildcards):
    """Input function: model files and lists of samples of all models of the job's study and seed."""
    study, layout = of(wildcards)
    return [file(model, wildcards.seed) for model in study.models for file in (layout.model, layout.generated)]


def can_be_made(figure):
    """Whether a target makes it here: MD that is for a GPU must be there already."""
    if not figure.gpu:
        return True
    return all(
        os.path.isfile(layout.protocol(T))
        for study, layout in map(paper_study, figure.studies)
        for T in study.temperatures.simulated
    )


def paper_figures(*papers):
    """Captions of these papers' figures; each stands for its whole figure."""
    return [PAPER_PATHS.caption(n) for n, figure in FIGURES.items() if figure.paper in papers and can_be_made(figure)]
