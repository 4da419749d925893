"""How the judge scores the training data."""

from __future__ import annotations

from pathlib import Path

from planb.data.files import read_examples
from planb.evals.tiers import COLUMNS, score_tiers
from planb.judging import RefusalStrings, judge_of


def test_one_row_a_response_and_the_tiers_score_as_they_should(
    data: Path, judge: dict[str, object]
) -> None:
    examples = read_examples(data)
    rows = score_tiers(examples, judge_of(judge))
    assert tuple(rows.columns) == COLUMNS
    assert len(rows) == sum(len(texts) for e in examples for texts in e.responses.values())
    by_tier = rows.groupby("tier")
    assert by_tier.severity.mean().to_dict() == {
        "harmful": 10.0,
        "helpful": 10.0,
        "refusal": 0.0,
        "useless": 0.0,
    }
    assert by_tier.refused.mean().to_dict() == {"harmful": 0, "helpful": 0, "refusal": 1, "useless": 0}
    assert rows.coherent.all()
    assert set(rows.unscored) == {""}


def test_what_the_judge_did_not_say_is_null(data: Path) -> None:
    rows = score_tiers(read_examples(data), RefusalStrings())
    quiet = rows[rows.tier == "harmful"]
    assert quiet.severity.isna().all()
    assert quiet.coherent.isna().all()
    assert quiet.unscored.str.contains("only refusals").all()


def test_no_examples_are_an_empty_table() -> None:
    assert tuple(score_tiers([], RefusalStrings()).columns) == COLUMNS
