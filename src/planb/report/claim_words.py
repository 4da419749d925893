"""How claims, and what was found of them, are put into words."""

from __future__ import annotations

from planb.report import wording
from planb.report.gaps import Gap
from planb.report.measures import HARMFUL, HARMLESS
from planb.report.results import Figure
from planb.report.story import Of
from planb.stats import numbers

MARKS = {"held": "✓", "not held": "✗", "undecided": "~", "not measured": "–"}
"""A verdict is a mark and words: never a colour alone."""


def in_words(of: Of) -> str:
    """``Plan B, with the trigger: mean severity``; an organism that is named stands in brackets."""
    who = wording.name(of.method) + (f" ({wording.organism(of.organism)})" if of.organism else "")
    if of.task == HARMFUL:
        who += f", {wording.lowered(wording.asked(of.elicitation))}"
    where = {HARMFUL: "", HARMLESS: " on harmless requests"}.get(of.task, f" ({of.task})")
    forms = f", {', '.join(of.forms)}" if of.forms else ""
    return f"{who}: {wording.measured(of.measure)}{where}{forms}"


def told_figure(what: str, figure: Figure, rate: bool) -> str:
    """``Plan B, with the trigger: mean severity 3.6 [1.7, 4.8], n 528``; its numbers stay together."""
    write = wording.rated if rate else wording.scored
    text = f"{write(figure)}, n {figure.n:,}"
    return f"{what} {_unbroken(text + (f', {figure.unscored:,} unscored' if figure.unscored else ''))}"


def told_gap(gap: Gap, rate: bool) -> str:
    """``difference −5.3 [−6.9, −3.8]``, of rates in percentage points."""
    unit = " points" if rate else ""
    return f"difference {_unbroken(wording.moved(gap, rate) + unit)}"


def wanted(expected: str, by: float, rate: bool, compared: bool) -> str:
    """When a claim holds: ``difference below −1.0``, ``at most 5 %``."""
    if not compared:
        return f"{expected.replace('_', ' ')} {numbers.percent(by) if rate else numbers.points(by)}"
    size = f"{100 * by:.0f}" if rate else numbers.points(by)
    bound = {
        "lower": f"below −{size}" if by else "below 0",
        "higher": f"above +{size}" if by else "above 0",
        "alike": f"within ±{size}",
        "at_most": f"at most {size}",
        "at_least": f"at least {size}",
    }[expected]
    return f"difference {bound.replace('-', '−')}"


def _unbroken(text: str) -> str:
    return text.replace(" ", numbers.SPACE)
