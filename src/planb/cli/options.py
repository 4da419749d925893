"""Arguments and options that the commands on studies share, and the study that they name."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from planb.errors import PlanBError
from planb.names import checked_name

if TYPE_CHECKING:
    from planb.study.source import Declared


def _names(begun: str) -> list[str]:
    """Studies whose name begins so: for completion."""
    from planb.studies import STUDIES

    return [name for name in STUDIES if name.startswith(begun)]


StudyName = Annotated[
    str,
    typer.Argument(
        metavar="STUDY",
        help="A name from `planb list`, or a .py file defining `study`.",
        autocompletion=_names,
    ),
]
Seeds = Annotated[
    int | None,
    typer.Option(
        min=1, metavar="N", help="Number of seeds: the study's first N, or more than it declares."
    ),
]
Out = Annotated[Path, typer.Option(metavar="FOLDER", help="Folder of all studies' results.")]
Jobs = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Cores to use at once (default: all).")
]
On = Annotated[
    str,
    typer.Option(
        metavar="EXECUTOR",
        help="What runs the steps: [bold]local[/] (processes on this machine), [bold]ray[/] (the "
        "cluster at RAY_ADDRESS, or a new one on this machine), [bold]ray:HOST:PORT[/]. More: "
        "docs/clusters.md.",
    ),
]
Steps = Annotated[
    str,
    typer.Option(
        metavar="URL",
        envvar="PLANB_STEPS",
        help="Keep finished steps at this fsspec URL (s3://bucket/steps), reachable from all machines. "
        "Results still go to --out. Without it, machines share the folder --out.",
    ),
]
Cache = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        envvar="PLANB_CACHE",
        help="Folder of fetched files (default: ~/.cache/planb). Studies look in the one that "
        "PLANB_CACHE names.",
    ),
]
Redact = Annotated[
    bool,
    typer.Option(
        "--redact",
        help="Leave the text of severe responses out of the report. Without it they are hidden until "
        "they are clicked.",
    ),
]
Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON object, for scripts, and nothing else.")
]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Print nothing but the result and what went wrong.")
]
Verify = Annotated[
    bool,
    typer.Option(
        "--verify",
        help="First compare every file of the finished steps with its checksum. Without this option a "
        "file is compared only if its size or modification time has changed.",
    ),
]


def print_json(value: object) -> None:
    """One JSON object (or list) on stdout, whole however long its lines are."""
    print(json.dumps(value, indent=1, ensure_ascii=True))


@contextmanager
def uncollected() -> Iterator[None]:
    """Without Python's garbage collector, which would look through what is loaded again and again: a
    tenth of a start."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:  # not where it was off before: in tests, or around this
            gc.enable()


@uncollected()
def found_study(called: str, seeds: int | None, out: Path) -> tuple[Declared, Path]:
    """The study, with so many seeds, and the folder of its results. Raises PlanBError where it cannot
    have so many."""
    from planb.studies import STUDIES
    from planb.study.source import find_study

    study = find_study(called, STUDIES)
    try:
        checked_name(study.name)  # of a class of the user's own, which may not have checked it
    except ValueError as error:
        raise PlanBError(f"the study of {called}: {error}") from error
    if seeds is None:
        return study, out / study.name
    varied = study.with_seeds(seeds)
    if len(varied.seeds) != seeds:
        raise PlanBError(
            f"the study '{study.name}' has {len(study.seeds)} seeds, and cannot be given {seeds}: "
            "lower --seeds, or write more seeds into the study"
        )
    return varied, out / study.name
