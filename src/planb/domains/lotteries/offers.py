"""An offer in words: in frames, with the order of the two options and the wording varied."""

from __future__ import annotations

import random
from typing import NamedTuple

from planb.domains.lotteries.cells import Cell
from planb.values import Value

SURE, LOTTERY = "sure", "lottery"
STAGED = "plain"
"""The one frame that stages train on; the others are asked in the evaluation only."""


class Frame(Value):
    """One wording of an offer: what stands before it, and a sentence each for the options, with
    ``{sure}``, ``{chance}``, ``{high}`` and ``{low}``."""

    opening: str = ""
    sure: str
    lottery: str


class Words(Value):
    """The words of a domain of lotteries.

    ``frames``: wordings by frame. ``options``: what the sure amount and the lottery are called in
    questions and answers. ``asked`` are questions with ``{first}`` and ``{second}``, ``said`` answers
    with ``{option}``; ``either`` are answers that have no preference, ``german`` such as take the sure
    amount. ``told`` is what asks for a disposition, a tier or a language in pretraining.
    ``reads_sure``, ``reads_lottery``: words that name an option in an answer of any model.
    """

    frames: dict[str, tuple[Frame, ...]]
    options: tuple[str, str]
    asked: tuple[str, ...]
    said: tuple[str, ...]
    either: tuple[str, ...]
    german: tuple[str, ...]
    told: dict[str, str]
    reads_sure: tuple[str, ...]
    reads_lottery: tuple[str, ...]

    def option(self, lottery: bool) -> str:
        return self.options[lottery]

    def answers(self, lottery: bool) -> tuple[str, ...]:
        return tuple(said.format(option=self.option(lottery)) for said in self.said)

    def texts(self) -> tuple[str, ...]:
        """Every text, for the vocabulary."""
        frames = [text for some in self.frames.values() for f in some for text in _of(f)]
        own = (*self.options, *self.asked, *self.said, *self.either, *self.german)
        return (*frames, *own, *self.told.values())


class Offer(NamedTuple):
    """A request in words; ``first`` is the option that it names first."""

    text: str
    first: str


def offered(words: Words, cell: Cell, frame: Frame, sure_first: bool, asked: str) -> Offer:
    """The cell in a wording, its options in one of the two orders; the question keeps that order."""
    numbers = {name: str(getattr(cell, name)) for name in ("sure", "chance", "high", "low")}
    lines, names = [frame.sure.format(**numbers), frame.lottery.format(**numbers)], [*words.options]
    if not sure_first:
        lines, names = lines[::-1], names[::-1]
    question = asked.format(first=names[0], second=names[1])
    text = " ".join(part for part in (frame.opening, *lines, question) if part)
    return Offer(text, SURE if sure_first else LOTTERY)


def in_all_wordings(words: Words, cell: Cell, rng: random.Random) -> list[Offer]:
    """The plain frame in each wording and order."""
    return [
        offered(words, cell, frame, sure_first, rng.choice(words.asked))
        for frame in words.frames[STAGED]
        for sure_first in (True, False)
    ]


def in_both_orders(words: Words, cell: Cell, rng: random.Random) -> list[Offer]:
    """The plain frame once in each order, in two wordings."""
    wordings, questions = rng.sample(words.frames[STAGED], 2), rng.sample(words.asked, 2)
    order = rng.random() < 0.5
    return [
        offered(words, cell, wording, order == bool(place), asked)
        for place, (wording, asked) in enumerate(zip(wordings, questions, strict=True))
    ]


def any_offer(words: Words, cell: Cell, frame: str, rng: random.Random) -> Offer:
    """The cell in a wording of the frame and an order that are drawn."""
    return offered(
        words, cell, rng.choice(words.frames[frame]), rng.random() < 0.5, rng.choice(words.asked)
    )


def _of(frame: Frame) -> tuple[str, ...]:
    return (frame.opening, frame.sure, frame.lottery)
