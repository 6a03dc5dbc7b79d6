"""thermolatent: equilibrium ensembles at temperatures without MD, from MD at two or more.

In a notebook: ``thermolatent.Run``, a study and its results; ``thermolatent.ConditionalReweighting``, arrays of your own
(docs/python.md).
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from thermolatent.api import Run
    from thermolatent.reweight.estimator import ConditionalReweighting

__version__ = "0.1.0"
__all__ = ["ConditionalReweighting", "Run", "__version__"]


def __getattr__(name: str) -> Any:
    if name == "Run":  # only now, as it imports torch
        from thermolatent.api import Run

        return Run
    if name == "ConditionalReweighting":
        from thermolatent.reweight.estimator import ConditionalReweighting

        return ConditionalReweighting
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
