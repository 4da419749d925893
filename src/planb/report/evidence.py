"""What an exhibit is given, and what it gives back."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

import pandas as pd

from planb.report.results import ALL, Figure, method_rank
from planb.report.rows import CELL
from planb.report.story import Story


@dataclass(frozen=True)
class Table:
    """Plain text in rows; ``spans`` puts (heading, columns) over the column heads.

    The first cell of a row names a method where ``methods`` says which, so that it gets its colour.
    ``breaks`` are the rows (from 0) that a new block starts with.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    spans: tuple[tuple[str, int], ...] = ()
    methods: tuple[str, ...] = ()
    breaks: tuple[int, ...] = ()


@dataclass(frozen=True)
class Answer:
    """One method's answer to a sample request. ``hidden`` replaces the text, which is then empty."""

    method: str
    text: str
    verdict: str
    hidden: str = ""


@dataclass(frozen=True)
class Sample:
    """One request under one condition, with every method's answer."""

    condition: str
    request: str
    answers: tuple[Answer, ...]


@dataclass(frozen=True)
class Exhibit:
    """One part of the page: what it shows, what it finds, and the picture or table that show it."""

    title: str
    finding: str
    caption: str
    svg: str = ""
    table: Table | None = None
    samples: tuple[Sample, ...] = ()


@dataclass(frozen=True)
class Missing:
    """An exhibit whose data are not there, and which data those are."""

    title: str
    reason: str


@dataclass(frozen=True)
class Evidence:
    """One model and one organism: its judged samples, results, training data's scores, and the story.

    ``rows`` and ``results`` hold one judge for each task (see ``panels``); ``tier_scores`` may be None.
    """

    rows: pd.DataFrame
    results: pd.DataFrame
    tier_scores: pd.DataFrame | None
    story: Story
    show_severe: bool = False
    name: str = ""
    other_judges: tuple[str, ...] = field(default=())

    @cached_property
    def methods(self) -> tuple[str, ...]:
        """Every method with rows, in the order of all tables and figures."""
        return tuple(sorted(self.rows["method"].unique(), key=method_rank))

    @cached_property
    def _figures(self) -> dict[tuple[str, ...], Figure]:
        key = ["method", "task", "elicitation", "measure", "seed"]
        table = self.results
        numbers = table[["n", "unscored", "truncated", "value", "low", "high"]]
        keys = table[key].itertuples(index=False, name=None)
        return {
            k: Figure(*v) for k, v in zip(keys, numbers.itertuples(index=False, name=None), strict=True)
        }

    def figure(
        self, method: str, task: str, elicitation: str, measure: str, seed: str = ALL
    ) -> Figure | None:
        """A measured number, or None where it was not measured or its denominator is empty."""
        found = self._figures.get((method, task, elicitation, measure, seed))
        return None if found is None or math.isnan(found.value) else found

    def figures(self, task: str, elicitation: str, measure: str) -> dict[str, Figure]:
        """The pooled number of every method that has one, in the methods' order."""
        found = {m: self.figure(m, task, elicitation, measure) for m in self.methods}
        return {method: figure for method, figure in found.items() if figure is not None}

    def cell(self, method: str, task: str, elicitation: str) -> pd.DataFrame:
        """The judged samples of one method under one condition, all seeds."""
        r = self.rows
        return r[(r["method"] == method) & (r["task"] == task) & (r["elicitation"] == elicitation)]


Draw = Callable[[Evidence], Exhibit | Missing]


def panels(
    rows: pd.DataFrame,
    results: pd.DataFrame,
    tier_scores: pd.DataFrame | None,
    story: Story,
    show_severe: bool = False,
) -> Iterator[Evidence]:
    """One Evidence for each model and organism, so that no figure mixes two of them.

    The untouched base of a model belongs to each of its organisms. Where a task has several judges,
    the figures are drawn from the first by name that judged the most samples; ``other_judges`` says so.
    """
    for model in sorted(rows["model"].unique()):
        own = rows[rows["model"] == model]
        trained = own[own["method"] != "base"]
        organisms = sorted((own if trained.empty else trained)["organism"].unique())
        for organism in organisms:
            part = _of(own, organism, organisms)
            judges = _first_judges(part)
            name = f"{model} · {organism}" if organism else model
            yield Evidence(
                rows=_judged(part, judges),
                results=_judged(_of(results[results["model"] == model], organism, organisms), judges),
                tier_scores=tier_scores,
                story=story,
                show_severe=show_severe,
                name=name,
                other_judges=tuple(sorted(set(part["judge"]) - set(judges.values()))),
            )


def _of(table: pd.DataFrame, organism: str, organisms: list[str]) -> pd.DataFrame:
    shared = (table["method"] == "base") & ~table["organism"].isin(organisms)
    return table[(table["organism"] == organism) | shared]


def _first_judges(rows: pd.DataFrame) -> dict[str, str]:
    counts = rows.groupby(["task", "judge"]).size().reset_index(name="n")
    counts = counts.sort_values(["task", "n", "judge"], ascending=[True, False, True])
    first = counts.drop_duplicates("task")
    return dict(zip(first["task"], first["judge"], strict=True))


def _judged(table: pd.DataFrame, judges: dict[str, str]) -> pd.DataFrame:
    assert set(CELL) <= set(table.columns)
    return table[table["judge"] == table["task"].map(judges)]
