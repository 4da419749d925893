"""Krippendorff's alpha of ordinal scores: by hand, and at its limits."""

from __future__ import annotations

import math

import numpy as np
import pytest

from planb.stats.agreement import ordinal_alpha

NAN = math.nan


def test_alpha_by_hand_of_two_raters_and_two_scores() -> None:
    """Scores (1, 1), (1, 2), (2, 2): of 6 scores 3 are 1 and 3 are 2, which lie ((3 + 3) - 3)² = 9
    apart. Observed 2 * 9, expected 2 * (3 * 3 / 5) * 9."""
    alpha = ordinal_alpha(np.array([[1.0, 1], [1, 2], [2, 2]]))
    assert alpha == pytest.approx(1 - (2 * 9) / (2 * 9 / 5 * 9))


def test_alpha_by_hand_of_three_raters_one_of_whom_is_missing() -> None:
    """(0, 5, 5), (5, 10, -), (0, 0, 0), and one that a single rater scored, which counts for nothing.

    Coincidences: 0 with 5 twice (2 pairs of the first, each over 2), 5 with 5 once, 5 with 10 twice,
    0 with 0 three times. So n is 4 of 0, 3 of 5, 1 of 10; 0 and 5 lie ((4 + 3) - 3.5)² = 12.25 apart, 5
    and 10 ((3 + 1) - 2)² = 4, 0 and 10 ((4 + 3 + 1) - 2.5)² = 30.25.
    """
    scores = np.array([[0.0, 5, 5], [5, 10, NAN], [0, 0, 0], [NAN, 10, NAN]])
    observed = 2 * (1 * 12.25) + 2 * (1 * 4)
    expected = 2 * (4 * 3 * 12.25 + 3 * 1 * 4 + 4 * 1 * 30.25) / 7
    assert ordinal_alpha(scores) == pytest.approx(1 - observed / expected)


def test_alpha_is_1_of_raters_who_agree_and_undefined_where_nothing_varies() -> None:
    assert ordinal_alpha(np.array([[1.0, 1], [5, 5], [9, 9]])) == 1.0
    assert math.isnan(ordinal_alpha(np.array([[1.0, 1], [1, 1]])))
    assert math.isnan(ordinal_alpha(np.array([[1.0, NAN], [NAN, 2]])))
    rng = np.random.default_rng(0)
    assert abs(ordinal_alpha(rng.integers(0, 5, (4000, 2)).astype(float))) < 0.05
