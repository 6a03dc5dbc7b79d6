"""``thermolatent export cv``: the learned variable z = mu(x) as a PLUMED input, to watch it or to bias it in a run.

A linear encoder becomes one COMBINE of the features' own actions per coordinate: with features x, their means m and spreads s,
tICA loadings P (of the scaled features) and the encoder's weights W and offset b, z = b + sum_i c_i (x_i - m_i), where
c = W P^T / s. A network is written as TorchScript for PLUMED's module pytorch (Bonati, Trizio, Rizzi and Parrinello,
J. Chem. Phys. 159, 014801, 2023), scaler and loadings included.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from thermolatent.errors import ArtifactError, ThermolatentError
from thermolatent.export.frames import Weighting, check_model
from thermolatent.export.plumed import PlumedInput
from thermolatent.featurize.base import NamedColumns, Particles, without_topology
from thermolatent.featurize.plumed import Value
from thermolatent.files.artifacts import load_json, replacing, require_new
from thermolatent.represent.representation import load_representation
from thermolatent.represent.spib import Spib
from thermolatent.study.layout import Layout
from thermolatent.study.study import Study
from thermolatent.systems.openmmtools import OpenMMTools
from thermolatent.systems.prepared import Prepared
from thermolatent.systems.topologies import load_topology
from thermolatent.systems.trajectories import Trajectories

if TYPE_CHECKING:
    import mdtraj


def run(study: Study, layout: Layout, out: str | None, weighting: Weighting) -> list[str]:
    """Write the input of the representation of a seed, or of a model's own, and return the names of the files.

    Raises :class:`ThermolatentError` for a feature that cannot be written so.
    """
    path = out or f"{study.name}.cv.dat"
    require_new(path, ".dat")
    model, seed = weighting.model, weighting.seed
    check_model(study, model)
    source = layout.spib(seed) if model is None else layout.model(model, seed)
    spib = load_representation(source).spib
    coldest = study.temperatures.train[0]
    at, topology = layout.topology(coldest), without_topology(study.system)
    if isinstance(topology, NamedColumns):
        periods = load_json(layout.protocol(coldest), "protocol of the MD")["periods"]
        topology = NamedColumns(topology.names, tuple(map(periods.get, topology.names)))
    topology = topology or load_topology(at)
    names, values = feature_values(study, topology)
    if len(values) != spib.spec.n_features:
        raise ArtifactError(
            f"{source}: was trained on {spib.spec.n_features} features, the study has {len(values)}; run represent again"
        )
    numbers, numbered = atom_numbers(study, topology, at)
    written = PlumedInput(numbers, *_molecules(topology), Path(path).stem)
    labels = [written.name(value, comment) for value, comment in zip(values, names, strict=True)]
    coordinates = [f"z{i + 1}" for i in range(spib.latent_dim)]
    network = Path(path).with_suffix(".ptc")
    if linear := spib.spec.encoder == "linear":
        coefficients, offset, mean = linear_map(spib)
        for i, z in enumerate(coordinates):
            written.combine(f"{z}_centred", labels, coefficients[i], mean)
            written.add(f"{z}: CUSTOM ARG={z}_centred FUNC=x+({float(offset[i])!r}) PERIODIC=NO")
    else:
        written.add(f"network: PYTORCH_MODEL FILE={network.name} ARG={','.join(labels)}")
        for i, z in enumerate(coordinates):
            written.add(f"{z}: COMBINE ARG=network.node-{i} PERIODIC=NO")
    text = written.text(_remarks(study, source, numbered, coordinates, values))
    files = {path: text} | {str(Path(path).with_name(name)): pdb for name, pdb in written.structures.items()}
    for file in files:
        require_new(file, Path(file).suffix)
    if not linear:
        require_new(network, ".ptc")
        write_torchscript(str(network), spib)
    for file, content in files.items():
        with replacing(file) as temporary:
            temporary.write_text(content)
    return [*files, *([] if linear else [str(network)])]


def feature_values(study: Study, topology: Particles | NamedColumns | mdtraj.Topology) -> tuple[list[str], list[Value]]:
    """Name of each feature's column, and its value in PLUMED; raises :class:`ThermolatentError` if unknown."""
    names, values = [], []
    for feature in study.featurize.features:
        columns = feature.on(topology)
        if columns.plumed is None:
            raise ThermolatentError(
                f"featurize.features: '{feature.label}' cannot be written as actions of PLUMED; train without it"
            )
        names += columns.names
        values += columns.plumed()
    return names, values


