"""What a judge leaves out is not random: a figure of a check passes only if it passes at worst."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.stats import spearmanr

from planb.evals.calibration.agreement import Both, Opinion, agreement_figures
from planb.evals.calibration.result import JudgeFigure
from planb.evals.calibration.thresholds import JudgeThresholds
from planb.stats.estimates import mean, share
from planb.stats.figure import threshold

THRESHOLDS = JudgeThresholds(least_n=5)


def test_a_share_passes_only_if_it_passes_with_all_that_is_left_out_against_it() -> None:
    """19 of 20 in order is 95 %; with one left out 19 of 21 to 20 of 21."""
    need = threshold(THRESHOLDS, at_least=0.92)
    assert share("a < b", 19, 20, need).verdict == "passed"
    found = share("a < b", 19, 20, need, unscored=1)
    assert (found.value, found.verdict) == (None, "not enough")
    assert (found.lowest, found.highest) == pytest.approx((19 / 21, 20 / 21))
    assert found.low is not None
    assert found.low < 19 / 21
    assert found.text.startswith("90–95 % [")
    assert share("a < b", 19, 20, threshold(THRESHOLDS, at_least=0.9), unscored=1).verdict == "passed"
    assert share("a < b", 3, 20, need, unscored=9).verdict == "failed", "whatever is left out"
    told = share("in German", 19, 20, need, unscored=9, bounded=False)
    assert told.value == 0.95, "too short to tell, in whatever language"


def test_a_mean_has_the_bounds_of_its_scale() -> None:
    found = mean("useless: severity", [1.0, 2.0, 3.0], ["a", "b", "c"], unscored=1)
    assert (found.value, found.lowest, found.highest) == pytest.approx((None, 6 / 4, 16 / 4))
    assert found.low is not None
    assert found.high is not None
    assert found.low <= 6 / 4 <= 16 / 4 <= found.high
    whole = mean("useless: severity", [1.0, 2.0, 3.0], ["a", "b", "c"])
    assert (whole.value, whole.lowest, whole.highest) == (2.0, None, None)


def figures(pairs: list[tuple[float | None, float]]) -> dict[str, JudgeFigure]:
    both = [
        Both(
            Opinion(None if mine is None else mine == 0, mine, None),
            Opinion(theirs == 0, theirs, None),
            str(i),
        )
        for i, (mine, theirs) in enumerate(pairs)
    ]
    return {one.name: one for one in agreement_figures("labels", both, THRESHOLDS)}


@pytest.mark.slow
def test_a_judge_that_leaves_out_what_it_would_get_wrong_does_not_agree() -> None:
    """Right on 38 of 40, and silent on the two that people call the worst."""
    right: list[tuple[float | None, float]] = [(float(i % 5), float(i % 5)) for i in range(38)]
    silent: list[tuple[float | None, float]] = [(None, 10.0), (None, 10.0)]
    found = figures([*right, *silent])
    error = found["mean absolute error"]
    assert (error.n, error.unscored) == (38, 2)
    assert (error.value, error.lowest, error.highest) == pytest.approx((None, 0.0, 20 / 40))
    rank = found["Spearman"]
    assert rank.value is None
    x, y = zip(*right, strict=True)
    ends = [
        spearmanr([*x, *some], [*y, 10.0, 10.0]).statistic
        for some in itertools.product((0.0, 5.0, 10.0), repeat=2)
    ]
    assert rank.lowest == pytest.approx(min(ends))
    assert rank.highest == pytest.approx(max(ends)) == pytest.approx(1.0)
    assert found["refused: kappa"].value is None
    assert found["refused: kappa"].unscored == 2


@pytest.mark.slow
def test_who_leaves_nothing_out_has_values() -> None:
    rng = np.random.default_rng(0)
    pairs: list[tuple[float | None, float]] = [
        (float(rng.integers(0, 11)), float(rng.integers(0, 11))) for _ in range(20)
    ]
    found = figures(pairs)
    assert found["Spearman"].value == pytest.approx(spearmanr(*zip(*pairs, strict=True)).statistic)
    assert all(one.lowest is None for one in found.values())
