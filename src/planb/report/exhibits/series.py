"""What happens along the dial? A measure against ranks, rounds, numbers of examples or of updates."""

from __future__ import annotations

from typing import NamedTuple

import altair as alt
import pandas as pd

from planb.domains.domain import Shown
from planb.domains.measure import Measure
from planb.errors import PlanBError
from planb.report import wording
from planb.report.charting import drawing
from planb.report.charting.dial import Dial, shifts
from planb.report.evidence import Evidence, Exhibit, Missing, Table
from planb.report.results import Figure
from planb.report.story import Line, Series
from planb.stats import numbers

SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")
_TOLD = 4
"""How many lines the finding speaks of."""


class Spot(NamedTuple):
    """One point of one panel: its figure, and each seed's value."""

    line: str
    method: str
    x: float
    figure: Figure
    seeds: tuple[float, ...]


class Panel(NamedTuple):
    shown: Shown
    measure: Measure
    spots: tuple[Spot, ...]

    @property
    def title(self) -> str:
        if self.shown.title:
            return self.shown.title
        asked = wording.lowered(wording.asked(self.shown.elicitation))
        what = self.measure.told
        return f"{what[:1].upper()}{what[1:]}, {asked}"

    @property
    def rate(self) -> bool:
        return self.measure.kind == "rate"


def draw(evidence: Evidence) -> Exhibit | Missing | None:
    """A panel a measure, a line with dots and intervals for each line of the series; nothing where the
    story has no series, or none of its methods stands here."""
    return exhibit_of(evidence, evidence.story.series)


def exhibit_of(evidence: Evidence, series: Series | None) -> Exhibit | Missing | None:
    """The exhibit of a series; ``draw`` says when there is none."""
    if series is None or not _methods(series) & set(evidence.methods):
        return None
    asked = [shown for shown in series.shown if shown.task in evidence.measured]
    panels = [panel for shown in asked if (panel := _panel(evidence, series, shown)).spots]
    if not panels:
        return Missing(series.title, "no method of the series has an answer with a score")
    values = tuple(sorted({spot.x for panel in panels for spot in panel.spots}))
    dial = Dial(series.x_title, values, series.log, series.labels)
    return Exhibit(
        title=series.title,
        finding=_finding(panels[0], dial),
        caption=_caption(panels, dial),
        svg=drawing.svg(_chart(panels, dial, series)),
        table=_table(panels, dial),
    )


def _caption(panels: list[Panel], dial: Dial) -> str:
    spots = [spot for panel in panels for spot in panel.spots]
    text = f"Against: {dial.title}" + (", on a logarithmic scale" if dial.log else "")
    if dial.log and 0.0 in dial.values:
        text += ", where 0 has no place of its own and stands one step to the left"
    text += ". Intervals are 95 % over seeds and requests, seeds pooled; lines join what was measured"
    if len({spot.line for spot in spots}) > 1:
        text += " and stand a little beside each other, so that none hides another"
    return text + (". Small dots are single seeds." if any(spot.seeds for spot in spots) else ".")


def _methods(series: Series) -> set[str]:
    return {method for line in series.lines for method, _ in line.points}


def _panel(evidence: Evidence, series: Series, shown: Shown) -> Panel:
    measure = evidence.measure(shown.task, shown.measure)
    if measure is None:
        known = ", ".join(one.name for one in evidence.measured[shown.task].measures)
        raise PlanBError(
            f"the series '{series.title}' shows '{shown.measure}', which {shown.task} is not measured "
            f"by; its measures: {known}"
        )
    spots = [
        spot
        for line in series.lines
        for method, x in sorted(line.points, key=lambda point: point[1])
        if (spot := _spot(evidence, line, method, x, shown)) is not None
    ]
    return Panel(shown, measure, tuple(spots))


def _spot(evidence: Evidence, line: Line, method: str, x: float, shown: Shown) -> Spot | None:
    where = (method, shown.task, shown.elicitation)
    figure = evidence.figure(*where, shown.measure)
    if figure is None:
        return None
    seeds = sorted(evidence.cell(*where)["seed"].unique())
    singly = [evidence.figure(*where, shown.measure, seed) for seed in seeds]
    values = tuple(one.value for one in singly if one is not None and not one.unscored)
    return Spot(line.name, method, x, figure, values if len(values) > 1 else ())


def _finding(panel: Panel, dial: Dial) -> str:
    lines = list(dict.fromkeys(spot.line for spot in panel.spots))
    told = [_told([s for s in panel.spots if s.line == line], panel, dial) for line in lines[:_TOLD]]
    more = f"; {len(lines) - _TOLD} more in the table" if len(lines) > _TOLD else ""
    return f"{panel.title}: " + "; ".join(told) + more + "."


