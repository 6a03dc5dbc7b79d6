"""A study with exact frames and an estimator, in a folder, and what stands for its workflow."""

from pathlib import Path

from exact_study import write_features

from thermolatent import ConditionalReweighting
from thermolatent.frame_loading import load_frames
from thermolatent.reweight.stage import sample_of
from thermolatent.study.jobs import reweight_job, training_frames
from thermolatent.study.layout import Layout
from thermolatent.study.loading import load_study

STUDY = """\
# Three holes, and what I think of them.
system: three_hole
temperatures:
  train: [0.5, 1.5] # cold and hot
  predict: [0.9, 1.0] # where I want to know
  reference: [1.0]
simulate:
  walkers: 16
  frames: 300 # per walker
  time_step: 0.02 # not longer
  equilibration: 1000
featurize: {features: [position_xy], plane: [position_xy]}
models:
  latf: {density: {kind: flow}, informed: true, encoder: frozen}
validate:
  states: {kind: nearest, centers: {left: [-1.0481, -0.0421], right: [1.0481, -0.0421], top: [0, 1.5371], far: [9, 9]}}
"""


def reweight(folder: Path) -> None:
    """Exact frames at the study's training temperatures, as many as it asks for, and the estimator fitted to them."""
    study = load_study("mine", folder / "studies")
    layout = Layout(str(folder / "results/mine"))
    for T in study.temperatures.train:
        write_features(study, layout, [T], study.frames_at(T))
    frames = load_frames(training_frames(study, layout))
    sample = sample_of(reweight_job(study, layout, 0).settings, frames, None)
    ConditionalReweighting(network=False).fit_sample(sample).save(layout.reweighting)
