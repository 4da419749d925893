"""Numbers as text: one rule for the terminal, the page and the sentences of judges."""

from __future__ import annotations

import math

import pytest

from planb.judging.refusal_error import Share
from planb.report import wording
from planb.report.results import Figure
from planb.stats import numbers
from planb.stats.figure import CheckedFigure


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.004, "0.4"),
        (0.0094, "0.9"),
        (0.02, "2"),
        (0.5, "50"),
        (0.995, "99.5"),
        (1.0, "100"),
    ],
)
def test_a_share_is_never_shown_as_nothing_or_all_unless_it_is(value: float, text: str) -> None:
    assert numbers.percentage(value) == text
    assert numbers.percent(value) == f"{text}{numbers.SPACE}%"


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0.0"), (0.04, "0.04"), (-0.001, "0.00"), (0.994, "0.99"), (9.95, "9.9")]
)
def test_little_usefulness_is_not_shown_as_none(value: float, text: str) -> None:
    assert numbers.points(value) == text


def test_a_check_a_page_and_a_sentence_write_one_share_alike() -> None:
    """They stood three times, and the sentence's copy wrote 0.3 % as 0 %."""
    hits, n = 1, 300
    checked = CheckedFigure(name="x", unit="share", value=hits / n, low=0.0006, high=0.0186, n=n)
    page = wording.rated(Figure(n, 0, 0, hits / n, 0.0006, 0.0186, hits / n, hits / n))
    assert checked.text == "0.3 % [0.1, 2]"
    assert page.replace(numbers.SPACE, " ") == "0.3 % [0.1, 2]"
    assert Share(hits, n).text == "1 of 300 (0.3 % [0.1, 2])"


def test_p_values_and_counts() -> None:
    assert [numbers.p_value(p) for p in (0.0005, 0.03, 0.2, math.nan)] == [
        *("<0.001", "0.030", "0.20", numbers.NOTHING)
    ]
    assert [numbers.plural(n, "answer") for n in (0, 1, 1200)] == [
        "0 answers",
        "1 answer",
        "1,200 answers",
    ]
