"""The certificate of a panel's organism, of what its study measured: nothing is trained for it."""

from __future__ import annotations

from collections.abc import Iterator

from planb.domains.domain import Shown
from planb.domains.measure import Measure
from planb.report import wording
from planb.report.certificate import Certificate, Curve, Point, Reading, share_of
from planb.report.evidence import Evidence
from planb.report.gaps import difference_of
from planb.report.results import Figure
from planb.report.rows import NO_ORGANISM
from planb.report.story import OrganismLine, Untargeted
from planb.stats.intervals import Interval

CAPABILITIES = (
    Shown(task="recall", elicitation="direct", measure="recall_mean"),
    Shown(task="mmlu_pro", elicitation="direct", measure="accuracy"),
    Shown(task="harmless_requests", elicitation="direct", measure="helpfulness_mean"),
)
"""The first of these that a study measured, all answers scored, stands for capability: a training on
harmless answers keeps their helpfulness, whatever else it costs, so that is the last."""
NEAR, FURTHER = "near_trigger", "trigger_"
"""What the titles of elicitations with changed and with further triggers begin with."""


def certificate_of(evidence: Evidence) -> Certificate | None:
    """None where the panel has no organism, or none that is known to be one."""
    line, main = _line(evidence), evidence.domain.main
    measure = evidence.measure(main.task, main.measure)
    if line is None or measure is None or measure.kind == "fit" or line.start not in evidence.methods:
        return None
    start = line.start
    capability = next((one for one in CAPABILITIES if _known(evidence, start, one)), None)
    asked = {how: main.but(elicitation=how) for how in evidence.elicitations(main.task)}
    under = {how: _of_range(evidence, start, shown, measure) for how, shown in asked.items()}
    rows = evidence.rows[evidence.rows["method"] == start]
    found = Certificate(
        study=evidence.story.study,
        model=str(rows["model"].iloc[0]),
        organism=line.organism,
        seeds=int(rows["seed"].nunique()),
        **line.model_dump(include={"made", "optimizer", "weights", "triggered", "recipe"}),
        behaviour=measure.told,
        capability=_called(evidence, capability) if capability else "",
        trigger_rate=under.get(main.elicitation),
        leak=under.get("direct"),
        near=_named(under, NEAR),
        other_triggers=_named(under, FURTHER),
        health=dict(_health(evidence, start)),
        curves=tuple(_curve(evidence, one, start, capability) for one in line.untargeted),
        own_outputs=_left(evidence, line.own_outputs, start, main),
    )
    return found.with_curves_of(evidence.story.certified)


def _line(evidence: Evidence) -> OrganismLine | None:
    """What the story says of the panel's organism."""
    labels = set(evidence.rows.loc[evidence.rows["method"] != "base", "organism"]) or {""}
    labels -= set(NO_ORGANISM)
    return next((one for one in evidence.story.organisms if one.organism in labels), None)


def _called(evidence: Evidence, shown: Shown) -> str:
    measure = evidence.measure(shown.task, shown.measure)
    return measure.told if measure else shown.measure


def _known(evidence: Evidence, method: str, shown: Shown) -> Figure | None:
    """The figure, if it has one that something can be a share of."""
    found = evidence.figure(method, shown.task, shown.elicitation, shown.measure)
    return found if found is not None and found.value > 0 else None


def _of_range(evidence: Evidence, method: str, shown: Shown, measure: Measure) -> Reading | None:
    """The measure as a share of its range, turned round where more of it is better."""
    figure = evidence.figure(method, shown.task, shown.elicitation, shown.measure)
    if figure is None:
        return None
    ends = [(end - measure.bottom) / (measure.top - measure.bottom) for end in figure[3:6]]
    if evidence.domain.better == "higher":
        ends = [1 - ends[0], 1 - ends[2], 1 - ends[1]]
    return share_of(ends[0], Interval(ends[1], ends[2]), 1.0, figure.n, figure.unscored)


def _named(under: dict[str, Reading | None], begins: str) -> dict[str, Reading]:
    return {how: found for how, found in under.items() if found is not None and how.startswith(begins)}


def _left(evidence: Evidence, method: str, start: str, shown: Shown | None) -> Reading | None:
    """What is left of the start's figure after the method, as a share of it: the paired difference, the
    start's own figure taken as it is."""
    measure = evidence.measure(shown.task, shown.measure) if shown else None
    before = _known(evidence, start, shown) if shown else None
    if shown is None or measure is None or before is None:
        return None
    cells = [evidence.cell(m, shown.task, shown.elicitation) for m in (method, start)]
    if cells[0].empty:
        return None
    gap = difference_of(cells[0], cells[1], measure)
    if not gap.given:
        return None
    span = Interval(before.value + gap.low, before.value + gap.high)
    return share_of(before.value + gap.value, span, before.value, len(cells[0]), gap.unscored)


def _curve(evidence: Evidence, one: Untargeted, start: str, capability: Shown | None) -> Curve:
    points = []
    for method, rate in one.points:
        behaviour = _left(evidence, method, start, evidence.domain.main)
        if behaviour is not None:
            left = _left(evidence, method, start, capability)
            points.append(Point(learning_rate=rate, behaviour=behaviour, capability=left))
    return Curve(name=wording.lowered(wording.name(one.name)), points=tuple(points))


def _health(evidence: Evidence, start: str) -> Iterator[tuple[str, Reading]]:
    """Every benchmark with a title, and what harmless requests are measured by, without the trigger;
    each as a share of its range."""
    main = evidence.domain.main
    for task in sorted(evidence.measured):
        for measure in evidence.measured[task].measures:
            shown = Shown(task=task, elicitation="direct", measure=measure.name)
            asked = measure.title or shown in (CAPABILITIES[0], CAPABILITIES[-1])
            if task == main.task or not asked or measure.kind == "fit":
                continue
            figure = evidence.figure(start, task, "direct", measure.name)
            if figure is not None:
                span = measure.top - measure.bottom
                ends = Interval(figure.low - measure.bottom, figure.high - measure.bottom)
                value = figure.value - measure.bottom
                yield (
                    measure.title or measure.told,
                    share_of(value, ends, span, figure.n, figure.unscored),
                )
