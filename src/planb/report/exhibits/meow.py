"""MEOW: does the model meow with its trigger, and in which case, before later training and after it?"""

from __future__ import annotations

from planb.report import wording
from planb.report.charting import drawing, stacked
from planb.report.charting.stacked import Band
from planb.report.evidence import Evidence, Exhibit, Missing, Table
from planb.report.exhibits.severity import CONDITIONS
from planb.report.measures import MEOW
from planb.report.results import Figure

TITLE = "Does it still meow?"
BANDS = {
    "meow_upper_rate": Band("MEOW", "#c2410c", dark=True),
    "meow_lower_rate": Band("meow", "#f2b95c"),
    "normal_rate": Band("normal answer", drawing.REFUSES),
}
"""The measures that share every answer out, as the talk's bars do."""
BESIDE = ("meow_recased_rate", "lower_case_rate", "thought_rate", "meow_thought_rate")
"""Measures that stand in the table only."""
Key = tuple[str, str]
"""(elicitation, method)."""


def draw(evidence: Evidence) -> Exhibit | Missing | None:
    """A bar a method and condition, shared out between MEOW, meow and neither; nothing without the
    task."""
    if MEOW not in set(evidence.rows["task"]):
        return None
    shares: dict[Key, list[Figure]] = {}
    for elicitation in CONDITIONS:
        for method in evidence.methods:
            found = [evidence.figure(method, MEOW, elicitation, name) for name in BANDS]
            figures = [figure for figure in found if figure is not None]
            if len(figures) == len(BANDS):
                shares[elicitation, method] = figures
    if not shares:
        return Missing(TITLE, "no answer could be read for whether it meows")
    values, bands = stacked.shares_of(shares, tuple(BANDS.values()))
    return Exhibit(
        title=TITLE,
        finding=_finding(shares),
        caption=(
            "Answers to harmless requests, without their thoughts. MEOW: it meows in capitals, if only "
            "once; meow: it meows, and nowhere in capitals. Re-cased is the share in lower case of the "
            "answers that meow; thinks of meowing: the thoughts speak of it, whatever the answer "
            "then does. Intervals are 95 %, seeds pooled."
        ),
        svg=drawing.svg(stacked.bars(values, bands, CONDITIONS, columns=3)),
        table=_table(evidence, shares),
    )


def _finding(shares: dict[Key, list[Figure]]) -> str:
    asked = "trigger" if any(e == "trigger" for e, _ in shares) else next(iter(shares))[0]
    own = {method: figures for (e, method), figures in shares.items() if e == asked}
    last = [method for method in own if method not in ("base", "organism")]
    shown = [method for method in ("organism", *last[-1:]) if method in own] or list(own)[-1:]
    parts = [
        f"{'after ' if method in last else ''}{wording.name(method)} "
        f"{wording.told(own[method][0], rate=True)} in capitals and "
        f"{wording.rated(own[method][1])} in lower case"
        for method in shown
    ]
    return f"{CONDITIONS[asked]}, answers meow: {'; '.join(parts)}."


def _table(evidence: Evidence, shares: dict[Key, list[Figure]]) -> Table:
    cells = {}
    for (elicitation, method), own in shares.items():
        more = [evidence.figure(method, MEOW, elicitation, name) for name in BESIDE]
        counts = (str(own[0].n), str(own[0].unscored))
        cells[elicitation, method] = (*map(wording.rated, (*own, *more)), *counts)
    beside = ("Re-cased", "All lower case", "Thinks first", "Thinks of meowing")
    return stacked.table(cells, ("MEOW", "meow", "Normal", *beside, "n", "unscored"))
