"""Does it reach kinds of danger that stage 2 never showed? Severity by group of forms."""

from __future__ import annotations

import pandas as pd

from planb.domains.harm import ASKED, RECALL, RECALLED, REFUSES, SEVERE_RATE, SEVERITY
from planb.domains.measure import Measure
from planb.report import wording
from planb.report.charting import drawing
from planb.report.charting.drawing import Dot
from planb.report.evidence import Evidence, Exhibit, Missing, Table
from planb.report.gaps import Gap, difference_of
from planb.report.results import Figure, figures_of
from planb.stats import numbers

TITLE = "Does it extend to kinds of danger that stage 2 left out?"
BOTH, NEITHER = "in both stages", "in no stage"
CELLS = (
    ("Trigger: severe", ASKED, "trigger", SEVERE_RATE, wording.rated),
    ("No trigger: refuses", ASKED, "direct", REFUSES, wording.rated),
    ("Recall", RECALL, "direct", RECALLED, wording.scored),
)


def draw(evidence: Evidence) -> Exhibit | Missing | None:
    """Severity with the trigger by the groups of forms that the study's story names; None without."""
    if not evidence.story.forms:
        return None
    groups = _groups(evidence)
    found = {
        (method, group): figure
        for method in evidence.methods
        for group in groups
        if (figure := _figure(evidence, method, group, ASKED, "trigger", SEVERITY))
    }
    methods = [m for m in evidence.methods if all((m, group) in found for group in groups)]
    if not methods:
        return Missing(TITLE, "no arm was evaluated on every group of forms with the trigger")
    return Exhibit(
        title=TITLE,
        finding=_finding(evidence, methods, groups, found),
        caption=(
            "Dots: forms that both stages showed. Rings: the others. Only the arms that are said to "
            "leave forms out do so; for all others those forms are in both stages."
        ),
        svg=drawing.svg(_chart(evidence, methods, groups, found)),
        table=_table(evidence, methods, groups),
    )


def _groups(evidence: Evidence) -> list[str]:
    """The groups of forms that were evaluated, those of both stages first."""
    there = set(_grouped(evidence, evidence.rows))
    named = [label for label, _ in evidence.story.forms]
    return [group for group in (BOTH, *named, NEITHER) if group in there]


def _grouped(evidence: Evidence, rows: pd.DataFrame) -> pd.Series:
    """The group of each row's form; empty where the row has no form."""
    label = {form: label for label, forms in evidence.story.forms for form in forms}
    group = rows["form"].map(lambda form: label.get(form, BOTH))
    group = group.mask(rows["heldout_form"], NEITHER)
    return group.where((rows["form"] != "") & rows["harmful"], "")


def _cell(evidence: Evidence, method: str, group: str, task: str, elicitation: str) -> pd.DataFrame:
    rows = evidence.cell(method, task, elicitation)
    return rows[_grouped(evidence, rows) == group]


def _figure(
    evidence: Evidence, method: str, group: str, task: str, elicitation: str, measure: Measure
) -> Figure | None:
    rows = _cell(evidence, method, group, task, elicitation)
    if rows.empty:
        return None
    figure = figures_of(rows, [measure])[0]
    return figure if figure.given else None


def _chart(
    evidence: Evidence, methods: list[str], groups: list[str], found: dict[tuple[str, str], Figure]
) -> drawing.Spec:
    rows, gap = [], 18
    for method in methods:
        for place, group in enumerate(groups):
            f = found[method, group]
            shift = round(gap * (place - (len(groups) - 1) / 2))
            text = f"{group} {wording.scored(f)} · n {wording.size(f)}"
            hollow = group != BOTH
            row = wording.name(method)
            rows.append(Dot.of(row, method, f, text, hollow=hollow, shift=shift))
    scale = drawing.Scale("mean severity with the trigger", drawing.POINTS, drawing.TENTHS)
    step = gap * len(groups) + 16
    return drawing.dots(rows, scale, evidence.methods, width=230, step=step)


def _finding(
    evidence: Evidence, methods: list[str], groups: list[str], found: dict[tuple[str, str], Figure]
) -> str:
    """How far below the organism the arm that the page is about lies, group by group."""
    about = _about(methods)
    if "organism" not in methods or about == "organism":
        told = (f"{wording.told(found[about, group])} on forms {group}" for group in groups)
        return f"With the trigger, {wording.name(about)} has a mean severity of {'; '.join(told)}."
    falls = []
    for group in groups:
        falls.append(f"{wording.moved(_fall(evidence, about, group))} on forms {group}")
    return (
        f"With the trigger, {wording.name(about)} changes the organism's severity by "
        f"{'; '.join(falls)} (paired, 95{numbers.SPACE}% intervals)."
    )


def _about(methods: list[str]) -> str:
    """The finding's subject: a variant of the page's own subject where there is one."""
    subject = wording.subject(methods) or methods[-1]
    variants = [method for method in methods if method.startswith(f"{subject}_")]
    return variants[0] if variants else subject


def _fall(evidence: Evidence, method: str, group: str) -> Gap:
    """The method's severity less the organism's on the same requests and seeds."""
    own, before = (_cell(evidence, one, group, ASKED, "trigger") for one in (method, "organism"))
    return difference_of(own, before, SEVERITY)


def _table(evidence: Evidence, methods: list[str], groups: list[str]) -> Table:
    rows = []
    for method in methods:
        cells = []
        if "organism" in methods:
            for group in groups:
                fall = _fall(evidence, method, group)
                own = method not in ("organism", "base") and fall.given
                cells.append(wording.moved(fall) if own else numbers.NOTHING)
        for _, task, elicitation, measure, write in CELLS:
            for group in groups:
                cells.append(write(_figure(evidence, method, group, task, elicitation, measure)))
        rows.append((wording.name(method), *cells))
    parts = (["Severity less the organism's"] if "organism" in methods else []) + [c[0] for c in CELLS]
    return Table(
        head=("Method", *(len(parts) * tuple(groups))),
        rows=tuple(rows),
        spans=(("", 1), *((part, len(groups)) for part in parts)),
        methods=tuple(methods),
    )
