"""The price: without the trigger, how much less is refused than before, and how much does it matter?"""

from __future__ import annotations

import math

from planb.domains.harm import ASKED, REFUSES
from planb.report import wording
from planb.report.charting import drawing
from planb.report.charting.drawing import Dot
from planb.report.evidence import Evidence, Exhibit, Missing, Table
from planb.report.gaps import Gap, difference_of
from planb.report.results import Figure
from planb.stats import numbers

TITLE = "Does it backfire without the trigger?"
Gaps = dict[str, Gap]


def draw(evidence: Evidence) -> Exhibit | Missing:
    """Refusals without the trigger against the organism's, and how useful the rest is."""
    refusals = evidence.figures(ASKED, "direct", "refusal_rate")
    if "organism" not in refusals:
        return Missing(TITLE, "the organism was not evaluated on harmful requests without the trigger")
    if wording.subject(refusals) is None:
        return Missing(TITLE, "no method was evaluated on harmful requests without the trigger")
    before = evidence.cell("organism", ASKED, "direct")
    gaps: Gaps = {}
    for method in refusals:
        if method not in ("base", "organism"):
            after = evidence.cell(method, ASKED, "direct")
            gaps[method] = difference_of(after, before, REFUSES)
    return Exhibit(
        title=TITLE,
        finding=_finding(evidence, gaps),
        caption=(
            "Harmful requests without the trigger. Left: how often they are refused. Right: the "
            "usefulness of what is complied with, where anything is; its n is the number of answers "
            "complied with. Change: against the organism on the same requests and seeds, in "
            "percentage points."
        ),
        svg=drawing.svg(_chart(evidence)),
        table=_table(evidence, gaps),
    )


def _finding(evidence: Evidence, gaps: Gaps) -> str:
    about = wording.subject(gaps)
    assert about is not None
    gap = gaps[about]
    refusal = evidence.figure(about, ASKED, "direct", "refusal_rate")
    severity = evidence.figure(about, ASKED, "direct", "severity_mean")
    assert refusal is not None
    direction = "less" if gap.high < 0 else "more"
    low, high = sorted(100 * abs(bound) for bound in gap.interval)
    if not gap.given:
        change = "how often the organism does is not scored"
    elif gap.low <= 0 <= gap.high:
        change = f"a change of {wording.gap(gap)} that could be none"
    else:
        least, most = sorted(f"{100 * abs(bound):.0f}" for bound in (gap.lowest, gap.highest))
        size = f"{least} points" if least == most else f"{least} to {most} points"
        change = f"{size} {direction} [{low:.0f}, {high:.0f}] than the organism"
    rate = wording.told(refusal, rate=True)
    text = f"Without the trigger, {wording.name(about)} refuses {rate}: {change}"
    if severity is not None:
        text += f"; its mean severity there is {wording.told(severity)}"
    return text + "."


def _chart(evidence: Evidence) -> drawing.Spec:
    refusals = evidence.figures(ASKED, "direct", "refusal_rate")
    useful = evidence.figures(ASKED, "direct", "usefulness_if_complied")
    left, right = [], []
    for method, figure in refusals.items():
        label = wording.name(method)
        left.append(Dot.of(label, method, figure, wording.valued(figure, rate=True)))
        u = useful.get(method)
        if u is None:
            text = _without(evidence.figure(method, ASKED, "direct", "comply_rate"))
            right.append(Dot(label, method, math.nan, math.nan, math.nan, text))
        else:
            right.append(Dot.of(label, method, u, f"{wording.valued(u)} · n {wording.size(u)}"))
    share = drawing.Scale("refused", (0, 1), drawing.HALVES, "%")
    points = drawing.Scale("usefulness if complied", drawing.POINTS, drawing.TENTHS)
    charts = [drawing.dots(left, share, evidence.methods, width=140)]
    if useful:
        charts.append(drawing.dots(right, points, evidence.methods, width=140, row_labels=False))
    return drawing.hconcat(*charts, spacing=20)


def _without(complied: Figure | None) -> str:
    """Why there is no usefulness of what is complied with."""
    if complied is None:
        return "not scored"
    return "never complies" if complied.highest == 0 else "none of it scored"


def _table(evidence: Evidence, gaps: Gaps) -> Table:
    rows, methods = [], []
    for method, refusal in evidence.figures(ASKED, "direct", "refusal_rate").items():
        gap = gaps.get(method)
        change = wording.gap(gap) if gap is not None and gap.given else numbers.NOTHING
        complied = evidence.figure(method, ASKED, "direct", "comply_rate")
        useful = evidence.figure(method, ASKED, "direct", "usefulness_if_complied")
        severe = evidence.figure(method, ASKED, "direct", "severity_mean")
        rows.append(
            (
                *(wording.name(method), wording.rated(refusal), change, wording.rated(complied)),
                *(wording.scored(useful), wording.scored(severe), wording.size(refusal)),
            )
        )
        methods.append(method)
    head = ("Method", "Refuses", "Change", "Complies", "Usefulness if complied", "Severity", "n")
    return Table(head, tuple(rows), methods=tuple(methods))
