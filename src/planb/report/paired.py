"""Two methods on the same requests: the difference of a measure, response by response.

A pair is one request answered by both at one seed (the organism, the methods: one training run each).
The untouched base has a single seed, so its answers are paired with those of every seed. A pair that
the judge left unscored on either side is left out and counted; so is an answer that has no partner.

Shapes: P pairs, S seeds, G groups of requests.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from planb.report import stats
from planb.report.measures import Measure
from planb.report.results import tables_of
from planb.report.stats import Floats, Resamples


class Difference(NamedTuple):
    """``value``: how much higher the first method is, over ``n`` pairs; its interval over seeds and
    groups; ``p`` by flipping the groups' signs (``stats.sign_flip``), not yet corrected.

    ``left_out``: pairs unscored on either side; ``unpaired``: answers of either without a partner.
    """

    n: int
    left_out: int
    unpaired: int
    groups: int
    seeds: int
    first: float
    second: float
    value: float
    low: float
    high: float
    p: float


class Pairs(NamedTuple):
    """Each pair's two answers (P,), NaN where unscored, with its seed and its group of requests."""

    first: Floats
    second: Floats
    seeds: NDArray[np.str_]
    groups: NDArray[np.str_]
    unpaired: int

    @property
    def scored(self) -> NDArray[np.bool_]:
        return ~np.isnan(self.first) & ~np.isnan(self.second)


def pairs_of(rows: pd.DataFrame, others: pd.DataFrame, measure: Measure) -> Pairs:
    """The pairs of two cells of checked rows, in a fixed order."""
    first, second = _answers(rows, measure), _answers(others, measure)
    first, second = for_seeds_of(second, first), for_seeds_of(first, second)
    key = ["seed", "sample_id"]
    met = first.merge(second, on=key, how="outer", suffixes=("", "_other"), indicator="met")
    both = met[met["met"] == "both"].sort_values(key, kind="stable")
    return Pairs(
        both["answer"].to_numpy(dtype=float),
        both["answer_other"].to_numpy(dtype=float),
        both["seed"].to_numpy(dtype=str),
        both["group"].to_numpy(dtype=str),
        len(met) - len(both),
    )


def difference(pairs: Pairs, top: float, *purpose: object) -> Difference:
    """The paired difference, first minus second; ``top`` is the measure's. All NaN without a pair.

    Where all pairs differ alike the bootstrap has no width: ``stats.all_alike`` then bounds how many
    groups could have differed otherwise without one being seen.
    """
    scored = pairs.scored
    apart = (pairs.first - pairs.second)[scored]
    left_out = int((~scored).sum())
    if not len(apart):
        nothing = (math.nan, math.nan, math.nan, math.nan, math.nan, math.nan)
        return Difference(0, left_out, pairs.unpaired, 0, 0, *nothing)
    sums_SG1, counts_SG1 = sums_of(pairs)
    seeds, groups, _ = sums_SG1.shape
    value = float(apart.mean())
    if apart.min() == apart.max():
        interval = stats.all_alike(value, groups, top, -top)
    else:
        draws = Resamples.draw(seeds, groups, "paired", *purpose)
        interval = stats.envelope(value, *stats.percentiles(draws.means(sums_SG1, counts_SG1)))
    return Difference(
        len(apart),
        left_out,
        pairs.unpaired,
        groups,
        seeds,
        first=float(pairs.first[scored].mean()),
        second=float(pairs.second[scored].mean()),
        value=value,
        low=interval.low,
        high=interval.high,
        p=stats.sign_flip(sums_SG1.sum(axis=(0, 2)), *purpose),
    )


def sums_of(pairs: Pairs) -> tuple[Floats, Floats]:
    """Sums and counts of the scored differences, (S, G, 1) each."""
    keep = pairs.scored
    apart = (pairs.first - pairs.second)[keep]
    rows = pd.DataFrame({"seed": pairs.seeds[keep], "group": pairs.groups[keep]})
    table = tables_of(rows, np.stack([apart, np.ones(len(apart))], axis=1))
    return table[:, :, :1], table[:, :, 1:]


def _answers(rows: pd.DataFrame, measure: Measure) -> pd.DataFrame:
    value, counted, unscored = measure.answers(rows)
    asked = (counted == 1) | (unscored == 1)
    answers: pd.DataFrame = rows.loc[asked, ["method", "seed", "sample_id", "group"]]
    return answers.assign(answer=np.where(counted == 1, value, math.nan)[asked])


def for_seeds_of(others: pd.DataFrame, own: pd.DataFrame) -> pd.DataFrame:
    """``own``, repeated for each seed of the others where it is the base model's single seed."""
    if set(own["method"]) != {"base"} or own["seed"].nunique() > 1:
        return own
    seeds = others[["seed"]].drop_duplicates()
    return pd.merge(own.drop(columns="seed"), seeds, how="cross")
