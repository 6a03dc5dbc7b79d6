"""Snakemake on the project's workflow, in this process."""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import snakemake.cli
from snakemake.exceptions import print_exception
from snakemake.logging import logger
from snakemake.utils import available_cpu_count
from snakemake_interface_logger_plugins.registry import LoggerPluginRegistry

from thermolatent.errors import ThermolatentError
from thermolatent.launch import screen
from thermolatent.launch.answer import answer
from thermolatent.launch.home import STUDIES_VARIABLE, workflow_home
from thermolatent.study.layout import Layout
from thermolatent.study.project import find_study, load_project


def run(config: Mapping[str, Any], folders: list[Path], arguments: list[str], answers: bool = True) -> int:
    """Run the workflow; print a line per job and, at the end, the results. Returns the exit code.

    Parameters
    ----------
    config: values of ``config.yaml``; ``--config`` overrides them.
    folders: search path of studies.
    arguments: of Snakemake's command line.
    answers: whether to print the results.

    Raises :class:`ThermolatentError` for invalid arguments.
    """
    os.environ[STUDIES_VARIABLE] = os.pathsep.join(map(str, folders))
    logger.propagate = False  # else thermolatent's log handlers print everything again
    LoggerPluginRegistry().register_plugin("snakemake_logger_plugin_thermolatent", screen)
    try:
        parser, args = _parsed(["--snakefile", str(workflow_home() / "Snakefile"), *arguments])
        args.logger = args.logger or ["thermolatent"]
        args.config = [*(f"{name}={json.dumps(value)}" for name, value in config.items()), *(args.config or [])]
        if args.cores is None and args.jobs is None:
            args.cores = available_cpu_count()
        if not snakemake.cli.args_to_api(args, parser):
            return 1
    except ThermolatentError:
        raise
    except Exception as error:  # as in snakemake.cli.main
        print_exception(error)
        return 1
    if answers and screen.LogHandler.ran:
        with contextlib.chdir(args.directory or "."):
            _print_answers(snakemake.cli.parse_config(args.config), folders)
    return 0


def _parsed(arguments: list[str]) -> tuple[Any, Any]:
    """Snakemake's parser and the parsed ``arguments``; raises :class:`ThermolatentError` for invalid ones."""
    output = io.StringIO()
    try:
        with contextlib.redirect_stderr(output):  # Snakemake's usage has a hundred lines
            return snakemake.cli.parse_args(arguments)
    except SystemExit as error:
        if error.code == 0:  # --version
            raise
        raise ThermolatentError(output.getvalue().strip().rpartition("error: ")[2]) from error


def _print_answers(config: Mapping[str, Any], folders: list[Path]) -> None:
    """Print the results of the studies, as far as they exist."""
    project = load_project([workflow_home() / "config.yaml", "config.yaml"], config)
    for name in project.studies:
        study = find_study(name if project.scale == "full" else f"{name}@{project.scale}", folders)
        if lines := answer(study, Layout.of(study)):
            print("\n".join(lines))
