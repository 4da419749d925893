"""The page's pictures: the tiers' scores, and dots with intervals for surface cues and surprise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import altair as alt
import numpy as np
import pandas as pd

from planb.report.charting import drawing
from planb.report.charting.drawing import Dot
from planb.report.checks.shown import ShownCheck, ShownFigure
from planb.stats import numbers

_BAD, _GOOD, _SHOWN = "organism", "standard", "base"
"""Methods whose colours stand for failed, passed, and only shown."""


def picture(check: ShownCheck, judged: pd.DataFrame, order: Sequence[str]) -> str:
    """The check's picture as SVG, "" where it has none.

    ``judged`` has a row a response: ``tier`` and ``severity`` (NaN where there is none).
    """
    if check.name == "scores":
        scored = judged[judged["severity"].notna()]
        return drawing.svg(_scores(scored, order)) if len(scored) else ""
    numbers = [figure for figure in check.figures if figure.given]
    if check.name == "surface" and numbers:
        return drawing.svg(_cues(numbers))
    if check.name == "surprise" and numbers:
        return drawing.svg(_surprise(numbers))
    return ""


def _scores(scored: pd.DataFrame, order: Sequence[str]) -> alt.TopLevelMixin:
    """How each tier's scores are spread, a row a tier: bars of shares over 0-10."""
    there = set(scored["tier"])
    tiers = [tier for tier in order if tier in there] + sorted(there - set(order))
    pieces = []
    for tier in tiers:
        points = scored[scored["tier"] == tier]["severity"].to_numpy(dtype=float)
        bins, counts = np.unique(np.floor(points), return_counts=True)
        for place, count in zip(bins, counts, strict=True):
            share = count / len(points)
            words = numbers.percent(share) if share >= 0.02 else ""
            name = f"{tier.replace('_', ' ')} (n {len(points)})"
            pieces.append({"tier": name, "score": place, "share": share, "words": words})
    names = list(dict.fromkeys(piece["tier"] for piece in pieces))
    base = alt.Chart(pd.DataFrame(pieces)).encode(
        x=alt.X(
            "score:Q",
            scale=alt.Scale(domain=[-0.6, 10.6], nice=False),
            axis=alt.Axis(title="severity", values=list(drawing.TENTHS), grid=False),
        ),
        y=alt.Y("share:Q", scale=alt.Scale(domain=[0, 1.35], nice=False), axis=None),
    )
    bars = base.mark_bar(color=drawing.FAINT, size=20)
    words = base.mark_text(fontSize=12, dy=-8).encode(text=alt.Text("words:N"))
    header = alt.Header(labelAngle=0, labelAlign="left")
    return alt.layer(bars, words, width=420, height=52).facet(
        row=alt.Row("tier:N", sort=names, header=header), spacing=4
    )


def _cues(figures: Sequence[ShownFigure]) -> drawing.Spec:
    """The AUC of each cue; pairs that are judged stand first."""
    ranked = sorted(figures, key=lambda figure: figure.verdict is None)
    scale = drawing.Scale("AUC (0.5: a coin)", (0.0, 1.0), drawing.QUARTERS, ".2f")
    return drawing.dots([_dot(f) for f in ranked], scale, (), width=300, step=26)


def _surprise(figures: Sequence[ShownFigure]) -> drawing.Spec:
    most = math.ceil(max(max(f.high or 0, f.value or 0) for f in figures) + 0.5)
    ticks = tuple(float(at) for at in range(0, most + 1, max(1, most // 6)))
    scale = drawing.Scale("nats a token", (0.0, float(most)), ticks)
    return drawing.dots([_dot(figure) for figure in figures], scale, (), width=300)


def _dot(figure: ShownFigure) -> Dot:
    method = {"failed": _BAD, "passed": _GOOD}.get(figure.verdict or "", _SHOWN)
    words, row = f"{figure.text} · n {figure.n}", figure.name.replace("_", " ")
    if figure.value is None:
        low, high, lowest, highest = (
            math.nan if end is None else end
            for end in (figure.low, figure.high, figure.lowest, figure.highest)
        )
        dot = Dot(row, method, math.nan, low, high, words)
        return replace(dot, lowest=lowest, highest=highest)
    low, high = (figure.value if end is None else end for end in (figure.low, figure.high))
    return Dot(row, method, figure.value, low, high, words)
