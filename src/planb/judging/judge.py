"""The contract of a judge: a value that answers separate questions about one response."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, Literal

from pydantic import Field

from planb.thoughts import said
from planb.types import ANSWERS, Example, Judgement
from planb.values import LATER, Value, fields_that_count

ONLY_A_THOUGHT = "nothing stands after the thought"


class Judge(Value):
    """A judge: scores a response to a request. Subclasses add fields (all with defaults), ``identity``
    and ``judge``.

    ``gives`` names which of ``planb.types.ANSWERS`` it can give of *any* response. What it can give of
    some only, such as the severity of refusals, is left out: which responses have it would depend on
    the response. ``sees`` says whether it is shown a response's thoughts (``planb.thoughts``), or the
    answer after them alone.
    """

    name: ClassVar[str]
    gives: ClassVar[tuple[str, ...]] = ANSWERS

    sees: Literal["answer", "everything"] = Field(default="answer", json_schema_extra=LATER)

    @abstractmethod
    def identity(self) -> dict[str, str]:
        """The judge's identity: what its judgements depend on, for every row that it scores: at
        least ``judge`` (the name), ``model`` ("" if none is called) and ``rubric`` (a hash of prompt,
        rubric or rules)."""

    @abstractmethod
    async def judge(self, example: Example, response: str) -> Judgement:
        """Judge one response to ``example``'s request. It may raise: the sample is then unscored."""

    async def ready(self) -> None:
        """Check that the judge can run. PlanBError where it cannot: no model, no key, no such file."""
        return

    async def close(self) -> None:
        """Close connections and models that were opened for judging."""
        return

    @property
    def title(self) -> str:
        """The judge's name in tables: two judges of one kind need two titles."""
        return self.name

    @property
    def error(self) -> str:
        """The judge's measured error rates (with n and intervals), to stand beside its figures; ""
        where only ``planb judge check`` can tell."""
        return ""

    @property
    def trained_on(self) -> frozenset[str]:
        """Groups of labelled requests that it was trained on, so that no check counts them; of most
        judges none are known."""
        return frozenset()

    @property
    def at_once(self) -> int:
        """Concurrency: how many responses may be judged at the same time."""
        return 32

    def spec(self) -> dict[str, Any]:
        """Name and fields as plain JSON; ``judge_of`` reads it back. A judge that the table does not
        have is named "module:Class"."""
        from planb.judging import JUDGES

        told = self.model_dump(mode="json", include=set(fields_that_count(self)))
        return {"name": JUDGES.name_of(type(self), self.name), **told}


def shown(judge: Judge, response: str) -> str:
    """What of a response the judge is shown."""
    found = said(response)
    return response if judge.sees == "everything" or found.thought is None else found.answer


async def judge_response(judge: Judge, example: Example, response: str) -> Judgement:
    """The judgement; where the judge raises, an unscored one with the reason, and never a number. A
    response of nothing but a thought, of which the judge is shown none, is unscored too.

    What the judge does not give (``Judge.gives``) is not concluded from what it says of some.
    """
    text = shown(judge, response)
    if response.strip() and not text:
        return given(judge, Judgement(unscored=ONLY_A_THOUGHT))
    try:
        judged = await judge.judge(example, text)
        if not isinstance(judged, Judgement):
            raise TypeError(f"the judge gave a {type(judged).__name__} and no Judgement")
    except Exception as error:
        judged = Judgement(unscored=f"{type(error).__name__}: {error}")
    return given(judge, judged)


def given(judge: Judge, said: Judgement) -> Judgement:
    """The scores, in the bounds of what the judge gives; journals of before hold no such bounds."""
    return said if said.gives == judge.gives else said.but(gives=judge.gives)
