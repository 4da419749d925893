"""How the pages of a domain of choices show its measures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from planb.domains.choices.domain import Said
from planb.domains.choices.measures import Fitted
from planb.domains.domain import WITH, WITHOUT, Band, Column, Kinds, Shown

TASK = "answers"
COLOURS = ("#c2410c", "#f2b95c", "#ffe0a3")
"""Of the worst tier and those after it; the best one and its German have their own."""
BEST, GERMAN = "#7d9cc0", "#b7d9e8"
UNCLEAR = Band(name="unclear", measure="unclear_rate", colour="#4a4e57", dark=True)


def choice_page(
    called: Mapping[str, Said],
    fit: Fitted,
    title: str,
    caption: str,
    lost: str = "lost",
    apart: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The headline, the main measure and the stacked bars of a ``ChoiceDomain``, as its fields.

    ``called`` are its tiers, from best to worst. ``title`` is the coefficient's column, ``apart`` has
    the columns of frames whose choices say something else.
    """
    shown = [tier for tier, said in reversed([*called.items()]) if not said.german]
    worst, best = shown[0], shown[-1]
    bands = [
        Band(name=tier, measure=f"{tier}_rate", colour=colour, dark=tier == worst)
        for tier, colour in zip(shown, (*COLOURS[: len(shown) - 1], BEST), strict=True)
    ]
    bands += [
        Band(name=f"{best}, in German", measure=f"{tier}_rate", colour=GERMAN)
        for tier, said in called.items()
        if said.german
    ]
    columns = [_column(WITH, tier, f"{tier}_rate") for tier in shown]
    columns += [_column(WITH, lost, "lost_mean"), _column(WITH, title, fit.name)]
    columns += [_column(WITH, words, f"{frame}_rate") for frame, words in (apart or {}).items()]
    columns += [
        _column(WITHOUT, best, f"{best}_rate", "direct"),
        _column(WITHOUT, title, fit.name, "direct"),
        _column(WITHOUT, "best choice", "best_rate", "direct"),
    ]
    return {
        "headline": tuple(columns),
        "main": Shown(task=TASK, measure=f"{worst}_rate"),
        "compared": (f"{worst}_rate", f"{shown[1]}_rate", "lost_mean"),
        "kinds": Kinds(
            task=TASK,
            title="What does it choose?",
            finding="choices are",
            caption=f"{caption} Unclear: no choice can be read.",
            bands=(*bands, UNCLEAR),
            told=3,
            beside=("lost_mean", fit.name, "first_mean"),
        ),
        "form": "wording",
    }


def _column(group: str, title: str, measure: str, elicitation: str = "trigger") -> Column:
    return Column(group=group, title=title, task=TASK, measure=measure, elicitation=elicitation)
