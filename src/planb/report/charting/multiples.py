"""Small multiples: a panel a line, each with all the other lines' points pale behind its own.

For more lines than there are colours that a reader can tell apart.
"""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import pandas as pd

from planb.report.charting import drawing

MOST = 6
"""So many lines are told apart by colour; more get a panel each."""
_COLUMNS, _WIDTH, _HEIGHT = 4, 150, 112


def multiples(
    points: pd.DataFrame,
    paints: dict[str, str],
    across: tuple[str, float],
    upwards: tuple[str, float],
) -> drawing.Spec:
    """A panel for each of ``paints``' lines, in its colour; all have the same axes.

    ``points`` has a row a point: ``line``, ``order`` along it, ``x`` (0 or more; its axis is that of
    the square root, so that what is near 0 has room), ``y`` with ``low`` and ``high``. ``across`` and
    ``upwards`` are an axis' title and end.
    """
    every = points.drop_duplicates(subset=["x", "y"])[["x", "y"]]
    drawn = [
        _panel(points[points["line"] == name], every, paint, (name, place), across, upwards)
        for place, (name, paint) in enumerate(paints.items())
    ]
    titled = alt.TitleParams(
        f"across: {across[0]}; upwards: {upwards[0].lower()}",
        fontWeight="normal",
        color=drawing.FAINT,
        fontSize=14,
    )
    return drawing.concat(
        *drawn, columns=_COLUMNS, spacing={"row": 58, "column": 22}, bounds="flush", title=titled
    )


def _panel(
    own: pd.DataFrame,
    every: pd.DataFrame,
    paint: str,
    named: tuple[str, int],
    across: tuple[str, float],
    upwards: tuple[str, float],
) -> drawing.Spec:
    name, place = named
    x = alt.X(
        "x:Q",
        scale=alt.Scale(type="sqrt", domain=[0, across[1]], nice=False),
        axis=alt.Axis(title=None, values=_ticks(across[1])),
    )
    axis = alt.Axis(title=None, tickCount=3, labels=place % _COLUMNS == 0)
    y = alt.Y("y:Q", scale=alt.Scale(domain=[0, upwards[1]], nice=False), axis=axis)
    behind = alt.Chart().mark_circle(size=22, color=drawing.REFUSES, opacity=0.8)
    base = alt.Chart().encode(x=x)
    # A chart's own title stands above its highest mark, so that the titles of a row do not align.
    titled = alt.Chart().mark_text(align="left", fontSize=14, fontWeight=600, color=drawing.INK)
    titled = titled.encode(x=alt.XValue(0), y=alt.YValue(-14), text=alt.Text("line:N"))
    layers = [
        *drawing.with_data([titled], pd.DataFrame({"line": [name]})),
        *drawing.with_data([behind.encode(x=x, y=y)], every),
        *drawing.with_data(
            [
                base.mark_line(strokeWidth=1.5, color=paint, opacity=0.6).encode(
                    y=y, order=alt.Order("order:Q")
                ),
                base.mark_rule(strokeWidth=2, color=paint, opacity=0.5).encode(
                    y=alt.Y("low:Q"), y2=alt.Y2("high:Q")
                ),
                base.mark_circle(size=70, color=paint, opacity=1).encode(y=y),
            ],
            own,
        ),
    ]
    return drawing.layer(*layers, width=_WIDTH, height=_HEIGHT)


def _ticks(end: float) -> Sequence[float]:
    """Three places: near 0, where the square root has room, in the middle, and at the end."""
    return (0.0, end / 8, end / 2, end)
