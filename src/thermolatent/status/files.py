"""One-line descriptions of the files of a study, by path; docs/reference/files.md has shapes, units and columns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from thermolatent.errors import ThermolatentError

#: Pattern of the end of a path -> description; the first match counts.
_FILES = {
    "study.json": "the study with every default filled in",
    "report.html": "the report: open it in a browser, no network needed",
    "simulate/starts/T*.npz": "frames from which the walkers of a reseeded temperature start",
    "simulate/*.partial/*": "unfinished MD, to be resumed by the same command",
    "simulate/*.restart/*": "the state from which longer MD continues",
    "simulate/tempered.json": "the files of the replica exchange",
    "simulate/T*/topology.pdb": "the saved atoms, at the first starting structure",
    "simulate/T*/columns.npy": "all frames where there are no coordinates, (walker, frame, column); angles in radians",
    "simulate/T*/walker*.dcd": "trajectory of one walker; opens with its topology.pdb",
    "simulate/T*/energies.npy": "potential energies of all frames, (walker, frame), kJ/mol or reduced",
    "simulate/T*/volumes.npy": "volumes, (walker, frame), nm^3",
    "simulate/T*/protocol.json": "settings and results of the MD",
    "featurize/T*/features.npy": "features of the models, (walker, frame, feature)",
    "featurize/T*/plane.npy": "coordinates of the fixed plane, (walker, frame, 2)",
    "featurize/T*/observables.npy": "observables, (walker, frame, observable)",
    "featurize/T*/energies.npy": "potential energies of the frames, (walker, frame)",
    "featurize/T*/features.json": "names of the columns, time between frames",
    "T*/log_weights.npy": "log-weights of the frames of biased MD, (walker, frame)",
    "featurize/T*/chains.npy": "Markov states of reseeded MD, (walker, frame)",
    "represent/seed*.safetensors": "the representation (SPIB) of one seed",
    "represent/*/seed*.safetensors": "the representation (SPIB) of one model, which differs from the study's, and one seed",
    "reweight/reweighting.safetensors": "the estimator, for thermolatent predict",
    "reweight/running.csv": "running populations of the training MD",
    "learn/*/seed*.safetensors": "a model of p(z|T) with its encoder: thermolatent predict samples it",
    "*.history.csv": "losses of a training, a row per evaluation",
    "*.checkpoint": "unfinished training, to be resumed by the same command",
    "generate/*/seed*/T*.npz": "samples of a model, and the weight of each training frame, at one temperature",
    "generate/*/seed*/T*.dcd": "structures at that temperature: training frames drawn with those weights",
    "generate/*/seed*/T*.medoids.pdb": "one structure per named state",
    "generate/*/seed*/surfaces.npz": "free-energy surfaces of a model on a grid of temperatures",
    "validate/*/seed*.scores.csv": "scores of one model and seed, or of the baselines",
    "validate/*/seed*.populations.csv": "populations and means by one model and seed, or the baselines",
    "validate/*/seed*.profiles.npz": "probabilities per bin of MD and model, for figures",
    "validate/scores.csv": "scores of all models, seeds and baselines",
    "validate/populations.csv": "populations and means by all models, seeds and baselines",
    "validate/predictions.csv": "the predictions: populations with 95 % intervals and verdicts",
    "validate/grid.csv": "predictions at temperatures at most 1 % apart",
    "validate/grid_observables.csv": "means of observables at these temperatures",
    "validate/grid.npz": "free energies in the fixed plane at these temperatures",
    "validate/convergence.csv": "sampling of each state by the MD at each training temperature",
    "validate/melting.csv": "melting of one state: Tm, dH, dS, dCp",
    "validate/experiment.csv": "measured values beside the predictions",
    "validate/metrics.json": "all settings of the scores",
    "rounds.json": "rounds of thermolatent run --until-within: answers, decisions, costs",
    "round*/study.yaml": "the study in that round",
    "round*/reweighting.safetensors": "the estimator of that round",
    "states.*": "the plane of the training MD with proposed states",
    "figures/*.csv": "the data of a figure",
    "figures/*.pdf": "a figure",
    "figures/*.png": "a figure",
    "figures/*.svg": "a figure",
    "files.json": "list of the files in this folder, with digests",
    "*.log": "log of a job",
    "*.tsv": "seconds, memory and processor time of a job",
}


def described(path: Path) -> Iterator[str]:
    """``path: description``, for a folder a line per file. Raises :class:`ThermolatentError` for a missing file, and for a file
    that is not of the workflow."""
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            if file.is_file() and (what := _what(file)):
                yield f"{file}: {what}"
    elif not path.is_file():
        raise ThermolatentError(f"{path}: there is no such file")
    elif what := _what(path):
        yield f"{path}: {what}"
    else:
        raise ThermolatentError(f"{path}: is not a file of a study's results; docs/reference/files.md lists these")


def _what(path: Path) -> str | None:
    return next((what for pattern, what in _FILES.items() if path.absolute().match(pattern)), None)
