"""Surprise by tier: means and intervals worked by hand."""

from __future__ import annotations

import csv
import math
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from rich.console import Console

from planb.report.surprise import by_tier, surprise_table, write_surprises


class One(NamedTuple):
    example: str
    tier: str
    nll: float
    tokens: int


SAID = [
    One("a", "harmful", 2.0, 2),  # 1 nat a token
    One("a", "harmful", 10.0, 10),
    One("a", "harmful", 3.0, 3),
    One("a", "refusal", 8.0, 4),
    One("b", "harmful", 25.0, 5),  # 5 nats a token
    One("b", "refusal", 8.0, 4),
]


def test_means_by_hand() -> None:
    """Harmful: (1 + 1 + 1 + 5) / 4 over responses, 40 / 20 over tokens. Its intervals are of draws of
    two examples: (a, a) gives 1, (a, b) 2 and (b, b) 5, each end a quarter of all draws."""
    harmful, refusal = by_tier(SAID)
    assert (harmful.tier, harmful.examples, harmful.responses, harmful.tokens) == ("harmful", 2, 4, 20)
    assert (harmful.mean, harmful.pooled) == (2.0, 2.0)
    assert harmful.interval == (1.0, 5.0)
    assert (refusal.tier, refusal.examples, refusal.responses, refusal.tokens) == ("refusal", 2, 2, 8)
    assert (refusal.mean, refusal.pooled, refusal.interval) == (2.0, 2.0, (2.0, 2.0))


def test_a_long_response_weighs_more_only_where_tokens_are_pooled() -> None:
    (line,) = by_tier([One("a", "x", 1.0, 1), One("b", "x", 27.0, 9)])
    assert line.mean == 2.0
    assert line.pooled == 2.8


def test_the_interval_is_over_examples_and_not_over_their_responses() -> None:
    """Twenty responses alike in each of two examples are two draws, not forty."""
    some = [One(example, "x", nats, 1) for example, nats in (("a", 1.0), ("b", 3.0)) for _ in range(20)]
    (line,) = by_tier(some)
    assert line.interval == (1.0, 3.0)


def test_the_interval_of_many_examples_is_the_normal_one() -> None:
    values = np.random.default_rng(0).normal(3, 0.5, 400)
    some = [One(str(place), "x", float(value), 1) for place, value in enumerate(values)]
    (line,) = by_tier(some)
    half = 1.96 * values.std() / math.sqrt(len(values))
    assert line.mean == pytest.approx(values.mean())
    assert line.interval == pytest.approx((values.mean() - half, values.mean() + half), abs=0.15 * half)
    assert by_tier(some) == [line], "the same draws every time"


def test_the_table_shows_a_line_a_tier_in_order() -> None:
    shown = StringIO()
    odd = [One("a", "[bold]odd[/]", 2469.0, 2000)]
    Console(file=shown, width=120).print(surprise_table([*SAID, *odd]))
    lines = [line.split() for line in shown.getvalue().splitlines()]
    assert lines[1] == ["harmful", "2", "4", "20", "2.000", "1.000-5.000", "2.000"]
    assert lines[2] == ["refusal", "2", "2", "8", "2.000", "2.000-2.000", "2.000"]
    assert lines[3][:5] == ["[bold]odd[/]", "1", "1", "2,000", "1.234"]


def test_every_response_is_a_line_of_the_file(tmp_path: Path) -> None:
    write_surprises(tmp_path / "x.csv", [One('a, "b"', "höflich", 2.0, 3), *SAID])
    with (tmp_path / "x.csv").open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert lines[0] == {
        "example": 'a, "b"',
        "tier": "höflich",
        "tokens": "3",
        "nll": "2",
        "nll_per_token": "0.666667",
    }
    assert [line["example"] for line in lines[1:]] == [one.example for one in SAID]
