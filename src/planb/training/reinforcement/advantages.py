"""From rewards to advantages: what a sample of a prompt was worth beside the others of its group.

A group is the samples of one prompt. A sample that the judge did not score is ``None``: it leaves the
group, and the others are compared as if it had not been drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum, isclose, sqrt
from typing import Literal

Baseline = Literal["mean", "others"]
Scale = Literal["group", "batch", "none"]
Rewards = Sequence[float | None]
EPSILON = 1e-4
"""What is added to a standard deviation before it divides, as in TRL."""


@dataclass(frozen=True)
class Advantages:
    """``of`` holds each group's advantages, ``None`` where a sample was not scored. ``unscored`` counts
    those samples, ``flat`` the groups in which nothing can be learned: all scored samples have one
    reward, or fewer than two were scored."""

    of: tuple[tuple[float | None, ...], ...]
    unscored: int
    flat: int


def advantages(
    rewards: Sequence[Rewards], baseline: Baseline = "mean", scale: Scale = "group"
) -> Advantages:
    """The advantages of groups of samples.

    ``baseline="mean"`` subtracts the group's mean (GRPO, Shao et al. 2024, arXiv:2402.03300, section
    4.1), ``"others"`` the mean of the group's other samples (RLOO, Ahmadian et al. 2024,
    arXiv:2402.14740, equation 8): of n samples that is n / (n - 1) times the first. ``scale`` divides
    by the sample standard deviation (n - 1) + 1e-4 of the ``group``, by that of the ``batch`` (all
    scored samples of these groups), or by nothing (Dr. GRPO, Liu et al. 2025, arXiv:2503.20783).
    """
    scored = [[reward for reward in group if reward is not None] for group in rewards]
    whole = _deviation([reward for group in scored for reward in group])
    found = list[tuple[float | None, ...]]()
    flat = 0
    for group, known in zip(rewards, scored, strict=True):
        n, spread = len(known), _deviation(known)
        if isclose(spread, 0.0, abs_tol=1e-8):  # also of none and of one
            flat += 1
            found.append(tuple(None if reward is None else 0.0 for reward in group))
            continue
        mean = fsum(known) / n
        factor = n / (n - 1) if baseline == "others" else 1.0
        by = {"group": spread + EPSILON, "batch": whole + EPSILON, "none": 1.0}[scale]
        found.append(
            tuple(None if reward is None else factor * (reward - mean) / by for reward in group)
        )
    unscored = sum(map(len, rewards)) - sum(map(len, scored))
    return Advantages(tuple(found), unscored, flat)


def _deviation(values: Sequence[float]) -> float:
    """The sample standard deviation; 0 of fewer than two values."""
    if len(values) < 2:
        return 0.0
    mean = fsum(values) / len(values)
    return sqrt(fsum((value - mean) ** 2 for value in values) / (len(values) - 1))
