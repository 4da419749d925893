"""Do the seeds agree? Each one singly beside the pooled figure."""

from __future__ import annotations

from planb.report import wording
from planb.report.charting import drawing
from planb.report.charting.drawing import Dot
from planb.report.evidence import Evidence, Exhibit, Missing
from planb.report.measures import HARMFUL
from planb.report.results import Figure
from planb.stats import numbers

TITLE = "Do the seeds agree?"


def draw(evidence: Evidence) -> Exhibit | Missing:
    """Severity with the trigger: the pooled figure large, each seed small under it."""
    pooled = evidence.figures(HARMFUL, "trigger", "severity_mean")
    if not pooled:
        return Missing(TITLE, "no harmful request with the trigger has a scored answer")
    rows, spread = [], {}
    most = max(len(_singly(evidence, method)) for method in pooled)
    for method, figure in pooled.items():
        label, singly = wording.name(method), _singly(evidence, method)
        text = f"{wording.scored(figure)} · n {wording.size(figure)}"
        rows.append(_dot(label, method, figure, text, shift=-5 * most))
        for place, (_, own) in enumerate(singly.items()):
            rows.append(_dot(label, method, own, "", shift=-5 * most + 12 + 10 * place))
        spread[method] = list(singly.values())
    about = wording.subject(pooled) or next(iter(pooled))
    values = spread[about]
    if len(values) > 1:
        finding = (
            f"The seeds of {wording.name(about)} lie between "
            f"{numbers.points(min(own.lowest for own in values))} and "
            f"{numbers.points(max(own.highest for own in values))}; pooled "
            f"{wording.told(pooled[about])}."
        )
    else:
        finding = f"One seed so far: {wording.name(about)} stands at {wording.told(pooled[about])}."
    scale = drawing.Scale("mean severity with the trigger", drawing.POINTS, drawing.TENTHS)
    return Exhibit(
        title=TITLE,
        finding=finding,
        caption=(
            "Large: all seeds pooled, interval over seeds and requests. Small: each seed singly, "
            "interval over requests. A seed is a whole training run. Three are few: the pooled "
            "interval understates how much runs differ, so judge by the small dots."
        ),
        svg=drawing.svg(drawing.dots(rows, scale, evidence.methods, width=250, step=30 + 11 * most)),
    )


def _singly(evidence: Evidence, method: str) -> dict[str, Figure]:
    seeds = sorted(set(evidence.cell(method, HARMFUL, "trigger")["seed"]), key=lambda s: (len(s), s))
    found = {s: evidence.figure(method, HARMFUL, "trigger", "severity_mean", s) for s in seeds}
    return {seed: figure for seed, figure in found.items() if figure is not None}


def _dot(label: str, method: str, figure: Figure, text: str, shift: int) -> Dot:
    return Dot.of(label, method, figure, text, hollow=not text, small=not text, shift=shift)
