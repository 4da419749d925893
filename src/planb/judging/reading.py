"""What a judge model wrote -> an answer that has been checked, or why it is none.

Read are JSON objects (bare, fenced, or after some words), plain lines (``refused: no``), and where a
form has one question the bare word. All of them are read and compared: answers that differ are none,
whichever comes last, since a draft and a verdict look alike. Thoughts are no answer. A reason never
quotes the answer: a judge may quote what it judges, and reasons are shown where texts are hidden.
"""

from __future__ import annotations

import re
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, field_validator

from planb.models.answers import (
    UnreadableError,
    checked,
    objects,
    uncontradicted,
    without_thoughts,
)


class Form(BaseModel):
    """The questions that a judge answers. Subclasses add fields with their bounds; more keys than
    those are ignored (a model may give its reasons)."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _truth_is_no_number(cls, value: Any, info: Any) -> Any:
        if isinstance(value, bool) and cls.model_fields[info.field_name].annotation is not bool:
            raise ValueError("it is true or false, but the question asks for something else")
        return _out_of(value.strip().casefold(), cls, info) if isinstance(value, str) else value


SomeForm = TypeVar("SomeForm", bound=Form)


def _out_of(said: str, form: type[Form], info: Any) -> str:
    """``8`` of "8/10" and "8 out of 10", where 10 is the highest that the question takes."""
    parts = re.fullmatch(r"([\d.]+) ?(?:/|out of) ?(\d+)", said)
    if not parts:
        return said
    highest = [getattr(one, "le", None) for one in form.model_fields[info.field_name].metadata]
    return parts[1] if int(parts[2][:9]) in highest else said


def read(text: str, form: type[SomeForm]) -> SomeForm:
    """The one answer that ``text`` gives. Raises UnreadableError."""
    said = without_thoughts(text)
    if not said:
        raise UnreadableError("the answer is empty")
    found, rest = _objects(said, form)
    lines = _lines(rest, form)
    found = found or _of_lines(lines) or _word(said, form)
    if not found:
        raise UnreadableError(f"the answer has none of: {', '.join(form.model_fields)}")
    answers = [checked(fields, form) for fields in found]
    if any(answer != answers[0] for answer in answers) or _against(answers[0], lines):
        raise UnreadableError("there are several answers, and they differ")
    return answers[0]


def _objects(text: str, form: type[Form]) -> tuple[list[dict[str, Any]], str]:
    """Every JSON object that answers one of the questions, and the text without all its objects."""
    found, rest, at = [], "", 0
    for one in objects(text):
        rest, at = rest + text[at : one.start], one.end
        if any(name in form.model_fields for name in one.fields):
            found.append(uncontradicted(one, form))
    return found, rest + text[at:]


def _lines(text: str, form: type[Form]) -> dict[str, list[str]]:
    """What the lines ``question: answer`` say of each question that has one, each text once."""
    found: dict[str, list[str]] = {}
    for name in form.model_fields:
        line = rf"^[ \t\r>*#_\"'`\d.)-]*{name}[ \t*_\"'`]*[:=](.*)$"
        said = re.findall(line, text, re.M | re.I)
        if answers := [answer.strip(" \t\r*_\"'`,;.").casefold() for answer in said]:
            found[name] = list(dict.fromkeys(answers))
    return found


def _of_lines(lines: dict[str, list[str]]) -> list[dict[str, Any]]:
    """The lines' first answers together, and each other answer in the place of the first."""
    first: dict[str, Any] = {name: texts[0] for name, texts in lines.items()}
    others = [{**first, name: text} for name, texts in lines.items() for text in texts[1:]]
    return [first, *others] if first else []


def _against(answer: Form, lines: dict[str, list[str]]) -> bool:
    """Whether a line beside the JSON says something else. One that is no answer to its question
    (prose after a heading) says nothing."""
    for name, said in lines.items():
        for text in said:
            try:
                other = checked({**answer.model_dump(), name: text}, type(answer))
            except UnreadableError:
                continue
            if other != answer:
                return True
    return False


def _word(text: str, form: type[Form]) -> list[dict[str, Any]]:
    """The whole text as the answer to the only question."""
    if len(form.model_fields) == 1 and len(text.split()) == 1:
        return [{next(iter(form.model_fields)): text.strip(" *_\"'`,;.!")}]
    return []
