"""What every objective keeps, whatever its numbers."""

from __future__ import annotations

import math
from decimal import Decimal, getcontext

import pytest
import torch
from pydantic import ValidationError
from told import ALL3, ONE, loss, pairs, random_scores, scores, with_sums

from planb.errors import PlanBError
from planb.training.objectives import (
    CPO,
    DPO,
    IPO,
    OBJECTIVES,
    ORPO,
    SFT,
    DPONorm,
    Objective,
    Pairs,
    PlackettLuce,
    Scores,
    SimPO,
    log_odds,
)

MADE: dict[str, Objective] = {
    **{name: make() for name, make in OBJECTIVES.items()},
    "orpo of tokens": ORPO(nll="tokens"),
    "orpo of sequences": ORPO(nll="sequence"),
    "cpo of sequences": CPO(nll="sequence"),
    "ipo of sums": IPO(beta=0.01, normalise=False),
    "plackett_luce without reference": PlackettLuce(beta=2.0, reference=False),
}
every = pytest.mark.parametrize("objective", MADE.values(), ids=MADE)


TWO = pairs(*ALL3, (2, 3, 4), examples=4)  # a ranking of three, none, a pair, none


@every
def test_an_example_without_pairs_costs_nothing(objective: Objective) -> None:
    told = random_scores(6)
    s_R = told.s_R.clone().requires_grad_()
    found = objective.loss(with_sums(told, s_R), TWO)
    assert found.shape == (4,)
    assert found[1] == found[3] == 0
    (slope_R,) = torch.autograd.grad(found.sum(), s_R)
    assert slope_R[5] == 0, "a response without a pair"
    if not isinstance(objective, PlackettLuce):  # it takes no weights
        weightless = objective.loss(with_sums(told, s_R), pairs((0, 0, 1), weights=[0.0]))
        assert weightless.tolist() == [0]
        assert torch.autograd.grad(weightless.sum(), s_R)[0].tolist() == [0] * 6
    none = objective.loss(with_sums(told, s_R), pairs(examples=3))
    assert none.tolist() == [0, 0, 0]
    assert torch.autograd.grad(none.sum(), s_R)[0].tolist() == [0] * 6


@every
def test_the_loss_is_the_sum_of_its_named_parts(objective: Objective) -> None:
    told = random_scores(6)
    parts = objective.parts(told, TWO)
    assert set(parts) <= {"nll", "preference"}
    torch.testing.assert_close(objective.loss(told, TWO), sum(parts.values()))


@every
def test_a_step_down_the_loss_prefers_the_better_response(objective: Objective) -> None:
    s_R = torch.tensor([-8.0, -8.0], requires_grad=True)
    four = torch.tensor([4, 4])
    told = Scores(s_R, four, torch.tensor([-8.0, -8.0]), torch.tensor([-4.0, -4.0]), four)
    better, worse = torch.autograd.grad(objective.loss(told, ONE).sum(), s_R)[0].tolist()
    assert better < 0
    assert worse == 0 if isinstance(objective, SFT) else worse > 0


@every
def test_the_order_of_responses_and_pairs_does_not_matter(objective: Objective) -> None:
    told = random_scores(6)
    torch.manual_seed(1)
    moved_R, moved_P = torch.randperm(6), torch.randperm(4)
    place_R = moved_R.argsort()
    fields = (told.s_R, told.n_R, told.r_R, told.prompt_s_R, told.prompt_n_R)
    given = Pairs(
        TWO.example_P[moved_P],
        place_R[TWO.better_P[moved_P]],
        place_R[TWO.worse_P[moved_P]],
        TWO.weight_P,
        TWO.examples,
    )
    again = objective.loss(Scores(*(field[moved_R] for field in fields)), given)
    torch.testing.assert_close(again, objective.loss(told, TWO))


@every
def test_gradients_are_those_of_finite_differences(objective: Objective) -> None:
    told = random_scores(6)
    s_R = told.s_R.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda s: objective.loss(with_sums(told, s), TWO), s_R)


@every
def test_float32_is_enough(objective: Objective) -> None:
    """Sums are rounded to 1e-7 of themselves; what is computed of them must lose little more."""
    exact = objective.loss(random_scores(6), TWO)
    rounded = objective.loss(random_scores(6, torch.float32), TWO)
    assert rounded.dtype == torch.float32
    torch.testing.assert_close(rounded.double(), exact, rtol=2e-5, atol=2e-5)


