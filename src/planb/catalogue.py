"""Catalogues: tables of what can be plugged in, open to packages and to files of the user's own.

An entry is found by its name in the literal table, by the name that an installed package gives it in
the table's entry-point group, or as ``module:name`` (``file.py:name``). No package's module is imported
before its entry is asked for, nor one of planb's own where the table holds it as ``Lazy``.
"""

from __future__ import annotations

import difflib
import importlib.util
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from pydantic import ValidationError

from planb.errors import PlanBError, no_value, wrong_fields
from planb.lazy import Lazy
from planb.values import Value

Entry = TypeVar("Entry", covariant=True)
Held = TypeVar("Held")
Kind = TypeVar("Kind", bound=Value)


class UnknownNameError(PlanBError, KeyError):
    """A catalogue has no entry of that name."""


class Own(MutableMapping[str, Held]):
    """planb's own entries of a catalogue by name. A ``Lazy`` one is imported when it is read."""

    def __init__(self, entries: Mapping[str, Held | Lazy]) -> None:
        self._entries = dict(entries)

    def __getitem__(self, name: str) -> Held:
        entry = self._entries[name]
        if isinstance(entry, Lazy):
            loaded: Held = entry.load()
            entry = self._entries[name] = loaded
        return entry

    def __setitem__(self, name: str, entry: Held) -> None:
        self._entries[name] = entry

    def __delitem__(self, name: str) -> None:
        del self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries


class Catalogue(Mapping[str, Entry]):
    """A table of entries by name: planb's own, then those of installed packages.

    ``what`` one is called in messages ("judge"), ``group`` of the packages' entry points, ``fits``
    says of an object what an entry must be where it is none ("" where it is one), ``yours`` how one
    outside the table is named.
    """

    def __init__(
        self,
        what: str,
        group: str,
        fits: Callable[[object], str],
        own: Mapping[str, Entry | Lazy],
        yours: str = "one of your own is named 'module:name'",
    ) -> None:
        self.what, self.group, self.fits = what, group, fits
        self.own: Own[Entry] = Own(own)
        self.yours = yours

    def __iter__(self) -> Iterator[str]:
        """The names; no package's module is imported."""
        return iter(dict.fromkeys((*self.own, *(point.name for point in _points(self.group)))))

    def __len__(self) -> int:
        return sum(1 for _ in iter(self))

    def __contains__(self, name: object) -> bool:
        return any(name == known for known in self)

    def __getitem__(self, name: str) -> Entry:
        """The entry of that name. Raises PlanBError where there is none, where two have the name, or
        where a package's cannot be loaded, naming the package."""
        points = [point for point in _points(self.group) if point.name == name]
        takers = [*(["planb itself"] if name in self.own else []), *map(_package, points)]
        if len(takers) > 1:
            raise PlanBError(
                f"the {self.what} '{name}' is declared by {' and by '.join(takers)}: name the one that "
                f"is meant 'module:name' ({', '.join(point.value for point in points)}), or remove a "
                "package"
            )
        if name in self.own:
            return self.own[name]
        if points:
            return self._entry(_loaded(points[0], self.what), name, f" of {takers[0]}")
        if ":" not in name:
            near = difflib.get_close_matches(name, [*self], n=1)
            hint = f" Did you mean '{near[0]}'?" if near else ""
            raise UnknownNameError(
                f"no {self.what} is called '{name}'.{hint} There are: {', '.join(self)}; {self.yours}"
            )
        return self._entry(_imported(name, self.what), name)

    def name_of(self, entry: Any, name: str) -> str:
        """The name by which the class or function is found again: ``name`` if the catalogue has it
        there, else ``module:name``."""
        if self.own.get(name) is entry:
            return name
        where = f"{entry.__module__}:{entry.__qualname__}"
        there = any(point.name == name and point.value == where for point in _points(self.group))
        return name if there and name not in self.own else where

    def _entry(self, found: Any, name: str, whose: str = "") -> Entry:
        if must := self.fits(found):
            raise PlanBError(f"'{name}'{whose} is no {self.what}: it must be {must}")
        entry: Entry = found
        return entry


def subclass_of(kind: type) -> Callable[[object], str]:
    """Of catalogues of classes: what an entry must be, where it is not."""

    def fits(found: object) -> str:
        fine = isinstance(found, type) and issubclass(found, kind)
        return "" if fine else f"a subclass of {kind.__name__}"

    return fits


def value_of(kind: type) -> Callable[[object], str]:
    """Of catalogues of values."""
    return lambda found: "" if isinstance(found, kind) else f"a {kind.__name__}"


