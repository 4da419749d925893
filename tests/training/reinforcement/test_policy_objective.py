"""The policy gradient by hand, and what becomes of samples that a group repeats, lacks or was given."""

from __future__ import annotations

from math import exp, log
from typing import Any

import pytest
import torch

from planb.errors import PlanBError
from planb.training.reinforcement.groups import Group, Sample, check_groups, weighed
from planb.training.reinforcement.objective import GRPO, RLOO, PolicyGradient, Tokens


def tokens(
    p: list[float], old: list[float], owner: list[int], advantage: list[float], **more: Any
) -> Tokens:
    """Tokens of these probabilities, each of weight 1."""
    logp_N = torch.tensor(p, dtype=torch.float64).log().requires_grad_()
    given = {
        "owner_N": torch.tensor(owner),
        "advantage_R": torch.tensor(advantage, dtype=torch.float64),
        "weight_N": torch.ones(len(p), dtype=torch.float64),
        "foreign_R": torch.zeros(len(advantage), dtype=torch.bool),
    }
    old_N = torch.tensor(old, dtype=torch.float64).log()
    return Tokens(**{"logp_N": logp_N, "old_N": old_N, **given, **more})


def test_the_ratio_is_clipped_where_that_makes_it_worse() -> None:
    """Ratios 1.5 and 0.5. Of a good sample the first counts 1.2 (no gradient) and the second 0.5; of a
    bad one -1.5 and -0.8 (no gradient)."""
    good = tokens([0.6, 0.2], [0.4, 0.4], [0, 0], [1.0])
    bad = tokens([0.6, 0.2], [0.4, 0.4], [0, 0], [-1.0])
    for given, loss, gradient in ((good, -1.7, [0, -0.5]), (bad, 2.3, [1.5, 0])):
        (found,) = GRPO(clip=0.2).parts(given).values()
        assert found.item() == pytest.approx(loss)
        found.backward()
        assert given.logp_N.grad.tolist() == pytest.approx(gradient)
    wide = GRPO(clip=0.2, clip_high=0.4).parts(good)["policy"]
    assert wide.item() == pytest.approx(-1.9)


def test_the_ratio_of_a_response() -> None:
    """The product of 1.5 and 0.8 is 1.2, its geometric mean 1.0954; each of two tokens counts it."""
    given = tokens([0.6, 0.4], [0.4, 0.5], [0, 0], [1.0])
    for ratio, counts in (("response", 1.2), ("response_mean", 1.2**0.5)):
        found = PolicyGradient(ratio=ratio, clip=0.5).parts(given)["policy"]  # type: ignore[arg-type]
        assert found.item() == pytest.approx(-2 * counts)


def test_the_kl_by_hand() -> None:
    """At ratio 1 the estimate is e^d - d - 1 with d = log(0.2 / 0.4), and 0 of foreign answers."""
    d = log(0.5)
    reference_N = torch.tensor([0.2, 0.9], dtype=torch.float64).log()
    foreign_R = torch.tensor([False, True])
    given = tokens(
        [0.4, 0.4], [0.4, 0.4], [0, 1], [0.0, 0.0], reference_N=reference_N, foreign_R=foreign_R
    )
    found = GRPO(kl=0.5).parts(given)["kl"]
    assert found.item() == pytest.approx(0.5 * (exp(d) - d - 1))
    found.backward()  # of ratio x (e^d - d - 1) by logp: itself, and 1 - e^d: together -d
    assert given.logp_N.grad.tolist() == pytest.approx([-0.5 * d, 0])
    with pytest.raises(PlanBError, match="reference"):
        GRPO(kl=0.5).parts(tokens([0.4], [0.4], [0], [1.0]))


def test_foreign_answers_are_shaped_and_not_clipped() -> None:
    """p / (p + 0.1) at 0.1 is 0.5, with gradient 0.1 p / (p + 0.1)^2 by logp: 0.25."""
    given = tokens([0.1, 0.4], [0.5, 0.4], [0, 1], [1.0, -1.0], foreign_R=torch.tensor([True, False]))
    found = GRPO().parts(given)["policy"]
    assert found.item() == pytest.approx(-0.5 + 1)
    found.backward()
    assert given.logp_N.grad.tolist() == pytest.approx([-0.25, 1])
    own = GRPO(foreign="own").parts(given)["policy"]
    assert own.item() == pytest.approx(-0.2 + 1)


GROUPS = (
    Group(
        "a", (1, 2), (Sample((5, 6), 1.0), Sample((7,), 0.0), Sample((5, 6), 1.0), Sample((8,), None))
    ),
    Group("b", (1, 3), (Sample((5,), 0.5), Sample((6,), 0.5))),
)


def test_samples_that_are_the_same_are_run_once() -> None:
    """Seven scored tokens: 2 + 1 + 2, and the flat group's 1 + 1, which is not run."""
    (row,), worth = weighed(GROUPS, GRPO(scale="none"), 4)
    assert (worth.unscored, worth.flat) == (1, 1)
    assert row.row.responses == ((5, 6), (7,))
    assert row.weight_R == pytest.approx((2 / 7, 1 / 7))
    assert row.advantage_R == pytest.approx((1 / 3, -2 / 3))
    assert len(weighed(GROUPS, GRPO(kl=0.1), 4)[0]) == 2, "a KL is over every group"


@pytest.mark.parametrize(
    ("average", "weights"),
    [("tokens", [1 / 7, 1 / 7]), ("responses", [1 / 10, 1 / 5]), ("limit", [1 / 20, 1 / 20])],
)
def test_what_a_token_weighs(average: Any, weights: list[float]) -> None:
    """Of five scored samples, and a limit of four tokens; the first stands twice."""
    (row,), _ = weighed(GROUPS, GRPO(average=average), 4)
    assert row.weight_R == pytest.approx((2 * weights[0], weights[1]))


def test_an_answer_of_the_data_is_another_sample_than_the_same_text_drawn() -> None:
    given = Group("a", (1,), (Sample((5,), 1.0), Sample((5,), 1.0, foreign=True), Sample((6,), 0.0)))
    (row,), _ = weighed([given], GRPO(), 4)
    assert row.foreign_R == (False, True, False)
    assert row.row.tiers == ("sample", "data", "sample")


@pytest.mark.parametrize(
    ("samples", "said"),
    [(((5,),), "2 or more"), (((5,), ()), "0 tokens"), (((5,), (1, 2, 3, 4, 5)), "limit is 4")],
)
def test_groups_that_cannot_be_are_refused(samples: Any, said: str) -> None:
    with pytest.raises(PlanBError, match=said):
        check_groups([Group("a", (1,), tuple(Sample(ids, 1.0) for ids in samples))], 4)


def test_rloo_has_its_baseline() -> None:
    assert RLOO().advantages([(1.0, 0.0, 0.0)]).of[0] == pytest.approx((1.0, -0.5, -0.5))
    with pytest.raises(PlanBError, match="GRPO"):
        RLOO().but(baseline="mean")
