import itertools
import re

import pytest

from thermolatent.errors import ThermolatentError
from thermolatent.study.layout import Layout
from thermolatent.temperatures import TEMPERATURE_PATTERN, format_temperature


@pytest.mark.parametrize(
    ("temperature", "text"),
    [
        *[(0.2, "0.2"), (1, "1"), (1.0, "1"), (300, "300"), (340.5, "340.5"), (300.123456789, "300.123456789")],
        *[("0.20", "0.2"), (1e15, "1000000000000000"), (0.0001, "0.0001")],
    ],
)
def test_a_temperature_has_one_spelling_that_paths_accept(temperature, text):
    assert format_temperature(temperature) == text
    assert re.fullmatch(TEMPERATURE_PATTERN, text)
    assert float(text) == float(temperature)


@pytest.mark.parametrize("temperature", [1e-7, 1e16, -1.0, float("nan"), float("inf")])
def test_a_temperature_without_a_plain_spelling_is_refused(temperature):
    with pytest.raises(ThermolatentError, match="cannot be used in a file name"):
        format_temperature(temperature)


def paths(layout, temperatures, models, seeds, walkers=3):
    """Every file of a study."""
    found = [layout.study, layout.all_scores, layout.all_populations, layout.predictions, layout.metrics]
    found += [layout.report, layout.figures, layout.reweighting, layout.running, layout.convergence, layout.melting]
    found += [layout.grid, layout.grid_observables, layout.grid_surfaces]
    for t in temperatures:
        found += [layout.topology(t), layout.protocol(t), layout.md_energies(t), *layout.trajectories(t, walkers)]
        found += [layout.features(t), layout.plane(t), layout.energies(t), layout.features_header(t)]
    for s in seeds:
        for file in (layout.spib(s), *(layout.model(m, s) for m in models)):
            found += [file, layout.history(file)]
    for m, s in itertools.product(models, seeds):
        found += [layout.surfaces(m, s), layout.generated(m, s)]
        found += [layout.scores(m, s), layout.populations(m, s), layout.profiles(m, s)]
        found += [f(m, s, t) for t in temperatures for f in (layout.samples, layout.structures, layout.medoids)]
    return found


def test_no_two_files_share_a_path():
    found = paths(Layout("results/lj7"), [0.2, 2, 20], ["latf", "latf_published", "baselines"], [0, 1, 10])
    assert len(set(found)) == len(found)
    assert all(path.startswith("results/lj7/") for path in found)


def test_wildcards_give_the_same_paths():
    pattern = Layout("results/{study}")
    concrete = Layout("results/lj7")
    values = {"study": "lj7", "temperature": "0.2", "model": "latf", "seed": "1"}
    for template, path in zip(
        paths(pattern, ["{temperature}"], ["{model}"], ["{seed}"]), paths(concrete, [0.2], ["latf"], [1]), strict=True
    ):
        assert template.format(**values) == path
