"""Prediction-powered means: by hand, at their limits, and by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from planb.stats.bootstrap import Resamples, percentiles, sums_by_cell
from planb.stats.ppi import LEAST, powered, tuned_weight

NAN = math.nan


def alone(n: int) -> dict[str, list[str]]:
    """One seed, and every answer a group of its own."""
    return {"seeds": ["0"] * n, "groups": [f"{number:04}" for number in range(n)]}


def test_a_case_by_hand() -> None:
    """Labels 0 and 10 in turn where the judge says 4 and 8; of ten others it says 6 and 9."""
    labels = np.array([0.0, 10.0] * 5 + [NAN] * 10)
    judged = np.array([4.0, 8.0] * 5 + [6.0, 9.0] * 5)
    found = powered(labels, judged, **alone(20), weight=1.0)
    # 7.5 + (5 - 6)
    assert (found.value, found.people, found.error) == (6.5, 5.0, 1.0)
    assert (found.labelled, found.rest, found.weight) == (10, 10, 1.0)
    half = powered(labels, judged, **alone(20), weight=0.5)
    assert half.value == pytest.approx(0.5 * 7.5 + 5 - 0.5 * 6)
    # Cov(Y, f) = 10 * 5 * 2 / 9; Var(f) of 4, 8, 6, 9 (mean 6.75), 5 each, over 19; n / N = 1
    variance = 5 * (2.75**2 + 1.25**2 + 0.75**2 + 2.25**2) / 19
    expected = (100 / 9) / (2 * variance)
    assert tuned_weight(labels[:10], judged[:10], judged[10:]) == min(1.0, expected) == 1.0
    spread = judged * 3
    assert tuned_weight(labels[:10], spread[:10], spread[10:]) == pytest.approx(expected / 3)


def test_all_labelled_is_the_plain_mean_and_interval_of_the_labels() -> None:
    rng = np.random.default_rng(1)
    labels, judged = rng.uniform(0, 10, 40), rng.uniform(0, 10, 40)
    found = powered(labels, judged, **alone(40), weight=0.7)
    sums = sums_by_cell(*alone(40).values(), np.stack([labels, np.ones(40)], axis=1))
    plain = percentiles(Resamples.draw(1, 40).means(sums[..., :1], sums[..., 1:]))[0]
    assert (found.value, found.weight) == (pytest.approx(labels.mean()), 0.0)
    assert found.interval == pytest.approx(plain)
    assert found.people_interval == pytest.approx(plain)


def test_weight_0_is_the_labels_alone_and_a_perfect_judge_gives_the_mean_of_all() -> None:
    rng = np.random.default_rng(2)
    truth = rng.uniform(0, 10, 200)
    labels = np.where(np.arange(200) < 50, truth, NAN)
    zero = powered(labels, truth, **alone(200), weight=0.0)
    assert zero.value == zero.people == pytest.approx(truth[:50].mean())
    assert zero.interval == zero.people_interval
    one = powered(labels, truth, **alone(200), weight=1.0)
    assert one.value == pytest.approx(truth[50:].mean())
    tuned = powered(labels, truth, **alone(200))
    ratio = truth[:50].var(ddof=1) / truth.var(ddof=1)
    assert tuned.weight == pytest.approx(ratio * 150 / 200), "N / (n + N) of a perfect judge"
    assert abs(tuned.value - truth.mean()) < abs(zero.value - truth.mean())
    width = tuned.interval.high - tuned.interval.low
    assert width < 0.65 * (zero.interval.high - zero.interval.low)


def test_a_judge_that_says_nothing_has_no_weight() -> None:
    labels = np.array([0.0, 10.0] * 10 + [NAN] * 20)
    assert powered(labels, np.full(40, 5.0), **alone(40)).weight == 0.0
    against = 10 - np.concatenate([labels[:20], np.array([0.0, 10.0] * 10)])
    found = powered(labels, against, **alone(40))
    assert (found.weight, found.value) == (0.0, 5.0)


def test_too_few_labels_give_nothing_and_labels_that_are_all_alike_no_certainty() -> None:
    few = powered(np.array([5.0] * (LEAST - 1) + [NAN] * 9), np.zeros(LEAST + 8), **alone(LEAST + 8))
    assert math.isnan(few.value)
    assert math.isnan(few.interval.high)
    assert few.labelled == LEAST - 1
    alike = powered(np.array([0.0] * 20 + [NAN] * 20), np.zeros(40), **alone(40))
    assert (alike.value, alike.interval.low) == (0.0, 0.0)
    assert 0.5 < alike.interval.high < 3


@pytest.mark.slow
def test_95_per_cent_intervals_hold_the_truth_where_the_judges_own_do_not() -> None:
    """Answers in groups of two, a judge that is 1.5 points too kind to what is bad: 300 samples of 150
    answers, a third of them labelled. 3 binomial standard errors: 3.8 points."""
    rng, hits, plain, samples, n = np.random.default_rng(3), 0, 0, 300, 150
    groups = [f"{number // 2:03}" for number in range(n)]
    seeds = ["0"] * n
    ones, truth = np.ones(n), 5.0
    for _ in range(samples):
        kind = np.repeat(rng.normal(0, 1.5, n // 2), 2)
        real = np.clip(truth + kind + rng.normal(0, 2, n), -100, 100)
        judged = real + 1.5 * (real < truth) + rng.normal(0, 1, n)
        labels = np.where(rng.permutation(n) < n // 3, real, NAN)
        found = powered(labels, judged, seeds, groups, bottom=-100, top=100)
        hits += found.interval.low <= truth <= found.interval.high
        sums = sums_by_cell(seeds, groups, np.stack([judged, ones], axis=1))
        low, high = percentiles(Resamples.draw(1, n // 2).means(sums[..., :1], sums[..., 1:]))[0]
        plain += low <= truth <= high
    assert abs(hits / samples - 0.95) <= 3 * math.sqrt(0.95 * 0.05 / samples)
    assert plain / samples < 0.5
