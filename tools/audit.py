"""`make audit`: are the pinned packages consistent, and does any have a known vulnerability?

The first needs no network. For the second pip-audit (fetched into a folder of its own, the environment stays as it is) asks
the Python Packaging Advisory Database; where that cannot be reached it is said, and counts as not done, not as passed.
Exit code: 1 for a finding, 0 otherwise.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

HOME = Path(__file__).parents[1]
CONSTRAINTS = HOME / "envs/constraints.txt"


def pins(text: str) -> dict[str, Version]:
    """``name==version`` lines of a constraints file."""
    found = (re.match(r"([A-Za-z0-9._-]+)==([^\s;]+)", line) for line in text.splitlines())
    return {canonicalize_name(m[1]): Version(m[2]) for m in found if m}


def required(project: dict) -> list[Requirement]:
    """What pyproject.toml asks for, extras too, but for extras of packages that are pinned themselves."""
    lists = [project["dependencies"], *project["optional-dependencies"].values()]
    return [Requirement(text) for texts in lists for text in texts]


def mismatches(project: dict, pinned: dict[str, Version]) -> list[str]:
    """Requirements that the pins do not meet, one line each."""
    lines = []
    for requirement in required(project):
        version = pinned.get(canonicalize_name(requirement.name))
        if version is None:
            lines.append(f"envs/constraints.txt: has no pin of {requirement.name}, which pyproject.toml needs")
        elif not requirement.specifier.contains(version, prereleases=True):
            lines.append(f"envs/constraints.txt: {requirement.name}=={version}, but pyproject.toml needs {requirement}")
    return lines


def pip_check() -> list[str]:
    """What pip finds inconsistent in this environment."""
    done = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True)
    return [] if done.returncode == 0 else done.stdout.splitlines()


def known_vulnerabilities() -> tuple[list[str], str]:
    """Findings of pip-audit for the pins, and why it could not be asked (empty if it could)."""
    with tempfile.TemporaryDirectory() as folder:
        python = Path(folder) / "bin/python"
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        fetched = subprocess.run([python, "-m", "pip", "install", "-q", "pip-audit"], capture_output=True, text=True)
        if fetched.returncode:
            return [], "pip-audit could not be installed: " + last_line(fetched.stderr)
        command = [python, "-m", "pip_audit", "--no-deps", "--disable-pip", "--format", "json", "-r", CONSTRAINTS]
        done = subprocess.run(command, capture_output=True, text=True)
    return judged(done.stdout, done.stderr)


def judged(out: str, error: str) -> tuple[list[str], str]:
    """What pip-audit's outcome means. Of packages that it could not ask about it says "no known vulnerabilities" too."""
    try:
        packages = json.loads(out)["dependencies"]
    except (ValueError, KeyError):
        return [], "pip-audit failed: " + last_line(error)
    found = [f"{p['name']} {p['version']}: {v['id']}" for p in packages for v in p.get("vulns", ())]
    skipped = [p["name"] for p in packages if "skip_reason" in p]
    if skipped:
        return (
            found,
            f"its database could not be asked about {len(skipped)} of {len(packages)} packages ({skipped[0]}, ...)",
        )
    return found, ""


def last_line(text: str) -> str:
    lines = text.strip().splitlines() or ["no word of why"]
    return lines[-1][:300]


def main() -> int:
    project = tomllib.loads((HOME / "pyproject.toml").read_text())["project"]
    problems = mismatches(project, pins(CONSTRAINTS.read_text())) + pip_check()
    print("\n".join(problems) or "pins and installed packages are consistent")
    found, why_not = known_vulnerabilities()
    for line in found:
        print(f"known vulnerability: {line}")
    if why_not:
        print(f"known vulnerabilities: NOT CHECKED, {why_not}")
    elif not found:
        print("no known vulnerabilities among the pins")
    return 1 if problems or found else 0


if __name__ == "__main__":
    sys.exit(main())
