"""The status of one study, or of all studies, as text."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

from thermolatent.errors import ArtifactError
from thermolatent.files.artifacts import load_json
from thermolatent.rates import rate_text
from thermolatent.status.jobs import Job, Jobs
from thermolatent.status.state import Found, last_losses, look
from thermolatent.study.layout import BASELINES_JOB
from thermolatent.tables import aligned
from thermolatent.temperatures import format_temperature


def view(jobs: Jobs, now: float | None = None) -> str:
    """Jobs by temperature, by model, and at the end, with the reasons of failures."""
    content, now = jobs.content, time.time() if now is None else now
    states = {job: look(job, now) for job in jobs}
    out = [summary(jobs, states), ""]
    if content.get("description"):
        out.insert(1, content["description"])
    rows = [("T", "role", "MD", "speed", "features")]
    for T in jobs.temperatures:
        md = states[jobs.md(T)]
        role = "train" if T in content["temperatures"]["train"] else "reference"
        rows.append(
            (format_temperature(T), role, state_text(md), _speed(jobs, T, md), state_text(states[jobs.features(T)]))
        )
    out += [*aligned(rows), ""]
    rows = [("trained", "seed", "training", "held-out loss", "generate", "validate")]
    rows.append(("reweighting", "all", state_text(states[jobs.reweighting]), "", "", ""))
    for seed in jobs.seeds:
        for model in jobs.spibs:
            job = jobs.training("represent", seed, model)
            name = "SPIB" if model == BASELINES_JOB else f"SPIB of {model}"
            rows.append((name, str(seed), state_text(states[job]), _loss(job), "", ""))
        for model in jobs.models:
            job = jobs.training("learn", seed, model)
            after = [state_text(states[jobs.of_model(stage, model, seed)]) for stage in ("generate", "validate")]
            rows.append((model, str(seed), state_text(states[job]), _loss(job), *after))
        scored = state_text(states[jobs.of_model("validate", BASELINES_JOB, seed)])
        rows.append((BASELINES_JOB, str(seed), "", "", "", scored))
    out += [*aligned(rows), ""]
    out.append("   ".join(f"{job.stage} {state_text(states[job])}" for job in jobs.at_the_end()))
    bad = [(job, found) for job, found in states.items() if found.state in ("failed", "stopped", "silent")]
    if bad:
        out.append("")
    for job, found in bad:
        out.append(f"{found.state}: {job.stage} {job.of}".rstrip() + f": {found.note} ({job.log})")
    return "\n".join(out)


def summary(jobs: Jobs, states: dict[Job, Found] | None = None) -> str:
    """One line: the study's name, and the number of jobs in each state."""
    states = {job: look(job) for job in jobs} if states is None else states
    count = Counter(found.state for found in states.values())
    parts = [f"{count['done']} of {len(states)} jobs done"]
    parts += [
        f"{count[state]} {state}" for state in ("running", "silent", "stopped", "failed", "waiting") if count[state]
    ]
    return f"{jobs.content['name']}: {', '.join(parts)}"


def finished(jobs: Jobs) -> bool:
    """Whether all jobs are done."""
    return all(Path(job.output).is_file() for job in jobs)


def state_text(found: Found) -> str:
    """A state as text."""
    share = "" if found.share is None or found.state == "failed" else f" {found.share:.0%}"
    left = f", {found.left}" if found.left else ""
    return f"{found.state}{share}{left}"


def _speed(jobs: Jobs, temperature: float, found: Found) -> str:
    if found.state == "running":
        return found.note
    try:
        protocol = load_json(jobs.layout.protocol(temperature), "protocol")
    except ArtifactError:
        return ""
    rate = protocol.get("walker_steps_per_second")
    if not rate:  # imported
        return ""
    return rate_text(rate, protocol["time_step"], protocol["kT"] == protocol["temperature"])


def _loss(job: Job) -> str:
    """The last held-out loss of the training itself."""
    losses = last_losses(job.history)
    of = ("density", "joint") if job.stage == "learn" else tuple(reversed(losses))
    name = next((name for name in of if name in losses), None)
    return "" if name is None else f"{losses[name]:.4g}"
