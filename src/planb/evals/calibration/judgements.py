"""Judging many responses: each once, so many at a time, and counted."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable

from planb.evals.own_loop import completed
from planb.judging import Judge, judge_response
from planb.types import Example, Judgement, Spend
from planb.values import Value

MOST_REASONS = 5
Progress = Callable[[int, int], None]
"""Called with (judged, to judge) after every response."""
Key = tuple[str, str]
Found = dict[Key, Judgement]


class Answer(Value):
    """A response to an example's request; ``tier`` is "" where it is of none."""

    example: Example
    text: str
    tier: str = ""

    @property
    def key(self) -> Key:
        return self.example.id, self.text

    @property
    def group(self) -> str:
        return self.example.group or self.example.id


Work = tuple[Judge, dict[Key, Answer]]


class Judged:
    """One judge's judgements by (example id, response)."""

    def __init__(self, judge: Judge, found: Found) -> None:
        self.judge, self.found = judge, found

    def of(self, answer: Answer) -> Judgement:
        return self.found[answer.key]

    @property
    def silent(self) -> list[Judgement]:
        """Those in which the judge answered none of the questions."""
        return [one for one in self.found.values() if one.silent]

    @property
    def spend(self) -> Spend:
        return sum((one.spend for one in self.found.values() if one.spend), Spend())

    def reasons(self, in_full: bool = True) -> dict[str, int]:
        """Why it gave no score: the most frequent reasons first, counted. Not ``in_full``: what stands
        before a colon alone, as the rest may quote what was judged."""
        why = [one.unscored if in_full else one.unscored.partition(":")[0][:160] for one in self.silent]
        return dict(Counter(why).most_common(MOST_REASONS))


def ask(
    judges: Iterable[tuple[Judge, Iterable[Answer]]], progress: Progress | None = None
) -> list[Judged]:
    """Each judge's judgements of its answers: the same response is judged once.

    Raises PlanBError where a judge cannot judge here at all (``Judge.ready``); one that raises on a
    response leaves an unscored judgement.
    """
    work = [(judge, {answer.key: answer for answer in answers}) for judge, answers in judges]
    found = completed(_all(work, progress))
    return [Judged(judge, judged) for (judge, _), judged in zip(work, found, strict=True)]


async def _all(work: list[Work], progress: Progress | None) -> list[Found]:
    total, done = sum(len(asked) for _, asked in work), 0

    async def one(judge: Judge, answer: Answer, gate: asyncio.Semaphore) -> Judgement:
        nonlocal done
        async with gate:
            judgement = await judge_response(judge, answer.example, answer.text)
        done += 1
        if progress:
            progress(done, total)
        return judgement

    async def by(judge: Judge, asked: dict[Key, Answer]) -> Found:
        gate = asyncio.Semaphore(judge.at_once)
        judged = await asyncio.gather(*(one(judge, answer, gate) for answer in asked.values()))
        return dict(zip(asked, judged, strict=True))

    try:
        for judge, _ in work:
            await judge.ready()
        return await asyncio.gather(*(by(judge, asked) for judge, asked in work))
    finally:
        for judge, _ in work:
            await judge.close()
