"""What an exhibit is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pandas as pd
from markupsafe import escape

from planb.domains import Domain
from planb.domains.measure import NOTHING, Measure, Measured
from planb.report.claims import JudgedClaim, judged_claims
from planb.report.differences import differences_of
from planb.report.measures import measured_in
from planb.report.results import ALL, Figure, figures_in, method_rank
from planb.report.rows import CELL, NO_ORGANISM, panel_labels
from planb.report.story import Story
from planb.report.wording import elicitation_rank
from planb.report.wording import organism as label

if TYPE_CHECKING:
    from planb.report.certificate import Certificate

LOGGED = ("model", "organism", "method", "task", "elicitation", "seed")
"""What an evaluation, and so its log, is known by."""
Logs = Mapping[tuple[str, ...], str]


@dataclass(frozen=True)
class Table:
    """Plain text in rows; ``spans`` puts (heading, columns) over the column heads.

    The first cell of a row names a method where ``methods`` says which, so that it gets its colour.
    ``breaks`` are the rows (from 0) that a new block starts with. ``texts`` are the columns of running
    text, and ``verdict`` the column of verdicts, if there is one.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    spans: tuple[tuple[str, int], ...] = ()
    methods: tuple[str, ...] = ()
    breaks: tuple[int, ...] = ()
    texts: tuple[int, ...] = ()
    verdict: int = -1

    def _repr_html_(self) -> str:
        rows = [("th", self.head), *(("td", row) for row in self.rows)]
        cells = ("".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in row) for tag, row in rows)
        return f"<table>{''.join(f'<tr>{row}</tr>' for row in cells)}</table>"


@dataclass(frozen=True)
class Answer:
    """One method's answer to a sample request. ``hidden`` says why the text is not seen at first; the
    text is then empty where the page is redacted. ``log`` is the file of the evaluation's log, where it
    is known, and ``sample`` its id there. ``bar`` names the bar of a figure that it stands for, and
    ``share`` says how many answers are in that."""

    method: str
    text: str
    verdict: str
    hidden: str = ""
    log: str = ""
    sample: str = ""
    bar: str = ""
    share: str = ""


@dataclass(frozen=True)
class Sample:
    """One request under one condition, with every method's answer."""

    condition: str
    request: str
    answers: tuple[Answer, ...]


@dataclass(frozen=True)
class Exhibit:
    """One part of the page: what it shows, what it finds, and the picture or table that show it.
    ``behind``: requests and answers behind the picture's bars, which link to ``Answer.bar``."""

    title: str
    finding: str
    caption: str
    svg: str = ""
    table: Table | None = None
    samples: tuple[Sample, ...] = ()
    behind: tuple[Sample, ...] = ()

    def _repr_html_(self) -> str:
        """For notebooks: the picture or table with its words, and no answer of a model."""
        from planb.report.charting.drawing import unlinked

        shown = unlinked(self.svg) + (self.table._repr_html_() if self.table else "")
        words = f"<h3>{escape(self.title)}</h3><p>{escape(self.finding)}</p>"
        return f"{words}{shown}<p><small>{escape(self.caption)}</small></p>"


@dataclass(frozen=True)
class Missing:
    """An exhibit whose data are not there, and which data those are."""

    title: str
    reason: str


