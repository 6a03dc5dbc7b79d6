"""Wheels and install.sh for a GPU machine without a network, as the nodes of a cluster are (docs/reference/gpu.md).

    make bundle PYTHON_VERSION=3.12                                  # all that an empty environment needs
    make bundle PYTHON_VERSION=3.12 BUNDLE="--present freeze.txt"    # without what `pip freeze` tells of there
    make bundle PYTHON_VERSION=3.12 BUNDLE="--present freeze.txt --minimal"

Needs that Python here, on Linux like the machine there, and pip's index. Versions are those of envs/constraints.txt. What is
present there stays, unless one of the other packages refuses its version; torch and NVIDIA's libraries stay in any case.
"""

from __future__ import annotations

import argparse
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from email import message_from_bytes
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

ROOT = Path(__file__).parents[1]
#: Left out by --minimal: openmmtools' systems, and what it alone needs; a scheduler that our profiles do not use; and NVIDIA's
#: compiler, which OpenMM does not call.
NOT_MINIMAL = ("openmmtools", "pulp", "nvidia-cuda-nvcc", "nvidia-cuda-nvcc-cu12")
INSTALL = """#!/bin/sh
# Installs thermolatent from the wheels beside this file, without a network. Options go to pip, as --target DIR.
set -e
here=$(cd "$(dirname "$0")" && pwd)
install() {{ "${{PYTHON:-python3}}" -m pip install --quiet --no-index --no-deps --find-links "$here/wheels" "$@"; }}
install "$@" {files}
# By name, so that they stay where they are there already, in whatever version.
names="{names}"
[ -z "$names" ] || install "$@" $names
"""


