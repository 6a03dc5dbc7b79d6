"""A tiny study, its jobs in processes that can be killed, and what its results must be."""

import copy
import multiprocessing
import os
import random
import shutil
import sys
import time
from pathlib import Path
from unittest import mock

from running_snakemake import snakemake
from studies_for_tests import SOUND

from thermolatent.study.stages import STAGES

NAME = "tiny"
CONFIG = ("--config", f"studies=[{NAME}]", "seeds=[0]")
#: Every stage, tempering and reseeding included, in about a minute on one core.
TINY = copy.deepcopy(SOUND) | {
    "temperatures": {
        "train": [0.5, 1.1, 1.5],
        "reseeded": [1.1],
        "predict": [0.75, 1.0, 1.25],
        "reference": [0.75, 1.0],
    },
    "tempering": {"temperatures": [1.0]},
    "simulate": {"walkers": 4, "frames": 400, "save_every": 10, "equilibration": 200, "time_step": 0.02},
    "representation": {"initial_labels": 8, "epochs": 15, "refinements": 1, "batch_size": 128, "lag": 2}
    | {"learning_rate": 0.01},
    "learn": {"steps": 60, "evaluate_every": 20, "batch_size": 256},
    "models": {"latf": SOUND["models"]["latf"] | {"informed": True, "encoder": "frozen"}},
    "generate": {"samples": 500, "structures": 3, "grid": 3},
    "validate": SOUND["validate"] | {"bins": 20, "bootstrap": 3},
}
#: A job of each stage, as the workflow's rules call it.
JOBS = {
    "simulate": ("--temperature", "0.5"),
    "temper": (),
    "reseed": ("--temperature", "1.1"),
    "featurize": ("--temperature", "0.5"),
    "represent": (),
    "reweight": (),
    "learn": ("--model", "latf"),
    "generate": ("--model", "latf"),
    "validate": ("--model", "latf"),
    "gather": (),
    "figures": (),
    "report": (),
}
#: What its outputs begin with, below the results of the study.
OUTPUTS = {
    "simulate": ["simulate/T0.5/"],
    "temper": ["simulate/T1/", "simulate/tempered.json"],
    "reseed": ["simulate/starts/"],
    "featurize": ["featurize/T0.5/"],
    "represent": ["represent/"],
    "reweight": ["reweight/"],
    "learn": ["learn/"],
    "generate": ["generate/"],
    "validate": ["validate/latf/"],
    "gather": [
        "validate/scores.csv",
        "validate/populations.csv",
        "validate/predictions.csv",
        "validate/m",
        "validate/grid",
    ],
    "figures": ["figures/"],
    "report": ["report.html"],
}
assert set(JOBS) == set(OUTPUTS) == set(STAGES)


def planned(folder, *arguments):
    """Jobs per rule that a run in ``folder`` would do."""
    done = snakemake(folder, "-n", *CONFIG, *arguments)
    assert done.code == 0, done.out + done.error
    return done.counts


def content(folder):
    """Bytes of everything below a study's results that is the same in each run, by path."""
    root = Path(folder) / "results" / NAME
    files = {path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in sorted(files.items()) if not _told_of_the_run(name)}


def _told_of_the_run(name):
    """Wall times, and what shows them or their digests."""
    return (
        ".restart/" in name
        or name.endswith(("protocol.json", ".history.csv", "tempered.json", "report.html", "figures/files.json"))
        or (name.startswith("figures/histor"))
    )


def without(folder, *stages):
    """Delete the outputs of these stages."""
    root = Path(folder) / "results" / NAME
    for prefix in (prefix for stage in stages for prefix in OUTPUTS[stage]):
        for path in [p for p in root.rglob("*") if p.is_file() and p.relative_to(root).as_posix().startswith(prefix)]:
            path.unlink()
    for path in root.glob("simulate/*.restart"):
        shutil.rmtree(path)


class Jobs:
    """Stages in processes of their own, forked from one that has imported everything: a start takes milliseconds.

    They compute with one thread, as the workflow's jobs do: sums of several threads end in other bits.
    """

    def __init__(self):
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([*{stage.module for stage in STAGES.values()}, "thermolatent.cli"])

    def start(self, folder, stage, told=None):
        arguments = [stage, NAME, *JOBS[stage]]
        process = self._context.Process(target=_job, args=(str(folder), arguments, str(told or f"{folder}.stderr")))
        with mock.patch.dict(os.environ, OMP_NUM_THREADS="1"):  # of the process that they are forked from
            process.start()
        return process

    def run(self, folder, stage, told=None):
        """To the end; returns the exit code, what it wrote, which goes into the file ``told`` first, and the seconds."""
        told = told or Path(f"{folder}.stderr")
        began, process = time.monotonic(), self.start(folder, stage, told)
        process.join(300)
        return process.exitcode, told.read_text(), time.monotonic() - began

    def killed(self, folder, stage, seconds, rng: random.Random):
        """Killed at a random moment within so many seconds; returns whether it was still running."""
        process = self.start(folder, stage)
        time.sleep(rng.uniform(0.0, seconds))
        process.kill()
        process.join()
        return process.exitcode == -9


def _job(folder, arguments, told):
    os.chdir(folder)
    error = os.open(told, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(error, 1)  # mdtraj talks to standard output
    os.dup2(error, 2)
    sys.stderr = os.fdopen(2, "w", closefd=False)
    os.environ.update(THERMOLATENT_STUDIES="studies")
    from thermolatent.cli import main

    sys.exit(main(arguments))


def one_line(error):
    """The line with which a stage failed: the last one, alone but for the log, and no traceback."""
    assert "Traceback" not in error, error
    *progress, line = [text for text in error.strip().splitlines() if not text.startswith("dcdplugin)")]
    assert all(text[:2].isdigit() for text in progress), error  # log lines begin with the time
    assert line.startswith("thermolatent "), error
    return line
