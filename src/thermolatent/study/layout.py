"""Paths of all files of a study, for the command line, the workflow and the tests.

All methods also accept Snakemake wildcards (``Layout("results/{study}").features("{temperature}")``).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from thermolatent.files.paths import FrameFiles, MdFiles
from thermolatent.temperatures import format_temperature

if TYPE_CHECKING:
    from thermolatent.study.study import Study


#: In place of a model's name: the baselines are scored like a model.
BASELINES_JOB = "baselines"


def spib_of(model: str, own: Mapping[str, Any], shared: Any) -> str:
    """The first model that has the same SPIB as ``model``, or "baselines", which have the study's.

    Parameters
    ----------
    own: sections ``representation`` of the models by name; None where a model has the study's.
    shared: the study's section.
    """
    mine = own.get(model) or shared
    return BASELINES_JOB if mine == shared else next(name for name, other in own.items() if other == mine)


def _file(name: str) -> property:
    """A path below the study's folder."""
    return property(lambda self: f"{self.root}/{name}")


def _md_file(name: str) -> Callable[..., str]:
    """A path in the folder of the MD at ``temperature``."""
    return lambda self, temperature: f"{self.simulation(temperature)}/{name}"


def _frame_file(name: str) -> Callable[..., str]:
    """A path in the folder of the features at ``temperature``."""
    return lambda self, temperature: f"{self.root}/featurize/T{format_temperature(temperature)}/{name}"


def _model_file(name: str) -> Callable[..., str]:
    """A path by ``model`` and ``seed``."""
    return lambda self, model, seed: f"{self.root}/{name.format(model=model, seed=seed)}"


def _generated_file(suffix: str) -> Callable[..., str]:
    """A path by ``model``, ``seed`` and ``temperature`` in the folder of the ensembles."""

    def path(self, model, seed, temperature) -> str:
        return f"{self.root}/generate/{model}/seed{seed}/T{format_temperature(temperature)}.{suffix}"

    return path


