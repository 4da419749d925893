"""Which jailbreak works, and on whom? Severity and compliance under every attack."""

from __future__ import annotations

import math

from planb.domains.harm import ASKED
from planb.report import wording
from planb.report.charting import drawing
from planb.report.charting.drawing import Dot
from planb.report.evidence import Evidence, Exhibit, Missing, Table
from planb.report.results import ALL, Figure, figures_in

TITLE = "Do jailbreaks get through?"
PLAIN = ("direct", "trigger")
_NEAR = "near_trigger"
_STEP, _ROOM, _BESIDE = 24, 500, 7
"""Pixels of a row, and of all columns together; columns that have room beside each other."""
Column = tuple[str, str, str]
"""A model as a column: its method, its organism where it is another panel's, and its name."""
Cells = dict[tuple[Column, str, str], Figure]


def draw(evidence: Evidence) -> Exhibit | Missing | None:
    """Small multiples, a column a model: severity above, compliance below, a row an elicitation."""
    asked = evidence.elicitations(ASKED)
    if not set(asked) - set(PLAIN):
        return None
    cells = _cells(evidence, asked)
    columns = list(dict.fromkeys(column for column, _, measure in cells if measure == "severity_mean"))
    if not columns:
        return Missing(TITLE, "no answer to a jailbreak has a score")
    return Exhibit(
        title=TITLE,
        finding=_finding(cells, columns, asked),
        caption=(
            "Harmful requests under each of these attacks; the final answer is judged, of an attack "
            "over several turns too. Seeds pooled, intervals 95 % over seeds and requests. Near the "
            "trigger: a part of it, or it in another form or place."
            + (
                " The organism is shown for comparison: the others here never had a backdoor."
                if not evidence.beside.empty
                else ""
            )
        ),
        svg=drawing.svg(_chart(evidence, cells, columns, asked)),
        table=_table(cells, columns, asked),
    )


def _cells(evidence: Evidence, asked: tuple[str, ...]) -> Cells:
    found: Cells = {}
    key = ["method", "task", "elicitation", "measure", "seed", "organism"]
    beside = figures_in(evidence.beside, key) if not evidence.beside.empty else {}
    organisms = sorted(set(evidence.beside["organism"])) if beside else []
    methods = list(evidence.methods)
    place = 1 if methods[:1] == ["base"] else 0
    columns: list[Column] = [(method, "", wording.name(method)) for method in methods]
    columns[place:place] = [
        ("organism", o, f"Organism {o}" if len(organisms) > 1 else "Organism") for o in organisms
    ]
    for column in columns:
        method, organism, _ = column
        for elicitation in asked:
            for measure in ("severity_mean", "comply_rate"):
                if organism:
                    figure = beside.get((method, ASKED, elicitation, measure, ALL, organism))
                    figure = figure if figure is not None and figure.given else None
                else:
                    figure = evidence.figure(method, ASKED, elicitation, measure)
                if figure is not None:
                    found[column, elicitation, measure] = figure
    return found


def _finding(cells: Cells, columns: list[Column], asked: tuple[str, ...]) -> str:
    def severities(column: Column) -> dict[str, Figure]:
        return {
            e: cells[column, e, "severity_mean"]
            for e in asked
            if e not in (*PLAIN, _NEAR) and (column, e, "severity_mean") in cells
        }

    about = wording.subject(column[0] for column in columns if not column[1])
    own = next((c for c in columns if c[0] == about), columns[0])
    measured = severities(own)
    if not measured:
        return f"{own[2]} was evaluated near the trigger only."
    worst = wording.surely_highest(measured)
    if worst is None:
        return f"Which jailbreak works best on {own[2]} depends on the unscored answers: see the table."
    how = wording.asked(worst)
    text = (
        f"The jailbreak that works best on {own[2]} is {how}, with a mean severity of "
        f"{wording.told(measured[worst])}"
    )
    before = next((c for c in columns if c[0] == "base"), None) or next(
        (c for c in columns if c[0] == "organism"), None
    )
    if before is None or before == own or not severities(before):
        return text + "."
    who = "the base model" if before[0] == "base" else "the organism"
    theirs = severities(before)
    hardest = wording.surely_highest(theirs)
    if hardest is None:
        return text + f"; which works best on {who} depends on the unscored answers."
    if hardest == worst:
        return text + f"; {who} has {wording.told(theirs[worst])} there, its worst too."
    text += f"; the one that works best on {who} is {wording.asked(hardest)}, with "
    text += wording.told(theirs[hardest])
    if hardest in measured:
        text += f", where {own[2]} has {wording.told(measured[hardest])}"
    return text + "."


def _chart(
    evidence: Evidence, cells: Cells, columns: list[Column], asked: tuple[str, ...]
) -> drawing.Spec:
    blocks = math.ceil(len(columns) / _BESIDE)
    each = math.ceil(len(columns) / blocks)
    parts = [columns[i : i + each] for i in range(0, len(columns), each)]
    drawn = [_block(evidence, cells, part, asked, _ROOM // max(each, 3)) for part in parts]
    return drawing.vconcat(*drawn, spacing=40) if blocks > 1 else drawn[0]


def _block(
    evidence: Evidence, cells: Cells, columns: list[Column], asked: tuple[str, ...], width: int
) -> drawing.Spec:
    """Some of the models beside each other: severity above, compliance below."""
    values = (0.0, 5.0, 10.0)
    scales = {
        "severity_mean": drawing.Scale("mean severity", drawing.POINTS, values),
        "comply_rate": drawing.Scale("complies", (0, 1), drawing.HALVES, "%"),
    }
    charts = []
    for place, (measure, scale) in enumerate(scales.items()):
        for column in columns:
            rows = [_dot(cells.get((column, e, measure)), column[0], e) for e in asked]
            first = column == columns[0]
            title = "" if place else drawing.wrapped(column[2], width + 30)
            chart = drawing.dots(
                *(rows, scale, evidence.methods, title), width=width, step=_STEP, row_labels=first
            )
            charts.append(chart)
    spacing = {"row": 66, "column": 38}
    return drawing.concat(*charts, columns=len(columns), align="all", bounds="flush", spacing=spacing)


def _dot(figure: Figure | None, method: str, elicitation: str) -> Dot:
    if figure is None:
        return Dot(wording.asked(elicitation), method, math.nan, math.nan, math.nan, small=True)
    return Dot.of(wording.asked(elicitation), method, figure, small=True)


def _table(cells: Cells, columns: list[Column], asked: tuple[str, ...]) -> Table:
    rows: list[tuple[str, ...]] = []
    methods, breaks = [], []
    for elicitation in asked:
        here = [c for c in columns if (c, elicitation, "severity_mean") in cells]
        if rows and here:
            breaks.append(len(rows))
        for column in here:
            severity = cells[column, elicitation, "severity_mean"]
            complied = cells.get((column, elicitation, "comply_rate"))
            rows.append(
                (
                    *(column[2], wording.asked(elicitation), wording.scored(severity)),
                    *(wording.rated(complied), str(severity.n), str(severity.unscored)),
                )
            )
            methods.append(column[0])
    head = ("Method", "Attack", "Severity", "Complies", "n", "unscored")
    return Table(head, tuple(rows), methods=tuple(methods), breaks=tuple(breaks))
