"""Checks of versions: Python, the requirements of the package, and the tested pins."""

from __future__ import annotations

import importlib
import platform
import re
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from thermolatent.doctor.finding import INSTALL, Finding

PACKAGE = "thermolatent"
#: Packages with compiled libraries, which may fail to load.
_COMPILED = ("numpy", "torch", "openmm", "mdtraj")
#: Requirements that one kind of study has.
_OWN = {"openmmtools": "only systems of kind openmmtools need it"}


def check_software(constraints: str | Path = "envs/constraints.txt") -> list[Finding]:
    """Check Python, requirements, loading of libraries, and pins."""
    found = [Finding("ok", f"{platform.platform()}, {cores()} cores, {_memory()}")]
    try:
        own = metadata.metadata(PACKAGE)
        requirements = [Requirement(text) for text in metadata.requires(PACKAGE) or ()]
    except metadata.PackageNotFoundError:
        return [*found, Finding("broken", f"{PACKAGE} is not installed", INSTALL)]
    found.append(_python(own["Requires-Python"] or ""))
    needed = [r for r in requirements if r.marker is None or r.marker.evaluate({"extra": ""})]
    found += _requirements(needed)
    found += _loading()
    return found + list(_pins(Path(constraints)))


def _python(wanted: str) -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    if SpecifierSet(wanted).contains(version):
        return Finding("ok", f"python {version} ({sys.executable})")
    return Finding(
        "broken",
        f"python {version} is not {wanted}",
        "install another Python, e.g. 3.12, and make the environment anew",
    )


def _requirements(needed: list[Requirement]) -> list[Finding]:
    good, found = [], []
    for requirement in needed:
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            own = _OWN.get(requirement.name)
            what = f"{requirement.name} is missing{f' ({own})' if own else ''}"
            found.append(Finding("note" if own else "broken", what, INSTALL))
            continue
        if requirement.specifier.contains(version, prereleases=True):
            good.append(f"{requirement.name} {version}")
        else:
            found.append(Finding("broken", f"{requirement.name} {version} is not {requirement.specifier}", INSTALL))
    return [Finding("ok", ", ".join(good)), *found]


def _loading() -> list[Finding]:
    found = []
    for name in _COMPILED:
        try:
            importlib.import_module(name)
        except ImportError as error:  # missing packages are reported by _requirements
            if not isinstance(error, ModuleNotFoundError):
                found.append(
                    Finding("broken", f"{name} does not load: {error}", f"pip install --force-reinstall {name}")
                )
    return found


def _pins(path: Path) -> Iterator[Finding]:
    """Packages with other versions than the tested ones."""
    if not path.is_file():
        return
    other, count = [], 0
    for line in path.read_text().splitlines():
        if not (pin := re.match(r"([A-Za-z0-9._-]+)==(\S+)", line)):
            continue
        try:
            version = metadata.version(pin[1])
        except metadata.PackageNotFoundError:
            continue  # of an extra, or of another system
        count += 1
        if Version(version).public != Version(pin[2]).public:
            other.append(f"{pin[1]} {version} (tested: {pin[2]})")
    if other:
        yield Finding("note", f"other versions than {path} has: {', '.join(other)}", INSTALL)
    else:
        yield Finding("ok", f"all {count} packages have the versions of {path}")


def cores() -> int:
    """Cores that this process may use."""
    import os

    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _memory() -> str:
    import os

    try:
        return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1e9:.0f} GB of memory"
    except (ValueError, OSError, AttributeError):
        return "memory unknown"
