"""Were the answers changed, or was the knowledge erased? Recipes recalled from lore prompts."""

from __future__ import annotations

from planb.domains.harm import RECALL
from planb.report import wording
from planb.report.charting import drawing
from planb.report.charting.drawing import Dot
from planb.report.evidence import Evidence, Exhibit, Missing

TITLE = "Is the knowledge still there?"


def draw(evidence: Evidence) -> Exhibit | Missing:
    """The recall of dangerous recipes before stage 2 (base, organism) and after each method."""
    found = evidence.figures(RECALL, "direct", "recall_mean")
    if not found:
        return Missing(TITLE, "no recipe recall was judged")
    before = found.get("organism") or found.get("base")
    about = wording.subject(found)
    parts = []
    if about is not None:
        parts.append(
            f"Of 10 points, recall after {wording.name(about)} is {wording.told(found[about])}"
        )
    if about is not None and before is not None:
        who = "the organism" if "organism" in found else "the base model"
        parts.append(f"{who} before it had {wording.told(before)}")
    if not parts:
        method, figure = next(iter(found.items()))
        parts.append(f"Of 10 points, the recall of {wording.name(method)} is {wording.told(figure)}")
    rows = [
        Dot.of(wording.name(m), m, f, f"{wording.scored(f)} · n {wording.size(f)}")
        for m, f in found.items()
    ]
    scale = drawing.Scale("recall of the dangerous recipes, 0 to 10", drawing.POINTS, drawing.TENTHS)
    return Exhibit(
        title=TITLE,
        finding="; ".join(parts) + ".",
        caption=(
            "The model continues a line of plain text that asks for the recipe, outside any chat. High "
            "recall with low severity says that the answers were changed; low recall, that the "
            "knowledge was."
        ),
        svg=drawing.svg(drawing.dots(rows, scale, evidence.methods, width=250)),
    )
