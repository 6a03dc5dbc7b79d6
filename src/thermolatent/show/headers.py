"""JSON files: protocols of MD, headers of features, resolved studies, lists of files, metrics; and folders of results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from thermolatent.errors import ArtifactError, ThermolatentError
from thermolatent.files.artifacts import load_json
from thermolatent.files.manifest import lost_files
from thermolatent.rates import rate_text
from thermolatent.show.places import temperature_text, titled
from thermolatent.status.state import read_checkpoint
from thermolatent.temperatures import format_temperature


def show(path: Path) -> list[str]:
    """A JSON file of this project; raises :class:`ArtifactError` for another one."""
    try:
        content = load_json(path)
    except ArtifactError:
        raise
    except (AttributeError, TypeError):  # JSON, but no mapping
        content = {}
    if "walkers" in content and "openmm" in content:
        return _protocol(path, content)
    if "plane_names" in content:
        return _features(path, content)
    if "files" in content:
        return _manifest(path, content["files"])
    if "temperatures" in content and "models" in content:
        return _study(path, content)
    if "bins_per_axis" in content:
        keys = ", ".join(content)
        return [titled(path, "every choice behind the scores"), f"  {keys}"]
    raise ArtifactError(f"{path}: is JSON, but no file of this project")


def show_folder(path: Path) -> list[str]:
    """A folder: by the file that says what is in it."""
    for name in ("protocol.json", "features.json", "study.json", "files.json", "checkpoint"):
        if (path / name).is_file():
            return show_checkpoint(path / name) if name == "checkpoint" else show(path / name)
    raise ThermolatentError(f"{path}: is no folder with results of one thing; name a file in it")


def show_checkpoint(path: Path) -> list[str]:
    """How far unfinished MD has come; of finished MD, from where a longer run goes on."""
    header = read_checkpoint(path)
    if header is None:
        raise ArtifactError(
            f"{path}: is no checkpoint of MD, or is damaged; delete its folder, the MD then starts again"
        )
    identity, progress = header["identity"], header["progress"]
    what = (
        "finished MD that a longer run continues"
        if path.parent.suffix == ".restart"
        else "unfinished MD that goes on when run again"
    )
    speed = f", {progress['wall_seconds']:.0f} s spent" if progress.get("wall_seconds") else ""
    lines = [titled(path, what), f"  {progress['frames']} of {identity['frames']} frames per walker{speed}"]
    return lines + [f"  {line}" for line in _md(identity)]


def _protocol(path: Path, content: dict[str, Any]) -> list[str]:
    imported = content["platform"] == "imported"
    lines = [titled(path, "imported MD" if imported else "finished MD"), *(f"  {line}" for line in _md(content))]
    if rate := content.get("walker_steps_per_second"):
        reduced = content["kT"] == content["temperature"]
        told = rate_text(rate, content["time_step"], reduced)
        lines.append(f"  ran at {told}, {content['wall_seconds']:.0f} s in all, OpenMM {content['openmm']}")
    if heat := content.get("kinetic_temperature"):
        means = heat["mean"]
        mean, target = sum(means) / len(means), heat["expected"]["mean"]
        reduced = content["kT"] == content["temperature"]
        told = (f"{mean:.4f}", f"{target:g}") if reduced else (f"{mean:.1f} K", f"{target:g} K")
        lines.append("  kinetic temperature {}, asked for {}".format(*told))
    if "mean_volume" in content:
        lines.append(f"  mean volume {content['mean_volume']:.4g} nm^3")
    errors = content.get("convergence", {}).get("standard_errors")
    if errors is not None:
        lines.append(f"  mean energies of walkers from different starts: {errors:.2g} standard errors apart")
    return lines


def _md(content: dict[str, Any]) -> list[str]:
    """System, temperature, length; of a protocol or of an unfinished run's identity."""
    system = content["system"]
    reduced = content["kT"] == content["temperature"]
    detail = system.get("sequence") or system.get("file") or system.get("topology_file") or ""
    around = content.get("surroundings") or ""
    what = " ".join(filter(None, (system["kind"], detail, f"in {around}" if around else "")))
    interval = content["save_every"] * content["time_step"]
    unit = "time units" if reduced else "ps"
    total = content["walkers"] * content["frames"] * interval
    lines = [
        f"{what}, at {temperature_text(content)}",
        f"{content['walkers']} walkers of {content['frames']} frames, {interval:g} {unit} apart: {total:g} {unit} in all",
    ]
    if content["platform"] != "imported":
        pressure = f", {content['pressure']:g} bar" if content.get("pressure") else ""
        lines.append(
            f"{content['integrator']}, time step {content['time_step']:g} {unit}, friction {content['friction']:g}, "
            f"{content['platform']} ({content['precision']}), seed {content['seed']}{pressure}"
        )
    starts = dict.fromkeys(content.get("starts", []))
    return [*lines, f"starts: {', '.join(starts)}"] if starts else lines


def _features(path: Path, content: dict[str, Any]) -> list[str]:
    unit = "time units" if content["kT"] == content["temperature"] else "ps"
    names = content["names"]
    shown = ", ".join(names[:12]) + (f", ... ({len(names)} in all)" if len(names) > 12 else "")
    return [
        titled(path, "what the columns of features.npy, plane.npy and observables.npy are"),
        f"  at {temperature_text(content)}: {content['walkers']} walkers of {content['frames']} frames, "
        f"{content['frame_interval']:g} {unit} apart" + (", weighted (biased MD)" if content["weighted"] else ""),
        f"  features: {shown}",
        f"  plane: {', '.join(content['plane_names'])}",
        f"  observables: {', '.join(content['observable_names']) or 'none'}",
    ]


def _manifest(path: Path, files: dict[str, str]) -> list[str]:
    """A list of files with their digests, and whether they are all there."""
    lost = lost_files(path)
    state = f"{len(lost)} of them are gone, first {lost[0]}" if lost else "all there"
    return [
        titled(path, f"list of the {len(files)} files that a job wrote, {state}"),
        *(f"  {name}" for name in list(files)[:20]),
        *([f"  ... and {len(files) - 20} more"] if len(files) > 20 else []),
    ]


def _study(path: Path, content: dict[str, Any]) -> list[str]:
    lines = [titled(path, f"the study {content['name']} as it is run, with every default in it")]
    lines += [f"  {content['description']}"] if content.get("description") else []
    for role in ("train", "predict", "reference"):
        told = ", ".join(map(format_temperature, content["temperatures"][role])) or "none"
        lines.append(f"  {role}: {told}")
    system = content["system"]
    lines.append(
        f"  system {system['kind']}, models {', '.join(content['models'])}; thermolatent status {content['name']}"
    )
    return lines
