"""Every kind of system, by name: the only place that lists them. None of these modules imports a heavy library at its top."""

from __future__ import annotations

from thermolatent.parsing import by_kind, one_of
from thermolatent.systems.aib9 import Aib9
from thermolatent.systems.alanine_dipeptide import AlanineDipeptide
from thermolatent.systems.chignolin import Chignolin
from thermolatent.systems.colvar import Colvar
from thermolatent.systems.lj_cluster import LJCluster
from thermolatent.systems.openmmtools import OpenMMTools
from thermolatent.systems.peptide import Peptide
from thermolatent.systems.prepared import Prepared
from thermolatent.systems.rna import Rna
from thermolatent.systems.rna_tetraloop import RnaTetraloop
from thermolatent.systems.structure import Structure
from thermolatent.systems.structure_based import StructureBased
from thermolatent.systems.three_hole import ThreeHole
from thermolatent.systems.trajectories import Trajectories

SYSTEMS = by_kind(
    Aib9,
    AlanineDipeptide,
    Chignolin,
    Colvar,
    LJCluster,
    OpenMMTools,
    Peptide,
    Prepared,
    Rna,
    RnaTetraloop,
    Structure,
    StructureBased,
    ThreeHole,
    Trajectories,
)
#: Kinds of MD that is done, in files.
EXISTING = [kind for kind, system in SYSTEMS.items() if system.existing]
#: The type of a study's field.
AnySystem = one_of("system", SYSTEMS)
