"""What the talk said, held against what was found: ``claims.csv``.

A claim is of one figure, or of the difference of two on the same requests and seeds. It *held* where
the 95 % interval lies wholly where the claim expects it, did *not hold* where it lies wholly elsewhere,
and is *undecided* where it lies on both sides. What has no figure is *not measured*, with the reason.
Where answers are unscored the interval is that of the worst case (``results``), so that a claim holds
only if it holds however these are scored.

One line a claim, model and organism; columns:
``claim``, ``said``                what is claimed, and the talk's own number
``unit``                           points (0-10) or share (0-1)
``figure``, ``value`` ...          which figure, its value, 95 % interval, n and unscored, pooled; no
                                   value where a part is unscored
``against``, ``against_value`` ... the same of what it is compared with, empty for a single figure
``difference`` ...                 figure minus against on what both answered, with its interval
``expected``, ``by``               ``story.Claim`` says what they mean
``verdict``, ``reason``            and why there is none, where nothing was measured
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import pandas as pd

from planb.data.tables import read_csv, write_csv
from planb.domains import HARM, Domain
from planb.domains.measure import NOTHING, Measure, Measured
from planb.report.claim_words import in_words
from planb.report.gaps import Gap, difference_of
from planb.report.measures import measured_in
from planb.report.paired import for_seeds_of
from planb.report.results import ALL, Figure, figures_in, figures_of
from planb.report.rows import NO_ORGANISM, panel_labels
from planb.report.story import Claim, Of
from planb.stats.intervals import Interval

ClaimVerdict = Literal["held", "not held", "undecided", "not measured"]
_BASE = "base"
_NUMBERS = ["value", "low", "high", "n", "unscored"]
_DIFFERENCE = ("difference", "difference_low", "difference_high")
CLAIM_COLUMNS = [
    *("study", "model", "organism", "claim", "said", "unit", "figure", *_NUMBERS),
    *("against", *(f"against_{name}" for name in _NUMBERS)),
    *(*_DIFFERENCE, "expected", "by", "verdict", "reason"),
]


class JudgedClaim(NamedTuple):
    """A claim with what was found of it, on the panel (model, organism) that it stands on.

    ``gap``: the difference, where two figures are compared. ``reason``: why there is no verdict.
    ``rate``: it is about shares, else about points. ``names``: its figures in words.
    """

    model: str
    organism: str
    claim: Claim
    figure: Figure | None
    against: Figure | None
    gap: Gap | None
    verdict: ClaimVerdict
    reason: str = ""
    rate: bool = False
    names: tuple[str, str] = ("", "")


def judged_claims(
    rows: pd.DataFrame, results: pd.DataFrame, claims: Sequence[Claim], domain: Domain = HARM
) -> list[JudgedClaim]:
    """Every claim for each model, and for each organism where it names none.

    ``rows`` are checked rows and ``results`` theirs, of the one judge a task that the page draws from.
    """
    found, words = [], _Words(measured_in(rows, domain), domain)
    for model in sorted(rows["model"].unique()):
        own = rows[rows["model"] == model]
        court = _Court(own, results[results["model"] == model], panel_labels(own), words)
        found += [judged for claim in claims for judged in court.judged(claim)]
    return found


class _Side(NamedTuple):
    """One figure of a claim: the samples it is of, and the number, None where there is none."""

    measure: Measure | None
    rows: pd.DataFrame
    figure: Figure | None
    why_not: str


class _Words(NamedTuple):
    """What figures are called."""

    measured: Mapping[str, Measured]
    domain: Domain

    def measure(self, of: Of) -> Measure | None:
        return self.measured.get(of.task, NOTHING).named(of.measure)

    def named(self, of: Of | None) -> str:
        return "" if of is None else in_words(of, self.measured, self.domain)


class _Court:
    """One model's samples and results, and the labels of its panels."""

    def __init__(
        self, rows: pd.DataFrame, results: pd.DataFrame, labels: list[str], words: _Words
    ) -> None:
        self.rows, self.results, self.labels = rows, results[results["seed"] == ALL], labels
        self.words = words
        self.model = str(rows["model"].iloc[0])

    def judged(self, claim: Claim) -> list[JudgedClaim]:
        """The claim on every panel that it is about."""
        measure = self.words.measure(claim.of)
        rate = measure is not None and measure.kind == "rate"
        names = (self.words.named(claim.of), self.words.named(claim.against))
        found = (self._on(claim, label) for label in self._organisms(claim.of))
        return [one._replace(rate=rate, names=names) for one in found]

    def _organisms(self, of: Of) -> list[str]:
        """The organism that is named, else those that have the figure's samples."""
        if of.organism:
            return [of.organism]
        backdoored = [label for label in self.labels if label not in NO_ORGANISM] or self.labels
        return [label for label in backdoored if len(self._cell(of, label))] or backdoored[:1]

    def _on(self, claim: Claim, label: str) -> JudgedClaim:
        own = self._side(claim.of, label)
        if claim.against is None:
            verdict: ClaimVerdict = "not measured"
            if own.figure is not None:
                verdict = verdict_of(claim, Interval(own.figure.low, own.figure.high))
            return JudgedClaim(
                self.model, self._panel(label), claim, own.figure, None, None, verdict, own.why_not
            )
        theirs = self._their_organism(claim.against, label)
        other = self._side(claim.against, theirs)
        gap, reason = self._gap(own, other)
        across = theirs != label and claim.against.method != _BASE
        panel = self.labels[0] if across else self._panel(label)
        verdict = "not measured" if gap is None else verdict_of(claim, gap.interval)
        return JudgedClaim(self.model, panel, claim, own.figure, other.figure, gap, verdict, reason)

    def _panel(self, label: str) -> str:
        return label if label in self.labels else self.labels[0]

    def _their_organism(self, against: Of, label: str) -> str:
        """The organism that is named, else the figure's own; else the only one that has the samples."""
        if against.organism:
            return against.organism
        others = [one for one in self.labels if len(self._cell(against, one))]
        return others[0] if len(others) == 1 else label

    def _cell(self, of: Of, label: str, table: pd.DataFrame | None = None) -> pd.DataFrame:
        """What a table holds of it; the base belongs to every organism of its model."""
        t = self.rows if table is None else table
        t = t[
            (t["method"] == of.method) & (t["task"] == of.task) & (t["elicitation"] == of.elicitation)
        ]
        return t if of.method == _BASE else t[t["organism"] == label]

    def _side(self, of: Of, label: str) -> _Side:
        measure, rows = self.words.measure(of), self._cell(of, label)
        rows = rows[rows["form"].isin(of.forms)] if of.forms else rows
        if measure is None and of.task in self.words.measured:
            return _Side(None, rows, None, f"{of.task} has no measure '{of.measure}'")
        if rows.empty or measure is None:
            return _Side(measure, rows, None, f"there are no answers for “{self.words.named(of)}”")
        figure = self._figure(of, label, measure, rows)
        if not figure.given:
            why = f"no answer counts for “{self.words.named(of)}” ({figure.unscored} unscored)"
            return _Side(measure, rows, None, why)
        return _Side(measure, rows, figure, "")

    def _figure(self, of: Of, label: str, measure: Measure, rows: pd.DataFrame) -> Figure:
        """The results' own, or that of some forms' rows."""
        if of.forms:
            return figures_of(rows, [measure])[0]
        found = self._cell(of, label, self.results)
        found = found[(found["measure"] == of.measure) & (found["judge"] == rows["judge"].iloc[0])]
        (figure,) = figures_in(found, ["measure"]).values()
        return figure

    def _gap(self, own: _Side, other: _Side) -> tuple[Gap | None, str]:
        """The difference on what both answered, or None and why there is none."""
        if own.figure is None or other.figure is None:
            return None, own.why_not or other.why_not
        assert own.measure is not None
        assert other.measure is not None
        if own.measure.kind != other.measure.kind:
            return None, "a share and points cannot be compared"
        if set(own.rows["judge"]) != set(other.rows["judge"]):
            return None, "the two were scored by different judges"
        mine, others = _met(own.rows, other.rows)
        if mine.empty:
            return None, "no request was answered by both at one seed"
        gap = difference_of(mine, others, own.measure, other.measure)
        return (gap, "") if gap.given else (None, "nothing that both answered counts")


