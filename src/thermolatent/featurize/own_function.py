"""A feature of the user's own: one Python function in a file that the study names.

The file is parsed when a study is read, and run only where features are computed.
"""

from __future__ import annotations

import ast
import importlib.util
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field, model_validator

from thermolatent.errors import ThermolatentError, did_you_mean
from thermolatent.featurize.base import Columns, Feature

#: Tolerance of a frame's value computed alone: rounding in single precision.
_ROUNDING = {"rtol": 1e-3, "atol": 1e-4}


class OwnFunction(Feature):
    """A Python function of each frame: of an mdtraj Trajectory for molecules, for model systems of positions
    ``(frames, n_atoms, 3)`` float32 in nm, for ``kind: colvar`` of columns ``(frames, m)`` float32. It returns
    ``(frames,)`` or ``(frames, n)`` numbers, each from its own frame alone.
    """

    kind: Literal["function"] = "function"
    file: str = Field(description="Python file, relative to the working directory")
    name: str = Field(description="of the function in it")
    columns: tuple[str, ...] = Field((), description="name of each column; default: one, called as the function")

    @model_validator(mode="after")
    def _is_there(self):
        defined = _functions_in(self.file)
        if self.name not in defined:
            raise ValueError(f"name: {self.file} defines no function '{self.name}', {did_you_mean(self.name, defined)}")
        return self

    @property
    def label(self) -> str:
        return self.name

    @property
    def input_files(self) -> list[str]:
        return [self.file]

    def on(self, topology) -> Columns:
        names = list(self.columns or (self.name,))
        loaded: list[Callable] = []  # the function, once the file has been run
        alone: list[bool] = []  # whether one frame has been computed alone

        def compute(positions: np.ndarray) -> np.ndarray:
            if not loaded:
                loaded.append(self._load())
            values = self._values(loaded[0], positions, topology, names)
            if len(positions) > 1 and not alone:
                alone.append(True)
                if not np.allclose(self._values(loaded[0], positions[-1:], topology, names), values[-1:], **_ROUNDING):
                    raise self._error("gives a frame another value when it is alone; use nothing but the frame itself")
            return values

        return Columns(names, compute)

    def _load(self) -> Callable:
        """Run the file and return its function."""
        name = f"thermolatent_own_{Path(self.file).stem}"
        spec = importlib.util.spec_from_file_location(name, self.file)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module  # dataclasses and others look their module up
        try:
            spec.loader.exec_module(module)
        except Exception as error:
            raise ThermolatentError(f"{self.file}: cannot be run: {_told(error, self.file)}") from error
        return getattr(module, self.name)

    def _values(self, function: Callable, positions: np.ndarray, topology: Any, names: list[str]) -> np.ndarray:
        # A copy: a function that superposes frames in place must not affect other features.
        frames = np.array(positions, dtype=np.float32)
        if hasattr(topology, "residues"):
            import mdtraj

            given = mdtraj.Trajectory(frames, topology)
        else:
            given = frames
        try:
            result = np.asarray(function(given))
        except Exception as error:
            raise self._error(f"failed: {_told(error, self.file)}") from error
        if not (np.issubdtype(result.dtype, np.number) or result.dtype == bool) or np.iscomplexobj(result):
            raise self._error(f"returned an array of {result.dtype}; return real numbers")
        values = np.asarray(result[:, None] if result.ndim == 1 else result, np.float64)
        if values.ndim != 2 or len(values) != len(positions):
            raise self._error(
                f"returned shape {result.shape} for {len(positions)} frames; return ({len(positions)},) or "
                f"({len(positions)}, n)"
            )
        if values.shape[1] != len(names):
            raise self._error(
                f"returned {values.shape[1]} columns, the study names {len(names)}; write columns: [...] with a name for each"
            )
        if not np.isfinite(values).all():
            frame = int(np.flatnonzero(~np.isfinite(values).all(axis=1))[0])
            raise self._error(f"returned {values[frame].tolist()} for a frame; every value must be a finite number")
        return values

    def _error(self, text: str) -> ThermolatentError:
        return ThermolatentError(f"{self.file}: function {self.name} {text}")


def _functions_in(path: str) -> list[str]:
    """Names of the functions that a file defines, found without running it; raises :class:`ValueError`."""
    try:
        tree = ast.parse(Path(path).read_bytes(), filename=path)
    except FileNotFoundError:
        raise ValueError(f"file: there is no file {path}; write the path of a Python file") from None
    except (OSError, SyntaxError, ValueError) as error:
        where = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        reason = error.msg if isinstance(error, SyntaxError) else error
        raise ValueError(f"file: {path}{where}: is not Python ({reason})") from None
    return [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]


def _told(error: Exception, path: str) -> str:
    """Type, message and last line of an error in the user's code, as one line."""
    wanted = Path(path).resolve()
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if Path(f.filename).resolve() == wanted]
    where = f" (line {lines[-1]})" if lines else ""
    return f"{type(error).__name__}: {' '.join(str(error).split())}{where}"
