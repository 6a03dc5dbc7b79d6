"""Every kind of feature, by name: the only place that lists them. None of these modules imports a heavy library at its top."""

from __future__ import annotations

from thermolatent.featurize.cartesian import PositionXY
from thermolatent.featurize.coordination import CoordinationMoments, SortedCoordination
from thermolatent.featurize.distances import CaDistances, Contacts, Distances, EndToEnd
from thermolatent.featurize.given import GivenColumns
from thermolatent.featurize.nucleic import BasePairs, Ermsd, GVectors
from thermolatent.featurize.own_function import OwnFunction
from thermolatent.featurize.shape import NativeContacts, RadiusOfGyration, Rmsd
from thermolatent.featurize.torsions import BackboneTorsions, SideChainTorsions, Torsions
from thermolatent.parsing import by_kind, one_of

FEATURES = by_kind(
    BackboneTorsions,
    BasePairs,
    CaDistances,
    Contacts,
    CoordinationMoments,
    Distances,
    EndToEnd,
    Ermsd,
    GivenColumns,
    OwnFunction,
    GVectors,
    NativeContacts,
    PositionXY,
    RadiusOfGyration,
    Rmsd,
    SideChainTorsions,
    SortedCoordination,
    Torsions,
)
#: The type of a study's field.
AnyFeature = one_of("feature", FEATURES)
