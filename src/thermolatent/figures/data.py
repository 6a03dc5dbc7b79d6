"""What figures show, read from files when a figure first asks for it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from thermolatent.figures import convergence, history, melting
from thermolatent.figures.settings import Inputs, Settings
from thermolatent.figures.tables import Tables
from thermolatent.files.artifacts import load_arrays

#: Arrays of profiles.npz that the figures read.
_NEEDED = {
    *("temperatures", "edges_latent", "edges_marginal", "latent_md", "latent_model", "latent_model_half"),
    *("marginal_md", "marginal_md_stderr", "marginal_model", "marginal_reweighting", "marginal_reweighting_half"),
}


@dataclass
class Data:
    """Each attribute raises :class:`ArtifactError` for a file that is missing or broken."""

    study: Settings
    inputs: Inputs
    model: str = ""

    @cached_property
    def tables(self) -> Tables:
        """Scores, populations and predictions, of all seeds."""
        return Tables.load(self.study, self.inputs.tables, self.study.seeds)

    @cached_property
    def running(self) -> convergence.Running:
        """Populations of the training MD against time."""
        return convergence.load_running(self.inputs.running)

    @cached_property
    def histories(self) -> list[history.Training]:
        """Losses of all trainings."""
        return history.load_runs(self.inputs.histories)

    @cached_property
    def fits(self) -> dict[str, melting.Melted]:
        """Melting by predictor."""
        return melting.load_fits(self.inputs.tables.melting)

    @property
    def profiles(self) -> dict[str, np.ndarray]:
        """Histograms and free energies of ``model``, of the first seed."""
        return load_arrays(self.inputs.profiles[self.model], "profiles", _NEEDED)
