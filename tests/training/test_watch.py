"""What a log tells, worked by hand from made-up scores."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from planb.training.objectives import Scores
from planb.training.watch import Watch

PART = {
    "tiers": ["refusal", "useless", "harmful", "refusal", "harmful", "helpful"],
    "pairs_P3": torch.tensor([[0, 0, 1], [0, 0, 2], [0, 1, 2], [1, 3, 4]]),
}
"""An example of three tiers, one of two, one of one."""
SUMS = (-2.0, -9.0, -8.0, -6.0, -3.0, -4.0)
LENGTHS = (2, 3, 4, 2, 3, 4)  # per token: -1, -3, -2, -3, -1, -1
REFERENCE = (-4.0, -8.0, -8.0, -5.0, -1.0, -4.0)  # rewards: 2, -1, 0, -1, -2, 0


def scores(reference: tuple[float, ...] | None = None) -> Scores:
    s_R = torch.tensor(SUMS, requires_grad=True)
    return Scores(s_R, torch.tensor(LENGTHS), None if reference is None else torch.tensor(reference))


def parts(nll: float, preference: float) -> dict[str, Any]:
    return {"nll": torch.tensor(nll, requires_grad=True), "preference": torch.tensor(preference)}


def test_means_by_hand() -> None:
    watch = Watch()
    watch.see(scores(), PART, parts(4.0, 1.0), torch.tensor([1.0]))
    assert watch.means() == pytest.approx(
        {
            "loss/nll": 2.0,  # of two examples with pairs
            "loss/preference": 0.5,
            "loss/sft": 1.0,  # of the one without
            "logp/refusal": -2.0,  # of -1 and -3
            "logp/useless": -3.0,
            "logp/harmful": -1.5,
            "logp/helpful": -1.0,
            "margin/refusal>useless": 2.0,
            "margin/refusal>harmful": -0.5,  # of 1 and -2
            "margin/useless>harmful": -1.0,
            "right/refusal>useless": 1.0,
            "right/refusal>harmful": 0.5,
            "right/useless>harmful": 0.0,
        }
    )


def test_rewards_are_of_sums_against_the_reference() -> None:
    watch = Watch()
    watch.see(scores(REFERENCE), PART, parts(4.0, 1.0), torch.tensor([1.0]))
    found = {name: mean for name, mean in watch.means().items() if name.startswith("reward")}
    assert found == pytest.approx(
        {
            "reward/refusal": 0.5,  # of 2 and -1
            "reward/useless": -1.0,
            "reward/harmful": -1.0,  # of 0 and -2
            "reward/helpful": 0.0,
            "reward_margin/refusal>useless": 3.0,
            "reward_margin/refusal>harmful": 1.5,  # of 2 and 1
            "reward_margin/useless>harmful": -1.0,
        }
    )


def test_parts_count_by_their_examples_and_a_log_begins_anew() -> None:
    """Two parts of one batch: the mean of means would say (2 + 5) / 2 of the NLL."""
    watch = Watch()
    one = {"tiers": ["a", "b"], "pairs_P3": torch.tensor([[0, 0, 1]])}
    pair = Scores(torch.tensor([-3.0, -1.0]), torch.tensor([1, 1]))
    watch.see(scores(), PART, parts(4.0, 1.0), torch.tensor([1.0]))
    watch.see(pair, one, parts(5.0, 0.5), torch.tensor([]))
    found = watch.means()
    assert found["loss/nll"] == pytest.approx(3.0)
    assert found["loss/preference"] == pytest.approx(0.5)
    assert found["loss/sft"] == pytest.approx(1.0)
    assert found["margin/a>b"] == pytest.approx(-2.0)
    assert watch.means() == {}


def test_without_pairs_there_is_no_part_but_sft() -> None:
    watch = Watch()
    part = {"tiers": ["helpful", "helpful"], "pairs_P3": torch.zeros(0, 3, dtype=torch.long)}
    told = Scores(torch.tensor([-3.0, -1.0]), torch.tensor([1, 2]))
    watch.see(told, part, parts(0.0, 0.0), torch.tensor([3.0, 0.5]))
    assert watch.means() == pytest.approx({"loss/sft": 1.75, "logp/helpful": -1.75})


def test_what_it_is_told_is_let_go() -> None:
    """Nothing that it keeps holds on to a batch's graph."""
    watch = Watch()
    watch.see(scores(REFERENCE), PART, parts(4.0, 1.0), torch.tensor([1.0]))
    assert all(type(total) is float for total in watch.sums.values())
