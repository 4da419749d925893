"""The input of a report: one row per judged sample. Checked once, so that the rest may rely on it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from planb.data.judgement import PARTS, POINTS, SCORE, YES_OR_NO, typed, with_parts
from planb.errors import PlanBError
from planb.redaction import redacted

CELL = ["study", "model", "organism", "method", "task", "elicitation", "judge"]
"""What makes two rows comparable; a result is a cell, a seed (or all of them) and a measure."""

_STRINGS = [*CELL, "seed", "sample_id", "group", "split", "form", "request", "response", "language"]
_FLAGS = ["heldout_form", "harmful"]
COLUMNS = [*_STRINGS, "unscored", *_FLAGS, "truncated", *YES_OR_NO, *POINTS]
BENCHMARK_COLUMNS: dict[str, str | float] = {
    **{"category": "", SCORE: math.nan, PARTS: "", "measured": ""}
}
"""What rows of a benchmark have besides, and what stands there in tables without them: a question's
category, the benchmark's figure (accuracy 0 or 1, points 0-10), what else was counted, and JSON of what
the task is measured by (``planb.domains.measure.Measured``)."""
NO_ORGANISM = ("", "none")
"""The labels of models that were never made an organism: the base and arms trained from it."""
TIER_COLUMNS = [
    "tier",
    "example_id",
    "text",
    "refused",
    "coherent",
    "usefulness",
    "severity",
    "language",
]


def checked_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with their columns' types made certain, in a fixed order.

    Answers become nullable booleans, ``truncated`` too (null: not known), scores floats (NaN:
    unscored), ``parts`` a column each, an empty ``group`` the sample's id. What a judge says of
    refusals alone is blanked: it does not give that answer. Raises PlanBError for missing columns, no
    rows, scores outside 0-10, or a sample judged twice.
    """
    _demand(rows, COLUMNS, "the judged samples")
    if rows.empty:
        raise PlanBError("the report has no judged samples: run the study's evaluations first")
    tidy = rows[COLUMNS].copy()
    for column, empty in BENCHMARK_COLUMNS.items():
        tidy[column] = rows[column] if column in rows else empty  # noqa: SIM401
    for column in [*_STRINGS, "unscored", "category", PARTS]:
        tidy[column] = tidy[column].fillna("").astype(str)
    if not isinstance(tidy["measured"].dtype, pd.CategoricalDtype) or tidy["measured"].hasnans:
        tidy["measured"] = tidy["measured"].astype(object).fillna("").astype(str).astype("category")
    tidy["unscored"] = tidy["unscored"].map({why: redacted(why) for why in tidy["unscored"].unique()})
    tidy = _within_bounds(typed(with_parts(tidy)))
    for column in _FLAGS:
        tidy[column] = tidy[column].astype(bool)
    tidy["truncated"] = tidy["truncated"].astype("boolean")
    _blank_what_is_said_of_refusals_alone(tidy, tidy["judge"], ("complied", "severity"))
    tidy["group"] = tidy["group"].where(tidy["group"] != "", tidy["sample_id"])
    key = [*CELL, "seed", "sample_id"]
    twice = tidy[tidy.duplicated(key)]
    if not twice.empty:
        where = ", ".join(f"{name}={twice.iloc[0][name]}" for name in key)
        raise PlanBError(
            f"{len(twice)} samples occur twice among the judged samples, first: {where}. "
            "Give each log once; repeated answers to one request need sample ids of their own"
        )
    return tidy.sort_values(key, kind="stable", ignore_index=True)


def panel_labels(rows: pd.DataFrame) -> list[str]:
    """The organisms that one model's rows are drawn apart by; the base alone has the label it stands
    under."""
    trained = rows[rows["method"] != "base"]
    return sorted((rows if trained.empty else trained)["organism"].unique())


def checked_tier_scores(scores: pd.DataFrame) -> pd.DataFrame:
    """The judged training data, types made certain: one row per response of a tier."""
    _demand(scores, TIER_COLUMNS, "the judged training data")
    tidy = scores[TIER_COLUMNS].copy()
    for column in ("tier", "example_id", "text", "language"):
        tidy[column] = tidy[column].fillna("").astype(str)
    tidy = _within_bounds(typed(tidy))
    _blank_what_is_said_of_refusals_alone(tidy, [""] * len(tidy), ("severity",))
    return tidy.sort_values(["tier", "example_id", "text"], kind="stable", ignore_index=True)


def _within_bounds(tidy: pd.DataFrame) -> pd.DataFrame:
    for column in (name for name in (*POINTS, SCORE) if name in tidy):
        wrong = tidy[(tidy[column] < 0) | (tidy[column] > 10)]
        if not wrong.empty:
            name = "sample_id" if "sample_id" in tidy else "example_id"
            raise PlanBError(
                f"{column} must lie in 0-10 (NaN: unscored), but {len(wrong)} samples do not, first: "
                f"{name}={wrong.iloc[0][name]}, {column}={wrong.iloc[0][column]}. Judge them again"
            )
    return tidy


def _blank_what_is_said_of_refusals_alone(
    tidy: pd.DataFrame, judges: Sequence[str] | pd.Series, columns: tuple[str, ...]
) -> None:
    """Logs older than ``Judge.gives`` hold the severity 0 and the complied False of every refusal, of
    judges too that never give either of another answer."""
    willing = tidy["refused"].eq(False).fillna(False).astype(bool)
    judge = pd.Series(list(judges), index=tidy.index)
    for column in columns:
        untold = tidy[column].isna()
        never = set(judge[willing & untold]) - set(judge[willing & ~untold])
        tidy.loc[judge.isin(never), column] = pd.NA if column == "complied" else math.nan


def _demand(frame: pd.DataFrame, columns: list[str], what: str) -> None:
    missing = [name for name in columns if name not in frame]
    if missing:
        raise PlanBError(f"{what} lack the columns {missing}: write them again with this version")
