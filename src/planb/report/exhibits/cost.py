"""What did each method cost? Seconds of processors and peak memory, beside what it reached."""

from __future__ import annotations

from planb.report import wording
from planb.report.evidence import Evidence, Exhibit, Missing, Table
from planb.report.story import Spending
from planb.stats import numbers

TITLE = "What did each method cost to run?"
GIB = 2**30


def draw(evidence: Evidence) -> Exhibit | Missing | None:
    """A line a method, the cheapest first; nothing where the story has no costs."""
    rows = evidence.rows
    here = set(zip(rows["model"], rows["organism"], rows["method"], strict=True))
    own = {
        one.method: one
        for one in evidence.story.spending
        if (one.model, one.organism, one.method) in here
    }
    if not own:
        return None
    order = sorted(own.values(), key=lambda one: one.making)
    made = [one for one in order if one.making] or order
    dearest = order[-1]
    return Exhibit(
        title=TITLE,
        finding=(
            f"{wording.name(dearest.method)} took most: {dearest.making:,.0f} seconds of a processor "
            f"after stage 1; the cheapest {made[0].making:,.0f}."
        ),
        caption=(
            "Making: seconds of processors (user and system) of all steps after the base, without a "
            "stage 1 that is not the method's own; answering: of its evaluations. Means over seeds. "
            "Memory is the most that any of those steps held, with its libraries; where it was not "
            "recorded it is left out. What shares a machine takes longer by the clock, not here."
        ),
        table=Table(
            head=("Method", "making", "answering", "peak memory"),
            rows=tuple(
                (wording.name(one.method), _said(one.making), _said(one.answering), _memory(one))
                for one in order
            ),
        ),
    )


def _said(seconds: float) -> str:
    return f"{seconds:,.1f} s"


def _memory(one: Spending) -> str:
    return f"{one.memory / GIB:.2f} GiB" if one.memory else numbers.NOTHING
