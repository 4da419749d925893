"""What was found: a verdict for each check, its figures, and the ids of what speaks against it.

No text of the data stands in a result: it may be kept and passed on where the data may not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from pydantic import AliasChoices, Field

from planb.data.whole import write_whole
from planb.evals.checking.thresholds import DataThresholds
from planb.stats.figure import CheckedFigure, Verdict, overall
from planb.types import Spend
from planb.values import Value

MOST_NAMED = 20
"""So many ids are named for each check; the rest are counted."""


class Check(Value):
    """One question put to the data. ``finding`` is its answer in a sentence or two; where it was not
    run, why. ``against`` are ids of examples that speak against the data (with what, in brackets), of
    ``many`` in all; ``advice`` is what to do where it failed."""

    name: str
    title: str
    verdict: Verdict
    finding: str
    figures: tuple[CheckedFigure, ...] = ()
    against: tuple[str, ...] = ()
    many: int = 0
    advice: str = ""

    def figure(self, name: str) -> CheckedFigure:
        """The figure of that name; KeyError where there is none."""
        for figure in self.figures:
            if figure.name == name:
                return figure
        raise KeyError(f"{self.name}: {name}")


class CheckResult(Value):
    """All checks of some data. ``data_hash`` is that of their files, ``other`` names the files that
    they were held against, ``refusals`` the tiers that hold refusals; ``judge`` is the judge's
    identity, ``model`` the checkpoint's name, each empty where there was none."""

    verdict: Verdict
    checks: tuple[Check, ...]
    files: tuple[str, ...]
    data_hash: str
    other: tuple[str, ...] = ()
    examples: int
    responses: int
    order: tuple[str, ...]
    trigger: str
    refusals: tuple[str, ...] = ()
    judge: dict[str, str] = Field(default_factory=dict)
    model: str = ""
    spend: Spend = Spend()
    date: datetime
    thresholds: DataThresholds = Field(validation_alias=AliasChoices("thresholds", "demands"))
    """Stored as ``demands`` by earlier versions."""

    def of(self, name: str) -> Check:
        """The check of that name; KeyError where there is none."""
        for check in self.checks:
            if check.name == name:
                return check
        raise KeyError(name)


def not_run(name: str, title: str, why: str) -> Check:
    """A check that gave no figure, and why."""
    return Check(name=name, title=title, verdict="not run", finding=f"Not run, because {why}.")


def checked(
    name: str,
    title: str,
    figures: Sequence[CheckedFigure],
    finding: str,
    against: Iterable[str] = (),
    advice: str = "",
) -> Check:
    """The check with the verdict that its figures give (see ``overall``)."""
    named = list(dict.fromkeys(against))
    return Check(
        name=name,
        title=title,
        verdict=overall(figure.verdict for figure in figures),
        finding=finding,
        figures=tuple(figures),
        against=tuple(named[:MOST_NAMED]),
        many=len(named),
        advice=advice,
    )


def store_check(path: str | Path, result: CheckResult) -> None:
    """Write the result as JSON, whole or not at all. PlanBError if it cannot be written."""
    write_whole(Path(path), result.model_dump_json(indent=1) + "\n")
