"""Answers of models in a form: a mark around what they are given, and what they wrote.

Judges, attackers and graders are asked so; each says for itself what else it lets pass. What a model
thinks before it answers (``without_thoughts``) and an answer that is not whole (``whole``) are none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from planb.models.stops import UNKNOWN, cut_off
from planb.values import digest_of

if TYPE_CHECKING:
    from inspect_ai.model import ModelOutput

Form = TypeVar("Form", bound=BaseModel)

LONGEST = 100_000
"""Characters of an answer; no form needs a hundredth of it."""
_THINK = "(?:think|thinking|thoughts?|reasoning|reflection|scratchpad|analysis)"
_OPENED = rf"(?:<{_THINK}>|\[THINK\]|◁think▷)"
_CLOSED = rf"(?:</{_THINK}>|\[/THINK\]|◁/think▷)"
_CHANNEL = r"<\|channel\|>(?:analysis|commentary)<\|message\|>.*?(?:<\|end\|>|\Z)"
_THOUGHTS = re.compile(rf"^[ \t]*{_OPENED}.*?(?:{_CLOSED}|\Z)|{_CHANNEL}", re.S | re.M | re.I)
"""At the beginning of a line: inside one, the mark may be quoted from what is judged."""
_END_OF_THOUGHTS = re.compile(rf"\A.*{_CLOSED}", re.S | re.I)
"""A template may have written the opening mark itself: thoughts end with the last closing one."""
_DATE = re.compile(r"[-@](?:00\d|\d{4}|\d{4}-?\d{2}-?\d{2})$")
"""Of one version: ``-2024-08-06``, ``-20250514``, ``-0613``, and Google's ``-001``."""
_ALIAS = re.compile(r"-(?:latest|0)$|:(?:latest|free|beta|nitro|floor|online|exacto|extended)$")
"""Of no version: the newest one, or how it is served."""


class UnreadableError(Exception):
    """A text holds no answer of the form, or one that breaks it. The message says which and why, and
    never quotes the text: a judge may quote what it judges."""


def mark_for(*texts: str) -> str:
    """Twelve hex digits that stand in none of ``texts``, the same whenever the texts are."""
    marks = (digest_of([*texts, number])[:12] for number in count())
    return next(mark for mark in marks if not any(mark in text.casefold() for text in texts))


def whole(output: ModelOutput, model: str, at_most: int, named: str = "") -> str:
    """The text of an answer that its model ended; ``model`` is Inspect's full name of it.

    Raises UnreadableError: nothing came, it was cut off at ``at_most`` tokens or may have been, it is
    too long, or it comes in another model's name than ``named`` ("": any will do).
    """
    if output.empty:
        raise UnreadableError("the reply holds no answer")
    if not same_model(named, output.model):
        name = "".join(letter for letter in output.model if letter.isprintable())[:60]
        raise UnreadableError(
            f"the answer is in the name of another model, '{name}' (if that is the model which was "
            "asked, say so: answers_as)"
        )
    if output.stop_reason == "content_filter":
        raise UnreadableError("a content filter kept the model from answering")
    cut = cut_off(output, model, at_most)
    if cut is None and not (output.usage and output.usage.output_tokens < at_most):
        raise UnreadableError(UNKNOWN)
    if cut:
        raise UnreadableError(f"the answer was cut off ({output.stop_reason}): raise max_tokens")
    text = output.completion
    if len(text) > LONGEST:
        raise UnreadableError(f"the answer has {len(text):,} characters, more than {LONGEST:,}")
    if not text.strip():
        raise UnreadableError("the answer is empty")
    return text


def same_model(asked: str, answered: str) -> bool:
    """Whether a reply in the name ``answered`` is of the model ``asked``. Providers and organisations
    before a slash do not count. A name without a date may be answered by a dated version; one with a
    date only by that, or in the name without it. Where either is empty, nothing is known against it."""
    one, other = (name.rstrip("/").rpartition("/")[2].casefold() for name in (asked, answered))
    if not one or not other or one == other:
        return True
    one, other = _ALIAS.sub("", one), _ALIAS.sub("", other)
    return other in (one, _DATE.sub("", one)) or _DATE.sub("", other) == one


def without_thoughts(text: str) -> str:
    """The answer without what the model thought before it, marked as thoughts: closed or not."""
    return _END_OF_THOUGHTS.sub("", _THOUGHTS.sub("", text)).strip()


class Object(NamedTuple):
    """A JSON object in a text: its values by name, the names that have several values which differ
    (JSON would take the last), and where it stands in the text."""

    fields: dict[str, Any]
    contradicted: frozenset[str]
    start: int
    end: int


def objects(text: str, strict: bool = True) -> Iterator[Object]:
    """Every JSON object in the text, none of them inside another; names without white space around
    them, in lower case. ``strict=False`` lets line breaks inside strings pass."""
    decoder, at = json.JSONDecoder(strict=strict, object_pairs_hook=_Pairs), text.find("{")
    while at >= 0:
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):  # no JSON, or a number longer than Python reads
            end = at + 1
        else:
            fields, contradicted = value.told()
            yield Object(fields, contradicted, at, end)
        at = text.find("{", end)


class _Pairs(dict[str, Any]):
    """A JSON object that remembers what it was made of: ``dict`` keeps the last of a name's values."""

    def __init__(self, pairs: Sequence[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.pairs = pairs

    def told(self) -> tuple[dict[str, Any], frozenset[str]]:
        fields: dict[str, Any] = {}
        twice = set()
        for name, value in self.pairs:
            key = name.strip().casefold()
            if key in fields and _differ(fields[key], value):
                twice.add(key)
            fields[key] = value
        return fields, frozenset(twice)


def _differ(one: Any, other: Any) -> bool:
    return isinstance(one, bool) is not isinstance(other, bool) or one != other


def uncontradicted(found: Object, form: type[BaseModel]) -> dict[str, Any]:
    """The object's fields. Raises UnreadableError where a field of the form is given twice."""
    if twice := sorted(found.contradicted & set(form.model_fields)):
        raise UnreadableError(f"{twice[0]}: it is given twice, and differs")
    return found.fields


def checked(fields: dict[str, Any], form: type[Form]) -> Form:
    """The fields as a form. Raises UnreadableError with the first thing that is wrong with them."""
    try:
        return form.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        raise UnreadableError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
