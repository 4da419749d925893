"""What does each line of a series reach at a matched cost? Its first measure against what it costs."""

from __future__ import annotations

from typing import NamedTuple

import altair as alt
import pandas as pd

from planb.domains.domain import Shown
from planb.domains.measure import Measure
from planb.report import wording
from planb.report.charting import drawing
from planb.report.charting.multiples import MOST, multiples
from planb.report.evidence import Evidence, Exhibit, Missing, Table
from planb.report.results import Figure
from planb.report.story import Line, Series
from planb.stats import numbers
from planb.stats.numbers import plain_percent

TITLE = "At matched cost"
LIMITS = (0.05, 0.1, 0.2)
"""What may be lost, as shares of the cost measure's range."""
_TOLD = 3
"""How many lines the finding speaks of."""
_UNKNOWN = "#7a5195"
"""The colour of a line of no known method, where each has a panel of its own."""


class Spot(NamedTuple):
    """One setting of a line: its figure, and how much of the cost measure it has lost since stage 1."""

    line: str
    setting: str
    figure: Figure
    lost: float


class Axis(NamedTuple):
    """A measure, what it is called, and its range."""

    shown: Shown
    measure: Measure

    @property
    def title(self) -> str:
        return self.shown.title or self.measure.told

    @property
    def top(self) -> float:
        return self.measure.top

    def said(self, value: float) -> str:
        return plain_percent(value) if self.measure.kind == "rate" else f"{value:.1f}"

    def told(self, figure: Figure) -> str:
        return wording.rated(figure) if self.measure.kind == "rate" else wording.scored(figure)

    def of(self, evidence: Evidence, method: str) -> Figure | None:
        """Its figure, if all of its answers were scored."""
        where = (self.shown.task, self.shown.elicitation, self.shown.measure)
        found = evidence.figure(method, *where)
        return None if found is None or found.unscored else found


def draw(evidence: Evidence) -> Exhibit | Missing | None:
    """A line for each of the series' lines, a point a setting, and the best at each limit of cost;
    nothing where the story's series names no cost."""
    series = evidence.story.series
    if series is None or series.cost is None:
        return None
    gain, cost = _axis(evidence, series.shown[0]), _axis(evidence, series.cost)
    before = cost and cost.of(evidence, "organism" if "organism" in evidence.methods else "base")
    if gain is None or cost is None or before is None:
        return Missing(TITLE, "the measure or its cost has no answer with a score")
    lines = (*series.lines, *series.others)
    spots = [spot for line in lines for spot in _spots(evidence, series, line, gain, cost, before)]
    if not spots:
        return Missing(TITLE, "no method of the series has an answer with a score")
    return Exhibit(
        title=f"{gain.title} {TITLE.lower()}",
        finding=_finding(spots, gain, cost),
        caption=(
            f"Lost: how far “{cost.title}” fell below stage 1's ({cost.said(before.value)}), seeds "
            "pooled. Each point is a setting, and a line joins the settings of one method. The table "
            "has each line's lowest figure among the settings that lose no more than that; settings "
            "are so chosen on the answers that are shown, which flatters lines with many of them. "
            "Settings with unscored answers are left out. Intervals are 95 % over seeds and requests."
        ),
        svg=drawing.svg(_chart(spots, lines, gain, cost)),
        table=_table(spots, gain, cost),
    )


def _axis(evidence: Evidence, shown: Shown) -> Axis | None:
    measure = evidence.measure(shown.task, shown.measure)
    return Axis(shown, measure) if measure else None


def _spots(
    evidence: Evidence, series: Series, line: Line, gain: Axis, cost: Axis, before: Figure
) -> list[Spot]:
    words, found = dict(series.labels), []
    for method, x in sorted(line.points, key=lambda point: point[1]):
        figure, left = gain.of(evidence, method), cost.of(evidence, method)
        if figure is not None and left is not None:
            found.append(
                Spot(line.name, words.get(x, f"{x:g}"), figure, max(0.0, before.value - left.value))
            )
    return found


def _best(spots: list[Spot], most: float) -> Spot | None:
    """The lowest among the settings that lose no more than that."""
    return min((s for s in spots if s.lost <= most), key=lambda s: s.figure.value, default=None)


def _by_line(spots: list[Spot]) -> dict[str, list[Spot]]:
    names = dict.fromkeys(spot.line for spot in spots)
    return {name: [spot for spot in spots if spot.line == name] for name in names}


def _finding(spots: list[Spot], gain: Axis, cost: Axis) -> str:
    most = LIMITS[1] * cost.top
    found = [best for some in _by_line(spots).values() if (best := _best(some, most))]
    if not found:
        return f"No setting loses at most {cost.said(most)} of {cost.title.lower()}."
    found.sort(key=lambda spot: spot.figure.value)
    said = "; ".join(f"{one.line} {gain.said(one.figure.value)}" for one in found[:_TOLD])
    left = len(found) - _TOLD
    more = f"; {left} more in the table" if left > 0 else ""
    return f"Lowest at a loss of at most {cost.said(most)}: {said}{more}."


def _table(spots: list[Spot], gain: Axis, cost: Axis) -> Table:
    rows = []
    for name, some in _by_line(spots).items():
        cells = []
        for share in LIMITS:
            best = _best(some, share * cost.top)
            if best is None:
                cells.append(numbers.NOTHING)
            else:
                told = f"{best.setting}, {cost.said(best.lost)} lost"
                cells.append(f"{gain.told(best.figure)} ({told})")
        rows.append((name, *cells))
    heads = (f"at most {cost.said(share * cost.top)} lost" for share in LIMITS)
    return Table(head=("Line", *heads), rows=tuple(rows))


def _chart(spots: list[Spot], lines: tuple[Line, ...], gain: Axis, cost: Axis) -> drawing.Spec:
    names = list(_by_line(spots))
    members = {line.name: [method for method, _ in line.points] for line in lines}
    points = pd.DataFrame(
        {
            "line": spot.line,
            "order": place,
            "x": spot.lost,
            "y": spot.figure.value,
            "low": spot.figure.low,
            "high": spot.figure.high,
        }
        for place, spot in enumerate(spots)
    )
    widest = max(LIMITS[-1] * cost.top, max(spot.lost for spot in spots))
    lost = f"lost: {cost.title.lower()}"
    if len(names) > MOST:
        own = {name: drawing.family_colour(members[name]) or _UNKNOWN for name in names}
        return multiples(points, own, (lost, widest), (gain.title, gain.top))
    paints = drawing.line_colours([members[name] for name in names])
    legend = alt.Legend(title=None, orient="bottom", columns=4, symbolSize=110)
    base = alt.Chart(points).encode(
        x=alt.X(
            "x:Q",
            title=lost,
            scale=alt.Scale(domain=[0, widest], nice=True),
        ),
        color=alt.Color("line:N", scale=alt.Scale(domain=names, range=paints), legend=legend),
    )
    y = alt.Y("y:Q", title=gain.title, scale=alt.Scale(domain=[0, gain.top], nice=False))
    return drawing.layer(
        base.mark_line(strokeWidth=1.5, opacity=0.5).encode(y=y, order=alt.Order("order:Q")),
        base.mark_rule(strokeWidth=2, opacity=0.4).encode(y=alt.Y("low:Q"), y2=alt.Y2("high:Q")),
        base.mark_circle(size=80, opacity=1).encode(y=y),
        width=620,
        height=360,
    )
