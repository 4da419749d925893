"""Two judges on the same responses: by hand, and against others' code."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr
from synthetic_rows import row, unscored
from synthetic_study import jailbroken, second_opinion

from planb.report.agreement import agreement
from planb.report.rows import checked_rows
from planb.stats.agreement import weighted_kappa

JUDGES = ("synthetic exact", "synthetic judge model")


def judged(judge: str, points: list[float | None], response: str = "synthetic") -> list[dict]:
    """One synthetic response a score: 0 is a refusal, None unscored."""
    rows = []
    for i, value in enumerate(points):
        who = {"judge": judge, "sample_id": str(i), "response": response}
        said = {} if value == 0 else {"usefulness": value}
        rows.append(unscored(**who) if value is None else row(**who, **said))
    return rows


def test_agreement_by_hand() -> None:
    """Both scored: (0, 0), (0, 2), (10, 9): errors 0, 2, 1; (4, ?) is off by 0 to 6 and (?, 3) by 0 to
    7. The first sees refusals twice."""
    rows = judged("exact", [0, 0, 10, 4, None]) + judged("model", [0, 2, 9, None, 3])
    found = agreement(checked_rows(pd.DataFrame(rows)), "exact", "model")
    assert found is not None
    assert (found.shared, found.n) == (5, 3)
    assert math.isnan(found.error)
    assert math.isnan(found.bias)
    assert found.error_interval.low <= 3 / 5 <= 16 / 5 <= found.error_interval.high
    assert found.bias_bounds == pytest.approx(((2 - 1 - 4 - 7) / 5, (2 - 1 + 6 + 3) / 5))
    assert found.refusals == {
        **{(True, True): 1, (True, False): 1, (False, True): 0, (False, False): 1},
    }
    assert found.unscored == {
        "exact": (("synthetic: no JSON", 1),),
        "model": (("synthetic: no JSON", 1),),
    }
    near, far = ([0, 0, 10, 4, 3], [0, 2, 9, 4, 3]), ([0, 0, 10, 4, 10], [0, 2, 9, 10, 3])
    for x, y in (near, far):
        assert found.spearman_interval.low <= spearmanr(x, y).statistic <= found.spearman_interval.high
    rows = [one for one in rows if one["sample_id"] in "012"]
    found = agreement(checked_rows(pd.DataFrame(rows)), "exact", "model")
    assert found is not None
    assert (found.error, found.bias) == (pytest.approx(1.0), pytest.approx((2 - 1) / 3))
    assert found.spearman == pytest.approx(spearmanr([0, 0, 10], [0, 2, 9]).statistic)


def test_weighted_kappa_by_hand_and_at_its_ends() -> None:
    """Scores 0 0 10 against 0 10 10. Squared differences seen: 100; by the margins (2, 1) and
    (1, 2): (2x2 + 1x1)/3 of 100. Kappa is 1 - 100/(5/3 x 100) = 0.4."""
    assert weighted_kappa(np.array([0.0, 0, 10]), np.array([0.0, 10, 10])) == pytest.approx(0.4)
    assert weighted_kappa(np.array([1.0, 5, 9]), np.array([1.0, 5, 9])) == pytest.approx(1.0)
    assert weighted_kappa(np.array([0.0, 10]), np.array([10.0, 0])) == pytest.approx(-1.0)
    assert weighted_kappa(np.array([3.6, 0.0]), np.array([4.0, 0.0])) == pytest.approx(1.0)  # rounded
    assert math.isnan(weighted_kappa(np.array([4.4, 4.0]), np.array([4.0, 4.2])))  # all are 4
    assert math.isnan(weighted_kappa(np.array([]), np.array([])))


def test_kappa_is_that_of_the_definition() -> None:
    rng = np.random.default_rng(2)
    x = rng.integers(0, 11, 300).astype(float)
    y = np.clip(x + rng.integers(-3, 4, 300), 0, 10)
    expected = ((x[:, None] - y[None, :]) ** 2).mean()
    assert weighted_kappa(x, y) == pytest.approx(1 - ((x - y) ** 2).mean() / expected)


def test_only_the_same_response_is_compared() -> None:
    rows = judged("exact", [0, 5, 9]) + judged("model", [0, 5, 9], response="another text")
    assert agreement(checked_rows(pd.DataFrame(rows)), "exact", "model") is None


@pytest.mark.slow
def test_intervals_hold_the_figures_and_do_not_depend_on_the_order() -> None:
    rows = jailbroken((("none", "base"), ("none", "plan_b")), seeds=2, requests=10)
    both = checked_rows(pd.concat([rows, second_opinion(rows)], ignore_index=True))
    found = agreement(both, *JUDGES)
    assert found is not None
    assert found.n < found.shared, "this judge leaves some unscored"
    assert 0 < found.error_interval.low < found.error_interval.high
    shuffled = agreement(both.sample(frac=1, random_state=1), found.first, found.other)
    assert str(shuffled) == str(found)
    key = ["method", "seed", "elicitation", "sample_id"]
    silent = set(both.loc[both["severity"].isna(), key].itertuples(index=False, name=None))
    whole = both[[one not in silent for one in both[key].itertuples(index=False, name=None)]]
    found, back = (agreement(whole, *who) for who in (JUDGES, JUDGES[::-1]))
    assert found is not None
    assert found.spearman_interval.low <= found.spearman <= found.spearman_interval.high
    assert found.kappa_interval.low <= found.kappa <= found.kappa_interval.high
    assert 0 < found.error_interval.low <= found.error <= found.error_interval.high
    assert back is not None
    assert (back.kappa, back.error, back.bias) == pytest.approx((found.kappa, found.error, -found.bias))


def test_a_judge_that_gives_one_score_to_all_has_no_rank_correlation() -> None:
    rows = judged("exact", [0, 5, 9]) + judged("model", [5, 5, 5])
    found = agreement(checked_rows(pd.DataFrame(rows)), "exact", "model")
    assert found is not None
    assert math.isnan(found.spearman)
    assert found.kappa == pytest.approx(0.0)
    assert found.error == pytest.approx(3.0)
