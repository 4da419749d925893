"""What the talk says, and what was found: each claim with its figures and whether it held."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from planb.report.claim_words import MARKS, told_figure, told_gap, wanted
from planb.report.claims import JudgedClaim
from planb.report.evidence import Evidence, Exhibit, Table
from planb.stats import numbers

TITLE = "What the talk says, and what was found"


def draw(evidence: Evidence) -> Exhibit | None:
    """A table, a row a claim; nothing where none stands on this panel."""
    judged = evidence.claims
    if not judged:
        return None
    return Exhibit(
        title=TITLE,
        finding=_finding(judged),
        caption=(
            "A claim held where the 95 % interval of its figure, or of the difference of two on the "
            "same requests and seeds, lies wholly where it is expected; it did not hold where the "
            "interval lies wholly elsewhere, and is undecided in between. Unscored answers count at "
            "worst and at best, so a claim holds only if it holds however they are scored. Not "
            "corrected for the number of claims. A dash: the talk gives no number, or a reviewer made "
            "the claim and not the talk. The talk's numbers are of models of 8 to 32 billion weights: "
            "a small model's can be compared with their direction, not with their size."
        ),
        table=_table(judged),
    )


def _finding(judged: Sequence[JudgedClaim]) -> str:
    counts = Counter(one.verdict for one in judged)
    parts = [f"{counts['held']} held", f"{counts['not held']} did not hold"]
    if counts["undecided"]:
        parts.append(f"{counts['undecided']} could not be decided")
    if counts["not measured"]:
        parts.append(f"{counts['not measured']} could not be measured")
    text = f"Of {numbers.plural(len(judged), 'claim')}, " + ", ".join(parts)
    failed = [one.claim.claim.rstrip(".") for one in judged if one.verdict == "not held"]
    if failed:
        text += ". Not so: " + "; ".join(failed[:3])
        text += f"; and {len(failed) - 3} more" if len(failed) > 3 else ""
    return text + "."


def _table(judged: Sequence[JudgedClaim]) -> Table:
    rows = [
        (
            *(one.claim.claim, one.claim.said or numbers.NOTHING, _found(one)),
            wanted(one.claim.expected, one.claim.by, one.rate, one.claim.against is not None),
            f"{MARKS[one.verdict]} {one.verdict}",
        )
        for one in judged
    ]
    head = ("Claim", "The talk", "Found", "Held if", "Verdict")
    return Table(head, tuple(rows), texts=(0, 1, 2, 3), verdict=4)


def _found(one: JudgedClaim) -> str:
    """What was measured of the claim, a line each."""
    lines = [
        told_figure(name, figure, one.rate)
        for name, figure in zip(one.names, (one.figure, one.against), strict=True)
        if name and figure is not None
    ]
    if one.gap is not None:
        lines.append(told_gap(one.gap, one.rate))
    if one.reason:
        lines.append(f"{one.reason}.")
    return "\n".join(line[:1].upper() + line[1:] for line in lines)
