"""What did safety training cost? Benchmarks of knowledge, conversation, over-refusal and health."""

from __future__ import annotations

from typing import NamedTuple

from planb.domains.measure import Measure
from planb.report import wording
from planb.report.charting import drawing
from planb.report.charting.drawing import Dot
from planb.report.differences import paired_difference
from planb.report.evidence import Evidence, Exhibit, Missing, Table
from planb.report.results import ALL, Figure, figures_in
from planb.stats import numbers
from planb.stats.paired import Difference

TITLE = "What does it cost in capability?"


class Bench(NamedTuple):
    """One benchmark under one protocol or judge, with each method's figure and change."""

    title: str
    measure: Measure
    figures: dict[str, Figure]
    changes: dict[str, Difference]


def draw(evidence: Evidence) -> Exhibit | Missing | None:
    """A chart and a block of the table for each benchmark that the study has; nothing without any."""
    if not _asked(evidence):
        return None
    benches = _benches(evidence)
    if not benches:
        return Missing(TITLE, "no answer to a benchmark has a score")
    before = "the organism" if _before(evidence) == "organism" else "the base model"
    return Exhibit(
        title=TITLE,
        finding=_finding(evidence, benches, before),
        caption=(
            f"Without the trigger, seeds pooled. Change: against {before} on the same questions and "
            "seeds, rates in percentage points, with 95 % intervals (not corrected for their number). "
            "Protocols and judges of one benchmark are listed separately: their figures cannot be "
            "compared."
        ),
        svg=drawing.svg(_chart(evidence, benches)),
        table=_table(benches),
    )


def _asked(evidence: Evidence) -> list[tuple[str, Measure]]:
    """The benchmarks, each with a measure that has a title: tasks that are not the domain's own."""
    asked = evidence.every_row
    tasks = [] if asked.empty else sorted(set(asked["task"]) - set(evidence.domain.measured))
    return [(task, one) for task in tasks for one in evidence.measured[task].measures if one.title]


def _before(evidence: Evidence) -> str:
    return "organism" if "organism" in evidence.methods else "base"


def _benches(evidence: Evidence) -> list[Bench]:
    key = ["method", "task", "elicitation", "judge", "measure", "seed"]
    numbers, rows = figures_in(evidence.every_result, key), evidence.every_row
    before, found = _before(evidence), []
    for task, measure in _asked(evidence):
        name, title = measure.name, measure.title
        own = rows[(rows["task"] == task) & (rows["elicitation"] == "direct")]
        judges = sorted(own["judge"].unique())
        for judge in judges:
            cells = {m: numbers.get((m, task, "direct", judge, name, ALL)) for m in evidence.methods}
            figures = {m: figure for m, figure in cells.items() if figure is not None and figure.given}
            if not figures:
                continue
            judged = own[own["judge"] == judge]
            old = judged[judged["method"] == before]
            changes = {
                method: paired_difference(judged[judged["method"] == method], old, measure)[1]
                for method in figures
                if method not in ("base", before) and before in figures
            }
            full = f"{title}, {judge}" if len(judges) > 1 else title
            found.append(Bench(full, measure, figures, changes))
    return found


def _finding(evidence: Evidence, benches: list[Bench], before: str) -> str:
    about = wording.subject(evidence.methods)
    parts = []
    for bench in benches:
        figure = bench.figures.get(about or "")
        if figure is None or about is None:
            continue
        rate = bench.measure.top == 1
        text = f"{bench.title}: {wording.told(figure, rate=rate)}"
        if about in bench.changes and bench.changes[about].n:
            change = bench.changes[about]
            text += f", a change of {wording.moved(change, rate)}"
        parts.append(text)
    if not parts or about is None:
        return (
            "The methods were not evaluated; the figures are those of the checkpoint they started from."
        )
    return f"{wording.name(about)} against {before}. " + "; ".join(parts[:4]) + "."


def _chart(evidence: Evidence, benches: list[Bench]) -> drawing.Spec:
    charts = []
    for bench in benches:
        rate = bench.measure.top == 1
        rows = [
            Dot.of(wording.name(m), m, f, f"{wording.valued(f, rate)} · n {f.n}", small=True)
            for m, f in bench.figures.items()
        ]
        scale = drawing.scale_of(bench.measure, bench.measure.told)
        charts.append(
            drawing.dots(rows, scale, evidence.methods, title=bench.title, width=150, step=28)
        )
    return drawing.concat(*charts, columns=2, spacing={"row": 26, "column": 24})


def _table(benches: list[Bench]) -> Table:
    rows: list[tuple[str, ...]] = []
    methods, breaks = [], []
    for bench in benches:
        if rows:
            breaks.append(len(rows))
        rate = bench.measure.top == 1
        for method, figure in bench.figures.items():
            change = bench.changes.get(method)
            moved = numbers.NOTHING
            if change is not None and change.n:
                moved = wording.moved(change, rate)
            value = wording.rated(figure) if rate else wording.scored(figure)
            rows.append(
                (
                    *(wording.name(method), bench.title, value, moved),
                    *(str(figure.n), str(figure.unscored)),
                )
            )
            methods.append(method)
    head = ("Method", "Benchmark", "Figure", "Change", "n", "unscored")
    return Table(head, tuple(rows), methods=tuple(methods), breaks=tuple(breaks))
