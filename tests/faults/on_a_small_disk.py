"""Run by test_disk.py in a mount namespace of its own: each stage on a full and on a read-only disk, then with space.

Arguments: the finished folder, an empty folder to mount on, the tests' folder. Prints one JSON object per case.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

finished, mount, tests = map(Path, sys.argv[1:])
sys.path.insert(0, str(tests))
from faults_for_tests import Jobs, content, without  # noqa: E402

STAGES = ("simulate", "featurize", "represent", "learn", "generate", "validate", "figures")


def main():
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "none", str(mount)], check=True)
    jobs, folder, expected = Jobs(), mount / "copy", content(finished)
    for stage in STAGES:
        for fault in ("full", "read-only"):
            shutil.copytree(finished, folder)
            without(folder, stage)
            before = content(folder)
            if fault == "full":
                fill(mount / "filler")
            else:
                remount("ro")
            told = Path(f"{folder}.stderr")
            code, error, _ = jobs.run(folder, stage, told=Path(f"{mount}.stderr"))
            if fault == "full":
                (mount / "filler").unlink()
            else:
                remount("rw")
            harmed = [name for name, data in content(folder).items() if data != before.get(name, expected.get(name))]
            again, later, _ = jobs.run(folder, stage, told=told)
            same = {k: v for k, v in content(folder).items()} == expected
            print(json.dumps([stage, fault, code, error, harmed, again, later, same]), flush=True)
            shutil.rmtree(folder)


def fill(path):
    """Leave four kilobytes of the disk."""
    with path.open("wb", buffering=0) as file:
        free = shutil.disk_usage(path).free - 4096
        while free > 0:
            free -= file.write(b"0" * min(free, 2**20))


def remount(how):
    subprocess.run(["mount", "-o", f"remount,{how}", str(mount)], check=True)


if __name__ == "__main__":
    main()
