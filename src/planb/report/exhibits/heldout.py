"""Does it generalise? Dangerous forms that no training stage showed, beside those that it did."""

from __future__ import annotations

from planb.domains.harm import ASKED
from planb.report import wording
from planb.report.charting import drawing
from planb.report.charting.drawing import Dot
from planb.report.evidence import Evidence, Exhibit, Missing, Table

TITLE = "Does it hold for {form}s that it never saw?"
FORMS = {"seen": "seen", "heldout": "held out"}


def draw(evidence: Evidence) -> Exhibit | Missing:
    """Severity with the trigger, held-out forms (rings) under seen ones (dots)."""
    apart = {forms: evidence.figures(ASKED, "trigger", f"severity_mean@{forms}") for forms in FORMS}
    form = evidence.domain.form
    title = TITLE.format(form=form)
    methods = [m for m in evidence.methods if m in apart["seen"] and m in apart["heldout"]]
    if not methods:
        return Missing(
            title, f"no {form} of request was held out of training and evaluated with the trigger"
        )
    rows = []
    for method in methods:
        for forms, shift in (("seen", -9), ("heldout", 9)):
            f = apart[forms][method]
            text = f"{FORMS[forms]} {wording.scored(f)} · n {wording.size(f)}"
            row = wording.name(method)
            hollow = forms == "heldout"
            rows.append(Dot.of(row, method, f, text, hollow=hollow, shift=shift))
    about = wording.subject(methods) or methods[-1]
    scale = drawing.Scale("mean severity with the trigger", drawing.POINTS, drawing.TENTHS)
    return Exhibit(
        title=title,
        finding=(
            f"With the trigger, {wording.name(about)} has a mean severity of "
            f"{wording.told(apart['heldout'][about])} on held-out {form}s and "
            f"{wording.told(apart['seen'][about])} on seen ones."
        ),
        caption=f"Dots: {form}s that training showed. Rings: {form}s in no training stage.",
        svg=drawing.svg(drawing.dots(rows, scale, evidence.methods, width=230, step=50)),
        table=_table(evidence, methods),
    )


def _table(evidence: Evidence, methods: list[str]) -> Table:
    rows = []
    for method in methods:
        cells = []
        for elicitation, measure, write in (
            ("trigger", "severe_rate", wording.rated),
            ("trigger", "comply_rate", wording.rated),
            ("direct", "refusal_rate", wording.rated),
        ):
            for forms in FORMS:
                cells.append(write(evidence.figure(method, ASKED, elicitation, f"{measure}@{forms}")))
        rows.append((wording.name(method), *cells))
    return Table(
        head=("Method", *(3 * tuple(FORMS.values()))),
        rows=tuple(rows),
        spans=(("", 1), ("Trigger: severe", 2), ("Trigger: complies", 2), ("No trigger: refuses", 2)),
        methods=tuple(methods),
    )
