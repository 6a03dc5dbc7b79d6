"""Conditional reweighting: what MD at a few temperatures says about any other, with error bars."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from thermolatent.reweight.estimator import ConditionalReweighting

__all__ = ["ConditionalReweighting"]


def __getattr__(name: str) -> Any:
    if name == "ConditionalReweighting":  # only now, as it imports torch, which MBAR's users do not need
        from thermolatent.reweight.estimator import ConditionalReweighting

        return ConditionalReweighting
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
