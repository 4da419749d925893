"""Finding a study by what the user calls it: a declared name, or a file of one's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from planb.catalogue import Catalogue, load_source
from planb.errors import PlanBError
from planb.study.planning.budget import Line
from planb.study.steps.step import Step
from planb.values import made_again


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
    def write_report(self, study_folder: Path, redact: bool = False, url: str = "") -> Path: ...


@runtime_checkable
class Budgeted(Protocol):
    """A study that can say, before anything starts, what its steps on published models will need."""

    def budget(self) -> Sequence[Line]: ...


def find_study(called: str, table: Catalogue[Callable[[], Declared]]) -> Declared:
    """The study of that name in the table (or ``module:function``), or the ``study`` of a ``.py`` file.

    Raises ``PlanBError`` that lists the names, or says what is wrong with the file.
    """
    if called not in table and (called.endswith(".py") or "/" in called or Path(called).exists()):
        module = load_source(called)
        if "study" not in vars(module):
            raise PlanBError(f"{called} defines no `study`: end it with `study = Study(...)`")
        study = vars(module)["study"]
    else:
        study = table[called]()
    if not isinstance(study, Declared):
        kind = "the class itself" if isinstance(study, type) else f"a {type(study).__name__}"
        raise PlanBError(f"the `study` of {called} is {kind}, and must be a Study value")
    try:
        return made_again(study)  # type: ignore[no-any-return]
    except PlanBError as error:
        raise PlanBError(f"the `study` of {called}: {error}") from error
