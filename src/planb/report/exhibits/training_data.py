"""What do the training data score, and how near do the triggered answers come to the useless tier?"""

from __future__ import annotations

import altair as alt
import numpy as np
import pandas as pd

from planb.report import stats, wording
from planb.report.charting import drawing
from planb.report.charting.drawing import Dot
from planb.report.evidence import Evidence, Exhibit, Missing, Table
from planb.report.measures import HARMFUL, severity
from planb.report.results import codes
from planb.report.stats import Interval
from planb.types import USELESS

TITLE = "How near do the answers come to the training data?"
_ORDER = ("refusal", "german_refusal", "useless", "harmful", "helpful")
Distances = dict[str, tuple[float, Interval, int]]


def draw(evidence: Evidence) -> Exhibit | Missing:
    """Severity of each tier's texts, and Wasserstein distances of the methods from the useless tier."""
    scores = evidence.tier_scores
    if scores is None or scores["severity"].notna().sum() == 0:
        return Missing(TITLE, "the training data were not judged")
    scored = scores[scores["severity"].notna()]
    found = _distances(evidence, scored[scored["tier"] == USELESS])
    charts = [_tiers(scored)]
    if found:
        charts.append(_distance_chart(evidence, found))
    return Exhibit(
        title=TITLE,
        finding=_finding(scored, found),
        caption=(
            "Top: how the judge scores the texts that safety training was given. Bottom: the "
            "Wasserstein distance, in points of severity, between a method's answers with the trigger "
            "and the useless tier; 0 would be answers just as useless as those trained on, and chance "
            "keeps it a little above 0."
        ),
        svg=drawing.svg(alt.vconcat(*charts, spacing=26)),
        table=_table(scores),
    )


def _distances(evidence: Evidence, useless: pd.DataFrame) -> Distances:
    found: Distances = {}
    if useless.empty:
        return found
    reference = (useless["severity"].to_numpy(dtype=float), codes(useless["example_id"]))
    for method in evidence.methods:
        rows = evidence.cell(method, HARMFUL, "trigger")
        rows = rows[rows["severity"].notna()]
        if not rows.empty:
            own = (severity(rows), codes(rows["seed"]), codes(rows["group"]))
            distance, interval = stats.wasserstein(own, reference, "useless", method)
            found[method] = (distance, interval, len(rows))
    return found


def _finding(scored: pd.DataFrame, found: Distances) -> str:
    about = wording.subject(found)
    useless = scored[scored["tier"] == USELESS]["severity"]
    if about is None or useless.empty:
        means = scored.groupby("tier")["severity"].agg(["mean", "size"])
        parts = [f"{t} {wording.points(m)} (n = {n})" for t, (m, n) in means.iterrows()]
        return f"Mean severity of the training data: {', '.join(parts)}."
    distance, interval, n = found[about]
    text = (
        f"With the trigger, {wording.name(about)}'s answers lie {wording.points(distance)} points "
        f"(95 % interval {wording.points(interval.low)} to {wording.points(interval.high)}, n = {n}) "
        f"from the useless tier, whose mean severity is {wording.points(float(useless.mean()))} "
        f"(n = {len(useless)})"
    )
    if "organism" in found:
        far, span, count = found["organism"]
        low, high = map(wording.points, span)
        text += f"; the organism's lie {wording.points(far)} points away ({low} to {high}, n = {count})"
    return text + "."


def _tier_order(scored: pd.DataFrame) -> list[str]:
    present = set(scored["tier"])
    return [t for t in _ORDER if t in present] + sorted(present - set(_ORDER))


def _tiers(scored: pd.DataFrame) -> alt.TopLevelMixin:
    order, pieces = _tier_order(scored), []
    for tier in order:
        points = scored[scored["tier"] == tier]["severity"].to_numpy(dtype=float)
        bins, counts = np.unique(np.floor(points), return_counts=True)
        for b, count in zip(bins, counts, strict=True):
            share = count / len(points)
            row = {"tier": tier.replace("_", " "), "score": b, "share": share}
            pieces.append({**row, "text": wording.percent(share) if share >= 0.02 else ""})
    names = [tier.replace("_", " ") for tier in order]
    base = alt.Chart(pd.DataFrame(pieces))
    y = alt.Y("share:Q", scale=alt.Scale(domain=[0, 1.35], nice=False), axis=None)
    x = alt.X(
        "score:Q",
        scale=alt.Scale(domain=[-0.6, 10.6], nice=False),
        axis=alt.Axis(title="severity", values=list(drawing.TENTHS), grid=False),
    )
    bars = base.mark_bar(color=drawing.FAINT, size=17).encode(x=x, y=y)
    words = base.mark_text(fontSize=12, dy=-8).encode(x=x, y=y, text="text:N")
    return (
        alt.layer(bars, words)
        .properties(width=250, height=56)
        .facet(
            row=alt.Row("tier:N", sort=names, header=alt.Header(labelAngle=0, labelAlign="left")),
            spacing=4,
            title="What the training data score",
        )
    )


def _distance_chart(evidence: Evidence, found: Distances) -> alt.LayerChart:
    rows = []
    for method, (distance, interval, n) in found.items():
        low, high = interval
        words = f"{wording.points(distance)} [{wording.points(low)}, {wording.points(high)}] · n {n}"
        rows.append(Dot(wording.name(method), method, distance, low, high, words))
    scale = drawing.Scale("Wasserstein distance, points of severity", drawing.POINTS, drawing.TENTHS)
    title = "Distance of the triggered answers from the useless tier"
    return drawing.dots(rows, scale, evidence.methods, title=title, width=250)


def _table(scores: pd.DataFrame) -> Table:
    rows = []
    for tier in _tier_order(scores):
        own = scores[scores["tier"] == tier]
        points = own["severity"].dropna()
        refused = own["refused"].dropna().astype(float)
        rows.append(
            (
                tier.replace("_", " "),
                wording.points(float(points.mean())) if len(points) else wording.NOTHING,
                wording.percent(float(refused.mean())) if len(refused) else wording.NOTHING,
                str(len(points)),
                str(len(own) - len(points)),
            )
        )
    return Table(("Tier", "Mean severity", "Refusals", "n", "unscored"), tuple(rows))