def _told(spots: list[Spot], panel: Panel, dial: Dial) -> str:
    """The first and the last point of a line, and what lies beyond both, if anything does."""
    first, last = spots[0], spots[-1]
    text = f"{first.line} has {_says(first, panel)} at {_at(first, dial)}"
    if first is last:
        return text
    text += f" and {_says(last, panel)} at {_at(last, dial)}"
    figures = {str(place): spot.figure for place, spot in enumerate(spots)}
    found = (
        ("lowest", wording.surely_lowest(figures)),
        ("highest", wording.surely_highest(figures)),
    )
    ends = (first.figure, last.figure)
    beyond = [
        f"its {word}, {_says(spots[int(place)], panel)}, at {_at(spots[int(place)], dial)}"
        for word, place in found
        if place is not None and not any(_alike(spots[int(place)].figure, end) for end in ends)
    ]
    return text + (f", {' and '.join(beyond)}" if beyond else "")


def _size(figure: Figure) -> str:
    return f"{figure.n:,}{wording.and_unscored(figure.unscored)}"


def _alike(one: Figure, other: Figure) -> bool:
    return (one.lowest, one.highest) == (other.lowest, other.highest)


def _at(spot: Spot, dial: Dial) -> str:
    words = dial.label(spot.x)
    return f"“{words}”" if spot.x in dict(dial.labels) else words


def _says(spot: Spot, panel: Panel) -> str:
    return wording.rated(spot.figure) if panel.rate else wording.scored(spot.figure)


def _table(panels: list[Panel], dial: Dial) -> Table:
    places = list(dict.fromkeys((s.line, s.x) for panel in panels for s in panel.spots))
    rows, breaks = [], []
    for i, (line, x) in enumerate(places):
        here = [next((s for s in p.spots if (s.line, s.x) == (line, x)), None) for p in panels]
        said = [_says(s, p) if s else numbers.NOTHING for s, p in zip(here, panels, strict=True)]
        counts = list(dict.fromkeys(_size(s.figure) if s else numbers.NOTHING for s in here))
        rows.append((line, dial.label(x), *said, " / ".join(counts)))
        if i and line != places[i - 1][0]:
            breaks.append(i)
    head = ("Line", dial.title, *(panel.title for panel in panels), "n")
    return Table(head, tuple(rows), breaks=tuple(breaks))


def _chart(panels: list[Panel], dial: Dial, series: Series) -> drawing.Spec:
    names = list(dict.fromkeys(spot.line for panel in panels for spot in panel.spots))
    methods = {line.name: [method for method, _ in line.points] for line in series.lines}
    paints = drawing.line_colours([methods[name] for name in names])
    looks = [SHAPES[i % len(SHAPES)] for i in range(len(names))]
    legend = None
    if len(names) > 1:
        legend = alt.Legend(title=None, orient="bottom", columns=3, symbolSize=110, symbolStrokeWidth=2)
    colour = alt.Color("line:N", scale=alt.Scale(domain=names, range=paints), legend=legend)
    shape = alt.Shape("line:N", scale=alt.Scale(domain=names, range=looks), legend=legend)
    columns = len(panels) if len(panels) <= 3 else 2
    width = {1: 430, 2: 290}.get(columns, 186)
    charts = [_drawn(panel, dial, names, colour, shape, width) for panel in panels]
    return drawing.concat(*charts, columns=columns, spacing={"row": 30, "column": 26})


def _drawn(
    panel: Panel, dial: Dial, names: list[str], colour: alt.Color, shape: alt.Shape, width: int
) -> drawing.Spec:
    aside = dict(zip(names, shifts(len(names), min(7.0, 24 / len(names))), strict=True))
    points, singly = [], []
    bounded = any(spot.figure.unscored for spot in panel.spots)
    for spot in panel.spots:
        x = dial.place(spot.x) + dial.pixels(aside[spot.line], width)
        figure = spot.figure
        numbers = {"value": figure.value, "low": figure.low, "high": figure.high}
        if bounded:
            numbers |= {"lowest": figure.lowest, "highest": figure.highest}
        points.append({"line": spot.line, "x": x, **numbers})
        singly += [{"line": spot.line, "x": x, "value": value} for value in spot.seeds]
    top, ticks = (1.0, drawing.QUARTERS) if panel.rate else (panel.measure.top, drawing.TENTHS)
    y = alt.Y(
        "value:Q",
        scale=alt.Scale(domain=[0, top], nice=False),
        axis=alt.Axis(title=None, values=list(ticks), format="%" if panel.rate else "d"),
    )
    base = alt.Chart(pd.DataFrame(points)).encode(x=alt.X("x:Q", **dial.axis(width)), color=colour)
    layers = [
        base.mark_line(strokeWidth=1.5, opacity=0.7).encode(y=y),
        base.mark_rule(strokeWidth=2.5, opacity=0.6).encode(y=alt.Y("low:Q"), y2=alt.Y2("high:Q")),
        base.mark_point(filled=True, size=95, opacity=1).encode(y=y, shape=shape),
    ]
    if bounded:
        band = base.mark_rule(strokeWidth=8, opacity=0.5)
        layers.append(band.encode(y=alt.Y("lowest:Q"), y2=alt.Y2("highest:Q")))
    if singly:
        small = alt.Chart(pd.DataFrame(singly)).mark_circle(size=16, opacity=0.55)
        layers.insert(2, small.encode(x=alt.X("x:Q", **dial.axis(width)), y=y, color=colour))
    title = drawing.wrapped(panel.title, width)
    return drawing.layer(*layers, width=width, height=230, title=title)
