"""What a file of a study's results is, in one line, by where it lies; docs/reference/files.md has shapes, units and columns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from thermolatent.errors import ThermolatentError

#: End of a path -> what the file is; the first that fits counts.
_FILES = {
    "study.json": "the study with every default filled in",
    "report.html": "the report: open it in a browser, no network needed",
    "simulate/*.partial/*": "unfinished MD, which goes on when it is run again",
    "simulate/*.restart/*": "where a longer MD goes on from",
    "simulate/tempered.json": "the files of the replica exchange",
    "simulate/T*/topology.pdb": "the saved atoms, at the first starting structure",
    "simulate/T*/walker*.dcd": "trajectory of one walker; opens with topology.pdb beside it",
    "simulate/T*/energies.npy": "potential energies of all frames, (walker, frame), kJ/mol or reduced",
    "simulate/T*/volumes.npy": "volumes, (walker, frame), nm^3",
    "simulate/T*/protocol.json": "what the MD is and how it went",
    "featurize/T*/features.npy": "what the models see, (walker, frame, feature)",
    "featurize/T*/plane.npy": "coordinates of the fixed plane, (walker, frame, 2)",
    "featurize/T*/observables.npy": "observables, (walker, frame, observable)",
    "featurize/T*/energies.npy": "potential energies of the frames, (walker, frame)",
    "featurize/T*/features.json": "names of the columns, time between frames",
    "T*/log_weights.npy": "log-weights of frames that do not count alike, (walker, frame)",
    "represent/seed*.safetensors": "the representation (SPIB) of one seed",
    "reweight/reweighting.safetensors": "the estimator: thermolatent predict asks it",
    "reweight/running.csv": "running populations of the training MD",
    "learn/*/seed*.safetensors": "a model of p(z|T) with its encoder: thermolatent predict samples it",
    "*.history.csv": "losses of a training, a row per evaluation",
    "*.checkpoint": "unfinished training, which goes on when it is run again",
    "generate/*/seed*/T*.npz": "samples of a model, and the weight of each training frame, at one temperature",
    "generate/*/seed*/T*.dcd": "structures at that temperature: training frames drawn with those weights",
    "generate/*/seed*/T*.medoids.pdb": "one structure per named state",
    "generate/*/seed*/surfaces.npz": "free-energy surfaces of a model on a grid of temperatures",
    "validate/*/seed*.scores.csv": "scores of one model and seed, or of the baselines",
    "validate/*/seed*.populations.csv": "populations and means by one model and seed, or the baselines",
    "validate/*/seed*.profiles.npz": "probabilities per bin of MD and model, for figures",
    "validate/scores.csv": "scores of all models, seeds and baselines",
    "validate/populations.csv": "populations and means by all models, seeds and baselines",
    "validate/predictions.csv": "the answer: populations with 95 % intervals and verdicts",
    "validate/grid.csv": "the answer at temperatures at most 1 % apart",
    "validate/grid_observables.csv": "means of observables at these temperatures",
    "validate/grid.npz": "free energies in the fixed plane at these temperatures",
    "validate/convergence.csv": "how much of each state the MD shows at each training temperature",
    "validate/melting.csv": "melting of one state: Tm, dH, dS, dCp",
    "validate/metrics.json": "every choice behind the scores",
    "figures/*.csv": "the numbers of a figure",
    "figures/*.pdf": "a figure",
    "figures/*.png": "a figure",
    "files.json": "which files belong here, with a digest of each",
    "*.log": "what a job printed",
    "*.tsv": "seconds, memory and processor time of a job",
}


def described(path: Path) -> Iterator[str]:
    """``path: what it is``, of a folder a line per file in it. Raises :class:`ThermolatentError` for what is not there, and for
    a file that the workflow does not write."""
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            if file.is_file() and (what := _what(file)):
                yield f"{file}: {what}"
    elif not path.is_file():
        raise ThermolatentError(f"{path}: there is no such file")
    elif what := _what(path):
        yield f"{path}: {what}"
    else:
        raise ThermolatentError(f"{path}: is no file of a study's results; they are listed in docs/reference/files.md")


def _what(path: Path) -> str | None:
    return next((what for pattern, what in _FILES.items() if path.absolute().match(pattern)), None)
