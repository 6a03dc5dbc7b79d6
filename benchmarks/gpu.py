"""What a GPU does for this package, in minutes: five parts, a CSV and a Markdown table (docs/reference/gpu.md).

    python benchmarks/gpu.py --minutes 8 --out gpu                  # CUDA
    python benchmarks/gpu.py --minutes 2 --out cpu --platform CPU   # the same code without a GPU
    python benchmarks/gpu.py --minutes 8 --out more --continue gpu  # part 5 goes on from the checkpoints of another run

1. Chignolin (GBn2): ns/day of one copy, of copies in one Context, and of processes.
2. Alanine dipeptide in water: of 1, 2, 4 and 8 processes.
3. Training: milliseconds per step of LaTF, D-SPIB and flow matching, on the GPU and on one core.
4. Alanine dipeptide in water at 300, 350 and 400 K side by side, through the workflow: its intervals at 350 K.
5. Chignolin at 340 and 440 K for the time that is left; checkpoints below 5 MB are kept in DIR.

A part ends when its share of the minutes is over, and what it has not measured by then is not in the table. Results are written
line by line.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import openmm as mm
import torch
import yaml

from thermolatent.doctor.gpu import read_driver
from thermolatent.errors import ThermolatentError
from thermolatent.files.artifacts import load_json
from thermolatent.launch.home import STUDIES_VARIABLE, workflow_home
from thermolatent.learn.train import begin
from thermolatent.parsing import merge
from thermolatent.rates import ns_per_day
from thermolatent.simulate.langevin import start_names
from thermolatent.simulate.molecules import ON_CORES
from thermolatent.simulate.partial import Partial
from thermolatent.simulate.speed import measure
from thermolatent.simulate.stage import protocol_identity, series_of
from thermolatent.study.jobs import JOBS, run_job
from thermolatent.study.layout import Layout
from thermolatent.study.loading import load_study
from thermolatent.study.study import Study
from thermolatent.tables import POPULATION_COLUMNS, read_table, write_table

COLUMNS = ("part", "what", "value", "unit", "seconds")
#: What of the time has gone when a part ends.
ENDS = {1: 0.32, 2: 0.46, 3: 0.56, 4: 0.86, 5: 0.95}
COPIES, PROCESSES, BATCHES, STEPS = (1, 8, 32, 128, 256), (1, 2, 4, 8), (4096, 65536), 200
#: Seconds of one measurement of MD, and of the MD of part 4, per minute of the whole.
MEASURED, SIMULATED = 15 / 8, 60 / 8
#: Seconds for a checkpoint, after which a command is killed.
STOPPING = 20.0
#: Of the package's studies: what differs here. Reference MD is what part 4 judges its interval by.
CHANGES = {
    "chignolin": {"simulate": {"save_every": 2500, "equilibration": 25000, "frames": 10000}},
    "alanine_dipeptide_water": {
        "temperatures": {"predict": [350], "reference": [350]},
        "simulate": {"walkers": 4, "save_every": 50, "equilibration": 2500, "frames": 8},
        "representation": {"lag": 1, "epochs": 5, "refinements": 2},
    },
    "three_hole": {
        "simulate": {"walkers": 8, "frames": 2000, "equilibration": 2000},
        "representation": {"epochs": 2, "refinements": 1},
        "models": {
            "dspib": {"density": {"kind": "diffusion"}, "temperature": ["steer", "condition"], "encoder": "joint"},
            "flow_matching": {
                "density": {"kind": "flow_matching"},
                "temperature": ["steer", "condition"],
                "informed": True,
                "encoder": "frozen",
            },
        },
    },
}
#: With --tiny, over those: a test of this program.
TINY = {
    "chignolin": {"simulate": {"walkers": 2, "save_every": 20, "equilibration": 20}},
    "alanine_dipeptide_water": {
        "system": {"box": 2.3},
        "simulate": {"walkers": 2, "save_every": 2, "equilibration": 20},
        "representation": {"initial_labels": 6, "refinements": 0, "batch_size": 32},
    },
    "three_hole": {"simulate": {"frames": 400}},
}
#: Largest checkpoint of part 5 that is kept, bytes.
MOST_KEPT = 5e6


class Bench:
    """One run: where it writes, on which platform, until when."""

    def __init__(self, out: Path, platform: str, minutes: float, tiny: bool):
        self.out, self.platform, self.minutes, self.tiny = out.absolute(), platform, minutes, tiny
        self.rows: list[dict] = []
        self._began, self.ends = time.monotonic(), 0.0
        (self.out / "studies").mkdir(parents=True, exist_ok=True)

    def run(self, part: int) -> None:
        """A part until its time is over; an error is a line of the table."""
        hurried = part == 5 or not self.tiny
        self.ends = self._began + (60 * self.minutes * ENDS[part] if hurried else 3600)
        began = time.monotonic()
        if self.left() <= 0:
            self.add(part, "no time was left", None, "", 0.0)
            return
        try:
            for what, value, unit in PARTS[part](self):
                self.add(part, what, value, unit, time.monotonic() - began)
                began = time.monotonic()
        except (ThermolatentError, OSError, mm.OpenMMException, RuntimeError) as error:
            self.add(part, f"failed: {str(error).strip().splitlines()[-1]}", None, "", time.monotonic() - began)

    def left(self) -> float:
        """Seconds of this part."""
        return self.ends - time.monotonic()

    def add(self, part: int, what: str, value: float | None, unit: str, seconds: float) -> None:
        row = {"part": part, "what": what, "value": value, "unit": unit, "seconds": round(seconds, 1)}
        print(f"{part}. {what}: {'' if value is None else f'{value:.4g}'} {unit}", flush=True)
        self.rows.append(row)
        write_table(str(self.out / "results.csv"), COLUMNS, self.rows)
        cells = [[row["part"], row["what"], *_shown(row)] for row in self.rows]
        lines = [f"| {' | '.join(map(str, each))} |" for each in (["part", "what", "", ""], 4 * ["---"], *cells)]
        (self.out / "results.md").write_text("\n".join([where(self.platform), "", *lines, ""]))

    def study(self, name: str, **simulate) -> Study:
        """A study of the package with the changes that are made here, also as a file for the commands."""
        content = yaml.safe_load((workflow_home() / f"studies/{name}.yaml").read_text())
        content = merge(content, CHANGES[name])
        content = merge(content, TINY[name]) if self.tiny else content
        on = {} if name == "three_hole" else {"platform": self.platform}
        content = merge(content, {"simulate": {**on, **simulate}})
        (self.out / f"studies/{name}.yaml").write_text(yaml.safe_dump(content))
        return load_study(name, self.out / "studies")

    def layout(self, study: Study) -> Layout:
        return Layout.of(study, str(self.out / "results"))

    def command(self, *arguments: str) -> subprocess.Popen:
        """``thermolatent`` with these arguments, in the folder of results; what it prints goes to a file there."""
        environment = os.environ | {STUDIES_VARIABLE: str(self.out / "studies")}
        with (self.out / "commands.log").open("a") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "thermolatent.cli", *arguments],
                cwd=self.out,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait(self, *processes: subprocess.Popen) -> bool:
        """Whether all have ended well by the end of this part; else they, and what they have started, are told to stop."""
        if in_time := all([_ended(process, self.left()) for process in processes]):
            return not any(process.returncode for process in processes)
        for number in (signal.SIGTERM, signal.SIGKILL):
            for process in processes:
                if process.poll() is None:
                    os.killpg(process.pid, number)
            for process in processes:
                _ended(process, STOPPING)
        return in_time


def _ended(process: subprocess.Popen, seconds: float) -> bool:
    try:
        process.wait(max(0.0, seconds))
    except subprocess.TimeoutExpired:
        return False
    return True


def _shown(row: dict) -> tuple[str, str]:
    return ("" if row["value"] is None else f"{row['value']:.4g}"), row["unit"]


def where(platform_name: str) -> str:
    """The machine in a line."""
    driver = read_driver()
    card = f"{', '.join(driver.gpus)}, driver {driver.version}" if driver.gpus else "no GPU"
    versions = f"OpenMM {mm.version.version}, torch {torch.__version__}, Python {platform.python_version()}"
    return f"{card}; {os.cpu_count()} cores; {versions}; platform {platform_name}; {time.strftime('%Y-%m-%d')}"


def _speed(study: Study, seconds: float, meeting=None) -> float:
    """ns/day of one process."""
    wait = (lambda: meeting.wait(300)) if meeting else (lambda: None)
    return measure(study.system, study.simulate, study.temperatures.train[0], seconds, wait).ns_per_day


def _in_process(study: Study, seconds: float, meeting, answers) -> None:
    try:
        answers.put(_speed(study, seconds, meeting))
    except Exception as error:
        meeting.abort()
        answers.put(str(error))


def together(study: Study, seconds: float, processes: int) -> float:
    """Aggregate ns/day of processes that all measure at the same time; raises :class:`ThermolatentError` if one fails."""
    spawn = multiprocessing.get_context("spawn")
    meeting, answers = spawn.Barrier(processes), spawn.Queue()
    started = [spawn.Process(target=_in_process, args=(study, seconds, meeting, answers)) for _ in range(processes)]
    for each in started:
        each.start()
    found = [answers.get() for _ in started]
    for each in started:
        each.join()
    if wrong := [text for text in found if isinstance(text, str)]:
        raise ThermolatentError(next(filter(None, wrong), "a process waited in vain"))
    return sum(found)


def copies(bench: Bench) -> Iterator[tuple[str, float, str]]:
    """Part 1."""
    study, seconds = bench.study("chignolin"), bench.minutes * MEASURED
    best, one = (0.0, 1), None
    for count in COPIES[:1] if bench.platform in ON_CORES else COPIES:  # on cores walkers take turns
        if bench.left() < seconds:
            return
        walkers = study.simulate.model_copy(update={"walkers": count})
        speed = _speed(study.model_copy(update={"simulate": walkers}), seconds)
        one = one or speed
        best = max(best, (speed, count))
        yield f"chignolin, {count} copies in one Context", speed, "ns/day"
    yield "best number of copies (simulate.walkers)", best[1], "copies"
    yield "speed-up by copies (goal 10)", best[0] / one, "x"
    single = study.model_copy(update={"simulate": study.simulate.model_copy(update={"walkers": 1})})
    yield from _processes(bench, "chignolin, one copy each", single, PROCESSES[1:], one)


def water(bench: Bench) -> Iterator[tuple[str, float, str]]:
    """Part 2."""
    study = bench.study("alanine_dipeptide_water")
    yield from _processes(
        bench, f"alanine in water, {study.system.built.system.getNumParticles()} atoms", study, PROCESSES
    )


def _processes(
    bench: Bench, what: str, study: Study, counts: tuple[int, ...], one: float | None = None
) -> Iterator[tuple[str, float, str]]:
    seconds, best = bench.minutes * MEASURED, (0.0, 1)
    for count in (n for n in counts if bench.platform not in ON_CORES or n <= os.cpu_count()):
        if bench.left() < seconds:
            break
        speed = together(study, seconds, count)
        one, best = one or speed, max(best, (speed, count))
        yield f"{what}, {count} processes", speed, "ns/day"
    if best[0] and one:
        yield f"{what}, best number of processes (jobs_per_gpu)", best[1], "processes"
        yield f"{what}, speed-up by processes", best[0] / one, "x"


def training(bench: Bench) -> Iterator[tuple[str, float, str]]:
    """Part 3."""
    study = bench.study("three_hole")
    layout = bench.layout(study)
    for T in study.temperatures.train:
        run_job("simulate", study, layout, temperature=T)
        run_job("featurize", study, layout, temperature=T)
    run_job("represent", study, layout, seed=0)
    run_job("reweight", study, layout, seed=0)
    torch.set_num_threads(1)  # as in the rule learn
    devices = ["cpu"] if bench.platform in ON_CORES else ["cuda", "cpu"]
    cases = [(batch, model, device) for batch in BATCHES for model in study.models for device in devices]
    for n, (batch, model, device) in enumerate(cases):
        job = JOBS["learn"](study, layout, model=model, seed=0)
        learn = job.settings.learn.model_copy(update={"batch_size": batch, "device": device, "steps": 10 * STEPS})
        settings = job.settings.model_copy(update={"learn": learn})
        descent = begin(settings, job.inputs, job.outputs.model)
        steps, milliseconds = timed_steps(descent, bench.left() / (len(cases) - n), 2 if bench.tiny else STEPS)
        yield f"{model}, batch {batch}, {device}, {steps} steps", milliseconds, "ms/step"


def timed_steps(descent, seconds: float, most: int = STEPS) -> tuple[int, float]:
    """Steps that were timed, and milliseconds of each; the first one is not timed."""
    limit, done = time.monotonic() + seconds, 0
    began = time.perf_counter()
    while not done or (done < most and time.monotonic() < limit):
        if done == 0:
            descent.advance()
            synchronise()
            began = time.perf_counter()
        descent.advance()
        done += 1
        if done % 10 == 0:
            synchronise()
    synchronise()
    return done, 1000 * (time.perf_counter() - began) / done


def synchronise() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def workflow(bench: Bench) -> Iterator[tuple[str, float, str]]:
    """Part 4: first a few frames, whose speed tells how many there is time for."""
    name = "alanine_dipeptide_water"
    study = bench.study(name)
    layout, T = bench.layout(study), study.temperatures.reference[0]
    run = ("run", name, "--seeds", "0", "--cores", str(max(3, os.cpu_count())))
    if not bench.wait(bench.command(*run, "--until", "simulate")):
        yield "MD of some frames did not end in time (commands.log)", None, ""
        return
    rate = min(load_json(layout.protocol(t))["walker_steps_per_second"] for t in study.temperatures.simulated)
    steps = rate * bench.minutes * SIMULATED / study.simulate.walkers
    study = bench.study(name, frames=max(study.simulate.frames, int(steps / study.simulate.save_every)))
    ended = bench.wait(bench.command(*run, "--until", "validate_baselines"))
    speeds = [load_json(layout.protocol(t)) for t in study.temperatures.simulated if Path(layout.protocol(t)).is_file()]
    total = sum(ns_per_day(p["walker_steps_per_second"], study.simulate.time_step) for p in speeds)
    yield f"alanine in water through the workflow, {len(speeds)} temperatures side by side", total, "ns/day"
    if not ended:
        yield "the workflow did not end in time (commands.log)", None, ""
        return
    yield (
        "MD of each temperature",
        study.simulate.frames * study.simulate.walkers * study.simulate.save_every * (study.simulate.time_step / 1000),
        "ns",
    )
    for row in read_table(layout.populations("baselines", 0), POPULATION_COLUMNS):
        if float(row["temperature"]) == T and row["states"] == "named" and row["model"] in ("conditional", "md"):
            interval = f"{row['low']} to {row['high']}"
            yield f"{row['state']} at {T:g} K by {row['model']}, interval {interval}", float(row["value"] or "nan"), ""


def folding(bench: Bench) -> Iterator[tuple[str, float, str]]:
    """Part 5: MD that goes on from checkpoints in ``out``, until it is told to stop."""
    study = bench.study("chignolin")
    layout = bench.layout(study)
    folders = {T: Path(f"{layout.simulation(T)}.partial") for T in study.temperatures.train}
    kept = {T: bench.out / f"chignolin_T{T:g}.tar" for T in folders}
    for archive in filter(Path.is_file, kept.values()):
        with tarfile.open(archive) as file:
            file.extractall(bench.out, filter="data")
    began = time.monotonic()
    before = {T: frames_of(study, layout, T)[0] for T in folders}
    jobs = [bench.command("simulate", "chignolin", "--temperature", f"{T:g}") for T in folders]
    bench.wait(*jobs)
    each = study.simulate.save_every * study.simulate.time_step * study.simulate.walkers
    for T, folder in folders.items():
        frames, energies = frames_of(study, layout, T)
        speed = (frames - before[T]) * each / 1000 / (time.monotonic() - began) * 86400
        yield (
            f"chignolin at {T:g} K, {study.simulate.walkers} walkers, {frames} frames, start included",
            speed,
            "ns/day",
        )
        for start, energy in energies.items():
            yield f"chignolin at {T:g} K, mean energy of the last half from {start}", energy, "kJ/mol"
        if folder.is_dir():
            with tarfile.open(kept[T], "w:gz") as file:
                file.add(folder, folder.relative_to(bench.out))
            if (size := kept[T].stat().st_size) > MOST_KEPT:
                kept[T].unlink()
                yield f"checkpoint at {T:g} K, too large to be kept", size / 1e6, "MB"


def frames_of(study: Study, layout: Layout, temperature: float) -> tuple[int, dict[str, float]]:
    """Frames per walker of unfinished MD, and the mean energy over the later half of them from each start."""
    settings, folder = study.simulate, f"{layout.simulation(temperature)}.partial"
    if not Path(folder, "checkpoint").is_file():
        return 0, {}
    identity = protocol_identity(study.system, settings, temperature)
    series = series_of(study.system, settings, folder)
    partial = Partial(folder, identity, settings.walkers, study.system.n_particles, series)
    frames = partial.resume()[0]["frames"]
    energies, names = partial.series("energies", frames), start_names(study.system, settings.walkers)
    late = energies[:, frames // 2 :]
    rows = {name: [w for w, start in enumerate(names) if start == name] for name in dict.fromkeys(names)}
    return frames, {name: float(late[members].mean()) for name, members in rows.items() if frames}


PARTS = {1: copies, 2: water, 3: training, 4: workflow, 5: folding}


def main() -> int:
    """Run the parts; 0 if nothing failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the results, made anew")
    parser.add_argument("--platform", default="CUDA", help="OpenMM's (default: %(default)s)")
    parser.add_argument("--parts", type=int, nargs="+", choices=list(PARTS), help="default: all; 5 with --continue")
    parser.add_argument("--continue", dest="earlier", type=Path, metavar="DIR", help="an earlier --out")
    parser.add_argument(
        "--tiny",
        action="store_true",
        help="the least that is a test of this program: only part 5 is limited in time",
    )
    options = parser.parse_args()
    bench = Bench(options.out, options.platform, options.minutes, options.tiny)
    if options.earlier:
        for archive in options.earlier.glob("chignolin_T*.tar"):
            (bench.out / archive.name).write_bytes(archive.read_bytes())
    for part in options.parts or ([5] if options.earlier else PARTS):
        bench.run(part)
    return int(any(row["what"].startswith("failed") for row in bench.rows))


if __name__ == "__main__":
    sys.exit(main())
