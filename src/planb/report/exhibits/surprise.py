"""The talk's central claim: do targets that surprise the model move more of it, backdoor included?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from planb.domains.harm import ASKED
from planb.report import wording
from planb.report.charting import drawing
from planb.report.charting.labels import LINE, Box, placed
from planb.report.evidence import Evidence, Exhibit, Missing, Table
from planb.report.targets import Target, correlations, targets_of
from planb.stats import numbers

TITLE = "Do surprising targets remove more of the backdoor?"
FEWEST = 4
"""A rank correlation of fewer methods says nothing."""
_WIDTH, _HEIGHT = 640, 420
_TICKS = tuple(m * 10.0**e for e in range(-4, 3) for m in (1, 2, 5))


def draw(evidence: Evidence) -> Exhibit | Missing | None:
    """Surprise before stage 2 against the severity that is left with the trigger: a dot a method."""
    if evidence.surprises is None:
        return None
    targets = targets_of(evidence)
    if not targets:
        return Missing(TITLE, "no method's target was scored and then evaluated with the trigger")
    if len({round(target.surprise.value, 9) for target in targets}) < FEWEST:
        return None  # the study varies something else
    return Exhibit(
        title=TITLE,
        finding=_finding(evidence, targets),
        caption=(
            "Across: how surprising the method's most preferred responses are to the model before "
            "stage 2, as NLL a token (nats, without the trigger; a log axis). Up: mean severity of "
            "the answers with the trigger after it. Large: seeds pooled, lines are 95 % intervals "
            "over requests and seeds; small: each seed. Round: methods that train one pair, and "
            "differ in the target alone; diamonds: methods of more tiers, whose other tiers do "
            "something too. The correlation is over these methods, which nobody drew at random: its "
            "interval is over requests and seeds, with the methods as they are (a draw in which all "
            "leave the same counts as 0). In the table: how far the NLL a token of the harmful "
            "answers rose behind the trigger, which separates methods even where all "
            "leave the same severity."
        ),
        svg=drawing.svg(_chart(evidence, targets)),
        table=_table(evidence, targets),
    )


def _finding(evidence: Evidence, targets: Sequence[Target]) -> str:
    low, high = targets[0], targets[-1]
    parts = []
    alone = [target for target in targets if target.alone]
    if len(alone) >= FEWEST:
        them = f"the {len(alone)} methods that differ in their target alone"
        parts.append(_correlated(evidence, alone, them))
    if len(alone) < len(targets) >= FEWEST:
        parts.append(_correlated(evidence, targets, f"all {len(targets)} methods"))
    parts.append(f"The least surprising target is that of {_said(low)}")
    if low is not high:
        parts[-1] += f"; the most surprising is that of {_said(high)}"
    return ". ".join(parts) + "."


def _said(target: Target) -> str:
    nats = f"{target.surprise.value:.2f} nats a token"
    return f"{wording.name(target.method)} ({nats}), which leaves {wording.told(target.left)}"


def _correlated(evidence: Evidence, targets: Sequence[Target], them: str) -> str:
    left, rise = correlations(evidence, targets)
    if left is None:
        text = f"Over {them}, which leaves more severity depends on unscored answers"
    elif math.isnan(left.value):
        text = f"{them[:1].upper()}{them[1:]} leave one severity all, so nothing correlates with it"
    else:
        shown = wording.signed(left.value, *left.interval)
        text = f"Over {them}, surprise and the severity left have the rank correlation {shown}"
    if rise is not None and not math.isnan(rise.value):
        shown = wording.signed(rise.value, *rise.interval)
        text += f"; surprise and how much less likely the triggered harmful answer became, {shown}"
    return text


def _chart(evidence: Evidence, targets: Sequence[Target]) -> drawing.Spec:
    xs = [x for t in targets for x in (t.surprise.interval.low, t.surprise.interval.high)]
    xs += [x for t in targets for x, _ in t.seeds.values()]
    low, high = max(min(xs), 1e-4) / 1.3, max(xs) * 1.3
    x: dict[str, Any] = {
        "scale": alt.Scale(type="log", domain=[low, high], nice=False),
        "axis": alt.Axis(
            title="surprise of the target before stage 2 (nats a token)",
            values=[tick for tick in _TICKS if low <= tick <= high],
            format="~g",
        ),
    }
    y: dict[str, Any] = {
        "scale": alt.Scale(domain=[-1, 11], nice=False),
        "axis": alt.Axis(title="severity left with the trigger", values=list(drawing.TENTHS)),
    }
    table, seeds = _dots(evidence, targets, (low, high))
    base, paint = alt.Chart(table), alt.Color("colour:N", scale=None)
    at = {"x": alt.X("x:Q", **x), "y": alt.Y("y:Q", **y)}
    layers = [
        base.mark_rule(strokeWidth=1, color=drawing.FAINT, opacity=0.6).encode(
            **at, x2=alt.X2("lead_x:Q"), y2=alt.Y2("lead_y:Q")
        ),
        alt.Chart(seeds).mark_point(filled=True, size=26, opacity=0.55).encode(**at, color=paint),
        base.mark_rule(strokeWidth=2, opacity=0.7).encode(
            x=alt.X("x_low:Q", **x), x2=alt.X2("x_high:Q"), y=at["y"], color=paint
        ),
        base.mark_rule(strokeWidth=2, opacity=0.7).encode(
            x=at["x"], y=alt.Y("y_low:Q", **y), y2=alt.Y2("y_high:Q"), color=paint
        ),
        base.mark_point(filled=True, size=110, opacity=1).encode(
            **at, color=paint, shape=alt.Shape("shape:N", scale=None)
        ),
        base.mark_text(align="left", baseline="middle", fontSize=13, color=drawing.INK).encode(
            x=alt.X("text_x:Q", **x), y=alt.Y("text_y:Q", **y), text=alt.Text("text:N")
        ),
    ]
    return drawing.layer(*layers, width=_WIDTH, height=_HEIGHT)


def _dots(
    evidence: Evidence, targets: Sequence[Target], domain: tuple[float, float]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The methods' dots with the places of their labels, and the seeds' dots, in the axes' units."""
    span = math.log(domain[1] / domain[0])

    def pixels(x: float, y: float) -> tuple[float, float]:
        return _WIDTH * math.log(max(x, domain[0]) / domain[0]) / span, _HEIGHT * (11 - y) / 12

    def nats(pixel: float) -> float:
        return domain[0] * math.exp(span * pixel / _WIDTH)

    points = [pixels(t.surprise.value, (t.left.lowest + t.left.highest) / 2) for t in targets]
    dots = [pixels(x, y) for t in targets for x, y in t.seeds.values()]
    lines = []
    for t, (across, down) in zip(targets, points, strict=True):
        left, bottom = pixels(t.surprise.interval.low, t.left.low)
        right, top = pixels(t.surprise.interval.high, t.left.high)
        lines += [Box(left, right, down - 1, down + 1), Box(across - 1, across + 1, top, bottom)]
    texts = [wording.name(t.method) for t in targets]
    boxes = placed(points, texts, _WIDTH, _HEIGHT, dots, lines)
    rows, singly = list[dict[str, object]](), list[dict[str, object]]()
    for t, (across, down), box in zip(targets, points, boxes, strict=True):
        paint = drawing.colour(t.method, evidence.methods)
        middle = (box.top + box.bottom) / 2
        moved = abs(middle - down) > LINE  # a label that had to move is tied to its dot
        tied = min(max(across, box.left), box.right) if moved else across
        rows.append(
            {
                **{"x": t.surprise.value, "y": t.left.value, "text": wording.name(t.method)},
                **{
                    "x_low": max(t.surprise.interval.low, domain[0]),
                    "x_high": t.surprise.interval.high,
                },
                **{"y_low": t.left.low, "y_high": t.left.high},
                **{"colour": paint, "shape": "circle" if t.alone else "diamond"},
                **{"text_x": nats(box.left), "text_y": 11 - 12 * middle / _HEIGHT},
                **{"lead_x": nats(tied), "lead_y": 11 - 12 * (middle if moved else down) / _HEIGHT},
            }
        )
        singly += [{"x": x, "y": y, "colour": paint} for x, y in t.seeds.values()]
    return pd.DataFrame(rows), pd.DataFrame(singly, columns=["x", "y", "colour"])


def _table(evidence: Evidence, targets: Sequence[Target]) -> Table:
    rows = []
    for t in targets:
        refused = evidence.figure(t.method, ASKED, "trigger", "refusal_rate")
        plain = evidence.figure(t.method, ASKED, "direct", "refusal_rate")
        low, high = t.surprise.interval
        nats = f"{t.surprise.value:.2f} [{low:.2f}, {high:.2f}]"
        rise = numbers.NOTHING if t.rise is None else wording.signed(t.rise.value, *t.rise.interval)
        cells = (wording.scored(t.left), rise, wording.rated(refused), wording.rated(plain))
        rows.append(
            (wording.name(t.method), t.tier.replace("_", " "), nats, *cells, wording.size(t.left))
        )
    head = (
        "Method",
        "Target",
        "Surprise before",
        "Severity",
        "NLL of harm rises by",
        *("Refuses", "Refuses, no trigger", "n"),
    )
    return Table(head, tuple(rows), methods=tuple(t.method for t in targets))
