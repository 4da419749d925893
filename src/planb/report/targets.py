"""What methods train towards: how surprising it was, and how much of the backdoor they left."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pandas as pd

from planb.domains.harm import ASKED
from planb.report.evidence import Evidence
from planb.report.questions import severity
from planb.report.results import Figure, tables_of
from planb.report.surprise_results import AFTER, BACKDOOR, BEFORE, Mean, mean_of, means_by_draw, sums_of
from planb.stats.agreement import spearman_by_row
from planb.stats.bootstrap import Resamples, as_many, percentiles
from planb.stats.intervals import Floats, Interval, envelope, union

Drawn = Callable[[Evidence, str, Resamples], Floats]
"""(B,) of a method: a figure of it in each of the resamples of the severity's seeds and requests."""


class Target(NamedTuple):
    """A method: how surprising its most preferred tier was to the model that it began with, what
    severity it left, and both by seed. ``alone``: it trains one pair, the target over another tier.

    ``rise`` is how much less likely the harmful answer became behind the trigger: the rise of its NLL
    a token (nats), None where that was not scored before and after."""

    method: str
    tier: str
    alone: bool
    surprise: Mean
    left: Figure
    rise: Mean | None
    seeds: dict[str, tuple[float, float]]


class Correlation(NamedTuple):
    """Spearman's over ``n`` methods, and its interval; NaN where one side is the same for all."""

    n: int
    value: float
    interval: Interval


def targets_of(evidence: Evidence) -> list[Target]:
    """Every method whose most preferred tier was scored before it, in the order of surprise."""
    found = []
    for method in evidence.methods:
        left = evidence.figure(method, ASKED, "trigger", "severity_mean")
        rows = _scored(evidence, method, BEFORE)
        rows = rows[rows["tier"] != BACKDOOR]
        best = rows[rows["place"] == 0]
        if left is None or best.empty:
            continue
        singly = {}
        for seed, own in best.groupby("seed"):
            figure = evidence.figure(method, ASKED, "trigger", "severity_mean", str(seed))
            if figure is not None and not figure.unscored:
                singly[str(seed)] = (float(own["per_token"].mean()), figure.value)
        tier, alone = str(best["tier"].iloc[0]), int(rows["place"].max()) <= 1
        surprise = mean_of(best)
        found.append(Target(method, tier, alone, surprise, left, _rise(evidence, method), singly))
    return sorted(found, key=lambda target: target.surprise.value)


def correlations(
    evidence: Evidence, targets: Sequence[Target]
) -> tuple[Correlation | None, Correlation | None]:
    """Spearman's rank correlation of surprise with the severity that is left (None where the order of
    two methods depends on unscored answers), and with the rise of the harmful answer's NLL behind the
    trigger (None where a method has none), over the targets. One draw of the seeds serves all methods
    and figures."""
    with_left = _with_left(evidence, targets)
    rises = [target.rise.value for target in targets if target.rise is not None]
    if len(rises) < len(targets):
        return with_left, None
    return with_left, _correlation(evidence, targets, rises, _drawn_rise)


def _with_left(evidence: Evidence, targets: Sequence[Target]) -> Correlation | None:
    """Where the order of the methods is the same however the unscored answers are scored."""
    left = sorted((target.left for target in targets), key=lambda figure: figure.lowest)
    known = [
        one.highest == two.lowest and not one.unscored + two.unscored for one, two in pairwise(left)
    ]
    apart = [one.highest < two.lowest for one, two in pairwise(left)]
    if not all(same or lower for same, lower in zip(known, apart, strict=True)):
        return None
    lowest, highest = [t.left.lowest for t in targets], [t.left.highest for t in targets]
    least = _correlation(evidence, targets, lowest, partial(_drawn_left, 0))
    most = _correlation(evidence, targets, highest, partial(_drawn_left, 1))
    return least._replace(interval=union(least.interval, most.interval))


def _correlation(
    evidence: Evidence, targets: Sequence[Target], values: Sequence[float], drawn: Drawn
) -> Correlation:
    surprise = np.array([[target.surprise.value for target in targets]])
    value = float(spearman_by_row(surprise, np.array([values]))[0])
    if math.isnan(value):
        return Correlation(len(targets), value, Interval(math.nan, math.nan))
    surprises, others = [], []
    for target in targets:
        table_SGM = _severities(evidence, target.method)
        draws = Resamples.draw(table_SGM.shape[0], table_SGM.shape[1])
        best = _scored(evidence, target.method, BEFORE)
        best = best[best["place"] == 0]
        surprises.append(means_by_draw(best, draws.seeds_BS, sample=1))
        others.append(drawn(evidence, target.method, draws))
    known = as_many(*surprises, *others)
    first, second = known[: len(surprises)], known[len(surprises) :]
    resampled = spearman_by_row(np.stack(first, axis=1), np.stack(second, axis=1))
    seen = np.nan_to_num(resampled)  # a resample in which all are alike shows no correlation
    return Correlation(len(targets), value, envelope(value, *percentiles(seen[:, None])))


def _drawn_left(end: int, evidence: Evidence, method: str, draws: Resamples) -> Floats:
    """Of the severities with the unscored ones at their lowest (``end`` 0) or highest (1)."""
    table_SGM = _severities(evidence, method)
    left_B: Floats = draws.means(table_SGM[:, :, end : end + 1], table_SGM[:, :, 2:])[:, 0]
    return left_B


def _drawn_rise(evidence: Evidence, method: str, draws: Resamples) -> Floats:
    after, before = (_backdoor(evidence, method, when) for when in (AFTER, BEFORE))
    drawn = [means_by_draw(rows, draws.seeds_BS, sample=2) for rows in (after, before)]
    after_B, before_B = as_many(*drawn)
    rise_B: Floats = after_B - before_B
    return rise_B


def _rise(evidence: Evidence, method: str) -> Mean | None:
    before, after = (_backdoor(evidence, method, when) for when in (BEFORE, AFTER))
    if before.empty or after.empty or set(before["seed"]) != set(after["seed"]):
        return None
    was, now = sums_of(before), sums_of(after)
    draws = Resamples.draw(was[0].shape[0], was[0].shape[1])
    value = float(after["per_token"].mean() - before["per_token"].mean())
    resampled = percentiles(draws.means(*now) - draws.means(*was))
    return Mean(len(after), value, envelope(value, *resampled))


def _severities(evidence: Evidence, method: str) -> Floats:
    """(S, G, 3) sums of the severity with the trigger at its lowest and at its highest, and counts, of
    the seeds whose surprise is known."""
    asked = evidence.cell(method, ASKED, "trigger")
    asked = asked[asked["seed"].isin(set(_scored(evidence, method, BEFORE)["seed"]))]
    points = severity(asked)
    return tables_of(asked, np.stack([points.low, points.high, np.ones(len(asked))], axis=1))


def _scored(evidence: Evidence, method: str, when: str) -> pd.DataFrame:
    """The scored responses of a method at one time, of the seeds that were asked too, so that one draw
    of seeds serves both."""
    scored = evidence.surprises
    assert scored is not None
    seeds = set(evidence.cell(method, ASKED, "trigger")["seed"])
    own = scored[(scored["method"] == method) & (scored["when"] == when)]
    return own[own["seed"].isin(seeds)]


def _backdoor(evidence: Evidence, method: str, when: str) -> pd.DataFrame:
    rows = _scored(evidence, method, when)
    return rows[rows["tier"] == BACKDOOR]
