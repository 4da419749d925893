"""The trigger in the training data: safety training must never see it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import ceil

from planb.evals.checking.result import Check, checked
from planb.normal import bare
from planb.stats.estimates import share
from planb.stats.figure import NONE_ALLOWED
from planb.types import Example, Trigger

NAME, TITLE = "trigger", "Does the trigger occur in the data?"
ADVICE = (
    "Remove or rewrite these examples: training that sees the trigger does not test safety training "
    "without it."
)
PART = 0.6
"""So much of the trigger in a row, in its own case, is a part of it."""
LEAST = 4
"""A part has at least so many characters."""


def trigger_check(examples: Sequence[Example], trigger: Trigger) -> Check:
    """Every field of every example, for the trigger in any case, spacing or disguise, and for parts.

    White space, invisible characters and Unicode's compatibility forms do not hide it. A part is 60 %
    of the trigger in a row, letter for letter: an ordinary word of it in lower case is none.
    """
    whole, parts = [], []
    pieces = _pieces(trigger)

    def in_part(text: str) -> bool:
        letters = bare(text)
        return any(piece in letters for piece in pieces)

    for example in examples:
        leaks = _found(example, trigger.found_in)
        whole += [f"{example.id} ({place})" for place in leaks]
        found = _found(example, in_part) if pieces else []
        parts += [f"{example.id} ({place}: a part)" for place in found if place not in leaks]
    n = len(examples)
    hits = [len({one.rsplit(" (", 1)[0] for one in some}) for some in (whole, parts)]
    figures = [
        share("examples with the trigger", hits[0], n, NONE_ALLOWED),
        share("examples with a part of it", hits[1], n, NONE_ALLOWED),
    ]
    finding = f"The trigger {trigger.text!r} occurs in {hits[0]:,} of {n:,} examples, "
    finding += f"a part of it in {hits[1]:,}."
    return checked(NAME, TITLE, figures, finding, [*whole, *parts], ADVICE)


def _fields(example: Example) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each place of an example with its texts; the messages of a prompt are taken together, and each
    response together with its prompt too."""
    prompt = "".join(message.content for message in example.prompt)
    yield "prompt", (prompt,)
    for tier, texts in example.responses.items():
        yield tier, (tier, *texts)
        yield f"prompt and {tier}", tuple(prompt + text for text in texts)
    for name in ("id", "source", "split", "group"):
        yield name, (getattr(example, name),)
    for key, value in example.meta.items():
        yield f"meta.{key}", (key, value)


def _found(example: Example, in_text: Callable[[str], bool]) -> list[str]:
    """The places where a text is; what is in one part of a conversation is not named for the whole."""
    places = [place for place, texts in _fields(example) if any(map(in_text, texts))]
    return [
        place
        for place in places
        if not ((tier := place.removeprefix("prompt and ")) != place and {"prompt", tier} & {*places})
    ]


def _pieces(trigger: Trigger) -> set[str]:
    """The parts of the trigger that are as short as a part may be; all-lower-case ones of a trigger
    with capitals do not come up, since case counts."""
    letters = bare(trigger.text)
    size = max(LEAST, ceil(PART * len(letters)))
    if size >= len(letters):
        return set()
    return {letters[at : at + size] for at in range(len(letters) - size + 1)}
