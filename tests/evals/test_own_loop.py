"""What runs coroutines can be called in a notebook's cell, where an event loop is running."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar

import pytest

from planb.evals.own_loop import completed
from planb.evals.tiers import score_tiers
from planb.judging import RefusalStrings
from planb.report.evidence import Exhibit, Table
from planb.types import Example

WHO: ContextVar[str] = ContextVar("who", default="nobody")
EXAMPLE = Example(id="a", prompt="How?", harmful=True, responses={"refusal": "I can't help with that."})


def test_responses_are_judged_in_a_running_loop() -> None:
    async def cell() -> list[bool]:
        return list(score_tiers([EXAMPLE], RefusalStrings())["refused"])

    assert asyncio.run(cell()) == list(score_tiers([EXAMPLE], RefusalStrings())["refused"]) == [True]


def test_the_callers_context_goes_with_it_and_errors_come_back() -> None:
    async def who() -> str:
        await asyncio.sleep(0)
        return WHO.get()

    async def fails() -> None:
        raise ValueError("as it was")

    async def cell() -> str:
        WHO.set("cell")
        with pytest.raises(ValueError, match="as it was"):
            completed(fails())
        return completed(who())

    assert asyncio.run(cell()) == "cell"
    assert completed(who()) == "nobody"


def test_an_exhibit_shows_no_answer_and_texts_as_texts() -> None:
    table = Table(("<b>", "n"), (("plan_b", "1 < 2"),))
    made = Exhibit(title="A & B", finding="<script>", caption="c", table=table)
    shown = made._repr_html_()
    assert "<script>" not in shown
    assert "A &amp; B" in shown
    assert "<th>&lt;b&gt;</th>" in shown
    assert "<td>1 &lt; 2</td>" in shown
