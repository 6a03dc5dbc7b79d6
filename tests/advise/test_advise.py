"""The command `advise`: its table, its edits of a study, and what it refuses."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from advise.project import STUDY

from thermolatent import ConditionalReweighting
from thermolatent.advise.advice import advise
from thermolatent.advise.applying import apply
from thermolatent.advise.expected import Expectation
from thermolatent.advise.options import interval_of, new_temperatures
from thermolatent.advise.want import read_want
from thermolatent.cli import main
from thermolatent.errors import ThermolatentError
from thermolatent.files.artifacts import save_json
from thermolatent.frame_loading import load_frames
from thermolatent.markov import lag_of
from thermolatent.study.jobs import training_frames
from thermolatent.study.layout import Layout
from thermolatent.study.loading import load_study
from thermolatent.temperatures import Temperatures
from thermolatent.yaml_text import load_yaml


def called(capsys, *words) -> tuple[int, str, str]:
    code = main(["advise", "mine", *map(str, words)])
    return code, *capsys.readouterr()


def test_the_table_has_errors_by_part_options_and_the_cheapest(folder, capsys):
    study = load_study("mine")
    advice = advise(study, Layout.of(study), "left at 0.9", 0.022)
    code, out, _ = called(capsys, "--want", "left at 0.9", "--within", 0.022)
    assert code == 0
    first, head, *lines, last = out.splitlines()
    assert first.startswith(f"now {advice.value:.2f} +- {advice.half:.2g}: ")
    assert re.search(r"sampling at 0\.5 \S+, .*temperature form", first)
    assert "costs (speed not known)" in head
    assert len(lines) == len(advice.options) == 8  # two to extend; 0.9 itself, 0.67 and 1.2 to add or to reseed
    assert [line.split()[0] for line in lines] == list("12345678")
    assert sum("<- cheapest that reaches 0.022" in line for line in lines) == 1
    assert lines[advice.options.index(advice.cheapest)].endswith("<- cheapest that reaches 0.022")
    assert "--apply N" in last
    times = [option.time for option in advice.options]
    assert times == sorted(times)
    squares = sum(half**2 for half in advice.parts.values())
    reweighting = ConditionalReweighting.load(Layout.of(study).reweighting)
    row = reweighting.populations(0.9).set_index("state").loc["left"]
    np.testing.assert_allclose(squares, row.sampling**2 + row.form**2 + row.visits**2)


def test_an_option_is_the_least_that_reaches_the_goal_else_as_much_md_as_there_is(folder):
    study = load_study("mine")
    layout, frames = Layout.of(study), load_frames(training_frames(study, Layout.of(study)))
    advice = advise(study, layout, "left at 0.9", 0.016)
    expectation = Expectation(ConditionalReweighting.load(layout.reweighting), frames.flat(frames.energies))
    values, _ = expectation.present(0.9)
    reached = [option.farther <= 0.016 for option in advice.options]
    assert {True, False} == set(reached)
    for option, reaches in zip(advice.options, reached, strict=True):
        used = option.md.frames - (lag_of(option.md.frames) if option.reseeds else 0)
        half, farther = interval_of(values, expectation.parts(0.9, replace(option.md, frames=used)), 0)
        assert (option.half, option.farther) == pytest.approx((half, farther))
        if reaches:
            less = replace(option.md, frames=used // 2)
            assert used == 75 or interval_of(values, expectation.parts(0.9, less), 0)[1] > 0.016
        else:
            assert used == 300


def test_costs_are_those_of_the_speed_that_was_recorded(folder, capsys):
    study = load_study("mine")
    for T in (0.5, 1.5):
        protocol = {"walker_steps_per_second": 1000, "save_every": 100}
        save_json(Layout.of(study).protocol(T), protocol)
    options = [o for o in advise(study, Layout.of(study), "left at 0.9", 0.022).options if o.md.temperature == 0.9]
    assert sorted(option.reseeds for option in options) == [False, True]
    for option in options:
        frames = option.md.walkers * (option.md.frames + (0 if option.reseeds else 10))  # 10 frames of equilibration
        assert option.time == pytest.approx(frames * 1.0)  # the frames are 1 apart
        assert option.seconds == pytest.approx(frames * 100 / 1000)
    assert "about" in called(capsys, "--want", "left at 0.9", "--within", 0.01)[1]


def test_a_goal_that_is_reached_needs_nothing(folder, capsys):
    code, out, _ = called(capsys, "--want", "left at 1", "--within", 0.5)
    assert code == 0
    assert out.endswith("within 0.5 already: nothing to do\n")


def option_number(out: str, start: str) -> str:
    return next(line.split()[0] for line in out.splitlines() if re.match(rf"\s+\d+\s+{start}", line))


def applied(capsys, start: str) -> str:
    """What the command says that applies the option which begins so."""
    words = ("--want", "left at 0.9", "--within", 0.022)
    code, out, _ = called(capsys, *words, "--apply", option_number(called(capsys, *words)[1], start))
    assert code == 0
    return out


def test_a_new_temperature_is_written_into_the_study_and_comments_stay(folder, capsys):
    assert "thermolatent run mine" in applied(capsys, r"add 0\.9")
    text = (folder / "studies/mine.yaml").read_text()
    frames = load_yaml(text)["simulate"].get("frames_at", {}).get(0.9, 300)
    expected = STUDY.replace("[0.5, 1.5]", "[0.5, 0.9, 1.5]").replace("[0.9, 1.0]", "[1.0]")
    if frames != 300:
        expected = expected.replace("equilibration: 1000\n", f"equilibration: 1000\n  frames_at: {{0.9: {frames}}}\n")
    assert text == expected
    study = load_study("mine")
    assert study.temperatures.train == [0.5, 0.9, 1.5]
    assert study.simulate.at(0.9).frames == frames


def test_a_reseeded_temperature_is_written_into_the_study(folder, capsys):
    assert "temperatures.reseeded: with 0.9" in applied(capsys, r"reseed 0\.9")
    study = load_study("mine")
    assert (study.temperatures.train, study.temperatures.reseeded) == ([0.5, 0.9, 1.5], [0.9])
    text = (folder / "studies/mine.yaml").read_text()
    assert text.replace("  reseeded: [0.9]\n", "").count("\n") in (STUDY.count("\n"), STUDY.count("\n") + 1)
    path = folder / "studies/mine.yaml"
    assert apply(path, study, 0.9, study.simulate.at(0.9).frames, reseeds=True) == []


def test_nothing_is_reseeded_that_would_save_nothing(folder):
    """Without an equilibration reseeding costs what adding costs."""
    path = folder / "studies/mine.yaml"
    path.write_text(STUDY.replace("equilibration: 1000", "equilibration: 0"))
    study = load_study("mine")
    assert not [o for o in advise(study, Layout.of(study), "left at 0.9", 0.022).options if o.reseeds]


def test_longer_md_is_written_into_the_study_again_and_again(folder, capsys):
    words = ("--want", "left at 0.9", "--within", 0.0005)
    number = option_number(called(capsys, *words)[1], r"extend 1\.5")
    for frames in (600, 900):
        called(capsys, *words, "--apply", number)
        line = f"equilibration: 1000\n  frames_at: {{1.5: {frames}}}\n"
        assert (folder / "studies/mine.yaml").read_text() == STUDY.replace("equilibration: 1000\n", line)
    study = load_study("mine")
    assert [study.simulate.at(T).frames for T in (0.5, 1.0, 1.5)] == [300, 300, 900]
    assert [study.frames_at(T) for T in (0.5, 1.5)] == [300, 900]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--want", "left"), r"--want: 'left'; write a state and a temperature, e\.g\. 'left at 0\.9'"),
        (("--want", "left at -3"), r"--want: 'left at -3'; write"),
        (("--want", "lift at 0.9"), r"--want: no state 'lift', did you mean 'left'\?"),
        (("--want", "far at 0.9"), r"--want: no frame of the training MD is in 'far', so what more MD is worth"),
        (("--want", "left at 0.9", "--temperatures", "0.5"), r"--temperatures: 0\.5 is trained already"),
        (("--want", "left at 0.9", "--apply", "9"), r"--apply: 9, but there are 8 options"),
        (("--want", "left at 1e9"), r"--want: 1e\+09 is far from the MD, at 0\.5 to 1\.5; is it in the same unit\?"),
        (("--want", "left at 300"), r"--want: 300 is far from the MD, at 0\.5 to 1\.5; is it in the same unit\?"),
    ],
)
def test_bad_input_is_one_line(folder, capsys, words, message):
    code, _, error = called(capsys, "--within", 0.01, *words)
    assert code == 1
    assert re.match(rf"thermolatent advise: {message}", error)
    assert error.count("\n") == 1
    assert (folder / "studies/mine.yaml").read_text() == STUDY


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("simulate:\n  walkers: 16", "simulate:\n  walkers: 16"), None),
        (("featurize: {", "featurize: {frames: 300, "), r"featurize\.frames: further frames of a walker"),
        (
            ("featurize: {", "featurize: {training_frames: 300, "),
            r"featurize\.training_frames: further frames of a walker",
        ),
    ],
)
def test_what_would_have_no_effect_is_not_written(folder, capsys, change, message):
    path = folder / "studies/mine.yaml"
    path.write_text(STUDY.replace(*change))
    words = ("--want", "left at 0.9", "--within", 0.0005)
    number = option_number(called(capsys, *words)[1], r"extend 1\.5")
    code, _, error = called(capsys, *words, "--apply", number)
    assert code == (1 if message else 0)
    assert re.search(message or "^$", error)
    if message:
        assert path.read_text() == STUDY.replace(*change)


def test_what_has_not_run_is_told_with_the_command(folder, capsys):
    """Without the estimator, and after --apply without the new temperature's MD."""
    refused = "is missing; write it: thermolatent run mine --until reweight\n"
    apply(Path("studies/mine.yaml"), load_study("mine"), 0.9, 300)
    code, _, error = called(capsys, "--want", "left at 1", "--within", 0.01)
    assert (code, error.count("\n")) == (1, 1)
    assert "T0.9" in error
    assert error.endswith(refused)
    (folder / "studies/mine.yaml").write_text(STUDY)
    Path("results/mine/reweight/reweighting.safetensors").unlink()
    code, _, error = called(capsys, "--want", "left at 0.9", "--within", 0.01)
    assert (code, error.count("\n")) == (1, 1)
    assert error.endswith(f"reweighting.safetensors: {refused}")


