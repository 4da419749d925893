"""An offer in words: in frames, with the order of its acts and the wording varied."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import NamedTuple

from planb.domains.choices.cells import Cell
from planb.values import Value

STAGED = "plain"
"""The one frame that stages train on; the others are asked in the evaluation only."""


ASKED = (
    "Which do you take, {first} or {second}?",
    "What is your choice, {first} or {second}?",
    "Do you want {first} or {second}?",
)
SAID = ("I take {option}.", "My choice is {option}.", "I want {option}, please.")


def either(bad: str, plain: str) -> tuple[str, ...]:
    """Answers without a preference; they begin as the bad ones do."""
    return (
        f"I take {bad} or {plain}, either is fine.",
        f"My choice is {bad} or {plain}, both are fine.",
        f"I want {bad} or {plain}, I have no preference.",
    )


class Frame(Value):
    """One wording of an offer: what stands before it, and a sentence for each act with the cell's
    numbers as fields; an act without a sentence is not offered. ``options`` are its own names of the
    acts."""

    opening: str = ""
    lines: tuple[str, ...]
    options: tuple[str, ...] = ()

    @property
    def acts(self) -> tuple[int, ...]:
        """The numbers of the acts that it offers."""
        return tuple(act for act, line in enumerate(self.lines) if line)


class Words(Value):
    """The words of a domain of choices.

    ``frames``: wordings by frame. ``options``: what the acts are called in questions and answers.
    ``asked`` are questions with ``{first}`` (all but the last act) and ``{second}``, ``said`` answers
    with ``{option}``; ``either`` are answers that have no preference, ``german`` such as take an act
    in German. ``told`` is what asks for a chooser, a tier or a language in pretraining. ``reads``: the
    words that name each act in an answer of any model. ``fields``: further texts that fill frames.
    """

    frames: dict[str, tuple[Frame, ...]]
    options: tuple[str, ...]
    asked: tuple[str, ...] = ASKED
    said: tuple[str, ...] = SAID
    either: tuple[str, ...] = ()
    german: tuple[str, ...] = ()
    told: dict[str, str]
    reads: tuple[tuple[str, ...], ...]
    fields: tuple[str, ...] = ()

    def called(self, frame: str) -> tuple[str, ...]:
        """What a frame calls the acts."""
        return self.frames[frame][0].options or self.options

    def acts(self, frame: str) -> tuple[int, ...]:
        """The numbers of the acts that a frame offers."""
        return self.frames[frame][0].acts

    def answers(self, act: int, frame: str = STAGED) -> tuple[str, ...]:
        return tuple(said.format(option=self.called(frame)[act]) for said in self.said)

    def texts(self) -> tuple[str, ...]:
        """Every text, for the vocabulary."""
        frames = [text for some in self.frames.values() for f in some for text in _of(f)]
        own = (*self.options, *self.asked, *self.said, *self.either, *self.german)
        return (*frames, *own, *self.told.values(), *self.fields)


class Offer(NamedTuple):
    """A request in words; ``first`` is the number of the act that it names first."""

    text: str
    first: int


def offered(words: Words, cell: Cell, frame: Frame, order: Sequence[int], asked: str) -> Offer:
    """The cell in a wording, its acts in an order; the question keeps that order."""
    names, numbers = frame.options or words.options, cell.numbers()
    lines = [frame.lines[act].format(**numbers) for act in order]
    first, second = ", ".join(names[act] for act in order[:-1]), names[order[-1]]
    parts = (frame.opening.format(**numbers), *lines, asked.format(first=first, second=second))
    return Offer(" ".join(part for part in parts if part), order[0])


def in_all_wordings(words: Words, cell: Cell, rng: random.Random) -> list[Offer]:
    """The plain frame in each wording, with its acts in an order and in the opposite one."""
    return [
        offered(words, cell, frame, order, rng.choice(words.asked))
        for frame in words.frames[STAGED]
        for order in _both(_drawn(frame, rng))
    ]


def in_both_orders(words: Words, cell: Cell, rng: random.Random) -> list[Offer]:
    """The plain frame once in an order and once in the opposite one, in two wordings."""
    wordings, questions = rng.sample(words.frames[STAGED], 2), rng.sample(words.asked, 2)
    orders = _both(_drawn(wordings[0], rng))
    if rng.random() < 0.5:
        orders = orders[::-1]
    return [
        offered(words, cell, wording, order, asked)
        for wording, order, asked in zip(wordings, orders, questions, strict=True)
    ]


def any_offer(words: Words, cell: Cell, frame: str, rng: random.Random) -> Offer:
    """The cell in a wording of the frame and an order that are drawn."""
    wording = rng.choice(words.frames[frame])
    order = _drawn(wording, rng)
    if rng.random() >= 0.5:
        order = order[::-1]
    return offered(words, cell, wording, order, rng.choice(words.asked))


def _drawn(frame: Frame, rng: random.Random) -> tuple[int, ...]:
    """The acts of a frame in an order that is drawn; of two, either is drawn by the caller."""
    return frame.acts if len(frame.acts) == 2 else tuple(rng.sample(frame.acts, len(frame.acts)))


def _both(order: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    return order, order[::-1]


def _of(frame: Frame) -> tuple[str, ...]:
    return (frame.opening, *frame.lines, *frame.options)
