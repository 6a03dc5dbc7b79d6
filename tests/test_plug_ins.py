import subprocess
import sys

import pytest

from thermolatent.densities.fit import build_density
from thermolatent.densities.specs import DENSITY_SPECS
from thermolatent.errors import ThermolatentError
from thermolatent.featurize.kinds import FEATURES
from thermolatent.parsing import parse_one
from thermolatent.systems.kinds import SYSTEMS


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("three_holes", r"^system: unknown system 'three_holes', did you mean 'three_hole'\?$"),
        ({"n": 7}, r"^system: names no kind; write e\.g\. 'kind: "),
        ({"kind": "lj_cluster", "atoms": 7}, r"^system\.atoms: unknown key, known: "),
    ],
)
def test_what_is_no_plug_in_is_a_user_error_of_one_line(value, words):
    with pytest.raises(ThermolatentError, match=words) as caught:
        parse_one("system", SYSTEMS, value)
    assert "\n" not in str(caught.value)


def test_a_plug_in_by_name_by_parameters_or_ready_made():
    made = parse_one("system", SYSTEMS, "lj_cluster")
    assert made == parse_one("system", SYSTEMS, {"kind": "lj_cluster"}) == parse_one("system", SYSTEMS, made)


@pytest.mark.parametrize("plugins", [SYSTEMS, FEATURES, DENSITY_SPECS], ids=["system", "feature", "density"])
def test_every_kind_has_a_description(plugins):
    assert all(plugin.__doc__ for plugin in plugins.values())


@pytest.mark.parametrize("kind", DENSITY_SPECS)
def test_every_density_is_built_from_its_parameters(kind):
    if kind != "vampprior":  # its parameters are SPIB's
        assert build_density({"kind": kind}, 2, ["steer"], (1.0, 2.0)).dim == 2


def test_systems_features_and_parameters_do_not_import_heavy_libraries():
    code = (
        "import sys, thermolatent.study.project;"
        "print({'torch', 'openmm', 'mdtraj', 'matplotlib', 'scipy', 'snakemake'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
