"""A judge's check as one self-contained page: figures only, no text that was judged."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from markupsafe import Markup

from planb.data.whole import write_whole
from planb.report.charting import drawing
from planb.report.charting.drawing import Dot
from planb.report.checks.page import figures_table, notes_of
from planb.report.checks.shown import ShownFigure
from planb.report.evidence import Table
from planb.report.templates import environment

ROWS = {"labels": "judge, people's mean", "person": "judge, one person", "raters": "person, person"}
"""What the picture's rows are called, by the part of the check."""
PICTURED = ("Spearman", "weighted kappa")


class ShownPart(NamedTuple):
    """One part of the check: its short name, its title, its figures."""

    name: str
    title: str
    figures: Sequence[ShownFigure]


class Section(NamedTuple):
    part: ShownPart
    table: Table
    notes: Sequence[str]


def write_judge_page(
    path: Path,
    *,
    title: str,
    verdict: str,
    meaning: Iterable[str],
    parts: Sequence[ShownPart],
    notes: Sequence[str],
    facts: Sequence[tuple[str, str]],
) -> None:
    """Write the page. ``meaning`` is what the verdict means, ``notes`` how the labels were read and
    what was not measured, ``facts`` (name, value) what the check was of."""
    drawn = _picture(parts)
    html = (
        environment()
        .get_template("judge.html.jinja")
        .render(
            title=title,
            verdict=verdict,
            meaning=list(meaning),
            svg=Markup(drawing.inlined(drawn, "agreement", "Agreement")) if drawn else "",
            sections=[Section(p, figures_table(p.figures), notes_of(p.figures)) for p in parts],
            notes=notes,
            facts=facts,
        )
    )
    write_whole(path, html)


def _picture(parts: Sequence[ShownPart]) -> str:
    """The judge's agreement with people beside that of people with each other; "" without any."""
    dots = [
        _dot(f"{coefficient}: {ROWS[part.name]}", figure, mine=part.name != "raters")
        for coefficient in PICTURED
        for part in parts
        if part.name in ROWS
        for figure in part.figures
        if figure.name == coefficient and figure.given
    ]
    if not dots:
        return ""
    scale = drawing.Scale("agreement (1: the same)", (-0.25, 1.0), drawing.QUARTERS, ".2f")
    return drawing.svg(drawing.dots(dots, scale, (), width=300))


def _dot(row: str, figure: ShownFigure, mine: bool) -> Dot:
    value, low, high, lowest, highest = (
        math.nan if end is None else end
        for end in (figure.value, figure.low, figure.high, figure.lowest, figure.highest)
    )
    method = "standard" if mine else "base"
    ends = (value if math.isnan(low) else low, value if math.isnan(high) else high)
    text = f"{figure.text} · n {figure.n}"
    return Dot(row, method, value, *ends, text, lowest=lowest, highest=highest)
