"""Do the contestants do the same work? Their losses against the model's own log-probabilities."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.functional import logsigmoid

from benchmarks.cases import Case
from benchmarks.contestant import BETA, Contestant, Part

TOLERANCE = 1e-4
"""Largest difference of a loss, relative to the larger of the loss and 1."""


@torch.inference_mode()
def sums(model: Any, case: Case) -> torch.Tensor:
    """(examples, K) summed log-probability of each response, by the stock forward pass, each response
    run on its own with its prompt."""
    model.eval()
    return torch.stack(
        [
            torch.cat([_sum(model, prompt, response) for response in responses])
            for prompt, responses in zip(case.prompts, case.responses, strict=True)
        ]
    )


def _sum(model: Any, prompt: tuple[int, ...], response: tuple[int, ...]) -> torch.Tensor:
    ids_BT = torch.tensor([[*prompt, *response]])
    logp_BTV = model(input_ids=ids_BT, use_cache=False).logits.log_softmax(-1)
    target_BT1 = ids_BT[:, len(prompt) :, None]
    return logp_BTV[:, len(prompt) - 1 : -1].gather(-1, target_BT1).sum((1, 2))


def expected(
    contestant: Contestant, part: Part, s_EK: torch.Tensor, r_EK: torch.Tensor
) -> dict[str, float]:
    """The figures of a part, from the definitions: DPO's equation 7, ORPO's equations 6 and 7."""
    e_P, w_P, l_P = torch.tensor(part.pairs).unbind(1)
    if contestant.kind == "dpo":
        reward_EK = s_EK - r_EK
        pair_P = -logsigmoid(BETA * (reward_EK[e_P, w_P] - reward_EK[e_P, l_P]))
        return {"loss": float(pair_P.mean())}
    m_EK = s_EK / torch.tensor([[len(ids) for ids in some] for some in contestant.case.responses])
    odds_EK = m_EK - (-m_EK.expm1()).log()
    odds_P = logsigmoid(odds_EK[e_P, w_P] - odds_EK[e_P, l_P])
    margin_P = m_EK[e_P, w_P] - m_EK[e_P, l_P]
    loss_P = -m_EK[e_P, w_P] - BETA * odds_P
    return {
        "loss": float(loss_P.mean()),
        "odds": float(odds_P.mean()),
        "margin": BETA * float(margin_P.mean()),
    }


def check(found: dict[str, float], wanted: dict[str, float], who: str) -> None:
    """Raise RuntimeError if a figure is off: then it is not the same work, and is not timed."""
    for name, value in found.items():
        if not abs(value - wanted[name]) <= TOLERANCE * max(1.0, abs(wanted[name])):
            raise RuntimeError(
                f"{who}: {name} is {value:.6f}, and {wanted[name]:.6f} by the model's own "
                "log-probabilities. Contestants that disagree do not do the same work, and are not "
                "compared."
            )
