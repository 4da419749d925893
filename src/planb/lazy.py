"""Names whose modules are imported when the names are first asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True)
class Lazy:
    """The object that a module calls ``name``, not imported yet."""

    module: str
    name: str

    def load(self) -> Any:
        return getattr(import_module(self.module), self.name)


def names_of(package: str, where: Mapping[str, str]) -> Callable[[str], Any]:
    """The ``__getattr__`` of a package (PEP 562) that has each name from the module ``where`` says."""

    def found(name: str) -> Any:
        if name not in where:
            raise AttributeError(f"module '{package}' has no attribute '{name}'")
        return Lazy(where[name], name).load()

    return found