@dataclass(frozen=True)
class Evidence:
    """One model and one organism: its judged samples, results, training data's scores, and the story.

    ``rows`` and ``results`` hold one judge for each task (see ``panels``), ``every_row`` and
    ``every_result`` all of them; ``tier_scores`` may be None. ``beside``: on the panel of arms trained
    from the never-backdoored base, the results of the model's organisms, to be shown beside them.
    ``surprises``: how far what the methods train on surprises the checkpoints, if that was measured.
    ``claims``: those that stand on this panel, judged. ``labelled``: prediction-powered means
    (``planb.report.labelled``), where people labelled answers of this panel. ``probes``: scores of the
    hidden states of this panel's checkpoints. ``logs``: names of the evaluations' logs in the study's
    ``logs``, by ``LOGGED``.
    """

    rows: pd.DataFrame
    results: pd.DataFrame
    tier_scores: pd.DataFrame | None
    story: Story
    redact: bool = False
    name: str = ""
    other_judges: tuple[str, ...] = field(default=())
    every_row: pd.DataFrame = field(default_factory=pd.DataFrame)
    every_result: pd.DataFrame = field(default_factory=pd.DataFrame)
    beside: pd.DataFrame = field(default_factory=pd.DataFrame)
    surprises: pd.DataFrame | None = None
    claims: tuple[JudgedClaim, ...] = ()
    labelled: pd.DataFrame | None = None
    probes: pd.DataFrame | None = None
    logs: Logs = field(default_factory=dict)

    def log(self, row: Mapping[Hashable, Any]) -> str:
        """The log that a judged sample stands in; "" where it is not known."""
        return self.logs.get(tuple(str(row[name]) for name in LOGGED), "")

    @cached_property
    def methods(self) -> tuple[str, ...]:
        """Every method with rows, in the order of all tables and figures."""
        return tuple(sorted(self.rows["method"].unique(), key=method_rank))

    @property
    def domain(self) -> Domain:
        return self.story.domain

    @cached_property
    def measured(self) -> dict[str, Measured]:
        """What each of its tasks is measured by."""
        return measured_in(self.rows if self.every_row.empty else self.every_row, self.domain)

    def measure(self, task: str, name: str) -> Measure | None:
        return self.measured.get(task, NOTHING).named(name)

    @cached_property
    def _figures(self) -> dict[tuple[str, ...], Figure]:
        return figures_in(self.results, ["method", "task", "elicitation", "measure", "seed"])

    @cached_property
    def differences(self) -> pd.DataFrame:
        """The main method against every other on the same requests: ``differences_of``."""
        return differences_of(self.rows, self.domain)

    @cached_property
    def certificate(self) -> Certificate | None:
        """Of the panel's organism; None where there is none."""
        from planb.report.certifying import certificate_of

        return certificate_of(self)

    def elicitations(self, task: str) -> tuple[str, ...]:
        """The elicitations of a task, in the order of all tables and figures."""
        found = self.rows.loc[self.rows["task"] == task, "elicitation"].unique()
        return tuple(sorted(found, key=elicitation_rank))

    def figure(
        self, method: str, task: str, elicitation: str, measure: str, seed: str = ALL
    ) -> Figure | None:
        """A measured number, or None where it was not measured, its denominator is empty, or nothing
        was scored."""
        found = self._figures.get((method, task, elicitation, measure, seed))
        return found if found is not None and found.given else None

    def figures(self, task: str, elicitation: str, measure: str) -> dict[str, Figure]:
        """The pooled number of every method that has one, in the methods' order."""
        found = {m: self.figure(m, task, elicitation, measure) for m in self.methods}
        return {method: figure for method, figure in found.items() if figure is not None}

    @cached_property
    def _cells(self) -> dict[Hashable, pd.DataFrame]:
        return dict(list(self.rows.groupby(["method", "task", "elicitation"], sort=False)))

    def cell(self, method: str, task: str, elicitation: str) -> pd.DataFrame:
        """The judged samples of one method under one condition, all seeds."""
        found = self._cells.get((method, task, elicitation))
        return self.rows[:0] if found is None else found.copy(deep=False)


Draw = Callable[[Evidence], Exhibit | Missing | None]
"""None: there is nothing to show and nothing to say of it."""


