"""The paper's main figure: how severe the answers to harmful requests are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from planb.domains.harm import ASKED
from planb.report import wording
from planb.report.behind import behind, links
from planb.report.charting import drawing
from planb.report.charting.stacked import CONDITIONS
from planb.report.evidence import Evidence, Exhibit, Missing
from planb.report.questions import complied, refused, severity
from planb.report.results import Figure
from planb.stats import numbers

TITLE = "How severe are the answers?"
_KINDS = ("refuses", "incoherent", "complies")
_TOP = 1.5
_SEVERITIES = {str(points): f"severity {points}" for points in range(11)}
Links = Mapping[tuple[str, str], Mapping[str, tuple[str, str]]]
"""(method, elicitation) -> bar -> where it leads, and what is said of it."""
_UNSCORED = (
    " Shares are of all answers; an unscored one may have any severity, so it stands in no bar, and "
    "the thick black line is where the mean lies with all of them at their lowest and at their highest."
)


def draw(evidence: Evidence) -> Exhibit | Missing:
    """Histograms of severity, seeds pooled, a row a method; means stand above the bars."""
    found = {
        (method, elicitation): figure
        for elicitation in CONDITIONS
        for method, figure in evidence.figures(ASKED, elicitation, "severity_mean").items()
    }
    if not found:
        return Missing(TITLE, "no harmful request has a scored answer")
    bins = _bins(evidence, found)
    return Exhibit(
        title=TITLE,
        finding=_finding(evidence),
        caption=(
            "Share of answers at each severity: 0 for a refusal, else the usefulness of what is said, "
            "0 to 10; a bar holds the scores from its number up to the next. Black marks the mean and "
            "its 95 % interval over seeds and requests. The tinted part is severe (7 and above). Grey "
            "bars at 0 are refusals, so what is left there in colour is compliance that helps nobody."
            + (_UNSCORED if any(figure.unscored for figure in found.values()) else "")
        ),
        svg=drawing.svg(_chart(evidence, found, links(bins, _SEVERITIES, CONDITIONS))),
        behind=behind(evidence, ASKED, bins),
    )


def _bins(evidence: Evidence, found: dict[tuple[str, str], Figure]) -> dict[tuple[str, str], Any]:
    """The bar of each row: its severity, rounded down; "" where it is unscored."""
    bins = {}
    for method, elicitation in found:
        points = severity(evidence.cell(method, ASKED, elicitation)).value
        names = np.array([*map(str, range(11)), ""])
        bins[method, elicitation] = names[
            np.where(np.isnan(points), 11, np.nan_to_num(points)).astype(int)
        ]
    return bins


def _finding(evidence: Evidence) -> str:
    triggered = evidence.figures(ASKED, "trigger", "severity_mean")
    about = wording.subject(triggered)
    if about is None:
        method, figure = next(
            iter((triggered or evidence.figures(ASKED, "direct", "severity_mean")).items())
        )
        return f"The mean severity of {wording.name(method)} is {wording.told(figure)}."
    own = wording.told(triggered[about])
    parts = [f"With the trigger, {wording.name(about)} has a mean severity of {own}"]
    if others := wording.baselines(triggered):
        best = wording.surely_lowest(others)
        which = "the least severe of the other methods" if len(others) > 1 else "the other method"
        parts.append(
            "which of the other methods is the least severe depends on the unscored answers"
            if best is None
            else f"{wording.name(best)}, {which}, {wording.told(others[best])}"
        )
    if "organism" in triggered:
        parts.append(f"the organism that they started from {wording.told(triggered['organism'])}")
    return "; ".join(parts) + "."


def _chart(evidence: Evidence, found: dict[tuple[str, str], Figure], links: Links) -> alt.TopLevelMixin:
    methods = [m for m in evidence.methods if any((m, e) in found for e in CONDITIONS)]
    columns = [e for e in CONDITIONS if any((m, e) in found for m in methods)]
    pieces = []
    for (method, elicitation), figure in found.items():
        place = {"method": wording.name(method), "condition": CONDITIONS[elicitation]}
        bars = _bars(evidence.cell(method, ASKED, elicitation))
        targets = _targets(links[method, elicitation])
        bars["colour"] = (
            bars["kind"]
            .map(dict(zip(_KINDS, (drawing.REFUSES, drawing.INCOHERENT), strict=False)))
            .fillna(drawing.colour(method, evidence.methods))
        )
        severe = evidence.figure(method, ASKED, elicitation, "severe_rate")
        words = f"mean {wording.valued(figure)}"
        if severe is not None:
            words += f", severe {wording.valued(severe, rate=True)}"
        if figure.unscored:
            words += f", {numbers.percent(figure.unscored / (figure.n + figure.unscored))} unscored"
        mark = {
            "kind": "mean",
            "x": figure.value,
            "low": figure.low,
            "high": figure.high,
            "text": words,
        }
        if figure.unscored:
            mark |= {"lowest": figure.lowest, "highest": figure.highest}
        tint = {"kind": "severe", "low": 6.5, "high": 10.6}
        pieces.append(pd.concat([bars, pd.DataFrame([mark, tint, *targets])]).assign(**place))
    table = pd.concat(pieces, ignore_index=True)
    return (
        _layers(table, width=430 // max(len(columns), 1))
        .facet(
            row=alt.Row(
                "method:N",
                sort=[wording.name(m) for m in methods],
                header=alt.Header(labelAngle=0, labelAlign="left", labelPadding=10, labelFontSize=15),
            ),
            column=alt.Column(
                "condition:N",
                sort=[CONDITIONS[e] for e in columns],
                header=alt.Header(labelAnchor="start", labelFontSize=15, labelPadding=8),
            ),
            spacing={"row": 8, "column": 20},
        )
        .resolve_scale(x="shared", y="shared")
    )


def _targets(links: Mapping[str, tuple[str, str]]) -> list[dict[str, Any]]:
    """What is pointed at: the whole height of each bar that has answers, which may be a hair's breadth,
    with a link to one of them."""
    return [
        {"kind": "target", "x": int(bar) - 0.5, "x2": int(bar) + 0.5, "y": 0, "y2": 1, "href": href,
         "words": words}
        for bar, (href, words) in links.items()
    ]  # fmt: skip


def _bars(rows: pd.DataFrame) -> pd.DataFrame:
    """Stacked bars: kind, left and right edge, bottom and top as shares of all answers. What is not
    refused complies, unless the judge says that it is incoherent."""
    points = severity(rows).value
    kinds = np.where(refused(rows).value == 1, 0, np.where(complied(rows).value == 0, 1, 2))
    scored = ~np.isnan(points)
    bins = np.floor(points[scored]).astype(int)
    table = np.zeros((len(_KINDS), 11))
    np.add.at(table, (kinds[scored], bins), 1 / len(points))
    tops = np.cumsum(table, axis=0)
    return pd.DataFrame(
        [
            {
                "kind": kind,
                "x": b - 0.42,
                "x2": b + 0.42,
                "y": tops[k, b] - table[k, b],
                "y2": tops[k, b],
            }
            for k, kind in enumerate(_KINDS)
            for b in range(11)
            if table[k, b] > 0
        ]
    )


def _layers(table: pd.DataFrame, width: int) -> alt.LayerChart:
    base = alt.Chart(table)
    x: dict[str, Any] = {
        "scale": alt.Scale(domain=[-0.6, 10.6], nice=False),
        "axis": alt.Axis(title="severity", values=list(drawing.TENTHS), grid=False),
    }
    y = alt.Y(
        "y:Q",
        scale=alt.Scale(domain=[0, _TOP], nice=False),
        axis=alt.Axis(title=None, values=[0, 0.5, 1], format="%", labelFontSize=12),
    )
    tint = base.mark_rect(color=drawing.SEVERE_TINT).encode(x=alt.X("low:Q", **x), x2=alt.X2("high:Q"))
    bars = base.mark_bar().encode(
        x=alt.X("x:Q", **x),
        x2=alt.X2("x2:Q"),
        y=y,
        y2=alt.Y2("y2:Q"),
        color=alt.Color("colour:N", scale=None),
    )
    interval = base.mark_rule(strokeWidth=2, color=drawing.INK).encode(
        x=alt.X("low:Q", **x), x2=alt.X2("high:Q"), y=alt.datum(1.13)
    )
    mean = base.mark_point(filled=True, shape="diamond", size=80, color=drawing.INK, opacity=1).encode(
        x=alt.X("x:Q", **x), y=alt.datum(1.13)
    )
    words = base.mark_text(align="left", fontSize=13, baseline="middle", color=drawing.INK).encode(
        x=alt.datum(-0.5), y=alt.datum(1.34), text=alt.Text("text:N")
    )
    of = "datum.kind == '{}'".format
    targets = base.mark_rect(opacity=0).encode(
        x=alt.X("x:Q", **x),
        x2=alt.X2("x2:Q"),
        y=y,
        y2=alt.Y2("y2:Q"),
        href=alt.Href("href:N"),
        description=alt.Description("words:N"),
    )
    bounds = []
    if "lowest" in table:
        band = base.mark_rule(strokeWidth=7, color=drawing.INK, opacity=0.6)
        band = band.encode(x=alt.X("lowest:Q", **x), x2=alt.X2("highest:Q"), y=alt.datum(1.13))
        bounds = [band.transform_filter(of("mean"))]
    return alt.layer(
        tint.transform_filter(of("severe")),
        bars.transform_filter("indexof(['severe', 'mean', 'target'], datum.kind) < 0"),
        interval.transform_filter(of("mean")),
        *bounds,
        mean.transform_filter(of("mean")),
        words.transform_filter(of("mean")),
        targets.transform_filter(of("target")),
        width=width,
        height=108,
    )
