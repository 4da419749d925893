"""Losses against numbers worked by hand."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
import torch
from told import ADJACENT3, ALL3, ONE, loss, pairs, scores

from planb.errors import PlanBError
from planb.training.objectives import (
    CPO,
    DPO,
    IPO,
    ORPO,
    SFT,
    DPONorm,
    PlackettLuce,
    Scores,
    SimPO,
    nll,
)


def test_orpo_by_hand() -> None:
    """s_w = -2 over 4 tokens and s_l = -5 over 5: m_w = -0.5, m_l = -1.

    Their probabilities are 0.606531 and 0.367879, the odds p / (1 - p) 1.541494 and 0.581977, the log
    odds 0.432752 and -0.541325. Equation 6: -log sigmoid(0.432752 + 0.541325) = log(1 + e^-0.974077)
    = 0.320300. With lambda = 0.1: 0.5 + 0.032030 = 0.532030; with lambda = 0 it is the NLL, 0.5.
    """
    told = scores((-2.0, 4), (-5.0, 5))
    assert loss(ORPO(beta=0.1), told, ONE) == pytest.approx([0.532030], abs=1e-6)
    assert loss(ORPO(beta=0), told, ONE) == pytest.approx([0.5])
    parts = ORPO(beta=0.1).parts(told, ONE)
    assert parts["nll"].item() == pytest.approx(0.5)
    assert parts["preference"].item() == pytest.approx(0.032030, abs=1e-6)


def test_orpo_of_three_tiers_by_hand() -> None:
    """m = -0.5, -1, -2; log odds 0.432752, -0.541325, -1.854587. The ratio's losses of the pairs
    (0, 1), (0, 2), (1, 2) are 0.320300, 0.096706, 0.238183, and each pair's NLL is that of its better
    response: 0.5, 0.5 and, on the middle (the useless) one, 1. So the pairs' losses are 0.820300,
    0.596706, 1.238183: on average 0.885063; of the adjacent ones 1.029242."""
    told, objective = scores((-0.5, 1), (-1.0, 1), (-2.0, 1)), ORPO(beta=1.0)
    parts = objective.pair_parts(told, pairs(*ALL3))
    assert parts["preference"].tolist() == pytest.approx([0.320300, 0.096706, 0.238183], abs=1e-6)
    assert parts["nll"].tolist() == pytest.approx([0.5, 0.5, 1.0])
    assert loss(objective, told, pairs(*ALL3)) == pytest.approx([0.885063], abs=1e-6)
    assert loss(objective, told, pairs(*ADJACENT3)) == pytest.approx([1.029242], abs=1e-6)


@pytest.mark.parametrize("make", [ORPO, CPO])
def test_the_nll_can_be_averaged_over_responses_tokens_or_sequences(make: Any) -> None:
    """Two pairs, their better responses -2 over 4 tokens and -9 over 6, after prompts of -3 over 2 and
    -4 over 3. Responses: (0.5 + 1.5) / 2 = 1. Tokens: 11 / 10. Sequences: (5 + 13) / (6 + 9) = 1.2."""
    told = scores((-2.0, 4), (-5.0, 5), (-9.0, 6), (-9.0, 3), prompts=[(-3.0, 2)] * 2 + [(-4.0, 3)] * 2)
    given = pairs((0, 0, 1), (1, 2, 3))
    for over, expected in {"response": 1.0, "tokens": 1.1, "sequence": 1.2}.items():
        objective = make(nll=over)
        assert objective.parts(told, given)["nll"].mean().item() == pytest.approx(expected)
        assert objective.needs_prompt == (over == "sequence")


def test_token_averages_count_each_example_alike() -> None:
    """Three pairs whose better responses are -2 over 4 tokens twice and -4 over 1 (mean -8/3 over 3),
    one pair with -9 over 6, and an example without pairs: (8/3 + 9) / (3 + 6) = 35/27 over the two."""
    told = scores((-2.0, 4), (-4.0, 1), (-9.0, 2), (-9.0, 6), (-9.0, 3))
    given = pairs(*ALL3, (1, 3, 4), examples=3)
    of_examples = ORPO(nll="tokens").parts(told, given)["nll"]
    assert of_examples.sum().item() / 2 == pytest.approx(35 / 27)
    assert of_examples[2] == 0


def test_dpo_by_hand() -> None:
    """The better response gained 2 over the reference (-10 from -12), the worse lost 1 (-20 from -19):
    -log sigmoid(0.1 x (2 - -1)) = log(1 + e^-0.3) = 0.554355. Lengths do not matter."""
    told = scores((-10.0, 4), (-20.0, 3), reference=[-12.0, -19.0])
    assert loss(DPO(beta=0.1), told, ONE) == pytest.approx([0.554355], abs=1e-6)


def test_dpo_norm_by_hand() -> None:
    """Gained 2 over 4 tokens, lost 1 over 2: per token 0.5 and -0.5. With beta 1 log(1 + e^-1) =
    0.313262, with beta 0.3 log(1 + e^-0.3) = 0.554355."""
    told = scores((-10.0, 4), (-20.0, 2), reference=[-12.0, -19.0])
    assert loss(DPONorm(beta=1.0), told, ONE) == pytest.approx([0.313262], abs=1e-6)
    assert loss(DPONorm(beta=0.3), told, ONE) == pytest.approx([0.554355], abs=1e-6)


def test_ipo_by_hand() -> None:
    """The same pair: the margin is 1 per token and 3 in sum, the target of beta 0.1 is 5, of 0.5 it is
    1. So (1 - 5)^2 = 16 and (3 - 5)^2 = 4, then (1 - 1)^2 = 0 and (3 - 1)^2 = 4."""
    told = scores((-10.0, 4), (-20.0, 2), reference=[-12.0, -19.0])
    assert loss(IPO(beta=0.1), told, ONE) == pytest.approx([16.0])
    assert loss(IPO(beta=0.1, normalise=False), told, ONE) == pytest.approx([4.0])
    assert loss(IPO(beta=0.5), told, ONE) == pytest.approx([0.0])
    assert loss(IPO(beta=0.5, normalise=False), told, ONE) == pytest.approx([4.0])


def test_simpo_by_hand() -> None:
    """m = -0.5 and -1, so the rewards of beta 2 are -1 and -2: the margin 1 is that of gamma 1 (log 2),
    and 0.5 more than that of gamma 0.5: log(1 + e^-0.5) = 0.474077."""
    told = scores((-2.0, 4), (-5.0, 5))
    assert loss(SimPO(beta=2.0, gamma=0.5), told, ONE) == pytest.approx([0.474077], abs=1e-6)
    assert loss(SimPO(beta=2.0, gamma=1.0), told, ONE) == pytest.approx([math.log(2)])


def test_cpo_by_hand() -> None:
    """s = -2 and -5: log(1 + e^-0.3) = 0.554355 with beta 0.1; the NLL is 0.5 a token."""
    told = scores((-2.0, 4), (-5.0, 5))
    assert loss(CPO(beta=0.1, alpha=0), told, ONE) == pytest.approx([0.554355], abs=1e-6)
    assert loss(CPO(beta=0.1), told, ONE) == pytest.approx([1.054355], abs=1e-6)
    assert loss(CPO(beta=0.1, alpha=2), told, ONE) == pytest.approx([1.554355], abs=1e-6)


def test_sft_is_the_mean_nll_of_the_better_response() -> None:
    told = scores((-2.0, 4), (-5.0, 5))
    assert loss(SFT(), told, ONE) == pytest.approx([0.5])
    assert nll(told).tolist() == pytest.approx([0.5, 1.0])


# -- Plackett-Luce --------------------------------------------------------------------------------


def strengths(*of: float) -> Scores:
    """Responses that the policy prefers to the reference by these factors."""
    sums = [(-7.0 + math.log(strength), 3) for strength in of]
    return scores(*sums, reference=[-7.0] * len(of))


@pytest.mark.parametrize(
    ("given", "likelihood"),
    [
        (ALL3, 6 / 10 * 3 / 4),  # the first of 6, 3 and 1, then 3 of what is left
        (ADJACENT3, 6 / 9 * 3 / 4),  # the first against its neighbour alone
        (((0, 0, 1), (0, 0, 2)), 6 / 10),  # two of the lower tier, not compared with each other
        (((0, 0, 2), (0, 1, 2)), 6 / 7 * 3 / 4),  # two of the upper tier
        (((0, 2, 1), (0, 2, 0), (0, 1, 0)), 1 / 10 * 3 / 9),  # the other way round
    ],
    ids=["all", "adjacent", "two worse", "two better", "reversed"],
)
def test_plackett_luce_by_hand(given: tuple[tuple[int, int, int], ...], likelihood: float) -> None:
    found = loss(PlackettLuce(beta=1.0), strengths(6, 3, 1), pairs(*given))
    assert found == pytest.approx([-math.log(likelihood)])


def test_plackett_luce_is_a_probability_of_rankings() -> None:
    told, K = strengths(5, 0.3, 2, 1), 4
    total = 0.0
    for order in itertools.permutations(range(K)):
        ranking = [(0, order[i], order[j]) for i in range(K) for j in range(i + 1, K)]
        total += math.exp(-loss(PlackettLuce(beta=0.7), told, pairs(*ranking))[0])
    assert total == pytest.approx(1.0)


def test_plackett_luce_of_two_is_dpo_gradients_too() -> None:
    torch.manual_seed(0)
    s_R = (-20 * torch.rand(6, dtype=torch.float64)).requires_grad_()
    told = Scores(s_R, torch.arange(1, 7), -20 * torch.rand(6, dtype=torch.float64))
    given = pairs((0, 0, 1), (1, 3, 2), (2, 5, 4))
    listwise, pairwise = (kind(beta=0.3).loss(told, given) for kind in (PlackettLuce, DPO))
    torch.testing.assert_close(listwise, pairwise)
    slopes = [torch.autograd.grad(found.sum(), s_R)[0] for found in (listwise, pairwise)]
    torch.testing.assert_close(*slopes)


def test_plackett_luce_without_a_reference_is_simpo_without_a_margin() -> None:
    told = scores((-2.0, 4), (-5.0, 5))
    free = PlackettLuce(beta=2.0, reference=False)
    assert not free.needs_reference
    assert PlackettLuce().needs_reference
    assert loss(free, told, ONE) == pytest.approx(loss(SimPO(beta=2.0, gamma=0), told, ONE))


def test_plackett_luce_takes_no_weights() -> None:
    told = strengths(6, 3, 1)
    with pytest.raises(PlanBError, match=r"0\.5, 1\.0, 1\.0.*dpo"):
        PlackettLuce().loss(told, pairs(*ALL3, weights=[0.5, 1.0, 1.0]))
    alike = pairs(*ALL3, weights=[0.5] * 3)
    assert loss(PlackettLuce(), told, alike) == loss(PlackettLuce(), told, pairs(*ALL3))
    of_two = pairs((0, 0, 1), (1, 1, 2), weights=[0.5, 1.0])
    assert len(loss(PlackettLuce(), told, of_two)) == 2, "the examples may differ"


@pytest.mark.parametrize("gap", [30.0, 1e4, -30.0, -1e4])
def test_plackett_luce_of_far_apart_responses(gap: float) -> None:
    """With u = gap, 0, 0 the loss is near log 2 (the last two's coin), or log 2 + |gap| + log 2."""
    s_R = torch.tensor([gap - 1e5, -1e5, -1e5], requires_grad=True)
    told = Scores(s_R, torch.ones(3), torch.full((3,), -1e5))
    (found,) = PlackettLuce(beta=1.0).loss(told, pairs(*ALL3))
    expected = math.log(2) if gap > 0 else 2 * math.log(2) - gap
    assert found.item() == pytest.approx(expected, rel=1e-6)
    (slope_R,) = torch.autograd.grad(found, s_R)
    first = 0.0 if gap > 0 else -1.0
    assert slope_R.tolist() == pytest.approx([first, -first / 2 - 0.5, -first / 2 + 0.5], abs=1e-6)


def test_small_chances_keep_their_gradient() -> None:
    """40 nats ahead: the loss is e^-40, the slope -e^-40, not 0 in float32."""
    s_R = torch.tensor([40.0, 0.0], requires_grad=True)
    told = Scores(s_R, torch.ones(2), torch.zeros(2))
    for objective in (PlackettLuce(beta=1.0), DPO(beta=1.0)):
        found = objective.loss(told, ONE).sum()
        (slope_R,) = torch.autograd.grad(found, s_R)
        assert found.item() == pytest.approx(math.exp(-40), rel=1e-5, abs=0)
        assert slope_R[0].item() == pytest.approx(-math.exp(-40), rel=1e-5, abs=0)


# -- pairs and weights ----------------------------------------------------------------------------


def test_the_mean_is_over_each_examples_pairs_by_weight() -> None:
    given = pairs((0, 0, 1), (0, 0, 2), (2, 3, 4), (2, 3, 5), weights=[3.0, 1.0, 0.0, 2.0])
    mean = given.mean(torch.tensor([1.0, 5.0, 100.0, 7.0]))
    assert mean.tolist() == [(3 * 1 + 1 * 5) / 4, 0.0, 7.0]
    nothing = pairs((0, 0, 1), weights=[0.0])
    assert nothing.mean(torch.tensor([3.0])).tolist() == [0.0]


def test_only_the_share_of_a_weight_counts() -> None:
    told = scores((-0.5, 1), (-1.0, 1), (-2.0, 1))
    one, other = (pairs(*ALL3, weights=[k, 2 * k, 3 * k]) for k in (1.0, 0.25))
    assert loss(ORPO(), told, one) == pytest.approx(loss(ORPO(), told, other))
    parts = ORPO().pair_parts(told, one)
    by_hand = sum(float(part[0] + 2 * part[1] + 3 * part[2]) / 6 for part in parts.values())
    assert loss(ORPO(), told, one) == pytest.approx([by_hand])
