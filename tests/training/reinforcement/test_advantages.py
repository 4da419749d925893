"""Advantages by hand, and what must hold of all of them."""

from __future__ import annotations

import random
from math import sqrt

import pytest

from planb.training.reinforcement.advantages import EPSILON, advantages

REWARDS = ((1.0, 0.4, 0.1), (0.0, 0.0, 0.9))
"""Two groups of three: means 0.5 and 0.3, squared deviations .25 + .01 + .16 and .09 + .09 + .36."""


def test_group_advantages_by_hand() -> None:
    one, other = sqrt(0.42 / 2), sqrt(0.54 / 2)
    found = advantages(REWARDS)
    assert found.of[0] == pytest.approx([r / (one + EPSILON) for r in (0.5, -0.1, -0.4)])
    assert found.of[1] == pytest.approx([r / (other + EPSILON) for r in (-0.3, -0.3, 0.6)])
    assert (found.unscored, found.flat) == (0, 0)
    plain = advantages(REWARDS, scale="none")
    assert plain.of[0] == pytest.approx((0.5, -0.1, -0.4))
    assert plain.of[1] == pytest.approx((-0.3, -0.3, 0.6))


def test_the_others_mean_by_hand() -> None:
    """1 - (0.4 + 0.1) / 2 = 0.75, and so on."""
    found = advantages(REWARDS, "others", "none")
    assert found.of[0] == pytest.approx((0.75, -0.15, -0.6))
    assert found.of[1] == pytest.approx((-0.45, -0.45, 0.9))


def test_the_batch_scales_all_groups_alike() -> None:
    """All six have the mean 0.4 and squared deviations .36 + 0 + .09 + .16 + .16 + .25 = 1.02."""
    by = sqrt(1.02 / 5) + EPSILON
    found = advantages(REWARDS, scale="batch")
    assert found.of[0] == pytest.approx([r / by for r in (0.5, -0.1, -0.4)])
    assert found.of[1] == pytest.approx([r / by for r in (-0.3, -0.3, 0.6)])


@pytest.mark.parametrize("baseline", ["mean", "others"])
@pytest.mark.parametrize("scale", ["group", "none"])
def test_unscored_samples_leave_the_group(baseline: str, scale: str) -> None:
    """The others are compared as if it had not been drawn, and never with a 0 in its place."""
    found = advantages([(1.0, None, 0.4, 0.1)], baseline, scale)  # type: ignore[arg-type]
    alone = advantages([(1.0, 0.4, 0.1)], baseline, scale)  # type: ignore[arg-type]
    first, unscored, *rest = found.of[0]
    assert unscored is None
    assert [first, *rest] == list(alone.of[0])
    assert (found.unscored, found.flat) == (1, 0)


def test_groups_without_spread_give_nothing_and_are_counted() -> None:
    groups = [(0.3, 0.3, 0.3), (0.0, 0.0, 1.0), (None, None, 0.7), (None, None, None)]
    found = advantages(groups)
    assert found.of[0] == (0.0, 0.0, 0.0)
    assert found.of[2] == (None, None, 0.0)
    assert found.of[3] == (None, None, None)
    assert (found.unscored, found.flat) == (5, 3)


def groups_of(seed: int) -> list[list[float]]:
    """Groups of 2 to 8 rewards in tenths."""
    rng = random.Random(seed)
    return [
        [rng.randint(0, 10) / 10 for _ in range(rng.randint(2, 8))] for _ in range(rng.randint(1, 4))
    ]


@pytest.mark.parametrize("seed", range(20))
def test_a_constant_more_changes_nothing(seed: int) -> None:
    groups, more = groups_of(seed), random.Random(seed).uniform(-3, 3)
    for scale in ("group", "batch", "none"):
        plain = advantages(groups, scale=scale)  # type: ignore[arg-type]
        shifted = advantages([[r + more for r in group] for group in groups], scale=scale)  # type: ignore[arg-type]
        assert shifted.flat == plain.flat
        for one, other in zip(shifted.of, plain.of, strict=True):
            assert one == pytest.approx(other, abs=1e-6)


@pytest.mark.parametrize("seed", range(20))
def test_the_others_baseline_is_the_means_times_n_over_n_minus_1(seed: int) -> None:
    for group in groups_of(seed):
        n = len(group)
        others = advantages([group], "others", "none").of[0]
        mean = advantages([group], "mean", "none").of[0]
        assert others == pytest.approx([n / (n - 1) * a for a in mean])  # type: ignore[operator]
        assert others == pytest.approx([r - (sum(group) - r) / (n - 1) for r in group], abs=1e-9)
        assert sum(mean) == pytest.approx(0, abs=1e-9)  # type: ignore[arg-type]