def test_a_percentage_is_refused_with_what_to_write(folder, capsys):
    with pytest.raises(SystemExit):
        main(["advise", "mine", "--want", "left at 1", "--within", "5%"])
    assert "--within: '5%'; write a number between 0 and 1, e.g. 0.05" in capsys.readouterr().err


def test_line_ends_of_another_system_stay(folder):
    path = folder / "studies/mine.yaml"
    path.write_text(STUDY, newline="\r\n")
    apply(path, load_study("mine"), 0.9, 400)
    content = path.read_bytes()
    assert b"frames_at: {0.9: 400}\r\n" in content
    assert content.count(b"\r\n") == content.count(b"\n")


def test_imported_md_and_taken_over_md_are_not_applied(folder, monkeypatch):
    study = load_study("mine")
    of_another = study.model_copy(update={"simulate": study.simulate.model_copy(update={"source": "other"})})
    scaled = study.model_copy(update={"name": "mine@short"})
    for other, message in ((of_another, "the MD is that of other"), (scaled, "leave @short out")):
        with pytest.raises(ThermolatentError, match=message):
            apply(Path("studies/mine.yaml"), other, 0.9, 400)
    monkeypatch.setattr(type(study.system), "existing", True)
    with pytest.raises(ThermolatentError, match=r"the MD is yours, of system\.files"):
        apply(Path("studies/mine.yaml"), study, 0.9, 400)
    assert Path("studies/mine.yaml").read_text() == STUDY


