"""Finding a study by what the user calls it: a declared name, or a file of one's own.

Such a file is loaded by its path, here and in the workers.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib.util
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Protocol, runtime_checkable

from pydantic import ValidationError

from planb.errors import PlanBError, no_value
from planb.study.planning.budget import Line
from planb.study.steps.step import Step
from planb.values import made_again

_LOADED: dict[str, Path] = {}


@runtime_checkable
class Declared(Protocol):
    """What the command line needs of a study."""

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def seeds(self) -> tuple[int, ...]: ...
    def steps(self) -> Sequence[Step]: ...
    def with_seeds(self, n: int) -> Declared: ...
    def write_report(self, study_folder: Path, show_severe: bool = False) -> Path: ...


@runtime_checkable
class Budgeted(Protocol):
    """A study that can say, before anything starts, what its steps on published models will need."""

    def budget(self) -> Sequence[Line]: ...


def find_study(called: str, table: Mapping[str, Callable[[], Declared]]) -> Declared:
    """The study of that name in the table, or the ``study`` of a ``.py`` file.

    Raises ``PlanBError`` that lists the names, or says what is wrong with the file.
    """
    if called in table:
        return table[called]()
    if not (called.endswith(".py") or "/" in called or Path(called).exists()):
        near = difflib.get_close_matches(called, table, n=1, cutoff=0.4)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        raise PlanBError(
            f"there is no study '{called}'.{hint} The declared ones are {', '.join(table)}; "
            "a study of your own is a path to a .py file that defines `study`."
        )
    module = load_source(called)
    if "study" not in vars(module):
        raise PlanBError(f"{called} defines no `study`: end it with `study = Study(...)`")
    study = vars(module)["study"]
    if not isinstance(study, Declared):
        kind = "the class itself" if isinstance(study, type) else f"a {type(study).__name__}"
        raise PlanBError(f"the `study` of {called} is {kind}, and must be a Study value")
    try:
        return made_again(study)  # type: ignore[no-any-return]
    except PlanBError as error:
        raise PlanBError(f"the `study` of {called}: {error}") from error


def load_source(path: str | Path) -> ModuleType:
    """The module in a ``.py`` file; its folder is put on the import path, as for a script.

    Its name is made of the path, so that steps defined in it can be sent to a worker. Raises
    ``PlanBError`` where there is no such file, or where it fails, with the line.
    """
    path = Path(path).resolve()
    if path.is_dir() or path.suffix != ".py":
        raise PlanBError(
            f"{path} is not a Python file: a study of your own is a .py file defining `study`"
        )
    if not path.exists():
        raise PlanBError(f"there is no study file {path}")
    name = f"planb_study_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    if name in _LOADED:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise PlanBError(f"the study file {_place(error, path)}: {_what(error)}") from error
    _LOADED[name] = path
    return module


def loaded_sources() -> dict[str, Path]:
    """Module name -> path of the files loaded so far: what a worker must load as well."""
    return dict(_LOADED)


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
