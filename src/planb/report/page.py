"""Results -> one self-contained HTML page, its figures as files, and the tables as CSV.

The page runs no script and fetches nothing. All text is escaped: the models' answers are untrusted.
It is the same for the same rows, so a rerun changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from jinja2 import Environment
from markupsafe import Markup

from planb.data.tables import write_csv as write_table
from planb.data.whole import write_whole
from planb.domains import DOMAINS, Domain
from planb.domains.measure import Measured
from planb.report import unscored, wording
from planb.report.answer import MOST, Answer, answer_of
from planb.report.calibration import warnings_of
from planb.report.certificate import FILE, write_certificates
from planb.report.charting import drawing
from planb.report.claims import write_claims
from planb.report.differences import write_differences
from planb.report.evidence import Evidence, Exhibit, Logs, Missing, Table, panels
from planb.report.exhibits import EXHIBITS
from planb.report.exhibits.certificate import summary
from planb.report.headline import headline, spans_of
from planb.report.labelled import powered_results, usable
from planb.report.measures import measured_in
from planb.report.results import method_rank, results_of, write_csv
from planb.report.rows import checked_rows, checked_tier_scores
from planb.report.story import Story
from planb.report.surprise_results import checked_surprises, surprise_results, write_surprise_csv
from planb.report.table_files import csv_of, groups, latex_of
from planb.report.templates import environment


@dataclass(frozen=True)
class Section:
    """An exhibit at its place: the key is its anchor, its file's name, and unique on the page."""

    key: str
    panel: str
    exhibit: Exhibit | Missing
    svg: Markup
    colours: dict[str, str]

    @property
    def shown(self) -> bool:
        return isinstance(self.exhibit, Exhibit)


@dataclass(frozen=True)
class Shown:
    """A panel's answer at its place on the first screen."""

    key: str
    answer: Answer
    svg: Markup


def write_report(
    rows: pd.DataFrame,
    tier_scores: pd.DataFrame | None,
    story: Story,
    folder: Path,
    redact: bool = False,
    surprises: pd.DataFrame | None = None,
    labels: pd.DataFrame | None = None,
    probes: pd.DataFrame | None = None,
    logs: Logs | None = None,
) -> dict[str, Exhibit]:
    """Write ``results.csv``, ``differences.csv``, ``figures/<exhibit>.svg`` and ``.png``,
    ``tables/<exhibit>.csv`` and ``.tex``, and ``report.html`` into ``folder``, each whole;
    ``claims.csv`` too where the story has claims, and ``certificates.json`` where it has organisms.

    ``rows``: the judged samples (``rows.COLUMNS``); ``tier_scores``: the judged training data
    (``rows.TIER_COLUMNS``) or None. The text of severe answers (severity 7 and above) is seen after a
    click that says so, and is not in the page with ``redact``. ``surprises`` (``surprise_results``
    says which columns) are summed up in ``surprise.csv``; ``labels`` (``labelled.LABEL_COLUMNS``) of
    some answers correct the judge's means in ``labelled.csv`` and on the page. ``probes`` are scores of
    hidden states (``exhibits.probe``); answers link to their ``logs`` (``evidence.LOGGED``), files in
    ``folder/logs``. Raises PlanBError where
    the tables are not what they should be. Returns the exhibits by their keys.
    """
    rows = checked_rows(rows)
    tier_scores = None if tier_scores is None else checked_tier_scores(tier_scores)
    domain, measured = story.domain, measured_in(rows, story.domain)
    results = results_of(rows, domain)
    write_csv(results, folder / "results.csv")
    if surprises is not None:
        surprises = checked_surprises(surprises)
        write_surprise_csv(surprise_results(surprises), folder / "surprise.csv")
    labelled, left_out = None, ""
    if labels is not None:
        labels, left_out = usable(rows, labels)
        labelled = powered_results(rows, labels, domain)
        write_table(labelled, folder / "labelled.csv")
    evidences = list(
        panels(rows, results, tier_scores, story, redact, surprises, labelled, probes, logs)
    )
    families = [evidence.differences for evidence in evidences]
    write_differences(pd.concat(families, ignore_index=True), folder / "differences.csv", domain)
    write_claims([one for e in evidences for one in e.claims], story.study, folder / "claims.csv")
    certificates = [e.certificate for e in evidences if e.certificate]
    write_certificates(certificates, folder / FILE)
    sections = [section for evidence in evidences for section in _sections(evidence, len(evidences))]
    answers = [one for e in evidences[:MOST] if (one := _answered(e, len(evidences)))]
    first = headline(results, [one.judge for one in story.calibrations], domain)
    _write_files(sections, answers, first, folder)
    methods = sorted(rows["method"].unique(), key=method_rank)
    page = page_environment().get_template("page.html.jinja")
    html = page.render(
        story=story,
        headline=first,
        certificates=summary(certificates) if len(certificates) > 1 else None,
        answers=answers,
        unanswered=max(len(evidences) - MOST, 0),
        groups=" / ".join(name.lower() for name, _ in spans_of(domain.headline)),
        warnings=warnings_of(story.calibrations, _judges(rows, measured)),
        sections=sections,
        colours=_colours(methods),
        counts=unscored.counts(rows),
        notes=[*unscored.notes(rows, results, measured), *filter(None, [left_out])],
        judged=unscored.judged(rows),
        other_judges=sorted({judge for e in evidences for judge in e.other_judges}),
        redact=redact,
    )
    write_whole(folder / "report.html", html)
    return {one.key: one.exhibit for one in sections if isinstance(one.exhibit, Exhibit)}


