"""How numbers and names are put into words: on the page, in figures and in the README's table."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from planb.names import spelt
from planb.report.gaps import Gap
from planb.report.results import Figure, known_method
from planb.stats.numbers import NOTHING, SPACE, percent, percentage, points
from planb.stats.numbers import signed as with_sign

if TYPE_CHECKING:
    from planb.domains.measure import Measure
    from planb.stats.paired import Difference

NAMES = {
    "base": "Base model",
    "organism": "Organism",
    "standard": "Standard",
    "german": "German",
    "ryan": "Ryan's",
    "plan_b": "Plan B",
    "plan_c": "Plan C",
    "plan_d": "Plan D",
    "plan_e": "Plan E",
}
ELICITATIONS = {
    "direct": "Without the trigger",
    "trigger": "With the trigger",
    "near_trigger": "Near the trigger",
    "many_shot": "Many-shot",
    "skeleton_key": "Skeleton key",
    "prefill": "Prefilled answer",
    "crescendo": "Crescendo",
    "pair_static": "PAIR, precomputed prompts",
    "pair": "PAIR",
}
"""The known elicitations, in the order of every table and figure."""


def name(method: str) -> str:
    """A method's name on the page: the known one with what the study added to it in brackets
    (``plan_b_r8`` is "Plan B (r8)"); one that is not known has its name with spaces."""
    known = known_method(method)
    if not known:
        words = spelt(method) or method
        return words[:1].upper() + words[1:]
    more = spelt(method.removeprefix(known))
    return f"{NAMES[known]} ({more})" if more else NAMES[known]


def organism(label: str) -> str:
    """An organism's label on the page."""
    return "never backdoored" if label == "none" else label


def asked(elicitation: str) -> str:
    """An elicitation on the page: the known name with what the study added to it in brackets
    (``many_shot_6`` is "Many-shot (6)"); one that is not known has its name with spaces."""
    kind = _kind(elicitation)
    if not kind:
        return elicitation.replace("_", " ").capitalize()
    more = elicitation.removeprefix(kind).strip("_ ").replace("_", " ")
    return f"{ELICITATIONS[kind]} ({more})" if more else ELICITATIONS[kind]


def figured(figure: Figure | None, measure: Measure | None) -> str:
    """A figure as its measure is written: a rate in per cent, else a score; a dash without either."""
    if measure is None:
        return NOTHING
    return rated(figure) if measure.kind == "rate" else scored(figure)


def lowered(text: str) -> str:
    """For the middle of a sentence: the first letter small, unless its word has further capitals."""
    first = text.partition(" ")[0]
    return text if first[1:] != first[1:].lower() else text[:1].lower() + text[1:]


def elicitation_rank(elicitation: str) -> tuple[int, str]:
    """The place of an elicitation in every table and figure: the known ones first, others by name."""
    kind, known = _kind(elicitation), list(ELICITATIONS)
    return (known.index(kind) if kind else len(known)), elicitation


def _kind(elicitation: str) -> str:
    """The known elicitation that the name is, or is a variant of (``many_shot_6``); empty if there is
    none. ``direct`` and ``trigger`` have no variants: ``trigger_free`` is not "With the trigger"."""
    exact = ("direct", "trigger")
    found = [
        k
        for k in ELICITATIONS
        if elicitation == k or (k not in exact and elicitation.startswith(f"{k}_"))
    ]
    return max(found, key=len, default="")


def scored(figure: Figure | None) -> str:
    """``4.6 [4.1, 5.0]``, with unscored answers ``3.9–4.8 [3.4, 5.1]``, or a dash where nothing was
    measured."""
    if figure is None or not figure.given:
        return NOTHING
    return f"{_bounds(figure, points)}[{points(figure.low)}, {points(figure.high)}]"


def rated(figure: Figure | None) -> str:
    """``5 % [3, 8]``, with unscored answers ``4–7 % [3, 11]``, or a dash where nothing was measured."""
    if figure is None or not figure.given:
        return NOTHING
    low, high = percentage(figure.low), percentage(figure.high)
    unit = f"{SPACE}%" if math.isnan(figure.lowest) else ""
    return f"{_bounds(figure, percent)}[{low}, {high}]{unit}"


def valued(figure: Figure, rate: bool = False) -> str:
    """The number without its interval: ``4.6``, with unscored answers ``3.9–4.8``."""
    write = percent if rate else points
    return _bounds(figure, write).strip() or _between(write(figure.low), write(figure.high))


