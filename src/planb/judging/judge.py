"""The contract of a judge: a value that answers separate questions about one response."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

from planb.types import Example, Judgement, Value


class Judge(Value):
    """Subclasses add fields (all with defaults), ``identity`` and ``judge``."""

    name: ClassVar[str]

    @abstractmethod
    def identity(self) -> dict[str, str]:
        """What its judgements depend on, for every row that it scores: at least ``judge`` (the name),
        ``model`` ("" if none is asked) and ``rubric`` (a hash of prompt, rubric or rules)."""

    @abstractmethod
    async def judge(self, example: Example, response: str) -> Judgement:
        """Judge one response to ``example``'s request. It may raise: the sample is then unscored."""

    def spec(self) -> dict[str, Any]:
        """Name and fields as plain JSON; ``judge_of`` reads it back."""
        return {"name": self.name, **self.model_dump(mode="json")}


async def judge_response(judge: Judge, example: Example, response: str) -> Judgement:
    """The judgement; where the judge raises, an unscored one with the reason, and never a number."""
    try:
        return await judge.judge(example, response)
    except Exception as error:
        return Judgement(unscored=f"{type(error).__name__}: {error}")
