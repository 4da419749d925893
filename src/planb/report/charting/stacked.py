"""Stacked bars: every answer of a method under a condition is in one of some bands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import altair as alt
import numpy as np
import pandas as pd

from planb.report import wording
from planb.report.charting import drawing
from planb.report.evidence import Table
from planb.report.results import Figure
from planb.stats import numbers

CONDITIONS = {"trigger": "With the trigger", "direct": "Without the trigger"}
_WRITTEN = 0.08
"""From this share on a bar has its number in it."""
Links = Mapping[tuple[str, str], Mapping[str, tuple[str, str]]]
"""(method, elicitation) -> number of a band -> where it leads, and what is said of it."""
_PAPER, _EDGE = "#ffffff", "#9aa0aa"


@dataclass(frozen=True)
class Band:
    """One share of the bars; ``dark`` ones are written on in white."""

    name: str
    colour: str
    dark: bool = False


UNSCORED = Band("not scored", "#ffffff")
"""What is left of a bar where answers are unscored: they may be in any band."""


def shares_of(
    figures: Mapping[tuple[str, str], Sequence[Figure]], bands: Sequence[Band]
) -> tuple[dict[tuple[str, str], list[float]], list[Band]]:
    """The shares that all answers have in each band, and the bands: one more for what is unscored, if
    anything is. An answer of which one band is unscored is in no other."""
    sure = {key: [figure.lowest for figure in own] for key, own in figures.items()}
    if not any(figure.unscored for own in figures.values() for figure in own):
        return sure, list(bands)
    return {key: [*own, max(0.0, 1 - sum(own))] for key, own in sure.items()}, [*bands, UNSCORED]


def largest(figures: Sequence[Figure]) -> int | None:
    """The place of the band that has most answers; None where that depends on unscored ones."""
    best = max(range(len(figures)), key=lambda place: figures[place].lowest)
    others = (figure.highest for place, figure in enumerate(figures) if place != best)
    return best if all(high <= figures[best].lowest for high in others) else None


def bars(
    shares: Mapping[tuple[str, str], Sequence[float]],
    bands: Sequence[Band],
    conditions: Mapping[str, str],
    columns: int = 2,
    legend: Literal["top", "bottom"] = "bottom",
    step: int = 30,
    links: Links | None = None,
) -> drawing.Spec:
    """A bar for each (elicitation, method), its shares in the order of ``bands``; a block of bars for
    each elicitation, under its words in ``conditions``. ``columns`` of the legend, and where
    it stands; ``step``: pixels a bar. ``links``: where the places of a bar lead on the page."""
    drawn = _legend(columns, legend)
    led = {(asked, method): own for (method, asked), own in (links or {}).items()}
    pieces = [one for key, own in shares.items() for one in _pieces(key, own, bands, led.get(key, {}))]
    table = pd.DataFrame(pieces)
    methods = list(dict.fromkeys(wording.name(method) for _, method in shares))
    blocks = [
        _block(table[table["elicitation"] == asked], conditions[asked], methods, bands, drawn, step)
        for asked in dict.fromkeys(asked for asked, _ in shares)
    ]
    return drawing.vconcat(*blocks, spacing=22)


def table(cells: Mapping[tuple[str, str], Sequence[str]], head: Sequence[str]) -> Table:
    """The table below such bars: a row for each (elicitation, method) with its cells, a line between
    the conditions."""
    asked = ["with" if elicitation == "trigger" else "without" for elicitation, _ in cells]
    methods = [method for _, method in cells]
    rows = zip(map(wording.name, methods), asked, cells.values(), strict=True)
    return Table(
        ("Method", "Trigger", *head),
        tuple((name, how, *own) for name, how, own in rows),
        methods=tuple(methods),
        breaks=tuple(row for row in range(1, len(asked)) if asked[row] != asked[row - 1]),
    )


def _legend(columns: int, orient: Literal["top", "bottom"]) -> alt.Legend:
    return alt.Legend(title=None, orient=orient, columns=columns, columnPadding=24, rowPadding=4)


def _pieces(
    key: tuple[str, str],
    shares: Sequence[float],
    bands: Sequence[Band],
    links: Mapping[str, tuple[str, str]],
) -> list[dict[str, object]]:
    ends = np.cumsum(np.array(shares) / sum(shares))
    return [
        {
            "elicitation": key[0],
            "method": wording.name(key[1]),
            "band": band.name,
            "left": end - share,
            "right": end,
            "middle": end - share / 2,
            "text": numbers.percent(share).replace(numbers.SPACE, "") if share >= _WRITTEN else "",
            "ink": _PAPER if band.dark else drawing.INK,
            "href": links.get(str(place), ("", ""))[0],
            "words": links.get(str(place), ("", ""))[1],
        }
        for place, (band, share, end) in enumerate(zip(bands, shares, ends, strict=True))
    ]


def _block(
    table: pd.DataFrame,
    title: str,
    methods: list[str],
    bands: Sequence[Band],
    legend: alt.Legend,
    step: int,
) -> drawing.Spec:
    base = alt.Chart(table).encode(
        y=alt.Y(
            "method:N",
            sort=methods,
            axis=alt.Axis(title=None, ticks=False, domain=False, labelPadding=8),
        )
    )
    marks = base.mark_bar(stroke=_EDGE if UNSCORED in bands else _PAPER, strokeWidth=1).encode(
        x=alt.X(
            "left:Q",
            scale=alt.Scale(domain=[0, 1]),
            axis=alt.Axis(title=None, format="%", values=list(drawing.QUARTERS), grid=False),
        ),
        x2=alt.X2("right:Q"),
        color=alt.Color(
            "band:N",
            scale=alt.Scale(
                domain=[band.name for band in bands], range=[band.colour for band in bands]
            ),
            legend=legend,
        ),
    )
    words = base.mark_text(fontSize=13).encode(
        x=alt.X("middle:Q"), text=alt.Text("text:N"), color=alt.Color("ink:N", scale=None)
    )
    targets = base.transform_filter("datum.href").mark_bar(opacity=0)
    linked = targets.encode(
        x=alt.X("left:Q"), x2=alt.X2("right:Q"), href=alt.Href("href:N"),
        description=alt.Description("words:N"),
    )  # fmt: skip
    layers = [marks, words, linked] if table["href"].any() else [marks, words]
    return drawing.layer(*layers, width=400, height=alt.Step(step), title=title)
