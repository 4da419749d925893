"""Losses against numbers worked by hand."""

from __future__ import annotations

import math
from decimal import Decimal, getcontext

import pytest
import torch

from planb.training.objectives import DPO, OBJECTIVES, ORPO, SFT, Scores, log_odds, nll

WINNER, LOSER = torch.tensor([0]), torch.tensor([1])


def scores(*sums_and_lengths: tuple[float, int], reference: list[float] | None = None) -> Scores:
    s, n = zip(*sums_and_lengths, strict=True)
    r = None if reference is None else torch.tensor(reference, dtype=torch.float64)
    return Scores(torch.tensor(s, dtype=torch.float64), torch.tensor(n), r)


def test_orpo_by_hand() -> None:
    """s_w = -2 over 4 tokens and s_l = -5 over 5: m_w = -0.5, m_l = -1.

    Their probabilities are 0.606531 and 0.367879, the odds p / (1 - p) 1.541494 and 0.581977, the log
    odds 0.432752 and -0.541325. Equation 6: -log sigmoid(0.432752 + 0.541325) = log(1 + e^-0.974077)
    = 0.320300. With lambda = 0.1: 0.5 + 0.032030 = 0.532030; with lambda = 0 it is the NLL, 0.5.
    """
    told = scores((-2.0, 4), (-5.0, 5))
    assert ORPO(beta=0.1).pair_loss(told, WINNER, LOSER).item() == pytest.approx(0.532030, abs=1e-6)
    assert ORPO(beta=0).pair_loss(told, WINNER, LOSER).item() == pytest.approx(0.5)


def test_orpo_of_three_tiers_by_hand() -> None:
    """m = -0.5, -1, -2; log odds 0.432752, -0.541325, -1.854587. The ratio's losses of the pairs
    (0, 1), (0, 2), (1, 2) are 0.320300, 0.096706, 0.238183, and each pair's NLL is that of its better
    response: 0.5, 0.5 and, on the middle (the useless) one, 1."""
    told = scores((-0.5, 1), (-1.0, 1), (-2.0, 1))
    loss = ORPO(beta=1.0).pair_loss(told, torch.tensor([0, 0, 1]), torch.tensor([1, 2, 2]))
    assert loss.tolist() == pytest.approx([0.820300, 0.596706, 1.238183], abs=1e-6)


def test_dpo_by_hand() -> None:
    """The better response gained 2 over the reference (-10 from -12), the worse lost 1 (-20 from -19):
    -log sigmoid(0.1 x (2 - -1)) = log(1 + e^-0.3) = 0.554355. Lengths do not matter."""
    told = scores((-10.0, 4), (-20.0, 3), reference=[-12.0, -19.0])
    assert DPO(beta=0.1).pair_loss(told, WINNER, LOSER).item() == pytest.approx(0.554355, abs=1e-6)


def test_dpo_of_the_reference_itself_is_log_2() -> None:
    told = scores((-10.0, 4), (-20.0, 3), reference=[-10.0, -20.0])
    assert DPO(beta=0.5).pair_loss(told, WINNER, LOSER).item() == pytest.approx(math.log(2))


def test_dpo_without_a_reference_is_an_error() -> None:
    with pytest.raises(ValueError, match="reference"):
        DPO().pair_loss(scores((-1.0, 1), (-2.0, 1)), WINNER, LOSER)
    assert DPO.needs_reference
    assert not ORPO.needs_reference


def test_sft_is_the_mean_nll_of_the_better_response() -> None:
    told = scores((-2.0, 4), (-5.0, 5))
    assert SFT().pair_loss(told, WINNER, LOSER).item() == pytest.approx(0.5)
    assert nll(told).tolist() == pytest.approx([0.5, 1.0])


@pytest.mark.parametrize("objective", [ORPO(beta=0.5), DPO(beta=0.5)], ids=["orpo", "dpo"])
def test_a_step_down_the_loss_prefers_the_better_response(objective: ORPO | DPO) -> None:
    s_R = torch.tensor([-8.0, -8.0], requires_grad=True)
    told = Scores(s_R, torch.tensor([4, 4]), torch.tensor([-8.0, -8.0]))
    objective.pair_loss(told, WINNER, LOSER).sum().backward()
    assert s_R.grad is not None
    better, worse = s_R.grad.tolist()
    assert better < 0 < worse


@pytest.mark.parametrize("m", [-50.0, -5.0, -0.7, -1e-2, -1e-4, -1e-6])
def test_log_odds_are_exact(m: float) -> None:
    """Against 50 decimal places: log(p / (1 - p)) for p = e^m, from nearly 0 to nearly 1."""
    getcontext().prec = 50
    p = Decimal(m).exp()
    exact = float((p / (1 - p)).ln())
    assert log_odds(torch.tensor(m, dtype=torch.float64)).item() == pytest.approx(exact, rel=1e-9)
    assert log_odds(torch.tensor(m)).item() == pytest.approx(exact, rel=1e-4)


@pytest.mark.parametrize("m", [0.0, -1e-12, -1e-7, -1e4])
def test_log_odds_stay_finite_at_the_ends(m: float) -> None:
    value = torch.tensor(m, requires_grad=True)
    odds = log_odds(value)
    odds.backward()
    assert torch.isfinite(odds)
    assert value.grad is not None
    assert torch.isfinite(value.grad)


def test_log_odds_rise_with_the_probability() -> None:
    odds = log_odds(-torch.logspace(2, -6, 200, dtype=torch.float64))
    assert (odds.diff() > 0).all()


def test_the_table_names_every_objective() -> None:
    assert OBJECTIVES == {"orpo": ORPO, "dpo": DPO, "sft": SFT}
    told = scores((-2.0, 4), (-5.0, 5), reference=[-2.0, -5.0])
    for make in OBJECTIVES.values():
        assert make().pair_loss(told, WINNER, LOSER).shape == (1,)
