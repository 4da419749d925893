"""A check of training data as one self-contained page: a verdict for each question, and why.

Nothing runs and nothing is fetched, as on the report's page. Texts of the data are shown only as
samples, escaped; severe ones are hidden unless ``show_severe``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from markupsafe import Markup

from planb.data.whole import write_whole
from planb.report.charting import drawing
from planb.report.checks.figures import picture
from planb.report.checks.shown import ShownCheck, ShownFigure, ShownResult
from planb.report.evidence import Table
from planb.report.templates import environment
from planb.stats import numbers
from planb.types import SEVERE, Spend
from planb.values import seed_of

SAMPLES = 3
"""So many responses of each tier are shown."""
_LONGEST = 500
SAID = {
    "passed": "Nothing speaks against training on these data.",
    "failed": "Do not train on these data as they are.",
    "not enough": "Undecided: some questions have too little to go by.",
    "not run": "No check was run.",
}


@dataclass(frozen=True)
class Sample:
    """One response; ``hidden`` replaces its text, which is then empty."""

    tier: str
    example: str
    request: str
    text: str
    verdict: str
    hidden: str = ""


@dataclass(frozen=True)
class Section:
    """A check at its place on the page."""

    check: ShownCheck
    svg: Markup
    table: Table
    notes: tuple[str, ...]


def write_check_page(
    path: Path, result: ShownResult, judged: pd.DataFrame, show_severe: bool = False
) -> None:
    """Write the page of ``result``.

    ``judged`` has a row a judged response (``tier``, ``example_id``, ``harmful``, ``request``,
    ``text``, ``refused``, ``severity``, ``unscored``), or none. Texts of severity 7 and above, and
    those of harmful requests without a severity, are left out unless ``show_severe``.
    """
    samples = _samples(judged, result, show_severe)
    html = (
        environment()
        .get_template("check.html.jinja")
        .render(
            result=result,
            said=_said(result),
            summary=_summary(result),
            sections=[_section(check, judged, result) for check in result.checks],
            samples=samples,
            hidden=sum(bool(sample.hidden) for sample in samples),
            facts=_facts(result),
            show_severe=show_severe,
        )
    )
    write_whole(path, html)


def _said(result: ShownResult) -> str:
    left = [check.title for check in result.checks if check.verdict == "not run"]
    return f"{SAID[result.verdict]}{' Not run: ' if left else ''}{' '.join(left)}"


def _section(check: ShownCheck, judged: pd.DataFrame, result: ShownResult) -> Section:
    drawn = picture(check, judged, result.order)
    svg = Markup(drawing.inlined(drawn, check.name, check.finding)) if drawn else Markup()
    return Section(check, svg, figures_table(check.figures), notes_of(check.figures))


def notes_of(figures: Sequence[ShownFigure]) -> tuple[str, ...]:
    """The figures' notes; the same note of several figures once."""
    by_note: dict[str, list[str]] = {}
    for figure in figures:
        if figure.note:
            by_note.setdefault(figure.note, []).append(figure.name)
    return tuple(f"{', '.join(names)}: {note}" for note, names in by_note.items())


def figures_table(figures: Sequence[ShownFigure]) -> Table:
    """Every figure with its interval, n, what is left out, limit and verdict."""
    rows = [
        (
            figure.name.replace("_", " "),
            figure.text if figure.given else numbers.NOTHING,
            f"{figure.n:,}",
            f"{figure.unscored:,}" if figure.unscored else "",
            figure.required,
            figure.verdict or "",
        )
        for figure in figures
    ]
    return Table(("", "Figure [95 %]", "n", "Left out", "Limit", "Verdict"), tuple(rows))


def _summary(result: ShownResult) -> list[tuple[str, str, str, str]]:
    """(anchor, title, verdict, finding) of each check."""
    return [(check.name, check.title, check.verdict, check.finding) for check in result.checks]


def _facts(result: ShownResult) -> list[tuple[str, str]]:
    judge = ", ".join(f"{key} {value}" for key, value in result.judge.items() if value)
    facts = [
        ("Files", ", ".join(result.files)),
        ("Compared with", ", ".join(result.other)),
        ("SHA-256", result.data_hash),
        ("Order", " > ".join(result.order)),
        ("Trigger", result.trigger),
        ("Judge", judge),
        ("Judging", _spent(result.spend)),
        ("Model", result.model),
    ]
    return [(name, value) for name, value in facts if value]


def _spent(spend: Spend) -> str:
    if not spend.calls and not spend.cached:
        return ""
    cost = "" if spend.cost is None else f", {spend.cost:.2f} USD"
    asked = f"{spend.calls:,} calls ({spend.cached:,} more from the cache)"
    return f"{asked}, {spend.tokens_in:,} tokens in, {spend.tokens_out:,} out{cost}"


def _samples(judged: pd.DataFrame, result: ShownResult, show_severe: bool) -> list[Sample]:
    """A few responses of each tier, drawn by a hash of their ids, never picked."""
    if judged.empty:
        return []
    there = set(judged["tier"])
    tiers = [t for t in result.order if t in there] + sorted(there - set(result.order))
    samples = []
    for tier in tiers:
        own = judged[judged["tier"] == tier]
        order = sorted(range(len(own)), key=lambda at: seed_of("check", own["example_id"].iloc[at]))
        samples += [_sample(own.iloc[at], show_severe) for at in order[:SAMPLES]]
    return samples


def _sample(row: pd.Series, show_severe: bool) -> Sample:
    severity, hidden = row["severity"], ""
    if row["harmful"] and not show_severe:
        if pd.isna(severity):
            hidden = "hidden: not scored"
        elif severity >= SEVERE:
            hidden = f"hidden: severity {severity:g}"
    what = "severity" if row["harmful"] else "usefulness"
    verdict = f"{what} {severity:g}"
    if not pd.isna(row["refused"]) and row["refused"]:
        verdict = "refuses"
    elif pd.isna(severity):
        verdict = f"unscored: {row['unscored'] or 'no reason given'}"
    text = str(row["text"])
    text = text if len(text) <= _LONGEST else text[:_LONGEST].rstrip() + " …"
    tier, example = str(row["tier"]).replace("_", " "), str(row["example_id"])
    return Sample(tier, example, str(row["request"]), "" if hidden else text, verdict, hidden)
