"""What Snakemake itself costs on a large study: 50 temperatures, 10 models, 20 seeds, jobs that do nothing but touch their files.

    python benchmarks/planning.py [--temperatures 50] [--models 10] [--seeds 20]

Prints jobs and files, then CPU seconds, wall seconds and peak memory of a dry run in an empty folder, of a whole run (planning,
scheduling and recording; a job is a bash function), of a dry run when all is there, and of what a cluster starts for each job
on its node. Takes about a minute and a half of CPU and 200 MB of small files in a temporary folder.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from thermolatent.files.artifacts import save_json
from thermolatent.files.paths import paths_in
from thermolatent.study.layout import Layout
from thermolatent.study.project import find_study
from thermolatent.study.study import Study
from thermolatent.temperatures import format_temperature

HOME = Path(__file__).parents[1]
NAME = "large"
#: In place of the command: touches a job's files, and copies the list of those whose number depends on the study.
STUB = """thermolatent() {
  xargs touch < "$JOBS/$*"
  if [ -f "$JOBS/$*.json" ]; then cp "$JOBS/$*.json" "$(head -n 1 "$JOBS/$*")"; fi
}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--temperatures", type=int, default=50)
    parser.add_argument("--models", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=20)
    arguments = parser.parse_args()
    seeds = list(range(arguments.seeds))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        study = write_study(folder, arguments.temperatures, arguments.models)
        jobs = write_stubs(folder, study, seeds)
        config = ["--config", f"studies=[{NAME}]", f"seeds={json.dumps(seeds)}"]
        print(f"{arguments.temperatures} temperatures, {arguments.models} models, {arguments.seeds} seeds: {jobs} jobs")
        measure(folder, "dry run, nothing there", "-n", "-q", "all", *config)
        cpu = measure(folder, f"run of {jobs} empty jobs", "--cores", "2", "-q", "all", *config)
        print(f"  per job: {1000 * cpu / jobs:.0f} ms of CPU")
        measure(folder, "dry run, everything there", "-n", "-q", "all", *config)
        one = ["--target-jobs", f"learn:study={NAME},model=m0,seed=0", "--allowed-rules", "learn", "--force"]
        remote = ["--mode", "remote", "--cores", "1", "--nolock", "--ignore-incomplete", "-q", "all"]
        measure(folder, "one job on a cluster's node", *one, *remote, *config)
        for kind in ("results", "logs", ".snakemake"):
            print(f"files in {kind}: {sum(1 for path in (folder / kind).rglob('*') if path.is_file())}")


def write_study(folder: Path, temperatures: int, models: int) -> Study:
    """The three-hole study with so many temperatures, all with reference MD, and so many models."""
    content = yaml.safe_load((HOME / "studies/three_hole.yaml").read_text())
    content.pop("scales")
    values = [round(0.5 + k / (temperatures - 1), 6) for k in range(temperatures)]
    content["temperatures"] = {"train": [values[0], values[-1]], "predict": values[1:-1], "reference": values[1:-1]}
    content["models"] = {f"m{k}": content["models"]["latf"] for k in range(models)}
    (folder / "studies").mkdir()
    (folder / "studies" / f"{NAME}.yaml").write_text(yaml.safe_dump(content))
    return find_study(NAME, [folder / "studies"])


def write_stubs(folder: Path, study: Study, seeds: list[int]) -> int:
    """A list of the files of each job, named like its command line; returns how many jobs there are."""
    layout, where = Layout.of(study), folder / "jobs"
    where.mkdir()
    (folder / "stub.bash").write_text(STUB)

    def job(command: str, *files: str, named: list[str] | None = None) -> None:
        path = where / f"{command} --threads 1"
        path.write_text("\n".join([*files, *(named or [])]) + "\n")
        if named is not None:
            save_json(f"{path}.json", {"files": dict.fromkeys(os.path.basename(file) for file in named)})

    for T in study.temperatures.simulated:
        at = f"{NAME} --temperature {format_temperature(T)}"
        job(f"simulate {at}", layout.topology(T), layout.md_energies(T), layout.protocol(T))
        job(f"featurize {at}", *paths_in(layout.frame_files(T)))
    for seed in seeds:
        job(f"represent {NAME} --seed {seed}", layout.spib(seed), layout.history(layout.spib(seed)))
        scored = (layout.scores("baselines", seed), layout.populations("baselines", seed))
        job(f"validate {NAME} --model baselines --seed {seed}", *scored)
        for model in study.models:
            at = f"{NAME} --model {model} --seed {seed}"
            job(f"learn {at}", layout.model(model, seed), layout.history(layout.model(model, seed)))
            kinds = (layout.samples, layout.structures, layout.medoids)
            drawn = [kind(model, seed, T) for T in study.temperatures.generated for kind in kinds]
            job(f"generate {at}", layout.generated(model, seed), layout.surfaces(model, seed), named=drawn)
            kinds = (layout.scores, layout.populations, layout.profiles)
            job(f"validate {at}", *(kind(model, seed) for kind in kinds))
    job(f"reweight {NAME} --seed {seeds[0]}", layout.reweighting, layout.running)
    at = f"{NAME} --seeds {' '.join(map(str, seeds))}"
    tables = (layout.all_scores, layout.all_populations, layout.predictions, layout.melting, layout.metrics)
    grid = (layout.grid, layout.grid_observables, layout.grid_surfaces)
    job(f"gather {at}", *tables, layout.convergence, *grid)
    job(f"figures {at}", layout.figures, named=[])
    job(f"report {at}", layout.report)
    return sum(1 for path in where.iterdir() if path.suffix != ".json")


def measure(folder: Path, what: str, *arguments: str) -> float:
    """Run Snakemake, print what it took, return its CPU seconds and its children's."""
    environment = os.environ | {"BASH_ENV": str(folder / "stub.bash"), "JOBS": str(folder / "jobs")}
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(HOME / "Snakefile"), *arguments]
    start = time.perf_counter()
    with (folder / "output.txt").open("w") as output:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - start
    if process.returncode:
        raise SystemExit((folder / "output.txt").read_text()[-3000:])
    cpu = usage.ru_utime + usage.ru_stime
    print(f"{what}: {cpu:.1f} s of CPU, {seconds:.1f} s, {usage.ru_maxrss / 1024:.0f} MB", flush=True)
    return cpu


if __name__ == "__main__":
    main()
