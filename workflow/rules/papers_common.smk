# What the papers' rules share: which studies they read, and which files each figure is drawn from.

from thermolatent.digest import code_digest
from thermolatent.layout import PaperLayout
from thermolatent.papers.catalogue import FIGURES, PAPERS
from thermolatent.papers.catalogue import studies as studies_of_papers
from thermolatent.papers.survey_settings import load_survey

PAPER_PATHS = PaperLayout("results")
#: Their studies have two scales.
PAPER_SCALE = "smoke" if PROJECT.scale == "smoke" else "full"
try:
    SURVEY = load_survey(PROJECT.survey)
    for name in studies_of_papers():
        found = find_study(name if PAPER_SCALE == "full" else f"{name}@{PAPER_SCALE}", FOLDERS)
        STUDIES |= {found.name: found, found.md_study: find_study(found.md_study, FOLDERS)}
except ThermolatentError as error:
    raise SystemExit(str(error))


wildcard_constraints:
    figure="|".join(FIGURES),
    experiment="|".join(SURVEY.experiments),
    framework="|".join(SURVEY.frameworks),
    scale=r"[a-z]+",


def settings_of_survey(wildcards):
    """Params function: what a job of the survey reads of its settings."""
    survey = load_survey(wildcards.scale)
    experiment, framework = survey.experiments[wildcards.experiment], survey.frameworks[wildcards.framework]
    return f"{survey.generated} {survey.likelihoods} {experiment.model_dump_json()} {framework.model_dump_json()}"


def code_of_papers(*modules):
    """Params function: digest of these modules and of what they import."""
    return lambda wildcards: code_digest(modules)


def code_of_paper_figure(wildcards):
    """Params function: digest of a figure's code."""
    return code_digest([FIGURES[wildcards.figure].module])


def paper_study(name):
    """A study of the papers at their scale, and its paths."""
    study = STUDIES[name if PAPER_SCALE == "full" else f"{name}@{PAPER_SCALE}"]
    return study, Layout.of(study)


def files_of_paper_figure(wildcards):
    """Input function: everything a figure is drawn from."""
    figure, files = FIGURES[wildcards.figure], []
    for experiment in figure.experiments:
        for framework in SURVEY.frameworks:
            files += [PAPER_PATHS.survey(PROJECT.survey, experiment, framework, s) for s in SURVEY.seeds]
    return files


def paper_figures(*papers):
    """Captions of these papers' figures; each stands for its whole figure."""
    return [PAPER_PATHS.caption(name) for name, figure in FIGURES.items() if figure.paper in papers]
