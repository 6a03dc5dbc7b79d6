"""What the targets of the papers' figures plan."""

import pytest
from running_snakemake import snakemake

from catalogue import FIGURES
from survey_settings import load_survey
from thermolatent.study.layout import Layout

pytestmark = pytest.mark.workflow


def captions(done):
    return {job["output"][-1] for job in done.jobs if job["rule"] == "paper_figure"}


def test_the_survey_is_a_job_per_experiment_framework_and_seed(plan):
    done = plan("paper_survey", "--config", "survey=paper")
    assert done.code == 0, done.error
    survey = load_survey("paper")
    jobs = len(survey.experiments) * len(survey.frameworks) * len(survey.seeds)
    own = {name for name, figure in FIGURES.items() if figure.paper == "survey"}
    assert (done.counts["survey"], done.counts["paper_figure"]) == (jobs, len(own))
    assert done.counts["survey_torsions"] == len(survey.frameworks) * len(survey.seeds)
    simulated = {file.split("/")[1] for job in done.jobs if job["rule"] == "simulate" for file in job["output"]}
    assert simulated == {survey.torsions.study} == {"aib9"}  # in water, for a GPU
    assert captions(done) == {f"results/paper/{name}.md" for name in own}
    written = {file for job in done.jobs if job["rule"] == "survey" for file in job["output"]}
    assert "results/survey@paper/asymmetry/ns/seed2.csv" in written


def test_the_desk_s_torsions_are_learned_from_md_that_a_cpu_can_run(plan):
    done = plan("paper_survey")
    made = [file for job in done.jobs if job["rule"] in ("simulate", "featurize") for file in job["output"]]
    assert {file.split("/")[1] for file in made} == {"paper_aib9"}
    assert done.counts["survey_torsions"] == len(load_survey("desk").frameworks)


def test_latf_takes_its_studies_paths_and_divergences(plan, tmp_path):
    done = plan("paper_latf", "--config", "seeds=[0]", "scale=smoke")
    assert done.code == 0, done.error
    own = {name for name, figure in FIGURES.items() if figure.paper == "latf" and not figure.gpu}
    assert captions(done) == {f"results/paper/{name}.md" for name in own}
    paths = sum(len(figure.paths) for name, figure in FIGURES.items() if name in own)
    assert (done.counts["paper_paths"], done.counts["paper_divergences"]) == (paths, 2)
    simulated = {file.split("/")[1] for job in done.jobs if job["rule"] == "simulate" for file in job["output"]}
    assert simulated == {"three_hole_single@smoke", "lj7@smoke"}  # the other pair of temperatures shares its MD


def test_each_amount_of_md_is_a_study_of_its_own_on_one_md(plan):
    """At the scale smoke they are one."""
    done = plan("results/paper/data_efficiency.md", "--config", "seeds=[0]")
    assert done.code == 0, done.error
    models = {
        (job["output"][0].split("/")[1], job["output"][0].split("/")[3]) for job in done.jobs if job["rule"] == "learn"
    }
    names = ("latf", "latf_published", "dspib", "flow_matching")
    assert models == {(study, name) for study in FIGURES["data_efficiency"].studies for name in names}
    simulated = {file.split("/")[1] for job in done.jobs if job["rule"] == "simulate" for file in job["output"]}
    assert simulated == {"lj7"}
    smoke = plan("results/paper/data_efficiency.md", "--config", "seeds=[0]", "scale=smoke")
    assert {job["output"][0].split("/")[1] for job in smoke.jobs if job["rule"] == "learn"} == {"paper_lj7_data@smoke"}


def test_what_needs_a_gpu_is_made_where_its_md_is(plan, tmp_path):
    for T in (340, 360, 380, 400, 420, 440):
        path = tmp_path / Layout("results/chignolin@smoke").protocol(T)
        path.parent.mkdir(parents=True)
        path.write_text("{}")
    made = captions(plan("paper_latf", "--config", "seeds=[0]", "scale=smoke"))
    assert {"results/paper/latf_3.md", "results/paper/latf_4.md"} < made
    assert "results/paper/latf_6.md" not in made


def test_a_scale_that_the_survey_has_not_is_refused(plan):
    done = plan("paper_survey", "--config", "survey=dessk")
    assert done.code == 1
    assert "Traceback" not in done.out + done.error
    assert "survey.yaml: scales: has no 'dessk', did you mean 'desk'?" in done.out + done.error


def test_a_job_and_a_figure_are_made_and_a_bad_input_is_one_line(tmp_path):
    """The other frameworks' jobs stand in by the first one's numbers."""
    run = ("--cores", "1", "--rerun-triggers", "mtime", "--config", "survey=smoke", "--")
    folder = tmp_path / "results/survey@smoke/dimension"
    done = snakemake(tmp_path, *run, "results/survey@smoke/dimension/ns/seed0.csv")
    assert done.code == 0, done.error
    scores = (folder / "ns/seed0.csv").read_text()
    for framework in set(load_survey("smoke").frameworks) - {"ns"}:
        (folder / framework).mkdir()
        (folder / framework / "seed0.csv").write_text(scores.replace(",ns,", f",{framework},"))
    done = snakemake(tmp_path, *run, "results/paper/survey_cost.md")
    assert done.code == 0, done.error
    assert done.counts == {"paper_figure": 1}
    assert "time per sample, DDPM | 26 ms |" in (tmp_path / "results/paper/survey_cost.md").read_text()
    (folder / "ddpm/seed0.csv").write_text("what is this\n")
    done = snakemake(tmp_path, *run, "results/paper/survey_cost.md")
    assert done.code == 1
    log = (tmp_path / "logs/paper/survey_cost.log").read_text()
    assert "ddpm/seed0.csv: is not a table" in log
    assert "Traceback" not in log + done.error
