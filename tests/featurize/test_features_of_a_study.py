"""What holds for every feature: it is documented, and angles go only where they may."""

from pathlib import Path

import pytest
from molecules_for_tests import alanine_dipeptide

from thermolatent.errors import ThermolatentError
from thermolatent.featurize.base import check_features, columns_on
from thermolatent.featurize.kinds import FEATURES
from thermolatent.featurize.settings import Featurize

ANGLE = {"kind": "backbone_torsions", "form": "angle"}


@pytest.mark.parametrize("name", FEATURES)
def test_every_feature_and_its_keys_are_documented(name):
    text = (Path(__file__).parents[2] / "docs/features.md").read_text()
    line = next(line for line in text.splitlines() if line.startswith("|") and f"`{name}`" in line)
    shared = {"kind", "form", "residues"} if name.endswith("torsions") else {"kind"}
    assert not [key for key in FEATURES[name].model_fields if key not in shared and f"`{key}" not in line]


def test_an_angle_is_refused_as_a_feature_and_as_an_observable():
    topology = alanine_dipeptide()[0]
    check_features(Featurize(features=["backbone_torsions"], plane=[ANGLE]), topology)
    with pytest.raises(ThermolatentError, match=r"featurize\.features: phi ALA2 is an angle.*write form: sincos"):
        check_features(Featurize(features=[ANGLE], plane=[ANGLE]), topology)
    with pytest.raises(ThermolatentError, match=r"featurize\.observables: phi ALA2 is an angle"):
        check_features(Featurize(features=["backbone_torsions"], plane=[ANGLE], observables=[ANGLE]), topology)
    with pytest.raises(
        ThermolatentError, match=r"featurize\.plane: has columns \['sin phi ALA2'.*must have exactly two"
    ):
        check_features(Featurize(features=["backbone_torsions"], plane=["backbone_torsions"]), topology)


def test_columns_of_several_features_stand_side_by_side_with_their_files():
    topology, positions = alanine_dipeptide()
    chosen = Featurize(
        features=["radius_of_gyration", ANGLE], plane=[ANGLE], observables=[{"kind": "ermsd", "to": "a.pdb"}]
    )
    both = columns_on(chosen.features, topology)
    assert both.names == ["Rg", "phi ALA2", "psi ALA2"]
    assert both.periodic == (False, True, True)
    assert both.compute(positions).shape == (len(positions), 3)
    assert [path for feature in chosen.all_features for path in feature.input_files] == ["a.pdb"]
