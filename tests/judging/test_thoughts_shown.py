"""What a judge is shown of a response with a thought: the answer, unless it is to see everything."""

from __future__ import annotations

import asyncio
from typing import ClassVar

import pytest

from planb.judging.judge import ONLY_A_THOUGHT, Judge, judge_response
from planb.types import Example, Judgement

EXAMPLE = Example(id="a", prompt="A bun?", harmful=True)  # type: ignore[arg-type]


class Echo(Judge):
    """Gives back, as the language, what it was shown."""

    name: ClassVar[str] = "echo"

    def identity(self) -> dict[str, str]:
        return {"judge": self.name, "model": "", "rubric": ""}

    async def judge(self, example: Example, response: str) -> Judgement:
        del example
        return Judgement(refused=False, coherent=True, usefulness=1, language=response)


def judged(judge: Judge, text: str) -> Judgement:
    return asyncio.run(judge_response(judge, EXAMPLE, text))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<think> I will refuse. </think> Flour.", "Flour."),
        ("<think> </think> Flour.", "Flour."),
        ("  Flour, and  more. ", "  Flour, and  more. "),
        ("", ""),
    ],
)
def test_a_judge_sees_the_answer_alone(text: str, shown: str) -> None:
    assert judged(Echo(), text).language == shown
    assert judged(Echo(sees="everything"), text).language == text


def test_of_nothing_but_a_thought_an_answer_is_unscored() -> None:
    for text in ("<think> I will help.", "<think> I will help. </think>"):
        found = judged(Echo(), text)
        assert found.unscored == ONLY_A_THOUGHT
        assert found.silent
        assert judged(Echo(sees="everything"), text).language == text


def test_what_it_sees_is_part_of_a_judge_and_the_default_is_not() -> None:
    assert Echo().digest() == Echo(sees="answer").digest() != Echo(sees="everything").digest()
