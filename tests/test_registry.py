import subprocess
import sys

import pytest

from thermolatent.densities import DENSITIES, DENSITY_SPECS
from thermolatent.errors import ThermolatentError
from thermolatent.featurize import FEATURES
from thermolatent.registry import Registry, UnknownName
from thermolatent.systems import SYSTEMS


def test_names_are_sorted_and_looked_up_without_importing():
    registry = Registry("thing", {"b": "no.such.module:B", "a": "no.such.module:A"})
    assert list(registry) == ["a", "b"]
    assert "a" in registry
    with pytest.raises(ModuleNotFoundError):
        registry["a"]


def test_an_unknown_name_is_the_users_error_with_a_suggestion():
    with pytest.raises(UnknownName, match=r"unknown system 'three_holes', did you mean 'three_hole'\?"):
        SYSTEMS["three_holes"]
    with pytest.raises(ThermolatentError, match=r"known: .*flow"):
        DENSITY_SPECS["xyz"]


@pytest.mark.parametrize("registry", [SYSTEMS, FEATURES, DENSITY_SPECS, DENSITIES], ids=lambda r: r.kind)
def test_everything_registered_is_there(registry):
    for name in registry:
        assert isinstance(registry[name], type)


def test_a_density_and_its_parameters_go_by_the_same_names():
    assert list(DENSITIES) == list(DENSITY_SPECS)


def test_systems_features_and_parameters_do_not_import_heavy_libraries():
    code = (
        "import sys; from thermolatent.systems import SYSTEMS; from thermolatent.featurize import FEATURES;"
        "from thermolatent.densities import DENSITY_SPECS; import thermolatent.study.project;"
        "[r[n] for r in (SYSTEMS, FEATURES, DENSITY_SPECS) for n in r];"
        "print({'torch', 'openmm', 'mdtraj', 'matplotlib', 'scipy', 'snakemake'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