@dataclass(frozen=True)
class Layout:
    """Paths of one study below ``root``, usually ``results/<study>``; ``md`` is the root of the study whose MD it uses."""

    root: str
    md: str = ""

    @classmethod
    def of(cls, study: Study, results: str = "results") -> Layout:
        """The paths of a study below ``results``."""
        return cls(f"{results}/{study.name}", f"{results}/{study.md_study}")

    def tracked(self, path: str, tempered: Collection[float] = ()) -> str:
        """The file that Snakemake tracks in place of ``path``, since the number of files may depend on the study.

        It tracks energies and protocol of the MD, but for ``tempered`` temperatures the list of their files; and
        the lists of ensembles and figures.
        """
        folder, _, name = path.rpartition("/")
        md = f"{self.md or self.root}/simulate"
        if folder == md:  # that of one temperature
            folder, name = path, ""
        if folder in {self.simulation(T) for T in tempered}:
            return self.tempered
        if folder.startswith(f"{md}/"):
            known = name in ("energies.npy", "protocol.json") or folder == f"{md}/starts"
            return path if known else f"{folder}/protocol.json"
        if folder.startswith(f"{self.root}/generate/") and name != "surfaces.npz":
            return f"{folder}/files.json"
        return self.figures if path == self.figures_folder else path

    study = _file("study.json")

    # simulate: a folder per temperature
    def simulation(self, temperature) -> str:
        return f"{self.md or self.root}/simulate/T{format_temperature(temperature)}"

    def starts(self, temperature) -> str:
        """Frames from which the walkers of a reseeded temperature start: with the MD, which is kept where a study is renamed."""
        return f"{self.md or self.root}/simulate/starts/T{format_temperature(temperature)}.npz"

    topology = _md_file("topology.pdb")
    protocol = _md_file("protocol.json")
    md_energies = _md_file("energies.npy")
    #: Log-weights of biased MD, ``(walkers, frames)``; exists if the protocol has ``weighted``.
    md_log_weights = _md_file("log_weights.npy")
    #: Volumes ``(walkers, frames)`` in nm^3 of MD at constant pressure.
    volumes = _md_file("volumes.npy")

    def trajectory(self, temperature, walker: int) -> str:
        return f"{self.simulation(temperature)}/walker{walker:02d}.dcd"

    def trajectories(self, temperature, walkers: int) -> list[str]:
        return [self.trajectory(temperature, walker) for walker in range(walkers)]

    def md_files(self, temperature, walkers: int) -> MdFiles:
        """All that the stage simulate writes."""
        return MdFiles(
            self.simulation(temperature),
            self.protocol(temperature),
            self.topology(temperature),
            self.md_energies(temperature),
            self.md_log_weights(temperature),
            self.volumes(temperature),
            tuple(self.trajectories(temperature, walkers)),
            f"{self.simulation(temperature)}/columns.npy",
        )

    @property
    def tempering(self) -> str:
        """Path, without suffix, of the unfinished replica exchange of all tempered temperatures."""
        return f"{self.md or self.root}/simulate/tempering"

    @property
    def tempered(self) -> str:
        """List of the files of all tempered temperatures (their number depends on the study), written at the end."""
        return f"{self.md or self.root}/simulate/tempered.json"

    # featurize: a folder per temperature
    features = _frame_file("features.npy")
    plane = _frame_file("plane.npy")
    observables = _frame_file("observables.npy")
    energies = _frame_file("energies.npy")
    #: Log-weights ``(walkers, frames)`` of weighted frames; an empty array for equal counts.
    log_weights = _frame_file("log_weights.npy")
    #: Markov states ``(walkers, frames)`` of reseeded MD; an empty array for other MD.
    chains = _frame_file("chains.npy")
    features_header = _frame_file("features.json")

    def frame_files(self, temperature) -> FrameFiles:
        """All that the stage featurize writes."""
        return FrameFiles(
            self.features_header(temperature),
            self.features(temperature),
            self.plane(temperature),
            self.observables(temperature),
            self.energies(temperature),
            self.log_weights(temperature),
            self.chains(temperature),
        )

    # represent, reweight, learn: a model file and its history
    def spib(self, seed, model: str = BASELINES_JOB) -> str:
        """The study's SPIB, or that of a model that has its own."""
        own = "" if model == BASELINES_JOB else f"{model}/"
        return f"{self.root}/represent/{own}seed{seed}.safetensors"

    #: The estimator, one for all seeds.
    reweighting = _file("reweight/reweighting.safetensors")
    #: Share of each named state in the training MD up to a time.
    running = _file("reweight/running.csv")
    model = _model_file("learn/{model}/seed{seed}.safetensors")

    @staticmethod
    def history(model_file: str) -> str:
        """The loss history next to a model file."""
        return model_file.removesuffix(".safetensors") + ".history.csv"

    # generate: a folder per model and seed; the list of its files (their number depends on the study) is written at the end
    generated = _model_file("generate/{model}/seed{seed}/files.json")
    samples = _generated_file("npz")
    structures = _generated_file("dcd")
    medoids = _generated_file("medoids.pdb")
    surfaces = _model_file("generate/{model}/seed{seed}/surfaces.npz")

    # validate
    scores = _model_file("validate/{model}/seed{seed}.scores.csv")
    populations = _model_file("validate/{model}/seed{seed}.populations.csv")
    profiles = _model_file("validate/{model}/seed{seed}.profiles.npz")
    all_scores = _file("validate/scores.csv")
    all_populations = _file("validate/populations.csv")
    #: Populations with intervals and verdicts; needs no reference MD.
    predictions = _file("validate/predictions.csv")
    #: The reweighting's populations at temperatures at most 1 % apart, means of observables, and free energies in the plane.
    grid = _file("validate/grid.csv")
    grid_observables = _file("validate/grid_observables.csv")
    grid_surfaces = _file("validate/grid.npz")
    #: Sampling of each named state at each training temperature.
    convergence = _file("validate/convergence.csv")
    #: Melting temperature, enthalpy, entropy, heat capacity of one named state; no rows without ``validate.melting``.
    melting = _file("validate/melting.csv")
    #: Measured values beside the predictions; no rows without ``validate.experiment``.
    experiment = _file("validate/experiment.csv")
    metrics = _file("validate/metrics.json")

    # rounds of `run --until-within`: answers and decisions, and a folder of each with the study and the estimator as they were
    rounds = _file("rounds.json")

    def round(self, number: int) -> str:
        return f"{self.root}/round{number}"

    # figures and report; the list of figures (their number depends on the study) is written at the end
    figures_folder = _file("figures")
    figures = _file("figures/files.json")
    report = _file("report.html")

    def figure(self, name: str, extension: str) -> str:
        return f"{self.figures_folder}/{name}.{extension}"
