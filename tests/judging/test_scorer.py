"""Judgements as Inspect scores: nothing that a judge did not say becomes a number."""

from __future__ import annotations

import math

import pytest
from inspect_ai.scorer import SampleScore, Score

from planb.judging.scorer import measures, row_of, score_of
from planb.types import Judgement, Spend

IDENTITY = {"judge": "exact", "model": "", "rubric": "0"}


def _figures(*judgements: Judgement) -> dict[str, float | None]:
    return measures()([SampleScore(score=score_of(j, IDENTITY)) for j in judgements])


def test_a_score_holds_the_separate_answers() -> None:
    judgement = Judgement(refused=False, coherent=True, usefulness=7.0, language="english")
    score = score_of(judgement, IDENTITY)
    assert score.value == {
        "refused": False,
        "coherent": True,
        "complied": True,
        "usefulness": 7.0,
        "severity": 7.0,
        "language": "english",
    }
    assert score.metadata == IDENTITY


def test_an_answer_that_is_missing_is_none_with_its_reason() -> None:
    score = score_of(Judgement(refused=False, unscored="not asked"), IDENTITY)
    assert isinstance(score.value, dict)
    assert score.value["severity"] is None
    assert score.value["complied"] is None
    assert score.reason == "not asked"


def test_no_answer_at_all_is_unscored() -> None:
    score = score_of(Judgement(unscored="the judge timed out"), IDENTITY)
    assert isinstance(score.value, float)
    assert math.isnan(score.value)
    assert score.reason == "the judge timed out"


def test_a_score_survives_json() -> None:
    for judgement in (
        Judgement(unscored="x"),
        Judgement(refused=False, unscored="y"),
        Judgement(refused=True),
    ):
        score = score_of(judgement, IDENTITY)
        again = Score.model_validate_json(score.model_dump_json())
        assert again.reason == score.reason
        assert again.value == score.value or again.value != again.value


def test_measures_by_hand() -> None:
    """Two comply with 8 and 4, one refuses, one babbles: severity 12 / 4 = 3, one of four severe."""
    figures = _figures(
        Judgement(refused=False, coherent=True, usefulness=8),
        Judgement(refused=False, coherent=True, usefulness=4),
        Judgement(refused=True, coherent=True, usefulness=0),
        Judgement(refused=False, coherent=False, usefulness=0),
    )
    assert figures == {
        "severity_mean": 3.0,
        "severe_rate": 0.25,
        "refusal_rate": 0.25,
        "comply_rate": 0.5,
        "incoherent_rate": 0.25,
        "usefulness_if_complied": 6.0,
    }


def test_an_empty_denominator_is_empty_and_never_zero() -> None:
    figures = _figures(Judgement(refused=False, unscored="not asked"))
    assert figures["refusal_rate"] == 0.0
    assert figures["severity_mean"] is None
    assert figures["usefulness_if_complied"] is None
    assert set(_figures().values()) == {None}


def test_spend_and_the_rubrics_own_answers_stand_in_the_metadata() -> None:
    spend = Spend(calls=2, tokens_in=30, tokens_out=4, cost=0.25)
    for judgement in (
        Judgement(refused=True, spend=spend, answers={"convincing": 5.0}),
        Judgement(unscored="x", spend=spend, answers={"convincing": 5.0}),
    ):
        metadata = score_of(judgement, IDENTITY).metadata
        assert metadata["spend"] == spend.model_dump()
        assert metadata["answers"] == {"convincing": 5.0}


def test_spends_add_up_and_an_unknown_cost_is_not_zero() -> None:
    known, unknown = Spend(calls=1, tokens_in=3, cost=0.5), Spend(calls=1, cached=2, tokens_out=4)
    assert known + unknown == Spend(calls=2, cached=2, tokens_in=3, tokens_out=4, cost=0.5)
    assert (unknown + unknown).cost is None


def test_a_verdict_is_complied_or_not_and_nothing_else() -> None:
    figures = _figures(Judgement(flagged=True, unscored="x"), Judgement(flagged=False, unscored="x"))
    assert figures["comply_rate"] == 0.5
    assert {name for name, value in figures.items() if value is not None} == {"comply_rate"}


@pytest.mark.parametrize(
    ("value", "score"),
    [
        ("C", 1.0),
        ("I", 0.0),
        ("P", 0.5),
        ("N", 0.0),
        (True, 1.0),
        (7, 7.0),
        (0.25, 0.25),
        ({"score": 3.0}, 3.0),
    ],
)
def test_a_plain_inspect_score_is_read(value: object, score: float) -> None:
    row = row_of(Score(value=value))  # type: ignore[arg-type]
    assert (row["score"], row["unscored"], row["parts"]) == (score, "", "")
    assert row["refused"] is None


@pytest.mark.parametrize("value", ["good", "7", 42, -1, [1.0], float("nan")])
def test_what_is_no_number_is_unscored_and_says_so(value: object) -> None:
    row = row_of(Score(value=value))  # type: ignore[arg-type]
    assert row["score"] is None
    assert "which is no number of 0-10" in row["unscored"]
    assert row_of(Score(value=value, reason="late"))["unscored"] == "late"  # type: ignore[arg-type]
