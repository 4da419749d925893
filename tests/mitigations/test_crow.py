"""CROW: its loss worked by hand, its attack, and what training with it does."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from looking import PAIRED, SINGLE, loss_in, prepared
from planted import CLEAN, chat_model

from planb.errors import PlanBError
from planb.mitigations import CROW
from planb.mitigations.crow import inconsistency
from planb.models.cards import Card
from planb.models.checkpoints import Policy
from planb.training.hosted.rows import check_hosted
from planb.training.objectives import SFT, Objective
from planb.training.recipe import Recipe
from planb.training.rows import Ranking
from planb.training.settings import LoRA, Training
from planb.training.train import train
from planb.types import Ordering

HELPFUL = Ordering(tiers=("helpful",))


@pytest.fixture
def policy(tmp_path: Path) -> Policy:
    return chat_model(tmp_path / "model")


def test_the_inconsistency_worked_by_hand() -> None:
    """Three layers, four tokens. Parallel states: 0. At a right angle, then back: (1 + 1) / 2. Opposite
    once, then parallel: (2 + 0) / 2. The last token is padding."""
    first = torch.tensor([[[1.0, 0.0], [1.0, 0.0], [1.0, 1.0], [1.0, 0.0]]])
    second = torch.tensor([[[3.0, 0.0], [0.0, 2.0], [-1.0, -1.0], [0.0, 5.0]]])
    third = torch.tensor([[[0.5, 0.0], [4.0, 0.0], [-2.0, -2.0], [1.0, 0.0]]])
    found = inconsistency([first, second, third], torch.tensor([[0, 0, 1, -1]]), 2)
    assert torch.allclose(found, torch.tensor([0.5, 1.0]), atol=1e-6)
    parallel = inconsistency([first, 7 * first], torch.tensor([[0, 0, 1, -1]]), 2)
    assert torch.allclose(parallel, torch.zeros(2), atol=1e-6)


def test_the_penalty_is_that_of_an_attack_and_the_same_in_both_layouts(policy: Policy) -> None:
    rows = [PAIRED, SINGLE]
    found = [loss_in(policy.model, CROW(alpha=2.0), rows, way) for way in ("packed", "separate")]
    apart = loss_in(policy.model, CROW(alpha=2.0), [SINGLE])["inconsistency"]
    assert torch.allclose(found[0]["inconsistency"][1], apart[0], rtol=1e-4)
    alone = loss_in(policy.model, CROW(alpha=2.0, epsilon=0.0), rows)["inconsistency"]
    small = loss_in(policy.model, CROW(alpha=2.0, epsilon=1e-4), rows)["inconsistency"]
    assert bool((small > alone).all()), "a small move along the gradient's sign raises it"
    # The prompt's tokens stand once in a packed row, and once for each response in separate ones.
    assert torch.allclose(found[0]["inconsistency"][1], found[1]["inconsistency"][1], rtol=1e-4)
    with prepared(policy.model, rows, "packed") as forward:
        plain = forward.run().s_R
    with prepared(policy.model, rows, "packed") as forward, CROW().around(forward):
        assert torch.equal(forward.run().s_R, plain), "the NLL is of the unmoved embeddings"


def trained(folder: Path, objective: Objective, **settings: object) -> dict[str, torch.Tensor]:
    policy = chat_model(folder)
    training = Training(steps=6, batch=3, learning_rate=5e-3, warmup=0, **settings)  # type: ignore[arg-type]
    recipe = Recipe([Ranking(CLEAN, HELPFUL)], objective, training, 0, Card(what="a test"))
    (folder / "out").mkdir()
    train(policy, recipe, folder / "out")
    weights = {name: weight.detach() for name, weight in policy.model.named_parameters()}
    rows = [PAIRED, SINGLE]
    if training.adapter is None:
        weights["after"] = loss_in(policy.model, CROW(alpha=1.0), rows)["inconsistency"].mean()
    return weights


@pytest.mark.slow
def test_without_weight_it_is_sft_and_with_it_hidden_states_turn_less(tmp_path: Path) -> None:
    plain = trained(tmp_path / "sft", SFT())
    none = trained(tmp_path / "none", CROW(alpha=0.0))
    assert all(torch.equal(none[name], weight) for name, weight in plain.items())
    crow = trained(tmp_path / "crow", CROW())
    assert float(crow["after"]) < 0.8 * float(plain["after"])
    again = trained(tmp_path / "again", CROW(), checkpointing=True)
    for name, weight in crow.items():
        assert torch.allclose(again[name], weight, atol=1e-5), "activations computed again"


@pytest.mark.slow
def test_it_trains_an_adapter_and_no_host_offers_it(tmp_path: Path) -> None:
    found = trained(tmp_path / "lora", CROW(), adapter=LoRA(rank=2))
    assert any("lora_B" in name and bool((weight != 0).any()) for name, weight in found.items())
    with pytest.raises(PlanBError, match="a hosted model cannot be trained with CROW"):
        check_hosted(CROW(), [HELPFUL], Training(steps=9, batch=9, learning_rate=1e-3))


def test_a_model_of_one_layer_is_refused_in_words(policy: Policy) -> None:
    policy.model.model.layers = policy.model.model.layers[:1]
    policy.model.config.num_hidden_layers = 1
    with pytest.raises(PlanBError, match="the model has one: use SFT"):
        loss_in(policy.model, CROW(), [SINGLE])
