"""What the targets of the papers' figures plan."""

import pytest

from thermolatent.papers.catalogue import FIGURES
from thermolatent.papers.survey_settings import load_survey

pytestmark = pytest.mark.workflow


def captions(done):
    return {job["output"][-1] for job in done.jobs if job["rule"] == "paper_figure"}


def test_the_survey_is_a_job_per_experiment_framework_and_seed(plan):
    done = plan("paper_survey", "--config", "survey=paper")
    assert done.code == 0, done.error
    survey = load_survey("paper")
    jobs = len(survey.experiments) * len(survey.frameworks) * len(survey.seeds)
    own = {name for name, figure in FIGURES.items() if figure.paper == "survey"}
    assert done.counts == {"survey": jobs, "paper_figure": len(own), "paper_survey": 1}
    assert captions(done) == {f"results/paper/{name}.md" for name in own}
    written = {file for job in done.jobs if job["rule"] == "survey" for file in job["output"]}
    assert "results/survey@paper/asymmetry/ns/seed2.csv" in written


def test_a_scale_that_the_survey_has_not_is_refused(plan):
    done = plan("paper_survey", "--config", "survey=dessk")
    assert done.code == 1
    assert "Traceback" not in done.out + done.error
    assert "survey.yaml: scales: has no 'dessk', did you mean 'desk'?" in done.out + done.error


def test_the_studies_of_the_config_need_none_of_it(plan):
    assert not {"survey", "paper_figure"} & set(plan().counts)
