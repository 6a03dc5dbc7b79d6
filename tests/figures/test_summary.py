"""The head of the report: the MD in a line, whether it is fit to answer, and the methods text."""

import pytest
from files_for_figures import make_study, write_study_files

from thermolatent.files.artifacts import load_json
from thermolatent.report import summary
from thermolatent.study.jobs import JOBS

ROW = {
    **{
        "temperature": "0.2",
        "state": "hexagon",
        "evidence": "31.4",
        "r_hat": "1.02",
        "assessable": "yes",
        "reason": "",
    },
    **{"kinetic_temperature": "0.2", "start_up": "0", "doubt": ""},
    **{"timescale": "", "timescale_twice": "", "chapman_kolmogorov": ""},
}


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    layout = write_study_files(make_study(), tmp_path_factory.mktemp("head"), [0])
    job = JOBS["report"](make_study(), layout, seeds=[0])
    return job.settings, {T: load_json(path) for T, path in job.inputs.protocols.items()}


def test_the_md_in_a_line(settings):
    study, protocols = settings
    assert summary.facts(study, protocols) == "MD at T = 0.2 and 0.5, 32 walkers of 1500 time units at each"
    longer = protocols | {0.5: protocols[0.5] | {"frames": 6000, "walkers": 1}}
    assert summary.facts(study, longer) == (
        "MD: T = 0.2, 32 walkers of 1500 time units; T = 0.5, 1 walker of 3000 time units"
    )


@pytest.mark.parametrize(("steps", "text"), [(250, "500 ps"), (50_000, "100 ns"), (1_000_000, "2 µs")])
def test_times_have_a_unit_that_fits(settings, steps, text):
    kelvin = settings[0].model_copy(
        update={"system": make_study().system.model_copy(update={"temperature_unit": "kelvin"})}
    )
    protocol = {"frames": 1000, "save_every": steps, "time_step": 0.002}
    assert summary.length(kelvin, protocol) == text


def test_md_that_is_fit_says_what_of_it():
    hot = ROW | {"temperature": "0.5", "evidence": "8.25", "r_hat": "1.101", "start_up": "0.12"}
    found = summary.fit([ROW, hot, ROW | {"state": "chevron", "evidence": "1234.5"}])
    assert found["fit"] is True
    assert found["text"] == (
        "independent visits hexagon 8.2, chevron 1 234; split R-hat at most 1.10; kinetic temperature as set; start-up of up "
        "to 12 % left out"
    )


def test_reseeded_md_has_the_test_of_its_markov_model():
    own = {
        "temperature": "0.35",
        "r_hat": "",
        "timescale": "132.07",
        "timescale_twice": "42",
        "chapman_kolmogorov": "0.98",
    }
    text = summary.fit([ROW, ROW | own, ROW | own | {"state": "chevron"}])["text"]
    assert text.count("reseeded") == 1
    assert (
        "reseeded 0.35: timescales of 132 and 42 frames at one and two lags, Chapman-Kolmogorov within 1.0 st" in text
    )


def test_md_that_is_not_fit_says_so_and_which_states_are_not_assessable():
    seldom = ROW | {"assessable": "no", "reason": "visited 3 times"}
    other = ROW | {"state": "chevron"}
    found = summary.fit([seldom, other])
    assert found["fit"] is False
    assert found["text"].startswith("hexagon is not assessable; independent visits hexagon 31, chevron 31; ")
    assert summary.fit([seldom, seldom | {"state": "chevron"}])["text"].startswith(
        "hexagon and chevron are not assessable"
    )
    doubted = summary.fit([ROW, other | {"doubt": "the kinetic temperature is off: 99 +- 1 at 300"}])
    assert doubted["fit"] is False
    assert "kinetic temperature" not in doubted["text"]


def test_the_methods_text_says_what_was_reseeded(settings):
    study, protocols = settings
    assert "drawn by their weights" not in " ".join(summary.methods(study, protocols))
    reseeded = study.temperatures.model_copy(update={"reseeded": [0.5]})
    text = summary.methods(study.model_copy(update={"temperatures": reseeded}), protocols)[0]
    assert text.endswith("have the weights of a reversible Markov model.")
    assert "Walkers at T = 0.5 began, without equilibration, in frames" in text


def test_the_methods_text_has_what_a_paper_needs(settings):
    text = " ".join(summary.methods(*settings))
    for part in (
        "OpenMM 8.6.1 (LangevinMiddleIntegrator, time step 0.005, friction 1, Reference platform, double precision)",
        "T = 0.2 and 0.5, 32 walkers of 1500 time units at each, after 50000 steps of equilibration",
        "every 100 steps a frame was saved",
        "(hexagon, tricapped, trapezoid, chevron)",
        "latf (flow)",
        "2 latent dimensions, seeds 0.",
        "arXiv:2507.03174",
    ):
        assert part in text, part
