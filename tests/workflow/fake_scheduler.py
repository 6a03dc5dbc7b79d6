#!/usr/bin/env python3
"""LSF, Grid Engine or PBS of one machine for tests: run under the name of one of their commands, it does what that one does.

``FAKE_SCHEDULER`` is a folder: ``kind`` in it says lsf, sge or pbs, ``submitted`` gets a line per job with its arguments,
``<id>.status`` its exit status once it has ended. The messages are those that the schedulers' manuals show.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

folder = Path(os.environ["FAKE_SCHEDULER"])
kind = (folder / "kind").read_text()
command, arguments = Path(sys.argv[0]).name, sys.argv[1:]


def submit():
    script = arguments[-1]
    with (folder / "submitted").open("a+") as file:
        file.seek(0)
        number = 700 + len(file.readlines())
        file.write(json.dumps(arguments[:-1]) + "\n")
    done = folder / f"{number}.status"
    subprocess.Popen(
        ["sh", "-c", f"sh '{script}'; echo $? > '{done}.new'; mv '{done}.new' '{done}'"],
        stdin=subprocess.DEVNULL,
        stdout=(folder / f"{number}.log").open("w"),
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    return {"lsf": f"Job <{number}> is submitted to queue <normal>.", "sge": f"{number}", "pbs": f"{number}.head"}[kind]


def ask():
    number = arguments[-1].removesuffix(".head")
    done = folder / f"{number}.status"
    status = done.read_text().strip() if done.exists() else None
    if command == "bjobs":
        return {None: "RUN", "0": "DONE"}.get(status, "EXIT")
    if command == "qacct":
        return f"jobname      x\nfailed       0    \nexit_status  {status}           \n" if status else sys.exit(1)
    if kind == "sge":  # qstat -j knows only jobs that have not ended
        return f"job_number: {number}" if status is None else sys.exit("Following jobs do not exist")
    state = "    job_state = R" if status is None else f"    job_state = F\n    Exit_status = {status}"
    return f"Job Id: {number}.head\n    Job_Name = x\n{state}\n    queue = workq"


print(submit() if command in ("bsub", "qsub") else ask())