def verdict_of(claim: Claim, interval: Interval) -> ClaimVerdict:
    """Whether the interval lies wholly where the claim expects it, wholly elsewhere, or on both."""
    low, high, by = interval.low, interval.high, claim.by
    held, elsewhere = {
        "lower": (high < -by, low >= -by),
        "higher": (low > by, high <= by),
        "alike": (-by <= low and high <= by, high < -by or low > by),
        "at_most": (high <= by, low > by),
        "at_least": (low >= by, high < by),
    }[claim.expected]
    return "held" if held else "not held" if elsewhere else "undecided"


def write_claims(judged: Sequence[JudgedClaim], study: str, path: Path) -> None:
    """Write the claims in their order, numbers to six significant digits, empty for no value; where
    there are none there is no file."""
    if not judged:
        path.unlink(missing_ok=True)
        return
    table = pd.DataFrame([_line(study, one) for one in judged], columns=CLAIM_COLUMNS)
    counts = [f"{side}{name}" for side in ("", "against_") for name in ("n", "unscored")]
    table[counts] = table[counts].astype("Int64")
    write_csv(table, path)


def read_claims(path: Path) -> pd.DataFrame:
    """The lines as ``write_claims`` wrote them. Raises PlanBError."""
    sides = [f"{side}{name}" for side in ("", "against_") for name in _NUMBERS]
    counts = [name for name in sides if name.endswith(("n", "unscored"))]
    numbers = [*(name for name in sides if name not in counts), *_DIFFERENCE, "by"]
    return read_csv(path, CLAIM_COLUMNS, numbers, counts)


def _line(study: str, one: JudgedClaim) -> tuple[object, ...]:
    claim = one.claim
    gap = one.gap or Gap(math.nan, math.nan, math.nan)
    return (
        *(study, one.model, one.organism, claim.claim, claim.said, "share" if one.rate else "points"),
        *(one.names[0], *_numbers(one.figure)),
        *(one.names[1], *_numbers(one.against)),
        *(gap.value, *gap.interval, claim.expected, claim.by, one.verdict, one.reason),
    )


def _numbers(figure: Figure | None) -> tuple[object, ...]:
    if figure is None:
        return math.nan, math.nan, math.nan, None, None
    return figure.value, figure.low, figure.high, figure.n, figure.unscored


def _met(rows: pd.DataFrame, others: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of both whose request the other side answered at that seed; the base has one for all."""
    key = ["seed", "sample_id"]
    met = for_seeds_of(others, rows)[key].merge(for_seeds_of(rows, others)[key], on=key)

    def kept(table: pd.DataFrame) -> pd.DataFrame:
        alone = set(table["method"]) == {_BASE} and table["seed"].nunique() == 1
        return table.merge(met[["sample_id"] if alone else key].drop_duplicates())

    return kept(rows), kept(others)
