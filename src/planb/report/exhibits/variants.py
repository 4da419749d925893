"""The same variants of several methods (objectives, say): is it the method or the variant?"""

from __future__ import annotations

import altair as alt
import pandas as pd

from planb.domains.harm import ASKED, HARMLESS_ASKED
from planb.names import spelt
from planb.report import wording
from planb.report.charting import drawing
from planb.report.evidence import Evidence, Exhibit, Table
from planb.report.results import known_method

TITLE = "Is it the method, or the variant of it?"
FEWEST = 3
"""Variants that the methods share, for a matrix to be worth drawing."""
SHOWN = (
    ("severity with the trigger", ASKED, "trigger", "severity_mean"),
    ("incoherent with the trigger", ASKED, "trigger", "incoherent_rate"),
    ("refuses without the trigger", ASKED, "direct", "refusal_rate"),
    ("helpfulness on harmless requests", HARMLESS_ASKED, "direct", "helpfulness_mean"),
)
_CELL, _ROW = 64, 30


def draw(evidence: Evidence) -> Exhibit | None:
    """A matrix a measure: variants down, methods across. None where there are no shared variants, or
    where the study shows them as a series."""
    grid = grid_of(evidence.methods)
    if evidence.story.series is not None or not grid:
        return None
    return Exhibit(
        title=TITLE,
        finding=_finding(evidence, grid),
        caption=(
            "A row each variant, a column each method; all begin at the same organisms and see the "
            "same requests in one order. Darker is more; severity and helpfulness are means of 0-10, "
            "the other two shares of the answers (of bounds, the middle). Severity is 0 where an "
            "answer is incoherent too, so the two stand side by side. Intervals, n: in the table."
        ),
        svg=drawing.svg(_chart(evidence, grid)),
        table=_table(evidence, grid),
    )


def grid_of(methods: tuple[str, ...]) -> dict[str, dict[str, str]]:
    """Variant -> known method -> name, of variants that at least two methods share; empty if there are
    fewer than three such."""
    found: dict[str, dict[str, str]] = {}
    for method in methods:
        known = known_method(method)
        variant = method.removeprefix(known).strip("_")
        if known and variant:
            found.setdefault(variant, {})[known] = method
    shared = {variant: own for variant, own in found.items() if len(own) > 1}
    return shared if len(shared) >= FEWEST else {}


def _finding(evidence: Evidence, grid: dict[str, dict[str, str]]) -> str:
    """The ranges over the variants of each method's severity."""
    parts = []
    for known in _columns(grid):
        found = {
            variant: figure
            for variant, own in grid.items()
            if known in own and (figure := evidence.figure(own[known], *SHOWN[0][1:])) is not None
        }
        if found:
            low, high = wording.surely_lowest(found), wording.surely_highest(found)
            if low is None or high is None:
                parts.append(f"{wording.name(known)} by an order that depends on unscored answers")
                continue
            parts.append(
                f"{wording.name(known)} from {wording.valued(found[low])} ({spelt(low)}) to "
                f"{wording.valued(found[high])} ({spelt(high)})"
            )
    return f"Severity with the trigger goes, over the variants, for {'; for '.join(parts)}."


def _chart(evidence: Evidence, grid: dict[str, dict[str, str]]) -> drawing.Spec:
    panels = list[drawing.Spec]()
    for title, *of in SHOWN:
        cells = []
        for variant, own in grid.items():
            for known, method in own.items():
                figure = evidence.figure(method, *of)
                if figure is None:
                    continue
                rate = of[-1].endswith("_rate")
                middle = (figure.lowest + figure.highest) / 2
                shade, text = middle if rate else middle / 10, wording.valued(figure, rate)
                place = {"variant": spelt(variant), "method": wording.name(known)}
                ink = "#ffffff" if shade > 0.55 else drawing.INK
                cells.append({**place, "shade": shade, "text": text, "ink": ink})
        if cells:
            panels.append(_matrix(pd.DataFrame(cells), title, grid, labels=len(panels) % 2 == 0))
    rows = [drawing.hconcat(*panels[i : i + 2], spacing=36) for i in range(0, len(panels), 2)]
    return drawing.vconcat(*rows, spacing=26)


def _matrix(
    table: pd.DataFrame, title: str, grid: dict[str, dict[str, str]], labels: bool
) -> drawing.Spec:
    columns = [wording.name(known) for known in _columns(grid)]
    across = alt.Axis(title=None, orient="top", labelAngle=0, ticks=False, domain=False)
    down = alt.Axis(title=None, ticks=False, domain=False, labels=labels, labelPadding=10)
    base = alt.Chart(table).encode(
        x=alt.X("method:N", sort=columns, axis=across),
        y=alt.Y("variant:N", sort=[spelt(variant) for variant in grid], axis=down),
    )
    shade = alt.Scale(domain=[0, 1], range=["#f4f5f7", "#0b5d7a"])
    rects = base.mark_rect(stroke="#ffffff", strokeWidth=2).encode(
        color=alt.Color("shade:Q", scale=shade, legend=None)
    )
    words = base.mark_text(fontSize=13).encode(
        text=alt.Text("text:N"), color=alt.Color("ink:N", scale=None)
    )
    size = {"width": _CELL * 1.35 * len(columns), "height": _ROW * len(grid)}
    return drawing.layer(rects, words, title=title, resolve={"scale": {"color": "independent"}}, **size)


def _table(evidence: Evidence, grid: dict[str, dict[str, str]]) -> Table:
    rows, methods, breaks = list[tuple[str, ...]](), list[str](), list[int]()
    for own in grid.values():
        if rows:
            breaks.append(len(rows))
        for method in own.values():
            found = [evidence.figure(method, *of) for _, *of in SHOWN]
            rates = [of[-1].endswith("_rate") for _, *of in SHOWN]
            cells = [
                wording.rated(figure) if rate else wording.scored(figure)
                for figure, rate in zip(found, rates, strict=True)
            ]
            n = next((wording.size(figure) for figure in found if figure is not None), "0")
            rows.append((wording.name(method), *cells, n))
            methods.append(method)
    head = ("Method", *(title[:1].upper() + title[1:] for title, *_ in SHOWN), "n")
    return Table(head, tuple(rows), methods=tuple(methods), breaks=tuple(breaks))


def _columns(grid: dict[str, dict[str, str]]) -> list[str]:
    """The known methods, in the order in which any row has them first."""
    return list(dict.fromkeys(known for own in grid.values() for known in own))
