"""The headline: one row a method, the handful of numbers that the experiment is about."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from planb.domains import HARM, Domain
from planb.domains.domain import Column
from planb.report import wording
from planb.report.evidence import Table
from planb.report.results import ALL, Figure, figures_in, method_rank

_OWN = ["model", "organism", "method"]


def headline(results: pd.DataFrame, judges: Sequence[str] = (), domain: Domain = HARM) -> Table:
    """The pooled results as a table with the columns that the domain names; model and organism are
    named where there are several.

    ``n`` is the number of scored answers of each group of columns (one number where they are the same),
    and of those that are not scored. Where a task has several judges: the first of ``judges``, else the
    first by name that judged the most answers.
    """
    pooled = ranked(results[results["seed"] == ALL], judges)
    columns = domain.headline
    keys = sorted(
        pooled[_OWN].drop_duplicates().itertuples(index=False, name=None),
        key=lambda key: (key[0], key[1], method_rank(key[2])),
    )
    several = [i for i in (0, 1) if len({key[i] for key in keys if key[2] != "base"}) > 1]
    named = ("Model", "Organism")
    rows = []
    for key in keys:
        own = pooled[(pooled[_OWN] == list(key)).all(axis=1)]
        figures = [_figure(own, one.task, one.elicitation, one.measure) for one in columns]
        cells = [
            wording.figured(figure, domain.measure(one.task, one.measure))
            for figure, one in zip(figures, columns, strict=True)
        ]
        firsts = {one.group: f for one, f in reversed(list(zip(columns, figures, strict=True)))}
        counts = [wording.size(figure) for figure in reversed(firsts.values())]
        n = counts[0] if len(set(counts)) == 1 else " / ".join(counts)
        said = (key[0], wording.organism(key[1]))
        rows.append((wording.name(key[2]), *(said[i] for i in several), *cells, n))
    spans = [("", 1 + len(several)), *spans_of(columns), ("", 1)]
    head = ("Method", *(named[i] for i in several), *(one.title for one in columns), "n")
    return Table(head, tuple(rows), spans=tuple(spans), methods=tuple(key[2] for key in keys))


def ranked(results: pd.DataFrame, judges: Sequence[str] = ()) -> pd.DataFrame:
    """Results in the order of preference of their judges: the first that is found is taken."""
    place = [judges.index(judge) if judge in judges else len(judges) for judge in results["judge"]]
    return (
        results.assign(place=place)
        .sort_values(["place", "n", "judge"], ascending=[True, False, True], kind="stable")
        .drop(columns="place")
    )


def spans_of(columns: Sequence[Column]) -> list[tuple[str, int]]:
    """The groups of columns, and how many each has."""
    groups = [one.group for one in columns]
    return [(group, groups.count(group)) for group in dict.fromkeys(groups)]


def _figure(own: pd.DataFrame, task: str, elicitation: str, measure: str) -> Figure | None:
    rows = own[
        (own["task"] == task) & (own["elicitation"] == elicitation) & (own["measure"] == measure)
    ]
    if rows.empty:
        return None
    (figure,) = figures_in(rows[:1], ["measure"]).values()
    return figure if figure.given else None
