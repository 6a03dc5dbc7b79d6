"""Plug-ins by name. A room registers ``name -> "module:attribute"``; nothing is imported until it is asked for."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

from thermolatent.errors import ThermolatentError, did_you_mean


class UnknownName(ThermolatentError):
    """A name that nobody registered."""


class Registry:
    """Lazy mapping from a public name to a class or function.

    Parameters
    ----------
    kind: what is registered, for messages ("system", "feature", ...).
    entries: ``{"name": "package.module:attribute"}``.
    """

    def __init__(self, kind: str, entries: dict[str, str]):
        self.kind = kind
        self._entries = dict(entries)

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._entries))

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def __getitem__(self, name: str) -> Any:
        """Import and return what ``name`` stands for; raises :class:`UnknownName` with a suggestion."""
        if name not in self._entries:
            raise UnknownName(f"unknown {self.kind} '{name}', {did_you_mean(name, self._entries)}")
        module, attribute = self._entries[name].split(":")
        return getattr(importlib.import_module(module), attribute)
