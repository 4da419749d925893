"""A benchmark's figure of one answer as an Inspect score: the headline ``score`` and named parts.

What could not be read from an answer is ``None``, with its reason beside it: it stands in no mean, and
is counted.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from inspect_ai.scorer import Metric, SampleScore, Score, metric

from planb.data.judgement import SCORE
from planb.domains.measure import TAKEN
from planb.errors import PlanBError


def mark(
    score: float | None,
    parts: Mapping[str, float | None] | None = None,
    *,
    unscored: str = "",
    answer: str | None = None,
    metadata: dict[str, Any] | None = None,
) -> Score:
    """Inspect score of a benchmark answer. ``unscored`` says why a figure is ``None``; with none at
    all it is Inspect's *unscored*. Raises PlanBError for a part whose name is a column's."""
    if taken := sorted(TAKEN & set(parts or {})):
        raise PlanBError(
            f"a part of a score cannot be called {', '.join(taken)}: tables have a column of that name "
            "for what judges say. Call it something else, in what is scored and in what is measured"
        )
    value: dict[str, str | int | float | bool | None] = {SCORE: score, **(parts or {})}
    if all(figure is None for figure in value.values()):
        return Score.unscored(reason=unscored or "no figure", answer=answer, metadata=metadata)
    return Score(value=value, reason=unscored or None, answer=answer, metadata=metadata)


@metric(scores="unreduced")
def marks() -> Metric:
    """The mean of the headline and of each part over the answers that have it, and how many of the
    answers that have some figure have no headline (``unscored``). Those that have none are not handed
    to a metric: Inspect counts them itself (``unscored_samples``)."""

    def compute(scores: list[SampleScore]) -> dict[str, float]:
        values = [s.score.value if isinstance(s.score.value, dict) else {} for s in scores]
        names = dict.fromkeys([SCORE, *(name for value in values for name in value)])
        found: dict[str, list[float]] = {
            name: [_number(value[name]) for value in values if _is_number(value.get(name))]
            for name in names
        }
        means = {name: sum(got) / len(got) if got else math.nan for name, got in found.items()}
        return {**means, "unscored": float(len(values) - len(found[SCORE]))}

    return compute  # type: ignore[return-value]


def _is_number(value: Any) -> bool:
    return isinstance(value, bool | int | float)


def _number(value: Any) -> float:
    return float(value)
