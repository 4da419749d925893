"""What a check found: figures, each with its threshold, as one JSON file for each judge.

A result belongs to a judge's identity (name, model, rubric): with another model or prompt the judge
is another one, and uncalibrated.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, Field, ValidationError

from planb.data.whole import write_whole
from planb.errors import PlanBError, wrong_fields
from planb.evals.calibration.thresholds import JudgeThresholds
from planb.judging import Judge
from planb.stats.figure import CheckedFigure, Overall, overall
from planb.types import Spend
from planb.values import Value, digest_of

FOLDER = Path("runs/judges")
Part = Literal["answers", "tiers", "labels", "person", "raters", "refusals", "second", "form"]


class JudgeFigure(CheckedFigure):
    """A figure of one part of a judge's check. One that does not ``decide`` has no vote."""

    part: Part
    decides: bool = True


def of_part(part: Part, figures: Iterable[CheckedFigure]) -> list[JudgeFigure]:
    """The figures as those of one part of the check."""
    return [JudgeFigure(part=part, **figure.model_dump()) for figure in figures]


class CalibrationResult(Value):
    """Result of a judge's validation: verdict, figures and thresholds.

    ``identity`` is the judge's own word on what its judgements depend on. ``n`` counts the responses
    that it was given, ``unscored`` those that it did not score, ``reasons`` why (the most
    frequent ones, counted), ``spend`` what it cost. ``skipped`` names what could not be measured, and
    why; ``notes`` say how the labels were read. ``against_people`` is true only for labels that people
    gave, never for ``synthetic`` ones.
    """

    judge: str
    title: str
    model: str
    rubric: str
    identity: dict[str, str]
    verdict: Overall
    against_people: bool
    figures: tuple[JudgeFigure, ...]
    skipped: tuple[str, ...]
    n: int
    unscored: int
    reasons: dict[str, int]
    spend: Spend = Spend()
    date: datetime
    data_hash: str
    labels_hash: str = ""
    synthetic: bool = False
    raters: int = 0
    notes: tuple[str, ...] = ()
    second: dict[str, str] = Field(default_factory=dict)
    thresholds: JudgeThresholds = Field(validation_alias=AliasChoices("thresholds", "demands"))
    """Stored as ``demands`` by earlier versions."""

    def of(self, part: Part, name: str) -> JudgeFigure:
        """The figure of that part and name; KeyError where there is none."""
        for figure in self.figures:
            if (figure.part, figure.name) == (part, name):
                return figure
        raise KeyError(f"{part}: {name}")

    @property
    def told(self) -> tuple[tuple[str, str], ...]:
        """Each figure that has a threshold as (what, value), in words, for a report."""
        return tuple((one.name, f"{one.text}: {one.verdict}") for one in self.figures if one.verdict)


def decided(figures: Iterable[JudgeFigure]) -> Overall:
    """The verdict on a judge by the figures that decide."""
    return overall(figure.verdict for figure in figures if figure.decides)


def calibration_path(folder: str | Path, judge: Judge) -> Path:
    """Where the judge's result stands: ``<folder>/<judge>-<12 digits of its identity's hash>.json``."""
    return Path(folder) / f"{judge.name}-{digest_of(judge.identity())[:12]}.json"


def store_calibration(folder: str | Path, judge: Judge, result: CalibrationResult) -> Path:
    """Write the result, whole or not at all, in place of the judge's last one.

    PlanBError if it cannot be written.
    """
    path = calibration_path(folder, judge)
    write_whole(path, result.model_dump_json(indent=1) + "\n")
    return path


def find_calibration(folder: str | Path, judge: Judge) -> CalibrationResult | None:
    """The stored result of exactly this judge; ``None`` if it was never checked.

    PlanBError where the file is there and cannot be read.
    """
    path = calibration_path(folder, judge)
    if not path.exists():
        return None
    result = read_calibration(path)
    return result if result.identity == judge.identity() else None


def write_figures(path: Path, result: CalibrationResult) -> None:
    """All figures as a CSV, a line each. PlanBError if it cannot be written."""
    import pandas as pd

    from planb.data.tables import write_csv

    columns = ("part", *(name for name in CheckedFigure.model_fields))
    lines = [[getattr(figure, column) for column in columns] for figure in result.figures]
    write_csv(pd.DataFrame(lines, columns=list(columns)), path)


def read_calibration(path: Path) -> CalibrationResult:
    """One stored result. PlanBError where it cannot be read."""
    try:
        return CalibrationResult.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        why = wrong_fields(error, "result")
        raise PlanBError(
            f"{path} is not a judge check's result ({why}): delete it and rerun `planb judge check`"
        ) from error
