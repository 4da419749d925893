"""What was measured, method by method? A panel of dots for each column of the domain's headline."""

from __future__ import annotations

from planb.domains.domain import Column
from planb.domains.measure import Measure
from planb.report import wording
from planb.report.charting import drawing
from planb.report.charting.drawing import Dot
from planb.report.evidence import Evidence, Exhibit, Missing
from planb.report.results import Figure

TITLE = "What was measured?"
Panel = tuple[Column, Measure, dict[str, Figure]]


def draw(evidence: Evidence) -> Exhibit | Missing:
    """A dot with its interval for each method, in a panel a column."""
    panels: list[Panel] = []
    for column in evidence.domain.headline:
        measure = evidence.measure(column.task, column.measure)
        found = evidence.figures(column.task, column.elicitation, column.measure)
        if measure is not None and found:
            panels.append((column, measure, found))
    if not panels:
        return Missing(TITLE, "no answer has a figure")
    return Exhibit(
        title=TITLE,
        finding=_finding(evidence),
        caption="A dot a method, seeds pooled; intervals are 95 % over seeds and requests.",
        svg=drawing.svg(_chart(evidence, panels)),
    )


def _finding(evidence: Evidence) -> str:
    """The measure that the page turns on, of the method that it is about and of the organism."""
    main = evidence.domain.main
    measure = evidence.measure(main.task, main.measure)
    found = evidence.figures(main.task, main.elicitation, main.measure)
    if measure is None or not found:
        return f"The methods were not evaluated {wording.lowered(wording.asked(main.elicitation))}."
    about, rate = wording.subject(found) or next(iter(found)), measure.kind == "rate"
    text = f"{wording.asked(main.elicitation)}, {measure.told} after {wording.name(about)}: "
    text += wording.told(found[about], rate)
    others = wording.baselines(found)
    if "organism" in found and about != "organism":
        text += f"; the organism that it started from {wording.told(found['organism'], rate)}"
    for method, figure in list(others.items())[:2]:
        text += f"; {wording.name(method)} {wording.told(figure, rate)}"
    return text + "."


def _chart(evidence: Evidence, panels: list[Panel]) -> drawing.Spec:
    charts = []
    for column, measure, found in panels:
        rows = [
            Dot.of(
                wording.name(method),
                method,
                figure,
                f"{wording.valued(figure, measure.kind == 'rate')} · n {wording.size(figure)}",
                small=True,
            )
            for method, figure in found.items()
        ]
        scale = drawing.scale_of(measure, measure.told)
        title = ": ".join(filter(None, (column.group, column.title)))
        charts.append(drawing.dots(rows, scale, evidence.methods, title=title, width=150, step=28))
    return drawing.concat(*charts, columns=2, spacing={"row": 26, "column": 24})
