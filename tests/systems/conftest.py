"""Molecules of the tests, each built once per session (Molecule.built keeps them)."""

import pytest

from thermolatent.systems.aib9 import Aib9
from thermolatent.systems.alanine_dipeptide import AlanineDipeptide
from thermolatent.systems.chignolin import Chignolin
from thermolatent.systems.peptide import Peptide


@pytest.fixture(scope="session")
def vacuum():
    return AlanineDipeptide(solvent="vacuum")


@pytest.fixture(scope="session")
def implicit():
    return AlanineDipeptide()


@pytest.fixture(scope="session")
def explicit():
    return AlanineDipeptide(solvent="explicit", salt=0.5, cation="K+", cutoff=0.7, box=1.9)


@pytest.fixture(scope="session")
def chignolin():
    return Chignolin()


@pytest.fixture(scope="session")
def aib9():
    return Aib9(solvent="vacuum")


@pytest.fixture(scope="session")
def every_residue():
    """All standard residues in one chain."""
    return Peptide(sequence="ACDEFGHIKLMNPQRSTVWY", solvent="vacuum")
