"""The jobs of a study with their files and logs, from the resolved study in its results."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thermolatent.study.layout import BASELINES_JOB, Layout, spib_of
from thermolatent.temperatures import format_temperature


@dataclass(frozen=True)
class Job:
    """One job of the workflow.

    Attributes
    ----------
    stage: its name.
    of: ``"T0.2"``, ``"latf/seed0"``, ``"seed0"``, or nothing.
    output: the file that exists when it is done.
    log: its log file.
    history: the loss history of a training, or nothing.
    """

    stage: str
    of: str
    output: str
    log: str
    history: str = ""


class Jobs:
    """All jobs of a study.

    Parameters
    ----------
    content: the resolved study.
    results, logs: the folders of all studies.
    seeds: of the trainings.
    """

    def __init__(self, content: Mapping[str, Any], results: str, logs: str, seeds: list[int]):
        self.content, self.seeds = content, seeds
        name = content["name"]
        md = content["simulate"].get("source") or name
        self.layout = Layout(f"{results}/{name}", f"{results}/{md}")
        self._logs, self._md_logs = f"{logs}/{name}", f"{logs}/{md}"

    @property
    def temperatures(self) -> list[float]:
        """Temperatures with MD."""
        found = self.content["temperatures"]
        return sorted({*found["train"], *found["reference"]})

    @property
    def tempered(self) -> list[float]:
        """Temperatures with MD by replica exchange."""
        tempering = self.content.get("tempering")
        if not tempering:
            return []
        return tempering.get("temperatures") or self.content["temperatures"]["reference"]

    @property
    def models(self) -> list[str]:
        return list(self.content["models"])

    def md(self, temperature: float) -> Job:
        """The MD at a temperature; for a tempered one, the replica exchange of all of them."""
        if temperature in self.tempered:
            return Job("temper", "", self.layout.tempered, f"{self._md_logs}/temper.log")
        name = f"T{format_temperature(temperature)}"
        return Job("simulate", name, self.layout.protocol(temperature), f"{self._md_logs}/simulate/{name}.log")

    def starts(self, temperature: float) -> Job:
        """The starts at a reseeded temperature."""
        name = f"T{format_temperature(temperature)}"
        return Job("reseed", name, self.layout.starts(temperature), f"{self._md_logs}/reseed/{name}.log")

    def features(self, temperature: float) -> Job:
        name = f"T{format_temperature(temperature)}"
        return Job("featurize", name, self.layout.features_header(temperature), f"{self._logs}/featurize/{name}.log")

    @property
    def spibs(self) -> list[str]:
        """Names of the models that have their own SPIB, after "baselines" for the study's."""
        own = {name: model.get("representation") for name, model in self.content["models"].items()}
        names = (spib_of(model, own, self.content.get("representation")) for model in own)
        return list(dict.fromkeys([BASELINES_JOB, *names]))

    def training(self, stage: str, seed: int, model: str) -> Job:
        """``represent``, or ``learn`` of a model; the study's SPIB is that of the "baselines"."""
        output = self.layout.model(model, seed) if stage == "learn" else self.layout.spib(seed, model)
        name = f"seed{seed}" if model == BASELINES_JOB else f"{model}/seed{seed}"
        return Job(stage, name, output, f"{self._logs}/{stage}/{name}.log", self.layout.history(output))

    @property
    def reweighting(self) -> Job:
        """The estimator, one for all seeds."""
        return Job("reweight", "", self.layout.reweighting, f"{self._logs}/reweight.log")

    def of_model(self, stage: str, model: str, seed: int) -> Job:
        """``generate`` or ``validate``."""
        output = self.layout.generated(model, seed) if stage == "generate" else self.layout.scores(model, seed)
        return Job(stage, f"{model}/seed{seed}", output, f"{self._logs}/{stage}/{model}/seed{seed}.log")

    def at_the_end(self) -> list[Job]:
        """``gather``, ``figures``, ``report``."""
        outputs = {"gather": self.layout.all_scores, "figures": self.layout.figures, "report": self.layout.report}
        return [Job(stage, "", output, f"{self._logs}/{stage}.log") for stage, output in outputs.items()]

    def __iter__(self) -> Iterator[Job]:
        yield from (self.starts(T) for T in self.content["temperatures"].get("reseeded", []))
        yield from dict.fromkeys(self.md(T) for T in self.temperatures)
        yield from (self.features(T) for T in self.temperatures)
        yield self.reweighting
        for seed in self.seeds:
            yield from (self.training("represent", seed, model) for model in self.spibs)
            for model in self.models:
                yield self.training("learn", seed, model)
                yield self.of_model("generate", model, seed)
                yield self.of_model("validate", model, seed)
            yield self.of_model("validate", BASELINES_JOB, seed)
        yield from self.at_the_end()


def seeds_seen(root: str | Path, logs: str | Path) -> list[int]:
    """Seeds with a model or a log in a study's folders."""
    names = [
        path.name
        for folder, pattern in ((Path(root), "*/seed*.safetensors"), (Path(logs), "*/seed*.log"))
        for path in (*folder.glob(pattern), *folder.glob(f"*/{pattern}"))
    ]
    return sorted({int(found[1]) for name in names if (found := re.match(r"seed(\d+)\.", name))})
