"""``thermolatent doctor``: check this machine and propose remedies."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from thermolatent.commands.arguments import add_results

if TYPE_CHECKING:
    from thermolatent.doctor.finding import Finding

HELP = "check software, GPU, speed, disk and cluster, with remedies"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_results(parser)
    parser.add_argument("--no-probe", action="store_true", help="do not measure the speed")


def run(options: argparse.Namespace) -> int:
    """Print all findings. Returns 1 if something essential is broken."""
    count = {"problem": 0, "broken": 0}
    for title, check in _sections(options):
        print(title, flush=True)
        for finding in check():
            print(finding, flush=True)
            if finding.level in count:
                count[finding.level] += 1
        if count["broken"] and title == "software":
            print("the other checks need this software; repair it first")
            return 1
    counts = [f"{n} {level}{'s' if level == 'problem' and n > 1 else ''}" for level, n in count.items() if n]
    print(", ".join(counts) or "all is well")
    return 1 if count["broken"] else 0


def _sections(options: argparse.Namespace) -> Iterator[tuple[str, Callable[[], list[Finding]]]]:
    from thermolatent.doctor.software import check_software

    yield "software", check_software
    from thermolatent.doctor.gpu import check_gpu  # after the check of the software
    from thermolatent.doctor.machine import check_cluster, check_disk

    yield "GPU and OpenMM's platforms", check_gpu
    if not options.no_probe:
        from thermolatent.doctor.speed import check_speed

        yield "speed", check_speed
    yield "disk", lambda: check_disk(options.results)
    yield "cluster", check_cluster