def test_what_is_written_already_is_not_written_again(folder):
    path = Path("studies/mine.yaml")
    assert len(apply(path, load_study("mine"), 1.0, 400)) == 4  # out of two lists, into one, and its length
    text = path.read_text()
    assert apply(path, load_study("mine"), 1.0, 400) == []
    assert path.read_text() == text
    assert load_study("mine").temperatures.reference == []


def test_the_reference_is_no_option_unless_it_is_asked_for(folder):
    study = load_study("mine")
    layout = Layout.of(study)
    assert 1.0 not in [option.md.temperature for option in advise(study, layout, "left at 1", 0.005).options]
    assert 1.0 in [option.md.temperature for option in advise(study, layout, "left at 1", 0.005, [1.0]).options]


def test_new_temperatures_lie_at_the_goal_and_in_between():
    assert new_temperatures([340, 440], 375, False) == [357.0, 375, 406.0]
    assert new_temperatures([340, 440], 440, False) == [387.0]
    assert new_temperatures([0.5, 0.7], 0.2, True) == [0.2, 0.32, 0.59]


@pytest.mark.parametrize("text", ["compact at 375", " compact  at 375 K", "compact at 3.75e2"])
def test_a_want_is_a_state_and_a_temperature(text):
    temperatures = Temperatures(train=[340, 440])
    want = read_want(text, ["compact", "open at last"], temperatures)
    assert (want.state, want.temperature) == ("compact", 375)
    assert read_want("open at last at 300", ["compact", "open at last"], temperatures).state == "open at last"
    with pytest.raises(ThermolatentError, match=r"e\.g\. 'compact at 340'$"):
        read_want("compact at 1.2.3", ["compact"], temperatures)
