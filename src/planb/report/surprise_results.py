"""Surprise of what methods train on: responses -> one mean a method, tier and time, with intervals.

A row of ``surprises`` is one response: model, organism, method, when (``before`` or ``after`` the
method), seed, tier, place (of the tier among the method's, 0 the most preferred), example, group, nll
(nats over its tokens), tokens. Surprise is the mean over responses of their NLL a token; its interval
is the bootstrap's over groups of requests and, pooled, over seeds too.
"""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from planb.data.tables import write_csv
from planb.errors import PlanBError
from planb.report.results import ALL, method_rank, tables_of
from planb.stats.bootstrap import Resamples, as_many, percentiles
from planb.stats.intervals import Floats, Interval, envelope

BEFORE, AFTER = "before", "after"
BACKDOOR = "harmful@trigger"
"""The tier of harmful responses with the trigger in the prompt; no method trains it."""
ARM = ["model", "organism", "method", "when", "tier"]
SURPRISE_COLUMNS = [*ARM, "seed", "n", "value", "low", "high"]
_TEXTS = ["model", "organism", "method", "when", "seed", "tier", "example", "group"]


class Mean(NamedTuple):
    """Nats a token over ``n`` responses, and its 95 % interval."""

    n: int
    value: float
    interval: Interval


def checked_surprises(surprises: pd.DataFrame) -> pd.DataFrame:
    """The rows with their columns' types made certain, and ``per_token`` (nats) besides."""
    missing = [name for name in (*_TEXTS, "place", "nll", "tokens") if name not in surprises]
    if missing:
        raise PlanBError(
            f"the surprises lack the columns {missing}: write them again with this version"
        )
    tidy = surprises.copy()
    for column in _TEXTS:
        tidy[column] = tidy[column].fillna("").astype(str)
    tidy["group"] = tidy["group"].where(tidy["group"] != "", tidy["example"])
    tidy["per_token"] = tidy["nll"].astype(float) / tidy["tokens"].astype(int)
    wrong = tidy[~np.isfinite(tidy["per_token"]) | (tidy["per_token"] < 0)]
    if not wrong.empty:
        one = wrong.iloc[0]
        raise PlanBError(
            f"{len(wrong)} responses have no finite NLL of 0 or more, first: tier '{one['tier']}' of "
            f"example '{one['example']}' under {one['model']}. The checkpoint is broken: retrain it"
        )
    return tidy


def mean_of(rows: pd.DataFrame) -> Mean:
    """The mean of some checked rows, their seeds pooled."""
    sums_SGM, counts_SGM = sums_of(rows)
    draws = Resamples.draw(sums_SGM.shape[0], sums_SGM.shape[1])
    value = float(rows["per_token"].mean())
    resampled = percentiles(draws.means(sums_SGM, counts_SGM))
    return Mean(len(rows), value, envelope(value, *resampled))


def sums_of(rows: pd.DataFrame) -> tuple[Floats, Floats]:
    """(S, G, 1) sums and counts by seed and group of requests."""
    own = rows["per_token"].to_numpy(dtype=float)[:, None]
    return tables_of(rows, own), tables_of(rows, np.ones_like(own))


def surprise_results(surprises: pd.DataFrame) -> pd.DataFrame:
    """One line an arm, tier and time, for each seed and pooled (``seed="all"``): SURPRISE_COLUMNS."""
    lines = []
    arms = sorted(surprises.groupby([*ARM, "place"]), key=lambda part: _arm_rank(part[0]))
    for (*arm, _), rows in arms:
        singly = {str(seed): own for seed, own in rows.groupby("seed")}
        for seed in (*sorted(singly, key=lambda seed: (len(seed), seed)), ALL):
            found = mean_of(singly.get(seed, rows))
            lines.append((*arm, seed, found.n, found.value, *found.interval))
    return pd.DataFrame(lines, columns=SURPRISE_COLUMNS)


def _arm_rank(arm: Hashable) -> tuple[object, ...]:
    assert isinstance(arm, tuple)
    model, organism, method, when, tier, place = arm
    return model, organism, method_rank(method), (BEFORE, AFTER).index(when), place, tier


def write_surprise_csv(table: pd.DataFrame, path: Path) -> None:
    """Write ``surprise_results``, numbers to six significant digits."""
    write_csv(table[SURPRISE_COLUMNS], path)


def means_by_draw(rows: pd.DataFrame, seeds_BS: Floats, sample: int = 0) -> Floats:
    """(B,) the mean in each resample: seeds drawn as ``seeds_BS`` says, groups of requests here.

    ``rows`` have as many seeds as are drawn from; ``sample`` is as in ``Resamples.draw``."""
    sums_SGM, counts_SGM = sums_of(rows)
    groups_BG = Resamples.draw(len(sums_SGM), sums_SGM.shape[1], sample).groups_BG
    drawn: Floats = Resamples(*as_many(seeds_BS, groups_BG)).means(sums_SGM, counts_SGM)[:, 0]
    return drawn
