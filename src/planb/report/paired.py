"""The pairs of two cells of judged rows: one request answered by both at one seed.

The untouched base has a single seed, so its answers are paired with those of every seed.
"""

from __future__ import annotations

import pandas as pd

from planb.domains.measure import Measure
from planb.report.measures import answers_to
from planb.stats.known import Known
from planb.stats.paired import Pairs


def pairs_of(rows: pd.DataFrame, others: pd.DataFrame, measure: Measure) -> Pairs:
    """The pairs of two cells of checked rows, in a fixed order."""
    first, second = _answers(rows, measure), _answers(others, measure)
    first, second = for_seeds_of(second, first), for_seeds_of(first, second)
    key = ["seed", "sample_id"]
    both = first.merge(second, on=key, suffixes=("", "_other")).sort_values(key, kind="stable")
    ends = {
        name: both[name].to_numpy(dtype=float) for name in ("low", "high", "low_other", "high_other")
    }
    return Pairs(
        Known(ends["low"], ends["high"]),
        Known(ends["low_other"], ends["high_other"]),
        both["seed"].to_numpy(dtype=str),
        both["group"].to_numpy(dtype=str),
        len(first) + len(second) - 2 * len(both),
    )


def _answers(rows: pd.DataFrame, measure: Measure) -> pd.DataFrame:
    """A line each row that the measure is of: what is known of its answer."""
    found = answers_to(measure, rows)
    asked = (found.said.counted == 1) | (found.unscored == 1)
    answers: pd.DataFrame = rows.loc[asked, ["method", "seed", "sample_id", "group"]]
    ends = {"low": found.lowest.value[asked], "high": found.highest.value[asked]}
    return answers.assign(**ends)


def for_seeds_of(others: pd.DataFrame, own: pd.DataFrame) -> pd.DataFrame:
    """``own``, repeated for each seed of the others where it is the base model's single seed."""
    if set(own["method"]) != {"base"} or own["seed"].nunique() > 1:
        return own
    seeds = others[["seed"]].drop_duplicates()
    return pd.merge(own.drop(columns="seed"), seeds, how="cross")
