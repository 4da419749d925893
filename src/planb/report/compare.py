"""Several studies' results, or one study's from several machines, on one page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from markupsafe import Markup

from planb.data.whole import write_whole
from planb.domains import DOMAINS, Domain
from planb.domains.domain import Column, Shown
from planb.errors import PlanBError
from planb.report import wording
from planb.report.charting import drawing
from planb.report.charting.drawing import Dot
from planb.report.evidence import Table
from planb.report.headline import ranked, spans_of
from planb.report.page import page_environment
from planb.report.results import ALL, Figure, figures_in, method_rank, read_csv
from planb.report.table_files import csv_of, latex_of

Cell = tuple[str, str, str]
"""Model, organism, method."""


@dataclass(frozen=True)
class Compared:
    """A column of the headline: each method's figure in each study, and where intervals lie apart."""

    title: str
    table: Table
    apart: str


def read_studies(folders: Sequence[Path]) -> dict[str, pd.DataFrame]:
    """The pooled results of each folder, by a name that tells the folders apart.

    Raises PlanBError where a folder has no results, or is named twice.
    """
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise PlanBError("a folder is named twice: name folders that differ")
    missing = [str(folder) for folder in folders if not (folder / "results.csv").is_file()]
    if missing:
        raise PlanBError(f"no results.csv in {', '.join(missing)}: run or report these studies first")
    names = _names([folder.resolve() for folder in folders])
    found = {}
    for name, folder in zip(names, folders, strict=True):
        results = read_csv(folder / "results.csv")
        found[name] = ranked(results[results["seed"] == ALL])
    return found


def domain_of(studies: Mapping[str, pd.DataFrame]) -> Domain:
    """The domain whose main measure most of the studies have. Raises PlanBError where none has it."""
    tables = list(studies.values())
    counts = {
        domain.name: sum(not _rows(table, domain.main).empty for table in tables)
        for domain in DOMAINS.own.values()
    }
    best = max(counts, key=lambda name: counts[name])
    if not counts[best]:
        raise PlanBError("these results have no domain's main measure: there is nothing to compare")
    return DOMAINS[best]


def write_comparison(folders: Sequence[Path], path: Path) -> list[Compared]:
    """Write the page, and beside it ``<page>.csv`` and ``.tex`` with the main measure. What was written
    is returned, for the terminal. Raises PlanBError."""
    studies = read_studies(folders)
    domain = domain_of(studies)
    columns = [found for one in domain.headline if (found := _compared(studies, one, domain))]
    svg = drawing.svg(_chart(studies, domain))
    html = (
        page_environment()
        .get_template("compare.html.jinja")
        .render(
            names=list(studies),
            facts=[_fact(name, table) for name, table in studies.items()],
            question=domain.question,
            columns=columns,
            groups=spans_of(domain.headline),
            svg=Markup(drawing.inlined(svg, "compared", f"{columns[0].title}, study by study")),
        )
    )
    write_whole(path, html)
    write_whole(path.with_suffix(".csv"), csv_of(columns[0].table))
    write_whole(path.with_suffix(".tex"), latex_of(columns[0].table, columns[0].title))
    write_whole(path.with_suffix(".svg"), svg)
    write_whole(path.with_suffix(".png"), drawing.png(svg))
    return columns


def _names(folders: Sequence[Path]) -> list[str]:
    """The shortest ends of the paths that differ: ``sandbox``, or ``amd/sandbox`` and
    ``intel/sandbox``."""
    longest = max(len(folder.parts) for folder in folders)
    for parts in range(1, longest + 1):
        names = ["/".join(folder.parts[-parts:]) for folder in folders]
        if len(set(names)) == len(names):
            return names
    return list(map(str, folders))


def _rows(table: pd.DataFrame, shown: Shown) -> pd.DataFrame:
    return table[
        (table["task"] == shown.task)
        & (table["elicitation"] == shown.elicitation)
        & (table["measure"] == shown.measure)
    ]


def _figures(table: pd.DataFrame, shown: Shown) -> dict[Cell, Figure]:
    """Each arm's figure by the first judge."""
    own = _rows(table, shown).drop_duplicates(["model", "organism", "method"])
    found = figures_in(own, ["model", "organism", "method"])
    return {(m, o, n): figure for (m, o, n), figure in found.items() if figure.given}


def _compared(studies: Mapping[str, pd.DataFrame], column: Column, domain: Domain) -> Compared | None:
    measure = domain.measure(column.task, column.measure)
    found = {name: _arms(_figures(table, column)) for name, table in studies.items()}
    arms = sorted({arm for own in found.values() for arm in own}, key=_arm_rank)
    if not arms or measure is None:
        return None
    rows = [
        (_arm(arm), *(wording.figured(own.get(arm), measure) for own in found.values())) for arm in arms
    ]
    apart = []
    for arm in arms:
        there = [(name, own[arm]) for name, own in found.items() if arm in own]
        lowest = min(there, key=lambda one: one[1].high)
        highest = max(there, key=lambda one: one[1].low)
        if highest[1].low > lowest[1].high:
            apart.append(f"{_arm(arm)} ({lowest[0]} below {highest[0]})")
    table = Table(("Method", *studies), tuple(rows), methods=tuple(arm[1] for arm in arms))
    title = ": ".join(filter(None, (column.group, column.title)))
    said = f"Intervals lie apart: {'; '.join(apart)}." if apart else "No two intervals lie apart."
    return Compared(title, table, said)


def _arms(figures: Mapping[Cell, Figure]) -> dict[tuple[str, str], Figure]:
    """By model and organism (where there are several), and method."""
    places = {(model, organism) for model, organism, method in figures if method != "base"}
    return {
        (" · ".join(filter(None, (model, organism))) if len(places) > 1 else "", method): figure
        for (model, organism, method), figure in figures.items()
    }


def _arm(arm: tuple[str, str]) -> str:
    place, method = arm
    return f"{wording.name(method)} ({place})" if place else wording.name(method)


def _arm_rank(arm: tuple[str, str]) -> tuple[str, object]:
    return arm[0], method_rank(arm[1])


def _chart(studies: Mapping[str, pd.DataFrame], domain: Domain) -> drawing.Spec:
    """A panel a study, one above the other on one scale: the main measure of each arm."""
    measure = domain.measure(domain.main.task, domain.main.measure)
    assert measure is not None, "it is the domain's own"
    rate, charts = measure.kind == "rate", []
    for name, table in studies.items():
        arms = _arms(_figures(table, domain.main))
        methods = sorted({method for _, method in arms}, key=method_rank)
        rows = [
            Dot.of(_arm(arm), arm[1], arms[arm], wording.valued(arms[arm], rate), small=True)
            for arm in sorted(arms, key=_arm_rank)
        ]
        scale = drawing.scale_of(measure, measure.told)
        if rows:
            charts.append(drawing.dots(rows, scale, methods, title=name, width=260, step=24))
    return drawing.concat(*charts, columns=2, spacing={"row": 26, "column": 40})


def _fact(name: str, table: pd.DataFrame) -> tuple[str, str, str]:
    """A study's name, what it calls itself, and how many arms it has."""
    arms = table[["model", "organism", "method"]].drop_duplicates()
    return name, ", ".join(sorted(table["study"].unique())), str(len(arms))
