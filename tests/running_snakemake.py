"""Running ``snakemake`` and ``thermolatent`` as a user does, and reading what they plan."""

from __future__ import annotations

import atexit
import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from thermolatent.study.loading import load_study

HOME = Path(__file__).parents[1]
SNAKEMAKE = Path(sys.executable).parent / "snakemake"
THERMOLATENT = SNAKEMAKE.with_name("thermolatent")
#: Runs each command line that it reads in a copy of itself, and tells its exit code. Imports and digests of code take two
#: seconds in a new process, a plan a tenth of that.
SERVER = """
import gc, json, os, sys
import smart_open, snakemake.caching.storage, snakemake.cli, snakemake.report.html_reporter
from thermolatent import cli
from thermolatent.digest import code_digest
from thermolatent.launch import answer, workflow
from thermolatent.study import answers, disk, jobs, project
from thermolatent.study.stages import STAGES

for stage in STAGES.values():
    code_digest([stage.module])
gc.freeze()  # no copy moves what it does not use
for line in sys.stdin:
    arguments, folder, *told = json.loads(line)
    child = os.fork()
    if child == 0:
        os.chdir(folder)
        for number, name in zip((0, 1, 2), (os.devnull, *told)):
            os.dup2(os.open(name, os.O_WRONLY if number else os.O_RDONLY), number)
        sys.argv = arguments
        sys.exit(snakemake.cli.main() if arguments[0].endswith("snakemake") else cli.main())
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@dataclass
class Outcome:
    code: int
    out: str
    error: str

    @property
    def counts(self) -> dict[str, int]:
        """Jobs per rule, of the table of a (dry) run."""
        table = re.search(r"^job +count\n[- ]+\n(.*?)\n\n", self.out + self.error, re.M | re.S)
        rows = [line.split() for line in table[1].splitlines()] if table else []
        return {name: int(count) for name, count in rows if name != "total"}

    @property
    def jobs(self) -> list[dict[str, list[str]]]:
        """Rule, input, output, wildcards and resources of each job of a dry run."""
        found = []
        for block in re.split(r"\n(?=(?:local)?rule )", self.out + self.error)[1:]:
            job = {"rule": re.match(r"(?:local)?rule (\w+):", block)[1]}
            for key in ("input", "output", "wildcards", "resources"):
                line = re.search(rf"^    {key}: (.*)$", block, re.M)
                job[key] = line[1].replace(" (update)", "").split(", ") if line else []
            found.append(job)
        return found


def expected(name, seeds, folder=HOME / "studies"):
    """Jobs per rule that a study takes."""
    study = load_study(name, folder)
    simulated, tempered, models = len(study.temperatures.simulated), len(study.tempered), len(study.models)
    per_seed = {
        "represent": 1,
        "represent_own": len(study.spibs) - 1,
        "learn": models,
        "generate": models,
        "validate": models,
    }
    jobs = {"simulate": simulated - tempered, "featurize": simulated, "validate_baselines": seeds}
    jobs |= {"temper": 1} if tempered else {}
    jobs |= {"reseed": len(study.temperatures.reseeded)} if study.temperatures.reseeded else {}
    jobs |= {rule: count * seeds for rule, count in per_seed.items() if count}
    return jobs | {"reweight": 1, "gather": 1, "figures": 1, "report": 1, "all": 1}


def snakemake(folder: Path, *arguments: str, home: Path = HOME, snakefile: Path | None = None) -> Outcome:
    """Run the project's workflow in ``folder``, in an environment that nobody activated.

    ``home`` may be a copy of the project, ``snakefile`` one that includes the project's.
    """
    command = [SNAKEMAKE, "--snakefile", snakefile or home / "Snakefile", "--directory", folder, *arguments]
    if home == HOME:
        return _served(folder, command)
    environment = _environment() | {"PYTHONPATH": str(home / "src")}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    return Outcome(done.returncode, done.stdout, done.stderr)


def thermolatent(folder: Path, *arguments: str) -> Outcome:
    """Run the command in ``folder``, in the same environment."""
    return _served(folder, [THERMOLATENT, *arguments])


def _environment() -> dict[str, str]:
    environment = {"PATH": "/usr/bin:/bin", "HOME": os.environ.get("HOME", "/tmp"), "OMP_NUM_THREADS": "1"}
    # A checkout that is tested without being installed; and the last digit is that of this process's BLAS kernels.
    kept = {k: v for k, v in os.environ.items() if k == "PYTHONPATH" or k.startswith(("OPENBLAS_", "MKL_"))}
    return environment | kept


def _served(folder: Path, command: list[str | Path]) -> Outcome:
    server = _server(tuple(sorted(_environment().items())))
    with tempfile.NamedTemporaryFile("r") as out, tempfile.NamedTemporaryFile("r") as error:
        server.stdin.write(json.dumps([[*map(str, command)], str(folder), out.name, error.name]) + "\n")
        server.stdin.flush()
        return Outcome(int(server.stdout.readline()), out.read(), error.read())


@cache
def _server(environment: tuple[tuple[str, str], ...]) -> subprocess.Popen:
    """The server of an environment, until this process ends."""
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER], env=dict(environment), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    atexit.register(server.communicate)  # the end of its input is its own
    return server


def start_snakemake(folder: Path, *arguments: str) -> subprocess.Popen:
    """The workflow in ``folder`` on one core, silent, in a session of its own: to be killed with all of its jobs."""
    return subprocess.Popen(
        [SNAKEMAKE, "--snakefile", HOME / "Snakefile", "--directory", folder, "--cores", "1", *arguments],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