def function(found: object) -> str:
    """Of catalogues of functions."""
    return "" if callable(found) and not isinstance(found, type) else "a function"


def value_named(spec: str | dict[str, Any], table: Catalogue[type[Kind]]) -> Kind:
    """The value that ``spec`` names: a name of the table's, or ``{"name": ..., **fields}``.

    Raises PlanBError for a name that it does not have, or fields that do not fit.
    """
    fields = {"name": spec} if isinstance(spec, str) else dict(spec)
    name = str(fields.pop("name", ""))
    kind = table[name]
    try:
        return kind(**fields)
    except ValidationError as error:
        said = wrong_fields(error, name)
        raise PlanBError(f"these are no fields of the {table.what} '{name}': {said}") from error


@cache
def _points(group: str) -> list[EntryPoint]:
    """What installed packages declare in the group, in the order of their names. (Looking through all
    that all packages declare, at each look-up, took a twentieth of a small evaluation.)"""
    return sorted(_declared().select(group=group), key=lambda point: (point.name, point.value))


@cache
def _declared() -> Any:
    return entry_points()


def _package(point: EntryPoint) -> str:
    return f"the package {point.dist.name}" if point.dist else f"a package ({point.value})"


def _loaded(point: EntryPoint, what: str) -> Any:
    try:
        return point.load()
    except Exception as error:
        raise PlanBError(
            f"the {what} '{point.name}' of {_package(point)} cannot be loaded from {point.value}: "
            f"{_what(error)}. Repair or remove the package"
        ) from error


def _imported(name: str, what: str) -> Any:
    """The object that ``module:name`` or ``file.py:name`` names."""
    place, _, path = name.rpartition(":")
    try:
        found: Any = load_source(place) if place.endswith(".py") else importlib.import_module(place)
        for part in path.split("."):
            found = getattr(found, part)
    except PlanBError:
        raise
    except Exception as error:
        why = str(error) if isinstance(error, ImportError | AttributeError) else _what(error)
        raise PlanBError(
            f"the {what} '{name}' cannot be found ({why}): name it 'module:name', at the top of a "
            "module that can be imported here, or 'file.py:name'"
        ) from error
    return found


# -- files of the user's own -----------------------------------------------------------------------

_LOADED: dict[str, Path] = {}


def load_source(path: str | Path, name: str = "") -> ModuleType:
    """The module in a ``.py`` file; its folder is put on the import path, as for a script.

    Its name is the file's, so that what is defined in it is found by ``name:Class`` in every process
    that loads it or has its folder on the import path. Where another module has that name, a number is
    put behind it; ``name`` is what another process called it (``loaded_sources``). Raises
    ``PlanBError`` where there is no such file, or where it fails, with the line.
    """
    path = Path(path).resolve()
    if path.is_dir() or path.suffix != ".py":
        raise PlanBError(
            f"{path} is not a Python file: a study of your own is a .py file defining `study`"
        )
    if not path.exists():
        raise PlanBError(f"there is no file {path}")
    name = name or next((known for known, own in _LOADED.items() if own == path), _free_name(path))
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    if name in sys.modules:
        if _hides(name, path):
            raise PlanBError(f"{path} cannot be loaded as {name}: another module has that name")
        _LOADED[name] = path
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise PlanBError(f"the file {_place(error, path)}: {_what(error)}") from error
    _LOADED[name] = path
    return module


def loaded_sources() -> dict[str, Path]:
    """Module name -> path of the files loaded so far: what another process must load as well."""
    return dict(_LOADED)


def load_sources(sources: Mapping[str, Path]) -> None:
    """Load what another process had loaded, under the same names."""
    for name, path in sources.items():
        load_source(path, name)


def _free_name(path: Path) -> str:
    """The file's own name, or with the first number behind it that no other module's name has."""
    stem = re.sub(r"\W", "_", path.stem)
    names = (stem, *(f"{stem}_{number}" for number in range(2, 1000)))
    return next(name for name in names if not _hides(name, path))


def _hides(name: str, path: Path) -> bool:
    """Whether the name is that of a module that does not come from this file."""
    module = sys.modules.get(name)
    if module is not None:
        file = getattr(module, "__file__", None)
        return not file or Path(file).resolve() != path
    spec = importlib.util.find_spec(name)
    return bool(spec and spec.origin and Path(spec.origin).resolve() != path)


def _place(error: Exception, path: Path) -> str:
    """The file and the last line of it that the failure passed through."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return f"{path}, line {error.lineno}"
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)]
    return f"{path}, line {lines[-1]}" if lines else str(path)


def _what(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return no_value(error)
    return str(error) if isinstance(error, PlanBError) else f"{type(error).__name__}: {error}"
