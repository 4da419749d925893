"""How claims, and what was found of them, are put into words."""

from __future__ import annotations

from collections.abc import Mapping

from planb.domains import Domain
from planb.domains.measure import NOTHING, Measured
from planb.report import wording
from planb.report.gaps import Gap
from planb.report.results import Figure
from planb.report.story import Of
from planb.stats import numbers

MARKS = {"held": "✓", "not held": "✗", "undecided": "~", "not measured": "–"}
"""A verdict is a mark and words: never a colour alone."""


def in_words(of: Of, measured: Mapping[str, Measured], domain: Domain) -> str:
    """``Plan B, with the trigger: mean severity``; an organism that is named stands in brackets."""
    task = measured.get(of.task, NOTHING)
    measure = task.named(of.measure)
    what = of.measure if measure is None else measure.told
    who = wording.name(of.method) + (f" ({wording.organism(of.organism)})" if of.organism else "")
    where = f" on {task.words}" if task.words else f" ({of.task})"
    if of.task == domain.main.task:
        who, where = f"{who}, {wording.lowered(wording.asked(of.elicitation))}", ""
    forms = f", {', '.join(of.forms)}" if of.forms else ""
    return f"{who}: {what}{where}{forms}"


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
