"""What training does to the likelihood of each tier: does the preferred response lose too?"""

from __future__ import annotations

from typing import NamedTuple

import altair as alt
import pandas as pd

from planb.report import wording
from planb.report.charting import drawing
from planb.report.evidence import Evidence, Exhibit, Missing, Table
from planb.report.surprise_results import AFTER, BEFORE, Mean, mean_of, sums_of
from planb.stats import numbers
from planb.stats.bootstrap import Resamples, percentiles
from planb.stats.intervals import Interval, envelope

TITLE = "What becomes of each tier's likelihood?"
_STEP, _WIDTH = 20, 420
_TICKS = ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 5, 7))
"""What a logarithmic axis is marked at in every decade, from few to many marks."""
_FEWEST = 4


class Move(NamedTuple):
    """A tier's NLL a token (nats) before and after a method, and how far its log-probability rose:
    the difference on the same requests and seeds."""

    method: str
    tier: str
    place: int
    before: Mean
    after: Mean
    change: float
    interval: Interval


def draw(evidence: Evidence) -> Exhibit | Missing | None:
    """Log-probability a token of every tier, before and after each method."""
    if evidence.surprises is None:
        return None
    moves = moves_of(evidence)
    if not moves:
        return Missing(TITLE, "no method's tiers were scored both before and after it")
    return Exhibit(
        title=TITLE,
        finding=_finding(moves),
        caption=(
            "Mean log-probability a token of the responses of each tier that the method trains, "
            "without the trigger, on requests of the safety training; tiers from the most preferred "
            "down, and last the harmful answers behind the trigger, which no method trains. Rings: "
            "before the method; dots: after it, with 95 % intervals over requests and seeds. The axis "
            "is that of the negative log-probability, and logarithmic: to the right is likelier. An "
            "objective that only widens the gap between tiers can do so while all of them become less "
            "likely (likelihood displacement)."
        ),
        svg=drawing.svg(_chart(evidence, moves)),
        table=_table(moves),
    )


def moves_of(evidence: Evidence) -> list[Move]:
    """Every tier of every method that was scored before and after it."""
    scored = evidence.surprises
    assert scored is not None
    found = []
    for method in evidence.methods:
        own = scored[scored["method"] == method].sort_values("place", kind="stable")
        for tier in dict.fromkeys(own["tier"]):
            rows = own[own["tier"] == tier]
            sides = [rows[rows["when"] == when] for when in (BEFORE, AFTER)]
            shared = set(sides[0]["seed"]) & set(sides[1]["seed"])
            sides = [side[side["seed"].isin(shared)] for side in sides]
            if shared:
                found.append(_move(method, str(tier), *sides))
    return found


def _move(method: str, tier: str, before: pd.DataFrame, after: pd.DataFrame) -> Move:
    sums, after_sums = sums_of(before), sums_of(after)
    draws = Resamples.draw(sums[0].shape[0], sums[0].shape[1])
    was, now = (mean_of(side) for side in (before, after))
    change = was.value - now.value
    resampled = percentiles(draws.means(*sums) - draws.means(*after_sums))
    place = int(before["place"].iloc[0])
    return Move(method, tier, place, was, now, change, envelope(change, *resampled))


def _finding(moves: list[Move]) -> str:
    chosen = [move for move in moves if move.place == 0]
    fell = [wording.name(move.method) for move in chosen if move.interval.high < 0]
    rose = sum(move.interval.low > 0 for move in chosen)
    worst = min(chosen, key=lambda move: move.change)
    many = numbers.plural(len(chosen), "method")
    said = (
        f"The most preferred tier became likelier under {rose} of {many}, less likely under {len(fell)}"
    )
    said += f" ({', '.join(fell)})" if fell else ""
    shown = wording.signed(worst.change, *worst.interval)
    return f"{said}; its least change is that of {wording.name(worst.method)}: {shown} nats a token."


def _chart(evidence: Evidence, moves: list[Move]) -> alt.TopLevelMixin:
    table = pd.DataFrame(
        [
            {
                **{"method": wording.name(move.method), "tier": said(move.tier)},
                **{"before": move.before.value, "after": move.after.value},
                **{"low": max(move.after.interval.low, 1e-5), "high": move.after.interval.high},
                **{"colour": drawing.colour(move.method, evidence.methods)},
            }
            for move in moves
        ]
    )
    low = table[["before", "low"]].min().min() / 1.3
    high = table[["before", "high"]].max().max() * 1.3
    x = {
        "scale": alt.Scale(type="log", domain=[low, high], reverse=True, nice=False),
        "axis": alt.Axis(
            title="log-probability a token (nats)",
            values=_ticks(low, high),
            labelExpr="'−' + format(datum.value, '~g')",
        ),
    }
    lowest = {said(m.tier): max(o.place for o in moves if o.tier == m.tier) for m in moves}
    order = sorted(lowest, key=lowest.__getitem__)
    y = alt.Y(
        "tier:N", sort=order, axis=alt.Axis(title=None, ticks=False, domain=False, labelFontSize=12)
    )
    paint, base = alt.Color("colour:N", scale=None), alt.Chart().encode(y=y)
    layers = alt.layer(
        base.mark_rule(strokeWidth=1.5, opacity=0.6).encode(
            x=alt.X("before:Q", **x), x2=alt.X2("after:Q"), color=paint
        ),
        base.mark_rule(strokeWidth=4, opacity=0.45).encode(
            x=alt.X("low:Q", **x), x2=alt.X2("high:Q"), color=paint
        ),
        base.mark_point(filled=True, size=60, strokeWidth=2, opacity=1, fill="#ffffff").encode(
            x=alt.X("before:Q", **x), stroke=paint
        ),
        base.mark_point(filled=True, size=70, opacity=1).encode(x=alt.X("after:Q", **x), color=paint),
        data=table,
        width=_WIDTH,
        height=alt.Step(_STEP),
    )
    header = alt.Header(labelAngle=0, labelAlign="left", labelPadding=10)
    names = list(dict.fromkeys(table["method"]))
    return layers.facet(row=alt.Row("method:N", sort=names, header=header), spacing=6).resolve_scale(
        y="independent"
    )


def _ticks(low: float, high: float) -> list[float]:
    """The fewest marks within the bounds that are enough to read a number off."""
    for marks in _TICKS:
        found = [m * 10.0**e for e in range(-5, 3) for m in marks if low <= m * 10.0**e <= high]
        if len(found) >= _FEWEST:
            break
    return found


def said(tier: str) -> str:
    """A tier's name on the page."""
    return tier.replace("@trigger", ", with the trigger").replace("_", " ")


def _table(moves: list[Move]) -> Table:
    rows = []
    for move in moves:
        sides = [
            f"{-side.value:.2f} [{-side.interval.high:.2f}, {-side.interval.low:.2f}]".replace("-", "−")
            for side in (move.before, move.after)
        ]
        change = wording.signed(move.change, *move.interval)
        name = wording.name(move.method)
        rows.append((name, said(move.tier), *sides, change, str(move.after.n)))
    methods = tuple(move.method for move in moves)
    breaks = tuple(i for i in range(1, len(moves)) if methods[i] != methods[i - 1])
    head = ("Method", "Tier", "Before", "After", "Change", "n")
    return Table(head, tuple(rows), methods=methods, breaks=breaks)
