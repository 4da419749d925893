"""Do the judges agree? The study's first judge and each other one on the same responses."""

from __future__ import annotations

import math

import altair as alt
import numpy as np
import pandas as pd

from planb.domains.harm import ASKED
from planb.report import wording
from planb.report.agreement import SAMPLE, Agreement, agreement
from planb.report.charting import drawing
from planb.report.evidence import Evidence, Exhibit, Missing, Table
from planb.stats import numbers
from planb.stats.agreement import POINTS
from planb.stats.intervals import Interval

TITLE = "Do the judges agree?"
_WIDTH = 250


def draw(evidence: Evidence) -> Exhibit | Missing | None:
    """Nothing where one judge judged all requests, else their agreement on what both were given."""
    rows = evidence.every_row
    if rows.empty:
        return None
    rows = rows[[evidence.measured[task].by == "judges" for task in rows["task"]]]
    judges = sorted(rows["judge"].unique())
    if len(judges) < 2:
        return None
    first = _first(evidence, judges)
    found = [agreement(rows, first, other) for other in judges if other != first]
    shared = [one for one in found if one is not None]
    if not shared:
        return Missing(TITLE, "the judges were not given the same responses")
    exact = [c.judge for c in evidence.story.calibrations if c.verdict == "exact"]
    return Exhibit(
        title=TITLE,
        finding=" ".join(_told(one) for one in shared),
        caption=(
            f"Responses to requests that both judges were given. {first} is the first judge: all other "
            "figures of the page are drawn from it"
            + (", and it is exact. " if first in exact else ". ")
            + "Spearman: of severities. Kappa: Cohen's with quadratic weights, severities rounded to "
            "whole points. Error: mean absolute difference of severity; bias: the other's minus the "
            "first's. Refusals: both see one, only the first, only the other, neither. Unscored: "
            "by the first, by the other; an unscored severity is taken as near to the other judge's as "
            "it can be, and as far. Intervals are 95 % over groups of requests. "
            f"{_unscored(shared)}"
        ),
        svg=drawing.svg(_chart(rows, shared)) if any(one.n for one in shared) else "",
        table=_table(shared),
    )


def _first(evidence: Evidence, judges: list[str]) -> str:
    drawn = evidence.rows
    harmful = drawn.loc[drawn["task"] == ASKED, "judge"]
    return str(harmful.iloc[0]) if len(harmful) else judges[0]


def _told(one: Agreement) -> str:
    if not one.n:
        return (
            f"{one.other} and {one.first} both scored none of the {one.shared:,} responses they share."
        )
    low, high = map(numbers.points, one.error_interval)
    n = f"n = {one.n:,}{wording.and_unscored(one.shared - one.n)}"
    error = f"{numbers.points(one.error)} points of severity on average (95{numbers.SPACE}% interval"
    if one.n < one.shared:
        error = f"{low} to {high} points of severity on average ({n}, unscored at worst and at best)"
    else:
        error += f" {low} to {high}, {n})"
    kappa = _coefficient(one.kappa, one.kappa_interval)
    return f"{one.other} and {one.first} differ by {error}; their weighted kappa is {kappa}."


def _coefficient(value: float, interval: Interval) -> str:
    if math.isnan(interval.low):
        return numbers.NOTHING
    shown = "" if math.isnan(value) else f"{value:.2f} "
    return f"{shown}[{interval.low:.2f}, {interval.high:.2f}]".replace("-", "−")


def _unscored(shared: list[Agreement]) -> str:
    told = []
    for one in shared:
        for judge, reasons in one.unscored.items():
            if reasons:
                listed = ", ".join(f"{reason}: {count:,}" for reason, count in reasons[:4])
                more = ", and other reasons" if len(reasons) > 4 else ""
                told.append(f"Unscored by {judge}: {listed}{more}.")
    return " ".join(dict.fromkeys(told)) or "Neither left a response unscored."


def _table(shared: list[Agreement]) -> Table:
    rows = []
    for one in shared:
        error = numbers.NOTHING
        if one.n:
            low, high = map(numbers.points, one.error_interval)
            error = f"[{low}, {high}]"
            error = error if math.isnan(one.error) else f"{numbers.points(one.error)} {error}"
        counts = [
            one.refusals[key] for key in ((True, True), (True, False), (False, True), (False, False))
        ]
        silent = [str(sum(count for _, count in one.unscored[j])) for j in (one.first, one.other)]
        rows.append(
            (
                *(one.other, _coefficient(one.spearman, one.spearman_interval)),
                *(_coefficient(one.kappa, one.kappa_interval), error, _bias(one)),
                *(" / ".join(f"{count:,}" for count in counts), " / ".join(silent), f"{one.n:,}"),
            )
        )
    head = ("Other judge", "Spearman", "Kappa", "Error", "Bias", "Refusals", "unscored", "n")
    return Table(head, tuple(rows))


def _bias(one: Agreement) -> str:
    if not one.n:
        return numbers.NOTHING
    low, high = (f"{bound:+.2f}".replace("-", "−") for bound in one.bias_bounds)
    return low if low == high else f"{low} to {high}"


def _chart(rows: pd.DataFrame, shared: list[Agreement]) -> drawing.Spec:
    panels = [_panel(rows, one) for one in shared if one.n]
    return drawing.concat(*panels, columns=2, spacing=40)


def _panel(rows: pd.DataFrame, one: Agreement) -> drawing.Spec:
    """How often the first judge's whole points meet the other's; the diagonal is agreement."""
    sides = [
        rows.loc[rows["judge"] == judge, [*SAMPLE, "severity"]] for judge in (one.first, one.other)
    ]
    both = sides[0].merge(sides[1], on=SAMPLE, suffixes=("", "_other")).dropna()
    title = f"{one.shared - one.n:,} of {one.shared:,} unscored" if one.n < one.shared else ""
    table = np.zeros((POINTS, POINTS), dtype=int)
    np.add.at(table, tuple(np.rint(both[c]).astype(int) for c in ("severity", "severity_other")), 1)
    x, y = np.nonzero(table)
    pieces = pd.DataFrame({"x": x, "y": y, "share": table[x, y] / one.shared})
    axis = {"values": list(drawing.TENTHS), "grid": True}
    scale = alt.Scale(domain=[-0.6, 10.6], nice=False)
    line = alt.Chart(pd.DataFrame({"x": [0, 10], "y": [0, 10]})).mark_line(color=drawing.GRID)
    line = line.encode(x=alt.X("x:Q", scale=scale), y=alt.Y("y:Q", scale=scale))
    dots = alt.Chart(pieces).mark_circle(color=drawing.INK, opacity=0.75)
    dots = dots.encode(
        x=alt.X("x:Q", scale=scale, axis=alt.Axis(title=f"severity, {one.first}", **axis)),
        y=alt.Y("y:Q", scale=scale, axis=alt.Axis(title=f"severity, {one.other}", **axis)),
        size=alt.Size(
            "share:Q",
            scale=alt.Scale(domain=[0, 1], range=[8, 1400]),
            legend=alt.Legend(
                title="share of responses", format="%", values=[0.01, 0.1, 0.5], symbolType="circle"
            ),
        ),
    )
    return drawing.layer(line, dots, width=_WIDTH, height=_WIDTH, **({"title": title} if title else {}))
