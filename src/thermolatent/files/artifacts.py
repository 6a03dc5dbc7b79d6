"""Files of the stages: atomic writes, reads with clear errors, no pickle.

Every file has :data:`FORMAT_VERSION`. A stage writes to a temporary name and renames, so that a killed job never leaves a file
that looks finished. Its temporary file, ``.name.<32 digits>.suffix``, is removed by the next job that writes the same file, since
its lock is free. On a file system without locks it stays.
"""

from __future__ import annotations

import errno
import fcntl
import glob
import json
import os
import shutil
import tempfile
import uuid
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np

from thermolatent.errors import ArtifactError, ThermolatentError

FORMAT_VERSION = 1
#: Of a damaged file. It may also be a user's own.
REMEDY = "if it is a study's result, delete it and run its stage again"
_HEADER = "thermolatent"
_BLOCK_BYTES = 16 * 2**20


@contextmanager
def replacing(path: str | os.PathLike) -> Iterator[Path]:
    """A temporary path, of an empty file with the same suffix, renamed to ``path`` on success, else removed."""
    path = Path(path)
    # Not by process id, which containers on one file system may share.
    temporary = path.with_name(f".{path.stem}.{uuid.uuid4().hex}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(path)
        with temporary.open("xb") as held:
            _lock(held.fileno())
            yield temporary
            _flush(temporary)
            os.replace(temporary, path)
    except ThermolatentError:
        raise
    except Exception as error:  # libraries raise different errors on a full disk
        if (reason := _why_not(path)) is None:
            raise
        raise unwritable(path, reason) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _lock(descriptor: int) -> bool:
    """Lock a file for this process until it is closed; False where another has it, or the file system has no locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _remove_abandoned(path: Path) -> None:
    """Remove temporary files of ``path`` that killed jobs left behind."""
    for name in path.parent.glob(f".{glob.escape(path.stem)}.{'[0-9a-f]' * 32}{glob.escape(path.suffix)}"):
        with suppress(OSError), name.open("rb") as file:
            if _lock(file.fileno()):
                name.unlink()


def unwritable(path: str | os.PathLike, error: OSError) -> ArtifactError:
    """The error for a file that could not be written: a full disk, or a folder without write permission."""
    text = f"{path}: cannot be written ({error.strerror or error})"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return ArtifactError(f"{text}; make the folder writable and run the same command again")
    with suppress(OSError):
        free = shutil.disk_usage(next(p for p in Path(path).absolute().parents if p.is_dir())).free
        text += f", {free / 1e6:.0f} MB are free there"
    return ArtifactError(f"{text}; free space and run the same command again, nothing finished is lost")


def _why_not(path: Path) -> OSError | None:
    """Why a file cannot be written next to ``path``, by a trial; None if it can."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent) as file:
            file.write(bytes(2**16))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return error
    return None


def new_array(path: str | os.PathLike, shape: tuple[int, ...], dtype: Any = np.float32) -> np.ndarray:
    """A new ``.npy`` file as a memory map. Its space is allocated first: a map on a full disk crashes the process."""
    array = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
    allocate(path, os.path.getsize(path))
    return array


def allocate(path: str | os.PathLike, size: int) -> None:
    """Allocate ``size`` bytes for a file; raises :class:`OSError` if the disk has too little space."""
    with open(path, "r+b") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, max(size, 1))
        except (OSError, AttributeError) as error:  # not supported by every file system, nor by macOS
            if getattr(error, "errno", errno.EINVAL) not in (errno.EOPNOTSUPP, errno.EINVAL):
                raise
            _fill(file, size)
        file.truncate(size)


def _fill(file: BinaryIO, size: int) -> None:
    """Write every block of a file up to ``size``: what is there again, and zeros where nothing is."""
    for start in range(0, size, _BLOCK_BYTES):
        file.seek(start)
        content = file.read(min(_BLOCK_BYTES, size - start))
        file.seek(start)
        file.write(content.ljust(min(_BLOCK_BYTES, size - start), b"\0"))


def _flush(path: Path) -> None:
    """Write to the disk, so that a power failure leaves no incomplete file under its final name."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


@contextmanager
def _reading(path: str | os.PathLike, what: str) -> Iterator[None]:
    if not Path(path).is_file():
        raise ArtifactError(f"{path}: {what} is missing; run the stage that writes it")
    try:
        yield
    except ArtifactError:
        raise
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ArtifactError(f"{path}: {what} cannot be read ({error}); {REMEDY}") from error


def check_version(path: str | os.PathLike, version: Any) -> None:
    """Raise :class:`ArtifactError` for another version than this code's."""
    if version != FORMAT_VERSION:
        raise ArtifactError(
            f"{path}: format version {version}, this thermolatent reads version {FORMAT_VERSION}; "
            f"{REMEDY}, or use the release that wrote it"
        )


