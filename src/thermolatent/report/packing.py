"""Arrays as compact text for a web page: quantised, deflated, base64; decoded by the page's ``data.js``."""

from __future__ import annotations

import base64
import zlib
from typing import Any

import numpy as np

#: Levels of a quantised free energy, and the value of empty bins.
LEVELS = 254
EMPTY = 255


def packed(array: np.ndarray) -> dict[str, Any]:
    """``{"dtype", "shape", "data"}`` of an array of uint8 or int16; little-endian, the last axis fastest."""
    array = np.ascontiguousarray(array)
    if array.dtype not in (np.uint8, np.int16):
        raise TypeError(f"{array.dtype} cannot be packed; quantise it to uint8 or int16")
    content = array.astype(array.dtype.newbyteorder("<")).tobytes()
    data = base64.b64encode(zlib.compress(content, 9)).decode()
    return {"dtype": array.dtype.name, "shape": list(array.shape), "data": data}


def quantised(free_energy: np.ndarray, cap: float) -> np.ndarray:
    """Free energies in kT as uint8: 0 to ``cap`` in :data:`LEVELS` steps, clipped at ``cap``; :data:`EMPTY` if not finite."""
    finite = np.isfinite(free_energy)
    level = np.rint(np.clip(np.where(finite, free_energy, 0), 0, cap) * (LEVELS / cap))
    return np.where(finite, level, EMPTY).astype(np.uint8)
