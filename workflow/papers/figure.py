"""One figure of a paper from results that are there."""

import importlib

from catalogue import FIGURES
from drawing import Drawing, Sources, save
from job import logged
from thermolatent.figures.style import style
from thermolatent.launch.home import study_folders


def draw(name: str, sources: Sources) -> Drawing:
    """The figure ``name``; call it inside :func:`style`."""
    entry = FIGURES[name]
    module, _, function = entry.draw.partition(":")
    return getattr(importlib.import_module(module), function)(sources, entry)


if __name__ == "__main__":
    with logged(snakemake.log[0]), style():
        name, settings = snakemake.wildcards.figure, snakemake.params
        sources = Sources("results", study_folders(), settings.seeds, settings.study_scale, settings.survey)
        save(name, draw(name, sources), sources)
