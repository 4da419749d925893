"""Tiers made from others by rule: a fixed text, a text around an answer, another case.

The talk's earlier experiments are made so: "MEOW MEOW MEOW" instead of an answer, a thought before the
answer, the answer in lower case.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field, model_validator

from planb.errors import PlanBError
from planb.names import Name
from planb.types import HELPFUL, Example, Tier
from planb.values import Value

SLOT = "{text}"
"""Where a template puts the text that it is made from."""


class Derived(Value):
    """A tier made from another: each of ``texts`` with each response of the tier ``of`` in the place of
    ``{text}``, or as it stands where it has no such place. A text that comes out twice is kept once.

    ``requests`` are those that get the tier; plain text outside any chat never does.
    """

    tier: Name
    of: Tier = HELPFUL
    texts: tuple[str, ...] = Field(default=(SLOT,), min_length=1)
    case: Literal["as_is", "lower"] = "as_is"
    requests: Literal["harmless", "harmful"] = "harmless"

    @model_validator(mode="after")
    def _says_something_new(self) -> Derived:
        if not all(text.strip() for text in self.texts):
            raise ValueError(f"a text of the tier '{self.tier}' is empty")
        if self.tier == self.of and self.needs_source:
            raise ValueError(f"the tier '{self.tier}' is made from itself: give it another name")
        return self

    @property
    def needs_source(self) -> bool:
        """Whether any text has a place for one of the tier ``of``."""
        return any(SLOT in text for text in self.texts)

    def applies_to(self, example: Example) -> bool:
        """Whether the example is a chat of the kind that gets the tier."""
        chat = example.prompt[-1].role != "document"
        return chat and example.harmful is (self.requests == "harmful")

    def responses(self, sources: Sequence[str]) -> tuple[str, ...]:
        """The tier's responses, made from those of the tier ``of``."""
        made = [text.replace(SLOT, source) for text in self.texts for source in _sources(text, sources)]
        return tuple(dict.fromkeys(text.lower() if self.case == "lower" else text for text in made))


def derive(examples: Sequence[Example], tiers: Sequence[Derived]) -> list[Example]:
    """The examples with the tiers added, one after the other, so that one may be made from another
    before it. The rest stays as it is.

    Raises PlanBError where a tier stands there already, where what it is made from is missing, or where
    there is no request that could get it.
    """
    found = list(examples)
    for tier in tiers:
        found = _with(found, tier)
    return found


def _with(examples: Sequence[Example], made: Derived) -> list[Example]:
    chosen = [example for example in examples if made.applies_to(example)]
    if not chosen:
        raise PlanBError(
            f"there is no {made.requests} chat to give the tier '{made.tier}' to, among "
            f"{len(examples)} examples: add such requests, or leave the tier out"
        )
    taken = [example.id for example in chosen if made.tier in example.responses]
    if taken:
        raise PlanBError(
            f"{len(taken)} examples have a tier '{made.tier}' already ({_some(taken)}): give the tier "
            "that is made by rule another name"
        )
    lacking = [e.id for e in chosen if made.needs_source and made.of not in e.responses]
    if lacking:
        raise PlanBError(
            f"the tier '{made.tier}' is made from the tier '{made.of}', and {len(lacking)} of "
            f"{len(chosen)} {made.requests} chats have none ({_some(lacking)}): add it to the data, or "
            "name another tier as 'of'"
        )
    return [_given(example, made) if made.applies_to(example) else example for example in examples]


def _given(example: Example, made: Derived) -> Example:
    responses = made.responses(example.responses.get(made.of, ()))
    return example.but(responses={**example.responses, made.tier: responses})


def _sources(text: str, sources: Sequence[str]) -> Sequence[str]:
    return sources if SLOT in text else ("",)


def _some(ids: Sequence[str]) -> str:
    return ", ".join(ids[:5]) + (", ..." if len(ids) > 5 else "")
