"""The answers behind the bars of a figure: as few requests as show one answer of every bar.

A bar is of one method under one condition. Its answer is shown with what the other methods said to the
same request, in the same seed. Requests are drawn by a hash of their ids, the rarest bars first, and
one that is shown already for another bar is taken again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from planb.domains.measure import Measure
from planb.names import slug_of
from planb.report.evidence import Answer, Evidence, Sample
from planb.report.measures import answers_to
from planb.report.results import METHOD_ORDER, method_rank
from planb.report.side_by_side import sample_of
from planb.report.wording import asked, name
from planb.stats import numbers
from planb.values import seed_of

MOST = 12
"""Methods that are shown beside each other at most."""
Cell = tuple[str, str]
"""(method, elicitation)."""


def bar_key(method: str, elicitation: str, bar: str) -> str:
    """The name of a bar, unique in its figure: an anchor of the page."""
    return slug_of("bar", method, elicitation, bar)


def bands_of(rows: pd.DataFrame, measures: Sequence[Measure]) -> NDArray[np.str_]:
    """The bar of each row of a cell whose answers are shared out: the number of the measure that says
    yes, "" where none is known to."""
    found = np.full(len(rows), "", dtype="<U8")
    for place, measure in enumerate(measures):
        said = answers_to(measure, rows).said
        found[(said.counted == 1) & (said.value == 1)] = str(place)
    return found


def links(
    bars: Mapping[Cell, NDArray[np.str_]], words: Mapping[str, str], conditions: Mapping[str, str]
) -> dict[Cell, dict[str, tuple[str, str]]]:
    """For each cell and bar with answers: where it leads on the page, and what is said of it.
    ``words`` names the bars."""
    found: dict[Cell, dict[str, tuple[str, str]]] = {}
    for (method, elicitation), names in bars.items():
        who = f"{name(method)}, {conditions[elicitation].lower()}"
        found[method, elicitation] = {
            bar: (
                f"#{bar_key(method, elicitation, bar)}",
                f"{who}, {words[bar]}: {share(int(count), len(names))}",
            )
            for bar, count in zip(*np.unique(names, return_counts=True), strict=True)
            if bar
        }
    return found


def behind(evidence: Evidence, task: str, bars: Mapping[Cell, NDArray[np.str_]]) -> tuple[Sample, ...]:
    """Requests whose answers stand for all bars. ``bars``: for each cell the bar that each row of
    ``evidence.cell`` is in, "" for none. Answers of one bar each have its key, and its share."""
    found = []
    for elicitation in dict.fromkeys(how for _, how in bars):
        own = {method: names for (method, how), names in bars.items() if how == elicitation}
        found += _of_condition(_Condition(evidence, task, elicitation, own))
    return tuple(found)


@dataclass(frozen=True)
class _Condition:
    evidence: Evidence
    task: str
    elicitation: str
    bars: Mapping[str, NDArray[np.str_]]

    @cached_property
    def table(self) -> pd.DataFrame:
        """The rows: ``method``, ``bar``, ``sample_id`` and ``seed`` (codes in the order in which they
        are preferred), and ``row``, their place in ``evidence.rows``."""
        parts = []
        for method, names in self.bars.items():
            cell = self.evidence.cell(method, self.task, self.elicitation)
            parts.append(cell[["method", "sample_id", "seed"]].assign(bar=names, row=cell.index))
        table = pd.concat(parts)
        table["sample_id"] = _ranked(table["sample_id"], lambda sample: seed_of("behind", sample))
        table["seed"] = _ranked(table["seed"], lambda seed: (len(seed), seed))
        return table

    @cached_property
    def counts(self) -> dict[tuple[str, str], int]:
        """How many answers each (method, bar) has, the rarest first."""
        sizes = self.table.groupby(["method", "bar"], sort=False, observed=True).size()
        found = zip(sizes.index.tolist(), sizes.tolist(), strict=True)
        sizes_known = [(pair, count) for pair, count in found if pair[1]]
        return dict(sorted(sizes_known, key=lambda one: (one[1], one[0])))


def _ranked(names: pd.Series, key: Callable[[str], Any]) -> NDArray[np.int_]:
    """Each name's place in the order of its key."""
    codes, known = pd.factorize(names)
    ranks = np.empty(len(known), dtype=int)
    ranks[sorted(range(len(known)), key=lambda at: key(str(known[at])))] = np.arange(len(known))
    return ranks[codes]


def _of_condition(one: _Condition) -> list[Sample]:
    table, left = one.table, dict(one.counts)
    first = table.sort_values(["seed", "sample_id"]).drop_duplicates(["method", "bar"])
    chosen = {(m, b): (s, i) for m, b, s, i in first[["method", "bar", "seed", "sample_id"]].to_numpy()}
    samples = []
    while left:
        wanted = next(iter(left))
        seed, sample = chosen[wanted]
        rows = table[(table["sample_id"] == sample) & (table["seed"] == seed)]
        rows = rows.drop_duplicates("method")
        both = [(m, b) for m, b in zip(rows["method"], rows["bar"], strict=True) if (m, b) in left]
        standing = dict([wanted, *(pair for pair in both if pair != wanted)][:MOST])
        for pair in standing.items():
            del left[pair]
        samples.append(_shown(one, rows, standing))
    return samples


def _shown(one: _Condition, rows: pd.DataFrame, standing: Mapping[str, str]) -> Sample:
    """The request of these rows; of many methods those that stand for a bar, and the usual ones."""
    methods = sorted(
        rows["method"], key=lambda m: (m not in standing, m not in METHOD_ORDER, method_rank(m))
    )
    judged = one.evidence.rows.loc[rows["row"]]
    sample = sample_of(
        one.evidence, judged[judged["method"].isin(methods[:MOST])], asked(one.elicitation)
    )
    return replace(sample, answers=tuple(_standing(one, answer, standing) for answer in sample.answers))


def _standing(one: _Condition, answer: Answer, standing: Mapping[str, str]) -> Answer:
    bar = standing.get(answer.method)
    if bar is None:
        return answer
    key = bar_key(answer.method, one.elicitation, bar)
    return replace(
        answer, bar=key, share=share(one.counts[answer.method, bar], len(one.bars[answer.method]))
    )


def share(count: int, whole: int) -> str:
    """``"34 of 880 answers (4 %) are in this bar"``."""
    if count == whole:
        return f"all {numbers.plural(whole, 'answer')} are in this bar"
    are = "is" if count == 1 else "are"
    return f"{count:,} of {whole:,} answers ({numbers.percent(count / whole)}) {are} in this bar"
