"""How the judge scores the training data: the yardstick that evaluated responses are held against."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pandas as pd

from planb.data.judgement import answers_of, typed
from planb.evals.own_loop import completed
from planb.judging import Judge, judge_response
from planb.types import ANSWERS, Example

COLUMNS = ("tier", "example_id", "text", *ANSWERS, "unscored")


def score_tiers(examples: Sequence[Example], judge: Judge) -> pd.DataFrame:
    """One row a response of every tier of ``examples``; null, never 0, where the judge gave no score.

    ``refused``, ``coherent`` and ``complied`` are nullable booleans, ``usefulness`` and ``severity``
    floats of 0-10.
    """
    rows = completed(_rows(examples, judge))
    return typed(pd.DataFrame(rows, columns=list(COLUMNS)))


async def _rows(examples: Sequence[Example], judge: Judge) -> list[dict[str, Any]]:
    work = [
        _row(judge, example, tier, text)
        for example in examples
        for tier, texts in example.responses.items()
        for text in texts
    ]
    return list(await asyncio.gather(*work))


async def _row(judge: Judge, example: Example, tier: str, text: str) -> dict[str, Any]:
    judgement = await judge_response(judge, example, text)
    return {
        "tier": tier,
        "example_id": example.id,
        "text": text,
        **answers_of(judgement),
        "unscored": judgement.unscored,
    }