def linear_map(spib: Spib) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """``(c (d, n_features), b (d,), m (n_features,))`` of a linear encoder, float64: z = b + c (x - m)."""
    weight, offset, mean, spread = (
        tensor.detach().double().numpy()
        for tensor in (spib.encoder.weight, spib.encoder.bias, spib.feature_mean, spib.feature_std)
    )
    if spib.projection is not None:
        weight = weight @ spib.projection.double().numpy().T
    return weight / spread, offset, mean


class _Mean(nn.Module):
    """Features as measured to mu(x), as a module of its own."""

    def __init__(self, spib: Spib):
        super().__init__()
        self.spib = spib

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return self.spib.encoder(self.spib.standardise(features))


def write_torchscript(path: str, spib: Spib) -> None:
    """Write mu(x) as PLUMED's PYTORCH_MODEL reads it; raises :class:`ThermolatentError` if torch cannot write TorchScript."""
    spib = spib.eval().requires_grad_(False)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # PLUMED reads nothing newer
            traced = torch.jit.trace(_Mean(spib), torch.zeros(1, spib.spec.n_features))
            with replacing(path) as temporary:
                traced.save(str(temporary))
    except (AttributeError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise ThermolatentError(
            f"torch {torch.__version__} writes no TorchScript ({reason}); train with representation.encoder: linear"
        ) from error


def atom_numbers(study: Study, topology: Particles | NamedColumns | mdtraj.Topology, at: str) -> tuple[np.ndarray, str]:
    """Number from 1 of each saved atom ``(n_atoms,)`` in the user's own topology, or where MD was made here in that of its
    files, and the name of that file."""
    if study.system.columns:
        return np.empty(0, int), ""
    if isinstance(study.system, Trajectories):
        return study.system.kept + 1, study.system.topology_file
    if isinstance(study.system, Prepared):
        return study.system.built.saved + 1, study.system.topology_file
    if isinstance(study.system, OpenMMTools):
        return study.system.built.saved + 1, f"openmmtools.testsystems.{study.system.name}"
    return np.arange(topology.n_atoms) + 1, at


def _molecules(topology: Particles | NamedColumns | mdtraj.Topology) -> tuple[list[list[int]], bool]:
    """Atoms of each molecule, and whether bonds are known."""
    if isinstance(topology, NamedColumns):
        return [], False
    if isinstance(topology, Particles):
        return [list(range(topology.n_atoms))], False
    if topology.n_bonds == 0:  # nobody knows which atoms are together
        return [[atom] for atom in range(topology.n_atoms)], False
    return [[atom.index for atom in molecule] for molecule in topology.find_molecules()], True


def _remarks(study: Study, source: str, numbered: str, coordinates: list[str], values: list[Value]) -> list[str]:
    lines = [
        f"The learned variable {', '.join(coordinates)} of study {study.name} ({source}), written by thermolatent export cv",
        f"Atoms are numbered as in {numbered}"
        if numbered
        else f"Write it below your own input, which defines {', '.join(study.system.columns)}",
        "Units are PLUMED's own: nm, ps, kJ/mol, radians",
    ]
    if any(value.action.kind == "GYRATION" for value in values):
        lines.append(
            "GYRATION takes the masses of your MD, which must be the elements': no hydrogen mass repartitioning"
        )
    return [*lines, f"To write it: PRINT ARG={','.join(coordinates)} FILE=COLVAR STRIDE=100"]
