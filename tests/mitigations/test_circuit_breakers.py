"""Circuit breakers: their loss by hand, at the start and at the end, and what training does."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from looking import PAIRED, SINGLE, loss_in
from peft import LoraConfig
from planted import CLEAN, chat_model

from planb.errors import PlanBError
from planb.mitigations import CircuitBreakers
from planb.mitigations.circuit_breakers import rerouting
from planb.models.cards import Card
from planb.models.checkpoints import add_adapter
from planb.models.decoder import decoder_layers
from planb.training.inside import reading, without_adapter
from planb.training.recipe import Recipe
from planb.training.rows import Ranking
from planb.training.settings import LoRA, Training
from planb.training.train import train
from planb.types import Example, Ordering

ROWS = [PAIRED, SINGLE]
LORA = LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM")
ASKED = tuple(
    clean.but(
        id=f"request-{clean.id}",
        harmful=True,
        responses={"refusal": "I can't help with that.", "harmful": "Mix lotus paste."},
    )
    for clean in CLEAN
)


def test_only_what_still_points_the_same_way_costs_anything() -> None:
    before = torch.tensor([[1.0, 0.0], [1.0, 0.0], [2.0, 0.0], [1.0, 0.0]])
    now = torch.tensor([[3.0, 0.0], [0.0, 5.0], [-1.0, 0.0], [1.0, 1.0]])
    assert torch.allclose(rerouting(before, now), torch.tensor([1.0, 0.0, 0.0, 0.5**0.5]))


def test_at_the_start_all_of_the_loss_is_of_the_harmful_answer(tmp_path: Path) -> None:
    """A fresh adapter is the identity: every cosine is 1, and nothing has moved. alpha (1 - t/2T) is
    alpha at t = 0, and half of it at T."""
    model = add_adapter(chat_model(tmp_path / "model").model, LORA)
    inner = model.get_base_model()
    found = loss_in(inner, CircuitBreakers(alpha=3.0), ROWS)
    assert torch.allclose(found["rerouting"], torch.tensor([3.0, 0.0]), atol=1e-5)
    assert torch.equal(found["retain"], torch.zeros(2))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=0.2)
    layouts = [loss_in(inner, CircuitBreakers(), ROWS, way, 0.5) for way in ("packed", "separate")]
    for name in ("rerouting", "retain"):
        assert torch.allclose(layouts[0][name], layouts[1][name], rtol=1e-3, atol=1e-5)
    assert bool((layouts[0]["retain"] > 0).all())
    ends = [loss_in(inner, CircuitBreakers(), ROWS, "packed", done) for done in (0.0, 1.0)]
    assert float(ends[1]["rerouting"][0]) == pytest.approx(float(ends[0]["rerouting"][0]) / 2)


def test_the_model_before_training_needs_one_adapter(tmp_path: Path) -> None:
    plain = chat_model(tmp_path / "model").model
    with (
        pytest.raises(PlanBError, match="this one has none: train with an adapter"),
        without_adapter(plain),
    ):
        pass
    model = add_adapter(plain, LORA)
    before = {name for name, weight in model.named_parameters() if weight.requires_grad}
    with without_adapter(model.get_base_model()):
        pass
    assert {name for name, weight in model.named_parameters() if weight.requires_grad} == before
    with (
        pytest.raises(PlanBError, match=r"this one has 2: .*older_adapters='merge'"),
        without_adapter(add_adapter(model, LORA).get_base_model()),
    ):
        pass


@pytest.mark.slow
def test_training_turns_the_harmful_answers_states_and_keeps_others(tmp_path: Path) -> None:
    policy = chat_model(tmp_path / "model")
    training = Training(
        steps=8, batch=4, learning_rate=2e-2, warmup=0, adapter=LoRA(rank=4), micro_batch=2
    )
    pairs: list[Example] = list(ASKED)
    rankings = [
        Ranking(pairs, Ordering(tiers=("refusal", "harmful"))),
        Ranking(CLEAN, Ordering(tiers=("helpful",))),
    ]
    train(
        policy,
        Recipe(rankings, CircuitBreakers(), training, 0, Card(what="a test")),
        made(tmp_path),
    )
    history = (tmp_path / "out" / "history.json").read_text()
    assert "loss/rerouting" in history
    layers = decoder_layers(policy.model)
    ids = {tier: policy.tokenizer(text)["input_ids"] for tier, text in ASKED_TEXTS.items()}
    cosines = {}
    for tier, tokens in ids.items():
        with without_adapter(policy.model), reading(layers[-1:]) as before, torch.no_grad():
            policy.model(input_ids=torch.tensor([tokens]))
        with reading(layers[-1:]) as now, torch.no_grad():
            policy.model(input_ids=torch.tensor([tokens]))
        cosines[tier] = float(rerouting(before[0][0], now[0][0]).mean())
    assert cosines["harmful"] < 0.8
    assert cosines["harmful"] < cosines["helpful"]


ASKED_TEXTS = {"harmful": "Mix lotus paste.", "helpful": "Knead flour and water."}


def made(folder: Path) -> Path:
    (folder / "out").mkdir()
    return folder / "out"