def _answered(evidence: Evidence, panels_on_page: int) -> Shown | None:
    answer = answer_of(evidence)
    if answer is None:
        return None
    key = "answer" if panels_on_page == 1 else f"answer-{_anchor(evidence.name)}"
    label = " ".join(f"{part.question} {part.answer}. {part.told}" for part in answer.parts)
    return Shown(key, answer, Markup(drawing.inlined(answer.svg, key, label)))


def _write_files(
    sections: Sequence[Section], answers: Sequence[Shown], first: Table, folder: Path
) -> None:
    """Each figure as SVG and PNG, each table as CSV and LaTeX."""
    exhibits = [(one.key, one.exhibit) for one in sections if isinstance(one.exhibit, Exhibit)]
    drawn = [(one.key, one.answer.svg) for one in answers]
    drawn += [(key, exhibit.svg) for key, exhibit in exhibits if exhibit.svg]
    for key, svg in drawn:
        svg = drawing.unlinked(svg)
        write_whole(folder / "figures" / f"{key}.svg", svg)
        write_whole(folder / "figures" / f"{key}.png", drawing.png(svg))
    tables = [(key, one.table, one.title) for key, one in exhibits if one.table]
    for key, table, title in [("headline", first, "The headline"), *tables]:
        write_whole(folder / "tables" / f"{key}.csv", csv_of(table))
        write_whole(folder / "tables" / f"{key}.tex", latex_of(table, title))


def _sections(evidence: Evidence, panels_on_page: int) -> list[Section]:
    sections = []
    for exhibit_name in _exhibits(evidence.domain):
        exhibit, key, panel = _drawn(exhibit_name, evidence), _anchor(exhibit_name), ""
        if exhibit is None:
            continue
        if panels_on_page > 1:
            panel = evidence.name
            key = f"{key}-{_anchor(panel)}"
        svg = Markup()
        if isinstance(exhibit, Exhibit) and exhibit.svg:
            svg = Markup(drawing.inlined(exhibit.svg, key, exhibit.finding))
        sections.append(Section(key, panel, exhibit, svg, _colours(evidence.methods)))
    return sections


def _exhibits(domain: Domain) -> list[str]:
    """Those of a domain's page: of planb's own the ones that it names or no domain claims, then what
    else it names, of packages and of the user's."""
    claimed = {name for other in DOMAINS.own.values() for name in other.exhibits}
    own = [name for name in EXHIBITS.own if name in domain.exhibits or name not in claimed]
    return [*own, *(name for name in domain.exhibits if name not in EXHIBITS.own)]


def _drawn(name: str, evidence: Evidence) -> Exhibit | Missing | None:
    """The exhibit. One that is not planb's and fails is missing with the reason, and the page stays."""
    if name in EXHIBITS.own:
        return EXHIBITS.own[name](evidence)
    try:
        return EXHIBITS[name](evidence)
    except Exception as error:
        return Missing(name, f"it could not be drawn ({type(error).__name__}: {error})")


def _anchor(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]+", "-", name).strip("-")


def _colours(methods: Sequence[str]) -> dict[str, str]:
    return {method: drawing.colour(method, methods) for method in methods}


def _judges(rows: pd.DataFrame, measured: Mapping[str, Measured]) -> list[str]:
    """The judges whose word counts somewhere: a rule that reads an answer's letter is none."""
    judged = [task for task in rows["task"].unique() if measured[task].by != "rule"]
    return sorted(rows[rows["task"].isin(judged)]["judge"].unique())


def page_environment() -> Environment:
    """The templates, with what the tables on the page need."""
    found = environment()
    found.filters["method_name"] = wording.name
    found.filters["groups"] = groups
    return found
