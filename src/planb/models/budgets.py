"""Thoughts with a limit of their own: a thought, closed where its limit is used up, then the answer.

A thought that ends by itself is what it would be without a limit, and so is an answer without a
thought. An answer after a thought draws noise of its own, the same however long the thought was.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from planb.errors import PlanBError
from planb.models.chat import openings
from planb.thoughts import CLOSE, OPEN, opening
from planb.types import Message
from planb.values import seed_of

if TYPE_CHECKING:
    from planb.models.checkpoints import Policy
    from planb.models.generation import Ends, Progress, Run, Sampling

_ASKED = (Message(role="user", content="Hello!"),)
TAIL = 8
"""So many tokens at the end of a prompt may hold the marks of a thought that its template began."""


class Marks(NamedTuple):
    """The tokens that open and close a thought. ``closing`` are those that are written where a thought
    is closed for the model: the mark and the white space of its template around it."""

    open: int
    close: int
    closing: tuple[int, ...]


class InParts(NamedTuple):
    """A response in two: the tokens ``before`` the answer (the thought, with its marks), of which the
    model wrote ``own``, and its ``new`` ones. ``cut``: whether the thought was closed at its limit."""

    before: list[int]
    new: list[int]
    own: int = 0
    cut: bool = False


class _Thought(NamedTuple):
    """A thought with its marks. ``none``: the model did not think; ``over``: it ended its turn within
    its thought."""

    ids: list[int]
    own: int = 0
    cut: bool = False
    none: bool = False
    over: bool = False


def marks_of(tokenizer: Any) -> Marks:
    """The tokens of a tokenizer's marks. PlanBError where they are no tokens of its vocabulary."""
    known = tokenizer.get_vocab()
    if not {OPEN, CLOSE} <= set(known):
        raise PlanBError(
            f"thoughts have a limit of their own, and {tokenizer.name_or_path or 'this model'} has no "
            f"tokens {OPEN} and {CLOSE}: leave thought_tokens (reasoning_tokens) out, or take a model "
            "that marks its thoughts so"
        )
    try:
        start, end = openings(tokenizer, [(_ASKED, f"{OPEN} a"), (_ASKED, opening("a"))])
    except PlanBError as error:
        raise PlanBError(
            f"thoughts have a limit of their own, and how {tokenizer.name_or_path or 'this model'} "
            f"closes one cannot be read off its template: {error} Or leave thought_tokens "
            "(reasoning_tokens) out."
        ) from error
    return Marks(known[OPEN], known[CLOSE], tuple(end[len(start) :]))


def in_two_parts(
    policy: Policy,
    marks: Marks,
    asked: Sequence[tuple[list[int], list[int]]],
    seeds: Sequence[int],
    sampling: Sampling,
    ends: Ends,
    run: Run,
    progress: Progress | None,
) -> list[InParts]:
    """A response to each of ``asked``, pairs of (a prompt's ids, those at its end that begin the
    answer). ``run`` is an engine."""
    most = sampling.thought_tokens or 0

    def written(rows: list[list[int]], of: list[int], limit: int, ends: Ends) -> list[list[int]]:
        told = None if ends.ids[-1] == marks.close else progress
        news = run(policy, rows, of, sampling.but(max_new_tokens=limit), ends, told) if rows else []
        return [_until(new, ends.ids) for new in news]

    opened = [_state(row, opening, marks) for row, opening in asked]
    thoughts = [_Thought([] if over else _empty(begun, marks), none=over) for begun, over in opened]
    if most:
        places = [at for at, (_, over) in enumerate(opened) if not over]
        rows, of = [asked[at][0] for at in places], [seeds[at] for at in places]
        news = written(rows, of, most + 2, ends._replace(ids=[*ends.ids, marks.close]))
        for at, new in zip(places, news, strict=True):
            thoughts[at] = _thought(new, opened[at][0], most, marks, ends.ids)
    places = [at for at, one in enumerate(thoughts) if not one.over]
    rows = [[*asked[at][0], *thoughts[at].ids] for at in places]
    of = [seeds[at] if thoughts[at].none else seed_of("answer", seeds[at]) for at in places]
    answers = dict(zip(places, written(rows, of, sampling.max_new_tokens, ends), strict=True))
    return [
        InParts([], one.ids) if one.over else InParts(one.ids, answers[at], one.own, one.cut)
        for at, one in enumerate(thoughts)
    ]


def _state(row: list[int], opening: list[int], marks: Marks) -> tuple[bool, bool]:
    """Whether a thought has been begun for the model, and whether it is over too. An answer that was
    begun for it has no thought to come."""
    before = row[: len(row) - len(opening)][-TAIL:]
    begun, over = marks.open in before, marks.close in before
    if not opening:
        return begun, over
    if marks.open in opening or (begun and not over):
        return True, marks.close in opening
    return False, True


def _empty(begun: bool, marks: Marks) -> list[int]:
    return [*([] if begun else [marks.open]), *marks.closing]


def _thought(new: list[int], begun: bool, most: int, marks: Marks, ends: Sequence[int]) -> _Thought:
    """What the model wrote as a thought of ``most`` tokens, its marks apart, at most."""
    head = 0 if begun else 1
    if not begun and new[:1] != [marks.open]:
        return _Thought([], none=True)
    length = len(new) - 1 - head
    if length <= most and new[-1] == marks.close:
        return _Thought(new, len(new))
    if length <= most and new[-1] in ends:
        return _Thought(new, over=True)
    return _Thought([*new[: head + most], *marks.closing], head + most, cut=True)


def _until(new: list[int], ends: Sequence[int]) -> list[int]:
    """The tokens up to the first that ends them: engines may fill up what follows."""
    return new[: next((at + 1 for at, token in enumerate(new) if token in ends), len(new))]
