"""RepBend: each of its terms by hand, in both layouts, and the model that it refuses."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from looking import PAIRED, SINGLE, loss_in
from peft import LoraConfig
from planted import chat_model

from planb.errors import PlanBError
from planb.mitigations import RepBend
from planb.mitigations.bending import Answers
from planb.mitigations.repbend import likeness
from planb.models.checkpoints import add_adapter
from planb.models.decoder import decoder_layers
from planb.training.inside import reading, without_adapter

ROWS = [PAIRED, SINGLE]
LORA = LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM")


@pytest.fixture(scope="module")
def inner(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A tiny model under a fresh adapter, which is the identity."""
    folder = tmp_path_factory.mktemp("repbend")
    return add_adapter(chat_model(folder / "model").model, LORA).get_base_model()


def test_likeness_is_the_mean_cosine_of_the_pairs_of_an_examples_tokens() -> None:
    """Example 0 has (1, 0), (0, 2), (3, 0): cosines 0, 1, 0 in the three pairs. Example 1 has one
    token, so no pair; the last token is of no harmful answer."""
    states = torch.tensor([[1.0, 0.0], [0.0, 2.0], [3.0, 0.0], [1.0, 1.0], [9.0, 9.0]])
    example = torch.tensor([0, 0, 0, 1, 0])
    harmful = torch.tensor([True, True, True, True, False])
    answers = Answers(example, example, example, example, harmful, 2)
    assert torch.allclose(likeness(states, answers, harmful), torch.tensor([1 / 3, 0.0]))


def test_at_the_start_nothing_has_moved_and_later_each_term_is_its_equation(inner: Any) -> None:
    start = loss_in(inner, RepBend(), ROWS)
    for name in ("retain", "bend", "kl"):
        assert torch.allclose(start[name], torch.zeros(2), atol=1e-5)
    assert float(start["alike"][0]) < 0
    assert float(start["alike"][1]) == 0, "no harmful answer"
    with torch.no_grad():
        for name, weight in inner.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=0.2, generator=torch.Generator().manual_seed(0))
    bend = RepBend(alpha=0.7, gamma=0.4, depths=(1.0,))
    found, apart = (loss_in(inner, bend, ROWS, layout) for layout in ("packed", "separate"))
    for name, value in found.items():
        assert torch.allclose(value, apart[name], rtol=1e-3, atol=1e-5), name
    old, new = [], []
    for prompt, answer in (
        (PAIRED.prompt, PAIRED.responses[0]),
        (PAIRED.prompt, PAIRED.responses[1]),
        (SINGLE.prompt, SINGLE.responses[0]),
    ):
        with without_adapter(inner):
            old.append(said(inner, prompt, answer))
        new.append(said(inner, prompt, answer))
    moved = [(now[0] - was[0]).norm(dim=1).mean() for was, now in zip(old, new, strict=True)]
    kl = [(was[1].exp() * (was[1] - now[1])).sum(1).mean() for was, now in zip(old, new, strict=True)]
    close = {"rtol": 1e-3, "atol": 1e-5}
    assert torch.allclose(found["retain"], torch.stack([moved[0], moved[2]]) / 2, **close)
    assert torch.allclose(found["bend"], torch.stack([-0.7 * moved[1], torch.tensor(0.0)]), **close)
    assert torch.allclose(found["kl"], 0.4 * torch.stack([kl[0], kl[2]]), **close)
    assert float(found["kl"].min()) > 0


def said(inner: Any, prompt: tuple[int, ...], answer: tuple[int, ...]) -> tuple[Any, Any]:
    """The last layer's states and the log-probabilities where the answer's tokens are predicted, of
    the text alone."""
    with torch.no_grad(), reading(decoder_layers(inner)[-1:]) as states:
        logits = inner(input_ids=torch.tensor([[*prompt, *answer]])).logits[0]
    places = slice(len(prompt) - 1, len(prompt) + len(answer) - 1)
    return states[0][0, places], logits[places].log_softmax(-1)


def test_a_model_whose_logits_are_not_its_head_times_its_states_is_refused(inner: Any) -> None:
    class Doubled(torch.nn.Linear):
        def forward(self, states: torch.Tensor) -> torch.Tensor:
            return 2 * super().forward(states)

    head = inner.get_output_embeddings()
    own = Doubled(head.in_features, head.out_features, bias=False)
    own.weight = head.weight
    try:
        inner.set_output_embeddings(own)
        with pytest.raises(PlanBError, match="are not its head times those: set gamma=0"):
            loss_in(inner, RepBend(), ROWS)
        assert set(loss_in(inner, RepBend(gamma=0.0), ROWS)) == {"retain", "bend", "alike", "kl"}
    finally:
        inner.set_output_embeddings(head)
