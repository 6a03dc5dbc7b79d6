"""Checks of the disk, locks of the working directory, and the tools of a cluster."""

from __future__ import annotations

import os
import shutil
import subprocess
from importlib import metadata
from pathlib import Path

from thermolatent.doctor.finding import Finding
from thermolatent.files.disk import size_of, size_text

#: Free space below which a study may not fit.
_LITTLE = 5e9
_PLUGIN = "snakemake-executor-plugin-slurm"


def check_disk(results: str) -> list[Finding]:
    """Check space and write permission of the results, and Snakemake's lock of the directory."""
    folder = Path(results)
    while not folder.exists():
        folder = folder.absolute().parent
    if not os.access(folder, os.W_OK):
        return [
            Finding("broken", f"{folder} cannot be written to", f"chmod u+w {folder}, or work in another directory")
        ]
    free = shutil.disk_usage(folder).free
    space = f"{size_text(free)} free for {results}/, which holds {size_text(size_of(results))}"
    found = [Finding("ok", space)]
    if free < _LITTLE:
        found = [Finding("problem", space, f"du -sh {results}/* shows what is large; or work on another disk")]
    if any(Path(".snakemake/locks").glob("*")):
        found.append(
            Finding(
                "note",
                "Snakemake has locked this directory: it runs, or it was killed",
                "if nothing runs: thermolatent run NAME --unlock",
            )
        )
    return found


def check_cluster() -> list[Finding]:
    """Check SLURM's commands, Snakemake's plug-in for it, and accounting, without which Snakemake waits forever by default."""
    there = [name for name in ("sbatch", "squeue", "sacct") if shutil.which(name)]
    try:
        plugin = metadata.version(_PLUGIN)
    except metadata.PackageNotFoundError:
        plugin = None
    if "sbatch" not in there:
        extra = f"; {_PLUGIN} {plugin} is installed" if plugin else ""
        return [Finding("ok", f"no SLURM here (no sbatch): jobs run on this machine{extra}")]
    found = [Finding("ok", f"SLURM: {', '.join(there)}")]
    if plugin is None:
        found.append(
            Finding("problem", f"{_PLUGIN} is missing: no jobs can be sent to SLURM", f"pip install {_PLUGIN}")
        )
    else:
        found.append(Finding("ok", f"{_PLUGIN} {plugin}"))
    if not _works("squeue", "--noheader", "--me"):
        found.append(
            Finding(
                "problem",
                "squeue gets no answer: SLURM's controller does not run",
                "ask who runs the cluster; scontrol ping",
            )
        )
    elif "sacct" not in there or not _works("sacct", "--noheader", "--allocations", "--starttime", "now"):
        found.append(
            Finding(
                "problem",
                "SLURM's accounting does not answer (sacct): Snakemake would wait for ever for its jobs",
                "add --slurm-status-command squeue to snakemake, or to the profile",
            )
        )
    return found


def _works(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=10).returncode == 0
    except (OSError, subprocess.SubprocessError):
        return False
