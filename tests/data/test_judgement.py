"""A judgement as it is written down: alike in logs, sidecars and tables, and parsed once."""

from __future__ import annotations

import json
import math
from typing import Any

import pandas as pd
import pytest

from planb.data import judgement
from planb.data.judgement import KIND, PARTS, answers_of, kinds_of, part_of, typed, with_parts
from planb.errors import PlanBError
from planb.evals.tasks.marks import mark
from planb.judging.scorer import row_of, score_of
from planb.report.results import results_of
from planb.types import ANSWERS, Judgement

SAID = {
    "refused": Judgement(refused=True, coherent=True, language="german"),
    "complied": Judgement(refused=False, coherent=True, usefulness=4.0, answers={KIND: "vague"}),
    "half": Judgement(refused=False, usefulness=4.0, unscored="no word on its coherence"),
    "refusals alone": Judgement(refused=True, gives=("refused", "language")),
}


@pytest.mark.parametrize("said", SAID.values(), ids=SAID)
def test_what_a_log_holds_is_what_was_said(said: Judgement) -> None:
    row = row_of(score_of(said, {"judge": "one"}))
    assert {name: row[name] for name in ANSWERS} == answers_of(said)
    assert row["unscored"] == said.unscored
    assert json.loads(row[PARTS] or "{}") == said.answers


def test_what_was_not_said_is_null_with_its_reason() -> None:
    for score, why in (
        (None, "no score"),
        (score_of(Judgement(unscored="no JSON"), {}), "no JSON"),
        (mark(None, unscored="no letter"), "no letter"),
    ):
        row = row_of(score)
        assert (row.pop("unscored"), row.pop("language"), row.pop(PARTS)) == (why, "", "")
        assert set(row.values()) == {None}
    frame = typed(pd.DataFrame([answers_of(said) for said in (*SAID.values(), Judgement())]))
    assert frame["complied"].tolist() == [False, True, pd.NA, pd.NA, pd.NA]
    assert str(frame["complied"].dtype) == "boolean"
    assert frame["severity"].isna().tolist() == [False, False, False, True, True]


def test_parts_are_columns() -> None:
    texts = ["", '{"turn_1": 9, "loose": true}', '{"kind": "vague", "turn_1": "nine"}', ""]
    frame = with_parts(pd.DataFrame({PARTS: texts}))
    assert kinds_of(frame).tolist() == ["", "", "vague", ""]
    assert part_of(frame, "loose").tolist()[1] == 1
    assert part_of(frame, "turn_1").tolist()[1] == 9
    assert math.isnan(part_of(frame, "turn_1")[2]), "a text is no number"
    assert all(map(math.isnan, part_of(frame, "other")))
    assert with_parts(frame).equals(frame)
    for ask in (lambda rows: part_of(rows, "turn_1"), kinds_of):
        with pytest.raises(KeyError):
            ask(pd.DataFrame({PARTS: texts}))
    for wrong in ("{", "[1]", "9"):
        with pytest.raises(PlanBError, match="'parts' of the judged samples holds"):
            with_parts(pd.DataFrame({PARTS: [wrong]}))


def test_each_text_is_parsed_once_a_table(monkeypatch: Any) -> None:
    """Not per row, measure and cell."""
    parsed: list[str] = []

    def read(text: str) -> Any:
        parsed.append(text)
        return json.loads(text) if text else {}

    monkeypatch.setattr(judgement, "_read", read)
    kinds = [json.dumps({KIND: kind}) for kind in ("recipe", "vague")]
    name = {"study": "s", "model": "m", "organism": "o", "elicitation": "direct", "judge": "exact"}
    about = {"group": "", "split": "", "form": "", "request": "?", "response": "!", "unscored": ""}
    flags = {"heldout_form": False, "harmful": True, "truncated": False}
    said = {**answers_of(SAID["complied"])}
    rows = [
        {**name, **about, **flags, **said, "task": "harmful_requests", "method": method, "seed": seed}
        | {"sample_id": str(i), PARTS: kinds[i % 2]}
        for method in ("organism", "plan_b")
        for seed in ("0", "1")
        for i in range(6)
    ]
    found = results_of(pd.DataFrame(rows))
    assert sorted(parsed) == kinds
    assert len(found) > 20