def main() -> int:
    """Make the bundle; 1 where something is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python-version", default="3.12", help="of the machine's Python")
    parser.add_argument("--cuda", choices=["12", "13"], default="13", help="that the machine's driver supports")
    parser.add_argument("--present", type=Path, help="what `python3 -m pip freeze` prints there")
    parser.add_argument("--minimal", action="store_true", help=f"without {', '.join(NOT_MINIMAL[:3])}")
    parser.add_argument("--out", type=Path, default=Path("build/bundle"))
    options = parser.parse_args()
    try:
        present = read_freeze(options.present) if options.present else {}
        if options.minimal and "torch" not in present:
            raise SystemExit("--minimal: is for a machine with torch; write --present with its packages")
        with tempfile.TemporaryDirectory() as folder:
            environment = Path(folder, "env")
            subprocess.run([python_of(options.python_version), "-m", "venv", environment], check=True)
            collect(environment / "bin/python", options, present, Path(folder))
    except subprocess.CalledProcessError as error:
        print(f"failed: {' '.join(map(str, error.cmd))}", file=sys.stderr)
        return 1
    return 0


def python_of(version: str) -> str:
    """A Python of this version; raises SystemExit where there is none."""
    root = os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv"))
    for path in (shutil.which(f"python{version}"), *sorted(glob.glob(f"{root}/versions/{version}.*/bin/python"))):
        if path and subprocess.run([path, "-c", ""], capture_output=True).returncode == 0:
            return path
    raise SystemExit(f"no python{version} on PATH; install Python {version}, which chooses the wheels")


def read_freeze(path: Path) -> dict[str, str]:
    """Version by name; raises SystemExit for a line that has none."""
    found = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        line = line.partition("#")[0].strip()
        if not line or line.startswith("-"):  # -e ...
            continue
        match = re.fullmatch(r"([\w.-]+)==([\w.+!]+)", line)
        match = match or re.match(r"([\w.-]+) @ .*/[\w.]+?-(\d[\w.+!]*)-[^/]*\.whl", line)
        if not match:
            raise SystemExit(
                f"{path}, line {number}: '{line}' has no version; write what `pip list --format=freeze` says"
            )
        found[canonicalize_name(match[1])] = match[2]
    return found


def stays(name: str) -> bool:
    """Whether what is present stays whatever its version: torch and what it is linked to."""
    return name in ("torch", "triton") or name.startswith(("nvidia-", "cuda-"))


def collect(python: Path, options: argparse.Namespace, present: dict[str, str], folder: Path) -> None:
    """Let pip resolve and fetch, an empty wheel standing for each package that is not to be fetched; then write install.sh."""
    pins = dict(re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "envs/constraints.txt").read_text(), re.M))
    pins = {canonicalize_name(name): version for name, version in pins.items()}
    absent = {name: version for name, version in present.items() if stays(name)}
    if options.minimal:
        absent |= {name: present.get(name, pins.get(name, options.cuda)) for name in NOT_MINIMAL}
    # A version that no index has: pip takes a wheel for one platform rather than one for any.
    absent = {name: f"{version.partition('+')[0]}+present" for name, version in absent.items()}
    for name, version in absent.items():
        write_empty_wheel(folder, name, version)
    (folder / "pins.txt").write_text("".join(f"{n}=={v}\n" for n, v in (pins | absent).items()))
    found = folder / "wheels"
    pip = [python, "-m", "pip", "wheel", "--progress-bar", "off", "--disable-pip-version-check", "--find-links", folder]
    subprocess.run([*pip, "-w", found, "-c", folder / "pins.txt", f"{ROOT}[cuda{options.cuda}]"], check=True)
    for wheel in found.iterdir():
        if (folder / wheel.name).exists():
            wheel.unlink()
    drop_present(found, present, options.python_version)

    shutil.rmtree(options.out, ignore_errors=True)
    shutil.copytree(found, options.out / "wheels")
    shutil.copy(ROOT / "benchmarks/gpu.py", options.out)
    wheels = sorted(options.out.glob("wheels/*.whl"))
    names = [parse_wheel_filename(wheel.name)[0] for wheel in wheels]
    files = [f'"$here"/wheels/{w.name}' for w, name in zip(wheels, names, strict=True) if not stays(name)]
    script = options.out / "install.sh"
    script.write_text(INSTALL.format(files=" ".join(files), names=" ".join(filter(stays, names))))
    script.chmod(0o755)
    size = sum(wheel.stat().st_size for wheel in wheels)
    print(f"{options.out}: {len(wheels)} wheels for Python {options.python_version}, {size / 1e6:.1f} MB")


def write_empty_wheel(folder: Path, name: str, version: str) -> None:
    """A wheel of this name and version with nothing in it, which needs nothing."""
    stem = f"{name.replace('-', '_')}-{version}"
    with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as file:
        file.writestr(f"{stem}.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        file.writestr(
            f"{stem}.dist-info/WHEEL",
            "Wheel-Version: 1.0\nGenerator: bundle\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        file.writestr(f"{stem}.dist-info/RECORD", "")


def drop_present(folder: Path, present: dict[str, str], python_version: str) -> None:
    """Remove wheels of packages that are there in a version that every other wheel accepts."""
    environment = default_environment() | {"python_version": python_version, "extra": ""}
    wheels = {parse_wheel_filename(wheel.name)[0]: wheel for wheel in folder.iterdir()}
    dropped = present.keys() & wheels.keys()
    while refused := {
        (name, canonicalize_name(needed.name), str(needed.specifier))
        for name in wheels.keys() - dropped
        for needed in map(Requirement, requirements(wheels[name]))
        if (other := canonicalize_name(needed.name)) in dropped
        and (needed.marker is None or needed.marker.evaluate(environment))
        and not needed.specifier.contains(present[other], prereleases=True)
    }:
        for name, other, asked in sorted(refused):
            print(f"{name} needs {other}{asked}, there is {present[other]}: ours is in the bundle")
            dropped = dropped - {other}
    for name in dropped:
        wheels[name].unlink()


def requirements(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as file:
        metadata = next(name for name in file.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", name))
        return message_from_bytes(file.read(metadata)).get_all("Requires-Dist", [])


if __name__ == "__main__":
    sys.exit(main())
