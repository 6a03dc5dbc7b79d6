"""Arguments of ``init`` as the sections ``system`` and ``temperatures``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from glob import glob
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from thermolatent.errors import ThermolatentError, did_you_mean
from thermolatent.parsing import parse_one
from thermolatent.systems.base import System
from thermolatent.systems.kinds import SYSTEMS
from thermolatent.temperatures import Temperatures, format_temperature
from thermolatent.yaml_text import load_yaml

#: Systems without required parameters.
MODEL_SYSTEMS = ("aib9", "alanine_dipeptide", "chignolin", "lj_cluster", "rna_tetraloop", "three_hole")
#: A sequence of RNA; only capitals without U could be amino acids, too.
_RNA = re.compile(r"(?=.*[acguU])[ACGUacgu]{2,}")
#: Suffixes of structures that can be built, and of topologies with parameters.
_STRUCTURES, _PREPARED = (".pdb", ".cif", ".mmcif", ".ent"), (".prmtop", ".parm7", ".top", ".psf", ".gro", ".inpcrd")
#: Hydrogens of this mass (amu) allow 4 fs.
_HEAVY_HYDROGEN = 3.0
#: Salt (mol/l) in explicit water, about that of a cell.
_SALT = 0.15
#: Share of half a circle that the values of an angle reach.
_FILLED = 0.95
#: Default number of predicted temperatures.
_PREDICTED = 3


def read_temperatures(train: list[float], predict: list[float] | None) -> dict[str, list[float]]:
    """The section ``temperatures``; raises :class:`ThermolatentError` that names the options.

    ``predict``: by default evenly spaced between the training temperatures.
    """
    if len(set(train)) < 2:
        raise ThermolatentError(
            f"--train: one temperature ({format_temperature(train[0])}) cannot say how the ensemble changes with it; write "
            "two or more, e.g. --train 340 440"
        )
    low, high = min(train), max(train)
    if predict is None:
        digits = 0 if high - low >= 10 else 3
        between = [low + (high - low) * (i + 1) / (_PREDICTED + 1) for i in range(_PREDICTED)]
        predict = [t for t in dict.fromkeys(round(t, digits) for t in between) if t not in train]
    try:
        Temperatures(train=train, predict=predict)
    except ValueError as error:
        message = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise ThermolatentError(f"--train and --predict: {message}") from None
    return {"train": train, "predict": predict}


def with_middle(train: list[float]) -> list[float]:
    """Two training temperatures and the one between them, by ratio."""
    low, high = sorted(set(train))
    return [low, float(f"{np.sqrt(low * high):.3g}"), high]


def read_assignments(pairs: Iterable[str]) -> dict[str, Any]:
    """``["remove=[GOL]", "pH=5"]`` as keys and values, values in YAML."""
    found = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.isidentifier():
            raise ThermolatentError(f"--system {pair}: write KEY=VALUE, e.g. --system remove=[GOL]")
        try:
            found[key] = load_yaml(value)
        except yaml.YAMLError:
            raise ThermolatentError(
                f"--system {pair}: '{value}' is not a YAML value; write e.g. remove=[GOL]"
            ) from None
    return found


def system_section(given: str, solvent: str | None, more: Mapping[str, Any]) -> dict[str, Any]:
    """Section ``system`` of a file, a model system's name or a sequence; ``more``: further keys of it.

    Raises :class:`ThermolatentError` for anything else.
    """
    suffix = Path(given).suffix.lower()
    if suffix in _PREPARED:
        raise ThermolatentError(
            f"{given}: files with parameters of their own need 'system: {{kind: prepared, ...}}', which says what belongs "
            "together: copy a study and write that (docs/systems.md); for finished MD, give --topology and --trajectories"
        )
    if suffix in _STRUCTURES or "/" in given or Path(given).is_file():
        if not Path(given).is_file():
            raise ThermolatentError(f"{given}: there is no such file in {Path.cwd()}; write the path of a PDB or mmCIF")
        section: dict[str, Any] = {"kind": "structure", "file": given}
    elif given in MODEL_SYSTEMS:
        section = {"kind": given}
    elif _RNA.fullmatch(given):
        section = {"kind": "rna", "sequence": given}
    elif re.fullmatch(r"[A-Z]+|[A-Za-z]{3}(-[A-Za-z]{3})+", given):
        section = {"kind": "peptide", "sequence": given}
        residues = given.upper().split("-") if "-" in given else list(given)
        if len(residues) == 1 or "AIB" in residues:
            section["termini"] = "capped"
        if "AIB" in residues:
            section |= {"force_field": "charmm36", "solvent": "explicit"}  # the only one with parameters for it
    else:
        raise ThermolatentError(
            f"'{given}' is not a file, no sequence of amino acids (GYDPETGTWG) or of RNA (ggcGCAAgcc) and no model system, "
            f"{did_you_mean(given, MODEL_SYSTEMS)}"
        )
    if section["kind"] in ("lj_cluster", "three_hole"):
        if solvent is not None:
            raise ThermolatentError(f"--solvent: {section['kind']} has none; leave it out")
    else:
        section["hydrogen_mass"] = _HEAVY_HYDROGEN
    if solvent is not None:
        section["solvent"] = solvent
    return section | dict(more)


def system_of(section: Mapping[str, Any]) -> System:
    """The system of a section; raises :class:`ThermolatentError` with the key."""
    return parse_one("system", SYSTEMS, dict(section))


def with_solvent(section: dict[str, Any], nucleic: bool, amino_acids: int) -> dict[str, Any]:
    """The section with its solvent, by default chosen by the kind of molecule.

    Raises :class:`ThermolatentError` for a nucleic acid without explicit solvent.
    """
    section = dict(section)
    asked = section.get("solvent")
    if nucleic and asked not in (None, "explicit"):
        raise ThermolatentError(
            f"--solvent {asked}: nucleic acids need explicit solvent, whose ions hold them together; write --solvent explicit"
        )
    if asked is None:
        section["solvent"] = "explicit" if nucleic or amino_acids == 0 else "implicit"
    if section["solvent"] == "explicit":
        section |= {"water": "tip3p", "salt": _SALT, "box_shape": "dodecahedron"} | section
    return section


def files_by_temperature(option: str, entries: Iterable[str]) -> dict[float, list[str]]:
    """``["340=a.xtc,b.xtc", "440=c*.xtc"]`` as files by temperature, ascending; raises :class:`ThermolatentError`."""
    found: dict[float, list[str]] = {}
    for entry in entries:
        temperature, equals, paths = entry.partition("=")
        try:
            key = float(temperature)
        except ValueError:
            equals = ""
        if not equals or not paths:
            raise ThermolatentError(f"{option} {entry}: write TEMPERATURE=FILE,FILE, e.g. 340=a.xtc,b.xtc")
        for path in paths.split(","):
            matches = [path] if Path(path).is_file() else sorted(glob(path))
            if not matches:
                raise ThermolatentError(f"{path}: there is no such file in {Path.cwd()}; write a path that is")
            found.setdefault(key, []).extend(matches)
    return dict(sorted(found.items()))


def trajectories_section(
    topology: str,
    files: Iterable[str],
    energies: Iterable[str] | None,
    frame_interval: float | None,
    more: Mapping[str, Any],
) -> dict[str, Any]:
    """Section ``system`` of existing MD, its files as the options have them; raises :class:`ThermolatentError`."""
    from thermolatent.imported.frame_times import read_times
    from thermolatent.imported.pieces import interval_of

    if not Path(topology).is_file():
        raise ThermolatentError(f"{topology}: there is no such file in {Path.cwd()}; write a path that is")
    found = files_by_temperature("--trajectories", files)
    section = {"kind": "trajectories", "topology": topology, "files": found, "frame_interval": frame_interval}
    if energies is not None:
        section["energies"] = {"files": files_by_temperature("--energies", energies)}
    if frame_interval is None:
        times = read_times(next(iter(found.values()))[0])
        section["frame_interval"] = interval_of(times)
        if section["frame_interval"] is None:
            raise ThermolatentError(
                f"{times.path}: does not say how far its frames are apart; write --frame-interval PS"
            )
    return section | dict(more)


def columns_section(files: Iterable[str], frame_interval: float | None, more: Mapping[str, Any]) -> dict[str, Any]:
    """Section ``system`` of columns in files: what each column is, by its name in the first file.

    Raises :class:`ThermolatentError` for a file that cannot be read, or has no column that may be a feature.
    """
    from thermolatent.imported.examination import times_of_rows
    from thermolatent.imported.pieces import interval_of
    from thermolatent.imported.quantities import NEVER_ENERGIES, READ, quantity
    from thermolatent.imported.tables import read_table

    found = files_by_temperature("--columns", files)
    path = next(iter(found.values()))[0]
    names = read_table(path).names
    named = {key: [n for n in names if re.fullmatch(pattern, n.lower())] for key, pattern in _COLUMNS.items()}
    named["energy"] = [name for name in names if quantity(name) == "potential"] or named["energy"]
    named["pressure_volume"] = [name for name in names if quantity(name) == "pV"] if named["energy"] else []
    taken = {name for own in named.values() for name in own}
    features = more.get("features") or [
        n for n in names if n not in taken and quantity(n) not in {*READ, *NEVER_ENERGIES}
    ]
    if not features:
        raise ThermolatentError(f"{path}: has no column for a feature, only {', '.join(names)}; write columns of them")
    section = {"kind": "colvar", "files": found, "features": features}
    table = read_table(path, *features)
    section["periodic"] = {name: period for name in features if (period := _period(table, name)) is not None}
    if not any(section["periodic"].values()):
        section["periodic"] = list(section["periodic"])
    section |= {key: own[0] for key, own in named.items() if own and key != "other"}
    for key in ("energy", "pressure_volume", "bias"):
        name = section.get(key)
        if name and key not in more and table.unit(name) is None and table.fallback is None:
            raise ThermolatentError(
                f"{path}: does not give the unit of '{name}'; write --system '{key}={{column: {name}, unit: kJ/mol}}' "
                "(or kcal/mol, kT, eV)"
            )
    section["frame_interval"] = frame_interval or interval_of(times_of_rows(table))
    return {key: value for key, value in section.items() if value} | dict(more)


#: What columns are called that are no features, by the key they are for.
_COLUMNS = {
    "energy": r"ene(rgy|rgies)?",
    "bias": r".*\.rbias",
    "log_weight": r"log_?weights?",
    "other": r".*\.(bias|rct|work)|bias|weight|trajectory|frame|state",
}


def _period(table: Any, name: str) -> float | None:
    """0 of a column whose period the file says, or that fills -pi to pi; 360 of one that fills -180 to 180; else None."""
    if name not in table.numbers or name in table.periods:
        return 0 if name in table.periods else None
    low, high = np.min(table.numbers[name]), np.max(table.numbers[name])
    filled = [
        half
        for half in (np.pi, 180)
        if -1.001 * half <= low <= -_FILLED * half < _FILLED * half <= high <= 1.001 * half
    ]
    return {np.pi: 0, 180: 360}[filled[0]] if filled else None


def study_name(name: str | None, section: Mapping[str, Any]) -> str:
    """``name``, by default from the section; raises :class:`ThermolatentError` for an invalid name."""
    if name is None:
        given = section.get("file") or section.get("topology") or section.get("sequence") or section["kind"]
        name = re.sub(r"[^A-Za-z0-9_-]+", "_", Path(str(given)).stem).strip("_-").lower() or "mine"
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
        raise ThermolatentError(f"--name {name}: a study's name has letters, digits, _ and - only; write e.g. my_study")
    return name