def panels(
    rows: pd.DataFrame,
    results: pd.DataFrame,
    tier_scores: pd.DataFrame | None,
    story: Story,
    redact: bool = False,
    surprises: pd.DataFrame | None = None,
    labelled: pd.DataFrame | None = None,
    probes: pd.DataFrame | None = None,
    logs: Logs | None = None,
) -> Iterator[Evidence]:
    """One Evidence for each model and organism, so that no figure mixes two of them.

    The untouched base of a model belongs to each of its organisms. Where a task has several judges,
    the figures are drawn from the story's first, else from the first by name that judged the most
    samples; ``other_judges`` names the judges of requests that are not drawn.
    """
    order = [calibration.judge for calibration in story.calibrations]
    drawn: dict[tuple[str, str], Evidence] = {}
    measured = measured_in(rows, story.domain)
    asked_by_judges = [task for task, own in measured.items() if own.by == "judges"]
    for model in sorted(rows["model"].unique()):
        own, found = rows[rows["model"] == model], results[results["model"] == model]
        organisms = panel_labels(own)
        for organism in organisms:
            part, figures = _of(own, organism, organisms), _of(found, organism, organisms)
            judges = _first_judges(part, order)
            asked = part[part["task"].isin(asked_by_judges)]
            drawn[model, organism] = Evidence(
                rows=_judged(part, judges),
                results=_judged(figures, judges),
                tier_scores=tier_scores,
                story=story,
                redact=redact,
                name=f"{model} · {label(organism)}" if organism else model,
                other_judges=tuple(sorted(set(asked["judge"]) - set(judges.values()))),
                every_row=part,
                every_result=figures,
                beside=_beside(_judged(found, judges), organism),
                surprises=_surprises(surprises, model, organism),
                labelled=_labelled(labelled, model, organism, organisms, judges),
                probes=_probes(probes, model, organism, organisms),
                logs=logs or {},
            )
    yield from _claimed(drawn, story)


def _claimed(drawn: dict[tuple[str, str], Evidence], story: Story) -> Iterator[Evidence]:
    """Each panel with the claims that stand on it; a claim may need the samples of several."""
    judged: list[JudgedClaim] = []
    if story.claims:
        rows = pd.concat([evidence.rows for evidence in drawn.values()], ignore_index=True)
        results = pd.concat([evidence.results for evidence in drawn.values()], ignore_index=True)
        rows = rows.drop_duplicates([*CELL, "seed", "sample_id"], ignore_index=True)
        results = results.drop_duplicates([*CELL, "seed", "measure"], ignore_index=True)
        judged = judged_claims(rows, results, story.claims, story.domain)
    for panel, evidence in drawn.items():
        own = tuple(one for one in judged if (one.model, one.organism) == panel)
        yield replace(evidence, claims=own)


def _of(table: pd.DataFrame, organism: str, organisms: list[str]) -> pd.DataFrame:
    nobodys = ~table["organism"].isin(organisms) | table["organism"].isin(NO_ORGANISM)
    return table[(table["organism"] == organism) | ((table["method"] == "base") & nobodys)]


def _surprises(surprises: pd.DataFrame | None, model: str, organism: str) -> pd.DataFrame | None:
    if surprises is None:
        return None
    own = surprises[(surprises["model"] == model) & (surprises["organism"] == organism)]
    return None if own.empty else own


def _probes(
    probes: pd.DataFrame | None, model: str, organism: str, organisms: list[str]
) -> pd.DataFrame | None:
    if probes is None:
        return None
    own = _of(probes[probes["model"] == model], organism, organisms)
    return None if own.empty else own


def _labelled(
    labelled: pd.DataFrame | None,
    model: str,
    organism: str,
    organisms: list[str],
    judges: dict[str, str],
) -> pd.DataFrame | None:
    if labelled is None:
        return None
    own = _judged(_of(labelled[labelled["model"] == model], organism, organisms), judges)
    return None if own.empty else own


def _beside(results: pd.DataFrame, organism: str) -> pd.DataFrame:
    others = (results["method"] == "organism") & ~results["organism"].isin(NO_ORGANISM)
    return results[others] if organism in NO_ORGANISM else results[:0]


def _first_judges(rows: pd.DataFrame, order: list[str]) -> dict[str, str]:
    counts = rows.groupby(["task", "judge"]).size().reset_index(name="n")
    counts["place"] = [order.index(j) if j in order else len(order) for j in counts["judge"]]
    counts = counts.sort_values(["task", "place", "n", "judge"], ascending=[True, True, False, True])
    first = counts.drop_duplicates("task")
    return dict(zip(first["task"], first["judge"], strict=True))


def _judged(table: pd.DataFrame, judges: dict[str, str]) -> pd.DataFrame:
    assert set(CELL) <= set(table.columns)
    return table[table["judge"] == table["task"].map(judges)]
