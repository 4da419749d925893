"""Do the seeds agree? Each one singly beside the pooled figure."""

from __future__ import annotations

from planb.report import wording
from planb.report.charting import drawing
from planb.report.charting.drawing import Dot
from planb.report.evidence import Evidence, Exhibit, Missing
from planb.report.results import Figure
from planb.stats import numbers

TITLE = "Do the seeds agree?"


def draw(evidence: Evidence) -> Exhibit | Missing | None:
    """The measure that the page turns on: the pooled figure large, each seed small under it."""
    main = evidence.domain.main
    measure = evidence.measure(main.task, main.measure)
    if measure is None:
        return None
    what = f"{measure.told}, {wording.lowered(wording.asked(main.elicitation))}"
    pooled = evidence.figures(main.task, main.elicitation, main.measure)
    if not pooled:
        return Missing(TITLE, f"no answer has a figure for “{what}”")
    rows, spread, rate = [], {}, measure.kind == "rate"
    most = max(len(_singly(evidence, method)) for method in pooled)
    for method, figure in pooled.items():
        label, singly = wording.name(method), _singly(evidence, method)
        text = f"{wording.figured(figure, measure)} · n {wording.size(figure)}"
        rows.append(_dot(label, method, figure, text, shift=-5 * most))
        for place, (_, own) in enumerate(singly.items()):
            rows.append(_dot(label, method, own, "", shift=-5 * most + 12 + 10 * place))
        spread[method] = list(singly.values())
    about = wording.subject(pooled) or next(iter(pooled))
    values, write = spread[about], numbers.percent if rate else numbers.points
    if len(values) > 1:
        finding = (
            f"The seeds of {wording.name(about)} lie between "
            f"{write(min(own.lowest for own in values))} and "
            f"{write(max(own.highest for own in values))}; pooled "
            f"{wording.told(pooled[about], rate)}."
        )
    else:
        told = wording.told(pooled[about], rate)
        finding = f"One seed so far: {wording.name(about)} stands at {told}."
    scale = drawing.scale_of(measure, what)
    return Exhibit(
        title=TITLE,
        finding=finding,
        caption=(
            "Large: all seeds pooled, interval over seeds and requests. Small: each seed alone, "
            f"interval over requests. A seed is a whole training run; {evidence.story.bases}. A few "
            "seeds say little of how much runs differ, so judge by the small dots."
        ),
        svg=drawing.svg(drawing.dots(rows, scale, evidence.methods, width=250, step=30 + 11 * most)),
    )


def _singly(evidence: Evidence, method: str) -> dict[str, Figure]:
    main = evidence.domain.main
    where = (method, main.task, main.elicitation)
    seeds = sorted(set(evidence.cell(*where)["seed"]), key=lambda s: (len(s), s))
    found = {s: evidence.figure(*where, main.measure, s) for s in seeds}
    return {seed: figure for seed, figure in found.items() if figure is not None}


def _dot(label: str, method: str, figure: Figure, text: str, shift: int) -> Dot:
    return Dot.of(label, method, figure, text, hollow=not text, small=not text, shift=shift)
