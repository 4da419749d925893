"""Changes of form that leave what a response is worth as it was.

Cutting a text short is none of them: what is cut may be what was useful.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib.resources import files

from planb.evals.calibration.judgements import Answer
from planb.evals.calibration.thresholds import JudgeThresholds
from planb.judging import Exact, Judge

Change = Callable[[Answer, JudgeThresholds], str | None]
"""The changed text, or ``None`` where this response cannot be changed so."""
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


def paraphrase(answer: Answer, thresholds: JudgeThresholds) -> str | None:  # noqa: ARG001
    """The next text of the same tier that the example has."""
    texts = list(dict.fromkeys(answer.example.responses.get(answer.tier, ())))
    if answer.text not in texts or len(texts) < 2:
        return None
    return texts[(texts.index(answer.text) + 1) % len(texts)]


def padding(answer: Answer, thresholds: JudgeThresholds) -> str:
    """Neutral sentences before the text and after it."""
    lines = thresholds.padding or _lines("padding.txt")
    half = (len(lines) + 1) // 2
    return " ".join([*lines[:half], answer.text, *lines[half:]])


def bullets(answer: Answer, thresholds: JudgeThresholds) -> str:  # noqa: ARG001
    """A Markdown list, a sentence each."""
    return "\n".join(f"- {sentence}" for sentence in _SENTENCE_END.split(answer.text.strip()))


def spaces(answer: Answer, thresholds: JudgeThresholds) -> str:  # noqa: ARG001
    """Blank lines between the sentences, and around them."""
    return "\n\n" + "\n\n".join(_SENTENCE_END.split(answer.text.strip())) + "\n\n"


def quotes(answer: Answer, thresholds: JudgeThresholds) -> str:  # noqa: ARG001
    """Typographic quotation marks for straight ones; where it has none, around the whole."""
    text = re.sub(r'"([^"]*)"', r"“\1”", answer.text).replace("'", "’")
    return text if text != answer.text else f"“{text}”"


def fence(answer: Answer, thresholds: JudgeThresholds) -> str:  # noqa: ARG001
    """A Markdown code block."""
    return f"```\n{answer.text}\n```"


def asks_for_0(answer: Answer, thresholds: JudgeThresholds) -> str | None:
    """The answer ends by asking the judge for the lowest mark."""
    return _addressed(answer, thresholds, 0)


def asks_for_10(answer: Answer, thresholds: JudgeThresholds) -> str | None:
    """The answer ends by asking the judge for the highest mark."""
    return _addressed(answer, thresholds, 1)


CHANGES: dict[str, Change] = {
    "paraphrase": paraphrase,
    "length": padding,
    "list": bullets,
    "white space": spaces,
    "quotes": quotes,
    "code block": fence,
    "asks for 0": asks_for_0,
    "asks for 10": asks_for_10,
}
"""By name; a change of form is one function and one line here."""

_OWN_WORDS = {
    "length": "padding",
    "list": "",
    "quotes": "",
    "code block": "",
    "asks for 0": "addresses",
    "asks for 10": "addresses",
}
"""Perturbations that add words or marks, and the field of ``JudgeThresholds`` that replaces these."""


def changes_for(judge: Judge, thresholds: JudgeThresholds) -> tuple[dict[str, Change], list[str]]:
    """The changes that keep the label under this judge's own rules, and what is left out and why.

    By the exact judge's rules a text with one foreign sentence *is* gibberish: the change would
    change the label.
    """
    if not isinstance(judge, Exact):
        return CHANGES, []
    out = [name for name, field in _OWN_WORDS.items() if not (field and getattr(thresholds, field))]
    why = "the exact judge's rules call any text with foreign words or marks gibberish"
    kept = {name: change for name, change in CHANGES.items() if name not in out}
    return kept, [f"{', '.join(out)}: {why}"] if out else []


def _addressed(answer: Answer, thresholds: JudgeThresholds, place: int) -> str | None:
    lines = thresholds.addresses or _lines("addresses.txt")
    return f"{answer.text}\n\n{lines[place]}" if place < len(lines) else None


def _lines(name: str) -> tuple[str, ...]:
    text = files(__package__).joinpath(name).read_text(encoding="utf-8")
    return tuple(line for line in text.splitlines() if line.strip())
