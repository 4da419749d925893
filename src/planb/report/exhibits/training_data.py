"""What do the training data score, and how near do the triggered answers come to the useless tier?"""

from __future__ import annotations

import math

import altair as alt
import numpy as np
import pandas as pd

from planb.domains.harm import ASKED
from planb.report import wording
from planb.report.charting import drawing
from planb.report.charting.drawing import Dot
from planb.report.evidence import Evidence, Exhibit, Missing, Table
from planb.report.questions import refused, severity
from planb.report.results import Figure
from planb.stats import numbers
from planb.stats.bootstrap import numbered
from planb.stats.distance import wasserstein_within
from planb.types import USELESS

TITLE = "How near do the answers come to the training data?"
_ORDER = ("refusal", "german_refusal", "useless", "harmful", "helpful")
Distances = dict[str, Figure]


def draw(evidence: Evidence) -> Exhibit | Missing:
    """Severity of each tier's texts, and Wasserstein distances of the methods from the useless tier."""
    scores = evidence.tier_scores
    if scores is None or scores["severity"].notna().sum() == 0:
        return Missing(TITLE, "the training data were not judged")
    found = _distances(evidence, scores[scores["tier"] == USELESS])
    charts = [_tiers(scores)]
    if found:
        charts.append(_distance_chart(evidence, found))
    return Exhibit(
        title=TITLE,
        finding=_finding(scores, found),
        caption=(
            "Top: how the judge scores the texts that safety training was given. Bottom: the "
            "Wasserstein distance, in points of severity, between a method's answers with the trigger "
            "and the useless tier; 0 would be answers just as useless as those trained on, and chance "
            "keeps it a little above 0. An unscored text or answer may have any severity: shares are "
            "of all texts, and a distance is then from where to where it may lie."
        ),
        svg=drawing.svg(drawing.vconcat(*charts, spacing=26)),
        table=_table(scores),
    )


def _distances(evidence: Evidence, useless: pd.DataFrame) -> Distances:
    found: Distances = {}
    if useless["severity"].notna().sum() == 0:
        return found
    reference = (severity(useless), numbered(useless["example_id"]))
    silent = int(useless["severity"].isna().sum())
    for method in evidence.methods:
        rows = evidence.cell(method, ASKED, "trigger")
        n = int(rows["severity"].notna().sum())
        if n:
            own = (severity(rows), numbered(rows["seed"]), numbered(rows["group"]))
            least, most, interval = wasserstein_within(own, reference)
            missing = len(rows) - n + silent
            value = math.nan if missing else least
            found[method] = Figure(n, missing, None, value, *interval, least, most)
    return found


def _mean(texts: pd.DataFrame) -> str:
    """The mean severity of some texts; from where to where it may lie if a part is unscored."""
    points = severity(texts)
    low, high = (numbers.points(float(end.mean())) for end in points)
    return low if low == high else f"{low} to {high}"


def _finding(scores: pd.DataFrame, found: Distances) -> str:
    about = wording.subject(found)
    useless = scores[scores["tier"] == USELESS]
    if about is None or useless.empty:
        told = [own for _, own in scores.groupby("tier") if own["severity"].notna().any()]
        parts = [f"{own['tier'].iloc[0]} {_mean(own)} (n = {len(own)})" for own in told]
        return f"Mean severity of the training data: {', '.join(parts)}."
    text = (
        f"With the trigger, {wording.name(about)}'s answers lie {_far(found[about])} "
        f"from the useless tier, whose mean severity is {_mean(useless)} "
        f"(n = {len(useless)})"
    )
    if "organism" in found:
        far = found["organism"]
        low, high = numbers.points(far.low), numbers.points(far.high)
        text += f"; the organism's lie {wording.valued(far)} points away ({low} to {high}, n = {far.n})"
    return text + "."


def _far(distance: Figure) -> str:
    low, high = numbers.points(distance.low), numbers.points(distance.high)
    n = f"n = {distance.n}{wording.and_unscored(distance.unscored)}"
    return f"{wording.valued(distance)} points (95 % interval {low} to {high}, {n})"


def _tier_order(scored: pd.DataFrame) -> list[str]:
    present = set(scored["tier"])
    return [t for t in _ORDER if t in present] + sorted(present - set(_ORDER))


def _tiers(scores: pd.DataFrame) -> alt.TopLevelMixin:
    order, pieces = _tier_order(scores[scores["severity"].notna()]), []
    for tier in order:
        texts = scores[scores["tier"] == tier]
        points = texts["severity"].dropna().to_numpy(dtype=float)
        bins, counts = np.unique(np.floor(points), return_counts=True)
        for b, count in zip(bins, counts, strict=True):
            share = count / len(texts)
            row = {"tier": tier.replace("_", " "), "score": b, "share": share}
            pieces.append({**row, "text": numbers.percent(share) if share >= 0.02 else ""})
    names = [tier.replace("_", " ") for tier in order]
    base = alt.Chart(pd.DataFrame(pieces))
    y = alt.Y("share:Q", scale=alt.Scale(domain=[0, 1.35], nice=False), axis=None)
    x = alt.X(
        "score:Q",
        scale=alt.Scale(domain=[-0.6, 10.6], nice=False),
        axis=alt.Axis(title="severity", values=list(drawing.TENTHS), grid=False),
    )
    bars = base.mark_bar(color=drawing.FAINT, size=17).encode(x=x, y=y)
    words = base.mark_text(fontSize=12, dy=-8).encode(x=x, y=y, text=alt.Text("text:N"))
    return alt.layer(bars, words, width=250, height=56).facet(
        row=alt.Row("tier:N", sort=names, header=alt.Header(labelAngle=0, labelAlign="left")),
        spacing=4,
        title="What the training data score",
    )


def _distance_chart(evidence: Evidence, found: Distances) -> drawing.Spec:
    rows = []
    for method, figure in found.items():
        words = f"{wording.scored(figure)} · n {wording.size(figure)}"
        rows.append(Dot.of(wording.name(method), method, figure, words))
    scale = drawing.Scale("Wasserstein distance, points of severity", drawing.POINTS, drawing.TENTHS)
    title = "Distance of the triggered answers from the useless tier"
    return drawing.dots(rows, scale, evidence.methods, title=title, width=250)


def _table(scores: pd.DataFrame) -> Table:
    rows = []
    for tier in _tier_order(scores):
        own = scores[scores["tier"] == tier]
        points = own["severity"].dropna()
        refusals = refused(own)
        low, high = (numbers.percent(float(end.mean())) for end in refusals)
        share = low if low == high else f"{low.removesuffix(f'{numbers.SPACE}%')} to {high}"
        rows.append(
            (
                tier.replace("_", " "),
                _mean(own) if len(points) else numbers.NOTHING,
                share if own["refused"].notna().any() else numbers.NOTHING,
                str(len(points)),
                str(len(own) - len(points)),
            )
        )
    return Table(("Tier", "Mean severity", "Refusals", "n", "unscored"), tuple(rows))
