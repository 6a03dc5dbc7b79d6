"""Conditional reweighting: what MD at a few temperatures says about any other, with error bars."""

from thermolatent.reweight.estimator import ConditionalReweighting

__all__ = ["ConditionalReweighting"]
