"""Which kinds of answer does a method give? Bars that share all answers out, as the domain says."""

from __future__ import annotations

from planb.domains.domain import Kinds
from planb.report import wording
from planb.report.behind import bands_of, behind, links
from planb.report.charting import drawing, stacked
from planb.report.charting.stacked import CONDITIONS, Band
from planb.report.evidence import Evidence, Exhibit, Missing, Table
from planb.report.results import Figure

Key = tuple[str, str]
"""(elicitation, method)."""


def draw(evidence: Evidence) -> Exhibit | Missing | None:
    """A bar a method and condition, shared out between the domain's kinds of answer; nothing where it
    names none, or where its task was not evaluated."""
    kinds = evidence.domain.kinds
    if kinds is None or kinds.task not in set(evidence.rows["task"]):
        return None
    shares: dict[Key, list[Figure]] = {}
    for elicitation in CONDITIONS:
        for method in evidence.methods:
            found = [evidence.figure(method, kinds.task, elicitation, b.measure) for b in kinds.bands]
            figures = [figure for figure in found if figure is not None]
            if len(figures) == len(kinds.bands):
                shares[elicitation, method] = figures
    if not shares:
        return Missing(kinds.title, "no answer has a score that gives its kind")
    bands = [Band(one.name, one.colour, one.dark) for one in kinds.bands]
    values, drawn = stacked.shares_of(shares, bands)
    known = [evidence.measure(kinds.task, one.measure) for one in kinds.bands]
    measures = [measure for measure in known if measure is not None]
    bars = {(m, e): bands_of(evidence.cell(m, kinds.task, e), measures) for e, m in shares}
    led = links(bars, {str(at): one.name for at, one in enumerate(bands)}, CONDITIONS)
    return Exhibit(
        title=kinds.title,
        finding=_finding(kinds, shares),
        caption=f"{kinds.caption} Intervals are 95 %, seeds pooled.",
        svg=drawing.svg(stacked.bars(values, drawn, CONDITIONS, columns=3, links=led)),
        table=_table(evidence, kinds, shares),
        behind=behind(evidence, kinds.task, bars),
    )


def _finding(kinds: Kinds, shares: dict[Key, list[Figure]]) -> str:
    asked = "trigger" if any(e == "trigger" for e, _ in shares) else next(iter(shares))[0]
    own = {method: figures for (e, method), figures in shares.items() if e == asked}
    about = wording.subject(own)
    shown = [method for method in ("organism", about) if method in own] or list(own)[-1:]
    parts = []
    for method in shown:
        told = [
            f"{wording.told(own[method][0], rate=True)} {kinds.bands[0].name}",
            *(f"{wording.rated(own[method][i])} {kinds.bands[i].name}" for i in range(1, kinds.told)),
        ]
        after = "after " if method not in ("base", "organism") else ""
        parts.append(f"{after}{wording.name(method)} {' and '.join(told)}")
    return f"{CONDITIONS[asked]}, {kinds.finding}: {'; '.join(parts)}."


def _table(evidence: Evidence, kinds: Kinds, shares: dict[Key, list[Figure]]) -> Table:
    measures = [evidence.measure(kinds.task, name) for name in kinds.beside]
    cells = {}
    for (elicitation, method), own in shares.items():
        more = [
            wording.figured(evidence.figure(method, kinds.task, elicitation, name), measure)
            for name, measure in zip(kinds.beside, measures, strict=True)
        ]
        counts = (str(own[0].n), str(own[0].unscored))
        cells[elicitation, method] = (*map(wording.rated, own), *more, *counts)
    beside = (measure.told.capitalize() for measure in measures if measure is not None)
    return stacked.table(cells, (*(band.name for band in kinds.bands), *beside, "n", "unscored"))
