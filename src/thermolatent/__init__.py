"""thermolatent: equilibrium ensembles at temperatures nobody simulated, from MD at two or more.

In a notebook: ``thermolatent.Run``, a study and its results (docs/python.md).
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from thermolatent.api import Run

__version__ = "0.1.0"
__all__ = ["Run", "__version__"]


def __getattr__(name: str) -> Any:
    if name == "Run":  # only now, as it imports torch
        from thermolatent.api import Run

        return Run
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
