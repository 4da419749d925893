"""The bootstrap: one generator of draws, seeded by the figure that they are for."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import bootstrap
from sklearn.metrics import roc_auc_score

from planb.stats.auc import auc
from planb.stats.bootstrap import (
    FEW,
    Resamples,
    group_picks,
    of_resampled_rows,
    percentiles,
    sums_by_cell,
    times_drawn,
)
from planb.values import seed_of

SCORES = np.array([1.0, 4.0, 2.0, 8.0, 8.0, 3.0, 0.0, 9.0])
GROUPS = list("aabbccdd")


def test_means_of_sums_and_of_rows_drawn_are_the_same() -> None:
    picked = group_picks(4)
    draws = Resamples(np.ones((FEW, 1)), times_drawn(picked, 4))
    columns = np.stack([SCORES, np.ones(8)], axis=1)
    table = sums_by_cell(["s"] * 8, GROUPS, columns)
    by_sums = draws.means(table[:, :, :1], table[:, :, 1:])
    by_rows = of_resampled_rows(lambda rows: (SCORES[rows].mean(),), GROUPS)
    assert by_rows == pytest.approx(by_sums)


def test_the_interval_is_scipys_with_the_same_generator() -> None:
    found = of_resampled_rows(lambda rows: (float(SCORES[rows].mean()),), list("abcdefgh"))
    theirs = bootstrap(
        (SCORES,),
        np.mean,
        n_resamples=FEW,
        method="percentile",
        rng=np.random.default_rng(seed_of("bootstrap", 8)),
    ).confidence_interval
    assert percentiles(found)[0] == pytest.approx((theirs.low, theirs.high))


def test_auc_is_scikit_learns_and_one_group_has_no_interval() -> None:
    labels = np.array([0, 1] * 4)
    value, interval = auc(SCORES, labels, GROUPS)
    assert value == pytest.approx(roc_auc_score(labels, SCORES))
    assert interval.low <= value <= interval.high
    value, interval = auc(SCORES, labels, ["a"] * 8)
    assert value == pytest.approx(roc_auc_score(labels, SCORES))
    assert math.isnan(interval.low)
