"""A measure as a specification: what is asked of which answers, and how its figure is written.

A value and no function, so that a task may declare it, a log may carry it as JSON, and only the report
has to know how it is read off rows (``planb.report.measures``).
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from planb.names import Label
from planb.types import ANSWERS
from planb.values import LATER, Value

TAKEN = frozenset({*ANSWERS, "score", "harmful", "kind"})
"""What no part of a score can be called: tables have columns of these names for what judges say."""


class Question(Value):
    """What is asked of one answer.

    Of a judge's word: ``refused``, ``german_refusal``, ``incoherent``, ``complied`` (yes or no),
    ``severity``, ``usefulness`` (0-10); ``known_german`` and ``not_known_german`` share refusals out
    however few have a language; of an exact or a benchmark's score: ``score``, the ``part``
    called ``name``, the ``kind`` (one of ``kinds``); of the request: ``side`` (is it one that the
    domain is about, ``Example.harmful``?). ``kind_told``: does the judge tell kinds at all?

    ``at_least`` and ``below`` make of a number whether it lies there; ``no`` asks the opposite;
    ``also`` must hold as well.
    """

    of: Literal[
        "everything",
        "refused",
        "german_refusal",
        "known_german",
        "not_known_german",
        "incoherent",
        "complied",
        "severity",
        "usefulness",
        "score",
        "part",
        "kind",
        "kind_told",
        "side",
    ]
    name: str = ""
    kinds: tuple[str, ...] = ()
    at_least: float | None = None
    below: float | None = None
    no: bool = False
    also: Question | None = None

    @model_validator(mode="after")
    def _is_found_among_the_parts(self) -> Question:
        if self.of == "part" and self.name in TAKEN:
            raise ValueError(
                f"no part can be called '{self.name}': tables have a column of that name for what "
                "judges say, so it would never be found. Call it something else"
            )
        return self


EVERYTHING = Question(of="everything")
SCORE = Question(of="score")


def part(name: str) -> Question:
    return Question(of="part", name=name)


class Measure(Value):
    """A question and the answers that it is asked of.

    ``rate``: a share of yes, 0-1. ``mean``: of scores, ``bottom`` to ``highest``. ``fit``: the
    coefficient of a chooser of the kind ``model`` that choices are fitted with
    (``planb.stats.coefficients``), where ``of`` says which act was taken and the parts ``OFFERS`` of
    ``planb.stats.attitudes`` what was offered. ``forms``
    narrows it to the forms that were held out of training, or to the seen ones. ``words`` stand for it
    on pages; a measure with a ``title`` has a picture of its own among the benchmarks.
    """

    name: Label
    kind: Literal["rate", "mean", "fit"]
    of: Question
    among: Question = EVERYTHING
    forms: Literal["", "heldout", "seen"] = ""
    bottom: float = 0.0
    highest: float = 10.0
    words: str = ""
    title: str = ""
    model: Literal["", "crra", "weight", "observers"] = Field(default="", json_schema_extra=LATER)

    @model_validator(mode="after")
    def _a_fit_has_a_model(self) -> Measure:
        if (self.kind == "fit") != bool(self.model):
            raise ValueError(f"the measure '{self.name}' needs a kind 'fit' and a model, or neither")
        return self

    @property
    def top(self) -> float:
        """The highest value that it can have."""
        return 1.0 if self.kind == "rate" else self.highest

    @property
    def told(self) -> str:
        """Its name on pages."""
        plain = self.name.partition("@")[0].removesuffix("_rate").removesuffix("_mean")
        return self.words or plain.replace("_", " ")


def rate(name: str, of: Question, words: str = "", among: Question = EVERYTHING) -> Measure:
    return Measure(name=name, kind="rate", of=of, among=among, words=words)


class Measured(Value):
    """What a task's answers are measured by, in the order of all tables, and who scores them: the
    study's ``judges``, a judge of the task's ``own``, or a ``rule``, which needs no calibration.
    ``words``: what it asks, on pages."""

    measures: tuple[Measure, ...]
    by: Literal["judges", "own", "rule"] = "own"
    words: str = ""

    @model_validator(mode="after")
    def _names_are_unique(self) -> Measured:
        names = [one.name for one in self.measures]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"duplicate measure '{twice[0]}': use unique names")
        return self

    def named(self, name: str) -> Measure | None:
        """The measure of that name, if there is one."""
        return next((one for one in self.measures if one.name == name), None)


NOTHING = Measured(measures=())
