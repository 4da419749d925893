"""Intervals against figures worked by hand or by others' code, and by how often they cover."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import wasserstein_distance
from synthetic_rows import row

from planb.domains.harm import SEVERITY
from planb.report.results import figures_of
from planb.report.rows import checked_rows
from planb.stats.bootstrap import Resamples, percentiles
from planb.stats.distance import _cumulative, wasserstein, wasserstein_within
from planb.stats.intervals import Interval, all_alike, newcombe, wilson


def test_wilson_of_8_in_10_by_hand() -> None:
    """p = 0.8, n = 10, z = 1.959964: centre (p + z²/2n)/(1 + z²/n) = 0.99207/1.38415 = 0.71674,
    half-width z/(1 + z²/n)·sqrt(p(1-p)/n + z²/4n²) = 1.41601·sqrt(0.016 + 0.0096037) = 0.22658."""
    low, high = wilson(8, 10)
    assert low == pytest.approx(0.49016, abs=2e-5)
    assert high == pytest.approx(0.94332, abs=2e-5)


def test_wilson_at_the_ends_has_width_and_of_nothing_is_nothing() -> None:
    assert wilson(0, 100) == pytest.approx((0, 0.036995), abs=1e-5)
    assert wilson(100, 100).high == pytest.approx(1)
    assert all(math.isnan(bound) for bound in wilson(0, 0))


def test_newcombe_against_his_own_example() -> None:
    """Newcombe 1998, table II (a), method 10: 56/70 - 48/80 = 0.2, interval 0.0524 to 0.3339."""
    assert newcombe(56, 70, 48, 80) == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_scores_that_are_all_alike_still_have_an_interval() -> None:
    low, high = all_alike(10.0, 100)
    assert (low, high) == pytest.approx((10 * wilson(100, 100).low, 10.0))
    low, high = all_alike(4.0, 100)
    assert low < 4.0 < high


def test_wasserstein_is_scipys_and_its_interval_holds_it() -> None:
    rng = np.random.default_rng(0)
    values, base = rng.integers(0, 11, 60) * 1.0, rng.integers(0, 4, 40) * 1.0
    seeds, groups = np.repeat([0, 1, 2], 20), np.tile(np.arange(20), 3)
    distance, interval = wasserstein((values, seeds, groups), (base, np.arange(40)))
    assert distance == pytest.approx(wasserstein_distance(values, base))
    assert interval.low < distance < interval.high
    again = wasserstein((values, seeds, groups), (base, np.arange(40)))
    assert again == (distance, interval)


def test_a_resampled_wasserstein_is_that_of_the_resampled_scores() -> None:
    """One seed, groups of one: the resamples' distribution functions are those of weighted samples."""
    values, base = np.array([0.0, 2.0, 5.0, 9.0]), np.array([0.0, 1.0])
    support = np.union1d(values, base)
    draws = Resamples.draw(1, 4)
    places, ones = np.searchsorted(support, values), np.zeros(4, dtype=np.int64)
    own = _cumulative(draws, places, ones, np.arange(4), len(support))
    theirs = np.searchsorted(np.sort(base), support, side="right") / 2
    got = np.abs(own - theirs)[:, :-1] @ np.diff(support)
    for b in range(20):
        weights = draws.groups_BG[b]
        assert got[b] == pytest.approx(wasserstein_distance(values, base, weights, None))


@pytest.mark.slow
def test_samples_of_few_and_of_very_many_groups_are_compared() -> None:
    """Of very many groups there are fewer resamples."""
    rng = np.random.default_rng(5)
    values, base = rng.integers(0, 11, 3000) * 1.0, rng.integers(0, 4, 40) * 1.0
    one, many = np.zeros(3000, dtype=np.int64), np.arange(3000)
    distance, interval = wasserstein((values, one, many), (base, np.arange(40)))
    assert interval.low < distance < interval.high
    bounds = (values, np.minimum(values + 1, 10))
    least, most, span = wasserstein_within((bounds, one, many), ((base, base), np.arange(40)))
    assert span.low < least < most < span.high


def test_draws_depend_on_the_number_of_seeds_and_groups_alone() -> None:
    first, again = Resamples.draw(3, 50), Resamples.draw(3, 50)
    assert np.array_equal(first.groups_BG, again.groups_BG)
    assert not np.array_equal(first.groups_BG, Resamples.draw(3, 50, sample=1).groups_BG)
    assert (first.groups_BG.sum(axis=1) == 50).all()
    assert (first.seeds_BS.sum(axis=1) == 2).all(), "one seed less than there are"


def test_the_spread_between_seeds_is_not_understated() -> None:
    """The resampled mean of S seeds has the variance of their mean, s^2 / S (Rao and Wu 1988)."""
    for seeds in (2, 3, 5, 10):
        figures = np.random.default_rng(seeds).normal(5, 1, seeds)
        sums = figures[:, None, None] * np.ones((seeds, 4, 1))
        drawn = Resamples.draw(seeds, 4).means(sums, np.ones_like(sums))
        assert drawn.var() == pytest.approx(figures.var(ddof=1) / seeds, rel=0.05)


def test_printed_digits_do_not_hang_on_the_draws() -> None:
    """The same rows under other draws: ends of 95 % intervals differ by less than half of what is
    printed of points (0.1)."""
    rng = np.random.default_rng(4)
    sums = rng.choice([0.0, 4.0, 10.0], (5, 96, 1))
    ends = [
        percentiles(Resamples.draw(5, 96, sample).means(sums, np.ones_like(sums)))[0]
        for sample in range(6)
    ]
    assert max(np.ptp([end.low for end in ends]), np.ptp([end.high for end in ends])) < 0.05


def _mean_of(scores: np.ndarray) -> Interval:
    """The interval of scores (seeds, requests) as the results have it."""
    rows = [
        row(seed=str(s), sample_id=str(i), usefulness=float(points))
        for s, own in enumerate(scores)
        for i, points in enumerate(own)
    ]
    figure = figures_of(checked_rows(pd.DataFrame(rows)), [SEVERITY])[0]
    return Interval(figure.low, figure.high)


@pytest.mark.slow
def test_one_seeds_interval_covers_the_mean_about_19_times_in_20() -> None:
    rng = np.random.default_rng(1)
    held = 0
    for _trial in range(200):
        low, high = _mean_of(rng.choice([0.0, 4.0, 10.0], (1, 50)))
        held += low <= 14 / 3 <= high
    assert 179 <= held <= 199


@pytest.mark.slow
def test_pooled_intervals_cover_where_seeds_and_requests_differ() -> None:
    """Eight seeds with the same 40 requests, each with an effect of its own: nearly 19 times in 20."""
    rng = np.random.default_rng(2)
    held, naive = 0, 0
    for _trial in range(150):
        seeds, requests = rng.normal(0, 0.5, (8, 1)), rng.normal(0, 1.5, (1, 40))
        scores = np.clip(5 + seeds + requests + rng.normal(0, 0.5, (8, 40)), 0, 10)
        low, high = _mean_of(scores)
        held += low <= 5 <= high
        error = 1.96 * scores.std() / math.sqrt(scores.size)
        naive += abs(scores.mean() - 5) <= error
    assert held >= 132, "the hierarchical interval is too narrow"
    assert naive < 110, "the world is too kind: taking all answers as independent covers too"
