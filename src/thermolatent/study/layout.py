"""Paths of all files of a study, for the command line, the workflow and the tests.

All methods also accept Snakemake wildcards (``Layout("results/{study}").features("{temperature}")``).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from thermolatent.files.paths import FrameFiles, MdFiles
from thermolatent.temperatures import format_temperature

if TYPE_CHECKING:
    from thermolatent.study.study import Study


#: In place of a model's name: the baselines are scored like a model.
BASELINES_JOB = "baselines"


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

        It tracks topology, energies and protocol of the MD, but for ``tempered`` temperatures the list of their files; and
        the lists of ensembles and figures.
        """
        folder, _, name = path.rpartition("/")
        md = f"{self.md or self.root}/simulate"
        if folder == md:  # that of one temperature
            folder, name = path, ""
        if folder in {self.simulation(T) for T in tempered}:
            return self.tempered
        if folder.startswith(f"{md}/"):
            known = name in ("topology.pdb", "energies.npy", "protocol.json")
            return path if known else f"{folder}/protocol.json"
        if folder.startswith(f"{self.root}/generate/") and name != "surfaces.npz":
            return f"{folder}/files.json"
        return self.figures if path == self.figures_folder else path

    @property
    def study(self) -> str:
        return f"{self.root}/study.json"

    # simulate: a folder per temperature
    def simulation(self, temperature) -> str:
        return f"{self.md or self.root}/simulate/T{format_temperature(temperature)}"

    def topology(self, temperature) -> str:
        return f"{self.simulation(temperature)}/topology.pdb"

    def protocol(self, temperature) -> str:
        return f"{self.simulation(temperature)}/protocol.json"

    def md_energies(self, temperature) -> str:
        return f"{self.simulation(temperature)}/energies.npy"

    def md_log_weights(self, temperature) -> str:
        """Log-weights of biased MD, ``(walkers, frames)``; exists if the protocol has ``weighted``."""
        return f"{self.simulation(temperature)}/log_weights.npy"

    def volumes(self, temperature) -> str:
        """Volumes ``(walkers, frames)`` in nm^3 of MD at constant pressure."""
        return f"{self.simulation(temperature)}/volumes.npy"

    def trajectory(self, temperature, walker: int) -> str:
        return f"{self.simulation(temperature)}/walker{walker:02d}.dcd"

    def trajectories(self, temperature, walkers: int) -> list[str]:
        return [self.trajectory(temperature, w) for w in range(walkers)]

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
    def _featurized(self, temperature) -> str:
        return f"{self.root}/featurize/T{format_temperature(temperature)}"

    def features(self, temperature) -> str:
        return f"{self._featurized(temperature)}/features.npy"

    def plane(self, temperature) -> str:
        return f"{self._featurized(temperature)}/plane.npy"

    def observables(self, temperature) -> str:
        return f"{self._featurized(temperature)}/observables.npy"

    def energies(self, temperature) -> str:
        return f"{self._featurized(temperature)}/energies.npy"

    def log_weights(self, temperature) -> str:
        """Log-weights ``(walkers, frames)`` of weighted frames; an empty array for equal counts."""
        return f"{self._featurized(temperature)}/log_weights.npy"

    def features_header(self, temperature) -> str:
        return f"{self._featurized(temperature)}/features.json"

    def frame_files(self, temperature) -> FrameFiles:
        """All that the stage featurize writes."""
        return FrameFiles(
            self.features_header(temperature),
            self.features(temperature),
            self.plane(temperature),
            self.observables(temperature),
            self.energies(temperature),
            self.log_weights(temperature),
        )

    # represent, reweight, learn: a model file and its history
    def spib(self, seed) -> str:
        return f"{self.root}/represent/seed{seed}.safetensors"

    @property
    def reweighting(self) -> str:
        """The estimator, one for all seeds."""
        return f"{self.root}/reweight/reweighting.safetensors"

    @property
    def running(self) -> str:
        """Share of each named state in the training MD up to a time."""
        return f"{self.root}/reweight/running.csv"

    def model(self, model, seed) -> str:
        return f"{self.root}/learn/{model}/seed{seed}.safetensors"

    @staticmethod
    def history(model_file: str) -> str:
        """The loss history next to a model file."""
        return model_file.removesuffix(".safetensors") + ".history.csv"

    # generate: a folder per model and seed
    def _generated(self, model, seed) -> str:
        return f"{self.root}/generate/{model}/seed{seed}"

    def generated(self, model, seed) -> str:
        """List of the files of that folder (their number depends on the study), written at the end."""
        return f"{self._generated(model, seed)}/files.json"

    def samples(self, model, seed, temperature) -> str:
        return f"{self._generated(model, seed)}/T{format_temperature(temperature)}.npz"

    def structures(self, model, seed, temperature) -> str:
        return f"{self._generated(model, seed)}/T{format_temperature(temperature)}.dcd"

    def medoids(self, model, seed, temperature) -> str:
        return f"{self._generated(model, seed)}/T{format_temperature(temperature)}.medoids.pdb"

    def surfaces(self, model, seed) -> str:
        return f"{self._generated(model, seed)}/surfaces.npz"

    # validate
    def scores(self, model, seed) -> str:
        return f"{self.root}/validate/{model}/seed{seed}.scores.csv"

    def populations(self, model, seed) -> str:
        return f"{self.root}/validate/{model}/seed{seed}.populations.csv"

    def profiles(self, model, seed) -> str:
        return f"{self.root}/validate/{model}/seed{seed}.profiles.npz"

    @property
    def all_scores(self) -> str:
        return f"{self.root}/validate/scores.csv"

    @property
    def all_populations(self) -> str:
        return f"{self.root}/validate/populations.csv"

    @property
    def predictions(self) -> str:
        """Populations with intervals and verdicts; needs no reference MD."""
        return f"{self.root}/validate/predictions.csv"

    @property
    def grid(self) -> str:
        """The reweighting's populations at temperatures at most 1 % apart."""
        return f"{self.root}/validate/grid.csv"

    @property
    def grid_observables(self) -> str:
        """Means of observables at the same temperatures."""
        return f"{self.root}/validate/grid_observables.csv"

    @property
    def grid_surfaces(self) -> str:
        """Free energies in the fixed plane at the same temperatures."""
        return f"{self.root}/validate/grid.npz"

    @property
    def convergence(self) -> str:
        """Sampling of each named state at each training temperature."""
        return f"{self.root}/validate/convergence.csv"

    @property
    def melting(self) -> str:
        """Melting temperature, enthalpy, entropy, heat capacity of one named state; no rows without ``validate.melting``."""
        return f"{self.root}/validate/melting.csv"

    @property
    def experiment(self) -> str:
        """Measured values beside the predictions; no rows without ``validate.experiment``."""
        return f"{self.root}/validate/experiment.csv"

    @property
    def metrics(self) -> str:
        return f"{self.root}/validate/metrics.json"

    # figures and report
    @property
    def figures_folder(self) -> str:
        return f"{self.root}/figures"

    def figure(self, name: str, extension: str) -> str:
        return f"{self.figures_folder}/{name}.{extension}"

    @property
    def figures(self) -> str:
        """List of the figures (their number depends on the study), written at the end."""
        return f"{self.figures_folder}/files.json"

    @property
    def report(self) -> str:
        return f"{self.root}/report.html"
