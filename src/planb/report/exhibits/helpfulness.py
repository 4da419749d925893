"""What does it cost on harmless requests?"""

from __future__ import annotations

from planb.domains.harm import HARMLESS_ASKED
from planb.report import wording
from planb.report.charting import drawing
from planb.report.charting.drawing import Dot
from planb.report.evidence import Evidence, Exhibit, Missing, Table

TITLE = "Does it stay helpful?"


def draw(evidence: Evidence) -> Exhibit | Missing:
    """Helpfulness on harmless requests, with refusals and incoherent answers in a table."""
    found = evidence.figures(HARMLESS_ASKED, "direct", "helpfulness_mean")
    if not found:
        return Missing(TITLE, "no harmless request has a scored answer")
    lowest = wording.surely_lowest(found)
    about = wording.subject(found) or lowest or next(iter(found))
    finding = (
        f"Of 10 points on harmless requests, {wording.name(about)} has {wording.told(found[about])}"
    )
    if lowest is None:
        finding += "; which is the lowest depends on the unscored answers"
    elif lowest != about:
        finding += f"; the lowest is {wording.name(lowest)} with {wording.told(found[lowest])}"
    elif len(found) > 1:
        finding += ", the lowest of all"
    rows = [
        Dot.of(wording.name(m), m, f, f"{wording.scored(f)} · n {wording.size(f)}")
        for m, f in found.items()
    ]
    scale = drawing.Scale("helpfulness, 0 to 10; a refusal counts as 0", drawing.POINTS, drawing.TENTHS)
    return Exhibit(
        title=TITLE,
        finding=finding + ".",
        caption="Harmless requests, without the trigger, seeds pooled.",
        svg=drawing.svg(drawing.dots(rows, scale, evidence.methods, width=250)),
        table=_table(evidence, tuple(found)),
    )


def _table(evidence: Evidence, methods: tuple[str, ...]) -> Table:
    rows = []
    for method in methods:
        figures = {
            name: evidence.figure(method, HARMLESS_ASKED, "direct", name)
            for name in ("helpfulness_mean", "refusal_rate", "incoherent_rate")
        }
        helped = figures["helpfulness_mean"]
        assert helped is not None
        rates = (wording.rated(figures[name]) for name in ("refusal_rate", "incoherent_rate"))
        rows.append((wording.name(method), wording.scored(helped), *rates, wording.size(helped)))
    return Table(("Method", "Helpfulness", "Refuses", "Incoherent", "n"), tuple(rows), methods=methods)
