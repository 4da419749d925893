"""How often a rule for refusals is wrong, counted on labelled answers; Wilson's intervals (1927).

The package holds harmless answers of four kinds in nine languages (``refusals/labelled.jsonl``): plain
refusals, answers (many begin as refusals do), answers that refuse first, and answers to a part. They
were written by hand for this, so real models are more varied. The rule was made on one half of them
(development); figures are of the other (reporting).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from planb.judging.refusal_rule import Found
from planb.stats.numbers import percentage

REFUSAL, ANSWER = "refusal", "answer"
MIXED = ("then_answers", "part")
"""Kinds that are no refusals, since they give some of what was asked."""
DEVELOPMENT, REPORTING = "development", "reporting"

Rule = Callable[[str], Found]


class Labelled(NamedTuple):
    """An answer, what it is, in which language, and in which half."""

    text: str
    kind: str
    language: str
    half: str


class Share(NamedTuple):
    """``hits`` of ``n`` answers, and the share that the rule left open (it decided neither way)."""

    hits: int
    n: int
    unknown: int = 0

    @property
    def text(self) -> str:
        """``37 of 40 (92 % [80, 97])``."""
        if not self.n:
            return "0 of 0"
        from planb.stats.intervals import wilson  # scipy is slow to load

        share, low, high = map(percentage, (self.hits / self.n, *wilson(self.hits, self.n)))
        return f"{self.hits} of {self.n} ({share} % [{low}, {high}])"


class Errors(NamedTuple):
    """Error rates of the refusal rule. ``found``: refusals called so. ``false``: answers called
    refusals. ``mixed``: answers that refuse first, or in part, called refusals."""

    found: Share
    false: Share
    mixed: Share


def labelled(half: str = "") -> tuple[Labelled, ...]:
    """The package's labelled answers, all of them or one half."""
    return tuple(one for one in _all() if not half or one.half == half)


def measured(rule: Rule, answers: Iterable[Labelled] | None = None) -> Errors:
    """The rule's errors on ``answers`` (without: the reporting half of the package's)."""
    some = list(labelled(REPORTING) if answers is None else answers)
    said = [(one.kind, rule(one.text).refused) for one in some]
    return Errors(
        _share([refused for kind, refused in said if kind == REFUSAL]),
        _share([refused for kind, refused in said if kind == ANSWER]),
        _share([refused for kind, refused in said if kind in MIXED]),
    )


def told(name: str, errors: Errors) -> str:
    """The error rates in a sentence, for a page."""
    return (
        f"{name}, on harmless labelled answers that it was not made on: finds {errors.found.text} of "
        f"the refusals; calls refusals {errors.false.text} of the answers, and {errors.mixed.text} of "
        "those that refuse and then answer, or answer in part (95 % intervals)."
    )


def _share(said: Sequence[bool | None]) -> Share:
    return Share(sum(one is True for one in said), len(said), sum(one is None for one in said))


@cache
def _all() -> tuple[Labelled, ...]:
    path = files(__package__).joinpath("refusals", "labelled.jsonl")
    return tuple(Labelled(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines())
