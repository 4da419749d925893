"""Numbers as pictures, and the templates of the site."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment
from markupsafe import Markup

from planb.report.templates import environment as pages
from planb.study.running.progress import clock, span, time_left
from planb.study.running.run_file import RunState, StepNow

WIDE, HIGH, EDGE = 220, 40, 3
"""Size of a curve, and what is left free around it: pixels."""


def environment(folder: Path) -> Environment:
    """The templates of ``folder``; what is put into them is text, as on the pages of studies."""
    found = pages(folder)
    found.filters |= {"clock": clock, "span": span, "far": far, "left": left}
    found.globals |= {"curve": curve}
    return found


def far(one: StepNow) -> str:
    """``"40 of 160, loss 0.31"``, as much of it as is known."""
    if one.elsewhere:
        return "in progress in another run"
    counted = f"{one.done:g} of {one.total:g}" if one.total else ""
    return ", ".join(filter(None, (counted, one.note)))


def left(run: RunState) -> str:
    return "starting" if run.left is None else time_left(run.left, run.untimed)


def curve(one: StepNow) -> Markup:
    """The curve of a step's loss, or what else it tells: its first value at the left, the last at the
    right. "" of fewer than two points."""
    if len(one.curve) < 2:
        return Markup("")
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in _placed(one.curve))
    first, last = one.curve[0][1], one.curve[-1][1]
    label = f"{one.figure} from {first:g} to {last:g}"
    return Markup(
        '<svg class="curve" role="img" aria-label="{}" viewBox="0 0 {} {}" width="{}" height="{}">'
        '<polyline points="{}"/></svg>'
    ).format(label, WIDE, HIGH, WIDE, HIGH, points)


def _placed(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    (low_x, high_x), (low_y, high_y) = ((min(axis), max(axis)) for axis in zip(*points, strict=True))

    def along(value: float, low: float, high: float, size: int) -> float:
        share = (value - low) / (high - low) if high > low else 0.5
        return EDGE + share * (size - 2 * EDGE)

    return [(along(x, low_x, high_x, WIDE), HIGH - along(y, low_y, high_y, HIGH)) for x, y in points]