@every
@pytest.mark.parametrize("sums", [(0.0, 0.0), (0.0, -1e5), (-1e5, 0.0), (-1e5, -1e5), (-1e-9, -1e-7)])
def test_losses_stay_finite_at_the_ends(objective: Objective, sums: tuple[float, float]) -> None:
    """From certain to impossible, with a reference that says the contrary."""
    s_R = torch.tensor(sums, requires_grad=True)
    four = torch.tensor([4, 4])
    told = Scores(s_R, four, torch.tensor(sums[::-1]), torch.tensor([0.0, 0.0]), four)
    found = objective.loss(told, ONE)
    assert found.isfinite().all()
    assert torch.autograd.grad(found.sum(), s_R)[0].isfinite().all()


SIGMOID = [DPO(beta=0.2), DPONorm(), SimPO(gamma=0), CPO(), ORPO(), PlackettLuce()]


@pytest.mark.parametrize("objective", SIGMOID, ids=lambda kind: type(kind).__name__)
def test_the_preference_falls_with_the_margin_and_is_symmetric(objective: Objective) -> None:
    """softplus(-z) - softplus(z) = -z: a pair's loss less that of the reversed pair is minus the
    margin, which ORPO multiplies with beta outside."""
    told = random_scores(2, seed=3)
    found = []
    for more in (0.0, 0.5, 5.0):
        raised = with_sums(told, told.s_R + torch.tensor([more, 0.0]))
        found.append(objective.parts(raised, ONE)["preference"].item())
    assert found[0] > found[1] > found[2] > 0
    backwards = objective.parts(told, pairs((0, 1, 0)))["preference"].item()
    units = {
        "DPO": told.s_R - told.r_R,
        "DPONorm": (told.s_R - told.r_R) / told.n_R,
        "SimPO": told.m_R,
        "CPO": told.s_R,
        "ORPO": log_odds(told.m_R),
        "PlackettLuce": told.s_R - told.r_R,
    }
    unit = units[type(objective).__name__]
    assert found[0] - backwards == pytest.approx(-objective.beta * (unit[0] - unit[1]).item())  # type: ignore[attr-defined]


@pytest.mark.parametrize("objective", [DPO(beta=0.5), PlackettLuce(), DPONorm()])
def test_the_reference_itself_is_a_coin(objective: Objective) -> None:
    told = scores((-10.0, 4), (-20.0, 3), reference=[-10.0, -20.0])
    assert loss(objective, told, ONE) == pytest.approx([math.log(2)])


@pytest.mark.parametrize("name", OBJECTIVES)
def test_what_is_missing_is_named(name: str) -> None:
    objective = OBJECTIVES[name]()
    told = scores((-1.0, 1), (-2.0, 1))
    assert not objective.needs_prompt
    if objective.needs_reference:
        with pytest.raises(PlanBError, match="give r_R"):
            objective.loss(told, ONE)
    else:
        assert objective.loss(told, ONE).isfinite().all()
    assert objective.needs_reference == (name in {"dpo", "dpo_norm", "ipo", "plackett_luce"})


def test_sequences_without_their_prompts_are_an_error() -> None:
    with pytest.raises(PlanBError, match="prompt_s_R"):
        ORPO(nll="sequence").loss(scores((-1.0, 1), (-2.0, 1)), ONE)


def test_settings_that_make_no_sense_are_refused() -> None:
    for make, setting in ((DPO, {"beta": 0}), (ORPO, {"beta": -1}), (SimPO, {"gamma": -1})):
        with pytest.raises(ValidationError):
            make(**setting)
    with pytest.raises(ValidationError, match="sequence"):
        ORPO(nll="prompt")  # type: ignore[arg-type]


def test_defaults_are_those_of_the_papers() -> None:
    assert (ORPO().beta, DPO().beta, DPONorm().beta, CPO().beta, CPO().alpha) == (
        0.1,
        0.1,
        5.0,
        0.1,
        1.0,
    )
    assert (SimPO().beta, SimPO().gamma, IPO().beta, IPO().normalise) == (2.0, 0.5, 0.1, True)
    assert ORPO().nll == CPO().nll == "response"


# -- log odds -------------------------------------------------------------------------------------


@pytest.mark.parametrize("m", [-50.0, -5.0, -0.7, -0.69, -1e-2, -1e-4, -1e-6])
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


@pytest.mark.parametrize("m", [-20.0, -3.0, -0.7, -0.6, -1e-3])
def test_the_slope_of_log_odds_is_1_over_1_minus_p(m: float) -> None:
    value = torch.tensor(m, requires_grad=True)
    (slope,) = torch.autograd.grad(log_odds(value), value)
    assert slope.item() == pytest.approx(1 / -math.expm1(m), rel=1e-4)


def test_log_odds_rise_with_the_probability() -> None:
    odds = log_odds(-torch.logspace(2, -6, 200, dtype=torch.float64))
    assert (odds.diff() > 0).all()