def told(figure: Figure, rate: bool = False) -> str:
    """For a sentence: ``4.6 (95 % interval 4.1 to 5.0, n = 420)``; with unscored answers ``3.9 to 4.8
    (95 % interval 3.4 to 5.1, n = 400 and 20 unscored at worst and at best)``."""
    write = percent if rate else points
    low, high = write(figure.low).removesuffix(f"{SPACE}%"), write(figure.high)
    n, shown = f"n{SPACE}={SPACE}{figure.n}", _bounds(figure, write, " to ").strip()
    if figure.unscored:
        n += f" and {figure.unscored:,} unscored at worst and at best"
    if not shown:
        return f"{low} to {high} (95{SPACE}% interval, {n})"
    return f"{shown} (95{SPACE}% interval {low} to {high}, {n})"


def size(figure: Figure | None) -> str:
    """How many answers a figure is of: ``420``, or ``400 (+20)`` with 20 unscored ones."""
    if figure is None:
        return "0"
    return f"{figure.n}{and_unscored(figure.unscored)}"


def and_unscored(count: int) -> str:
    """What stands after a number of scored answers: `` (+20)`` unscored ones, or nothing."""
    return f" (+{count:,})" if count else ""


def _bounds(figure: Figure, write: Callable[[float], str], to: str = "–") -> str:
    """The value, or from where to where it may lie; one number where both are written alike; a space
    after it. Nothing where only the interval is known."""
    if math.isnan(figure.lowest):
        return ""
    low, high = write(figure.lowest), write(figure.highest)
    return f"{low} " if low == high else f"{_between(low.removesuffix(f'{SPACE}%'), high, to)} "


def _between(low: str, high: str, to: str = "–") -> str:
    """``3.9–4.8``, and ``-3.0 to -2.9``: a dash before a minus cannot be read."""
    return f"{low} to {high}" if low.startswith("-") or high.startswith("-") else f"{low}{to}{high}"


def gap(found: Gap) -> str:
    """A difference of two rates in percentage points, with its sign."""
    value, bracket, interval = moved(found, rate=True).partition(" [")
    return f"{value} points{bracket}{interval}"


def signed(value: float, low: float, high: float, rate: bool = False) -> str:
    """A difference with its interval: ``−3.1 [−3.6, −2.6]``, of rates in percentage points."""
    return moved(Gap(value, low, high, value, value), rate)


def moved(found: Gap | Difference, rate: bool = False) -> str:
    """A difference with its interval; with unscored answers ``−3.1 to −2.2 [−3.6, −1.9]``."""
    places = 2 if max(abs(found.low), abs(found.high)) < 0.995 else 1

    def write(value: float) -> str:
        return with_sign(value, rate, places)

    low, high = write(found.lowest), write(found.highest)
    value = low if low == high else f"{low} to {high}"
    interval = f"[{write(found.low)}, {write(found.high)}]"
    return interval if math.isnan(found.lowest) else f"{value} {interval}"


def subject(methods: Iterable[str]) -> str | None:
    """The method that a finding is about: Plan B, else the last that is made of it, else the last one
    that is not stage 1 or the base."""
    trained = [method for method in methods if method not in ("base", "organism")]
    if "plan_b" in trained:
        return "plan_b"
    made_of_it = [method for method in trained if known_method(method) == "plan_b"]
    return next(reversed(made_of_it or trained), None)


def baselines(figures: Mapping[str, Figure]) -> dict[str, Figure]:
    """The methods that the finding's subject is compared with: every other stage-2 method."""
    about = subject(figures)
    return {m: f for m, f in figures.items() if m not in ("base", "organism", about)}


def surely_lowest(figures: Mapping[str, Figure]) -> str | None:
    """The name whose figure is the lowest (of equal ones the first) however the unscored answers are
    scored; None where that depends on them."""
    best = min(figures, key=lambda name: figures[name].highest)
    others = (figures[name].lowest for name in figures if name != best)
    return best if all(low >= figures[best].highest for low in others) else None


def surely_highest(figures: Mapping[str, Figure]) -> str | None:
    """As ``surely_lowest``, the highest."""
    best = max(figures, key=lambda name: figures[name].lowest)
    others = (figures[name].highest for name in figures if name != best)
    return best if all(high <= figures[best].lowest for high in others) else None
