"""``thermolatent states``: named states proposed from finished MD, as YAML to paste and a picture."""

from __future__ import annotations

import argparse

from thermolatent.commands.arguments import add_results, add_study, study_of

HELP = "propose named states from finished MD: minima of the plane, YAML, a picture"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_study(parser)
    parser.add_argument(
        "--depth", type=float, default=1.0, metavar="KT", help="a state is at least so deep (default: %(default)s kT)"
    )
    parser.add_argument("--out", metavar="FILE", help="picture, .png, .pdf or .svg (default: the study's states.png)")
    add_results(parser)


def run(options: argparse.Namespace) -> None:
    import numpy as np

    from thermolatent.errors import ThermolatentError
    from thermolatent.figures.minima import draw
    from thermolatent.figures.style import FORMATS, style
    from thermolatent.files.artifacts import load_json, replacing
    from thermolatent.frame_loading import load_frames
    from thermolatent.states.minima import minima
    from thermolatent.study.jobs import training_frames
    from thermolatent.study.layout import Layout
    from thermolatent.validate.divergence import Bins
    from thermolatent.yaml_text import flow

    study = study_of(options)
    layout = Layout.of(study, options.results)
    path = options.out or f"{layout.root}/states.png"
    if (form := path.rpartition(".")[2]) not in FORMATS:
        raise ThermolatentError(f"--out: {path}; write a name that ends in .png, .pdf or .svg")
    if not 0 < options.depth < np.inf:
        raise ThermolatentError(f"--depth: {options.depth:g}; write a positive number, in kT")
    files = training_frames(study, layout)
    frames, plane = load_frames(files), load_json(next(iter(files.values())).header, "features' header")["plane_names"]
    points, counts = frames.flat(frames.plane), frames.counts_of()
    bins = Bins.spanning([points], study.validate_.bins, frames.plane_periodic)
    mass = np.bincount(bins.assign(points), counts, bins.cells)[:-1].reshape(bins.shape)
    found = minima(mass, bins.edges, frames.plane_periodic, options.depth)
    names = [f"state_{chr(ord('a') + k)}" if k < 26 else f"state_{k}" for k in range(len(found))]
    with style(), replacing(path) as temporary:
        draw(plane, bins, mass, dict(zip(names, found, strict=True))).savefig(
            temporary, format=form, metadata=FORMATS[form]
        )
    print(f"# minima of the plane ({', '.join(plane)}) in the MD of all training temperatures; {path}")
    print("# rename them, leave out what is no state of yours, and put this in the place of validate.states:")
    print("states:\n  kind: nearest\n  centers:")
    for name, one in zip(names, found, strict=True):
        depth = "the deepest" if one.depth == np.inf else f"{one.depth:.1f} kT deep"
        print(f"    {name}: {flow([float(f'{v:.3g}') for v in one.point])} # {one.share:.1%} of the frames, {depth}")
    if len(found) < 2:
        print("# One state only: lower --depth, or take another plane (docs/choosing.md).")