def require_suffix(path: str | os.PathLike, suffix: str) -> None:
    """Raise :class:`ThermolatentError` for a file that a user wants written under a name of another format."""
    if Path(path).suffix != suffix:
        raise ThermolatentError(f"{path}: write a name that ends in {suffix}")


def require_new(path: str | os.PathLike, suffix: str) -> None:
    """As :func:`require_suffix`, and for a file that is there: it may be an input."""
    require_suffix(path, suffix)
    if Path(path).exists():
        raise ThermolatentError(f"{path}: is there already; write another name")


def save_json(path: str | os.PathLike, content: Mapping[str, Any]) -> None:
    """Write a JSON file with the format version."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps({"format_version": FORMAT_VERSION, **content}, indent=2) + "\n")


def load_json(path: str | os.PathLike, what: str = "file") -> dict[str, Any]:
    """Read a file of :func:`save_json`."""
    with _reading(path, what):
        content = json.loads(Path(path).read_text())
    check_version(path, content.pop("format_version", None))
    return content


def save_array(path: str | os.PathLike, array: np.ndarray) -> None:
    """Write one array as ``.npy`` (the JSON header next to it has the version)."""
    with replacing(path) as temporary:
        np.save(temporary, array, allow_pickle=False)


def load_array(path: str | os.PathLike, what: str = "array", mmap: bool = False) -> np.ndarray:
    """Read a ``.npy`` file, memory-mapped read-only if ``mmap``."""
    with _reading(path, what):
        return np.load(path, mmap_mode="r" if mmap else None, allow_pickle=False)


def save_arrays(path: str | os.PathLike, arrays: Mapping[str, np.ndarray]) -> None:
    """Write named arrays as one ``.npz`` with the format version."""
    with replacing(path) as temporary:
        np.savez(temporary, format_version=np.int64(FORMAT_VERSION), **arrays)


def load_arrays(path: str | os.PathLike, what: str = "arrays", needed: Iterable[str] = ()) -> dict[str, np.ndarray]:
    """Read a file of :func:`save_arrays`; raises :class:`ArtifactError` if one of the ``needed`` arrays is missing."""
    with _reading(path, what), np.load(path, allow_pickle=False) as content:
        arrays = {name: content[name] for name in content.files}
    check_version(path, int(arrays.pop("format_version", -1)))
    if absent := sorted(set(needed) - set(arrays)):
        raise ArtifactError(f"{path}: has no {', '.join(absent)}; delete it and run its stage again")
    return arrays


def save_model(path: str | os.PathLike, kind: str, spec: Mapping[str, Any], tensors: Mapping[str, Any]) -> None:
    """Write weights as safetensors with a JSON header.

    Parameters
    ----------
    kind: of the content ("spib", "reweighting", "model").
    spec: JSON-able description to rebuild the module before its tensors are loaded.
    tensors: name -> torch tensor, any device.
    """
    from safetensors.torch import save

    header = {"format_version": FORMAT_VERSION, "kind": kind, "spec": spec}
    with replacing(path) as temporary:
        content = {k: v.detach().cpu().contiguous() for k, v in tensors.items()}
        # Not by save_file, which writes to its own temporary file.
        temporary.write_bytes(save(content, {_HEADER: json.dumps(header)}))


def load_model(
    path: str | os.PathLike, *kinds: str, framework: Literal["pt", "numpy"] = "pt"
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read ``(spec, tensors)`` of a file of one of ``kinds``; tensors of torch, or of numpy without an import of torch.

    Raises :class:`ArtifactError` for a missing, broken, foreign or outdated file.
    """
    from safetensors import SafetensorError, safe_open

    with _reading(path, f"{kinds[0]} file"):
        try:
            with safe_open(path, framework=framework) as file:
                header = json.loads((file.metadata() or {}).get(_HEADER, "{}"))
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
        except SafetensorError as error:
            raise ValueError(error) from error
    check_version(path, header.get("format_version"))
    if header["kind"] not in kinds:
        raise ArtifactError(f"{path}: holds a '{header['kind']}', a '{kinds[0]}' is needed")
    return header["spec"], tensors


def require_finite(values: np.ndarray, path: str, what: str) -> None:
    """Raise :class:`ArtifactError` with the number of non-finite rows of ``values`` ``(n, ...)``."""
    bad = ~np.isfinite(values.reshape(len(values), -1)).all(axis=1)
    if bad.any():
        raise ArtifactError(f"{path}: {int(bad.sum())} of {len(bad)} {what} are not finite; run its stage again")


def prefixed(prefix: str, tensors: dict[str, Any]) -> dict[str, Any]:
    """Tensors with a prefix, for several modules in one file."""
    return {f"{prefix}{name}": tensor for name, tensor in tensors.items()}


def stripped(prefix: str, tensors: dict[str, Any]) -> dict[str, Any]:
    """The inverse of :func:`prefixed`."""
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
