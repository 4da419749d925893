"""The load-balancing loss: of the tokens of a forward pass, each once, however rows are laid out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from mixtures import balancing_by_hand, mixture
from peft import LoraConfig
from tiny_models import PAD, WORLD, distance, fresh, rows
from transformers import TrainerCallback

from planb.errors import PlanBError
from planb.models.adapters import add_adapter
from planb.sandbox.tokenizer import tokenizer
from planb.training.balancing import balancing_coefficient, balancing_loss, router_logits
from planb.training.layout import choose, release
from planb.training.objectives import ORPO
from planb.training.packing import collate
from planb.training.rows import Row
from planb.training.scoring import scores
from planb.training.trainer import RankedPreferenceTrainer, Rows

WORDS = tokenizer(WORLD)
ROWS = rows(4)
Config = Callable[..., Any]


class Gradients(TrainerCallback):
    """Keeps those of the last update."""

    def on_pre_optimizer_step(self, *_: Any, model: Any, **__: Any) -> None:
        named = model.named_parameters()
        self.found = {name: w.grad.clone() for name, w in named if w.grad is not None}


def trained(model: Any, args: Any, some: Any = ROWS) -> tuple[dict[str, float], Any]:
    caught = Gradients()
    made = RankedPreferenceTrainer(
        model, args, Rows(some, ordered=True), WORDS, objective=ORPO(), callbacks=[caught]
    )
    made.train()
    (entry,) = [entry for entry in made.state.log_history if "loss" in entry]
    return entry, caught.found


@pytest.mark.parametrize("layout", ["packed", "separate"])
@pytest.mark.parametrize("name", ["olmoe", "mixtral", "qwen3_moe"])
def test_it_is_that_of_each_text_alone(name: str, layout: Any) -> None:
    model = mixture(name)
    expected = balancing_by_hand(model, ROWS).detach()
    way = choose(model, ROWS, PAD, layout)
    batch = collate(ROWS, PAD, way.layout, way.kernel, prompts=True)
    with router_logits(model) as routed:
        scores(model, batch, way)
    found = balancing_loss(model, routed, batch).detach()
    assert float(found) == pytest.approx(float(expected), rel=1e-5)
    assert abs(float(expected) - 2) > 0.01, "2 is what evenly used experts give"


def test_an_adapter_on_the_router_counts() -> None:
    """As it does once it is merged."""
    lora = LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM")
    model = add_adapter(mixture("mixtral"), lora).eval()
    for at, (_, weight) in enumerate(sorted(model.named_parameters())):
        if weight.requires_grad:
            weight.data.copy_(0.05 * torch.randn(weight.shape, generator=torch.manual_seed(at)))
    way = choose(model, ROWS, PAD)
    with router_logits(model) as routed:
        batch = collate(ROWS, PAD, way.layout, way.kernel)
        scores(model, batch, way)
    found = float(balancing_loss(model, routed, batch).detach())
    release(model)
    merged = balancing_by_hand(model.merge_and_unload(), ROWS).detach()
    assert found == pytest.approx(float(merged), rel=1e-5)
    assert abs(found - float(balancing_by_hand(mixture("mixtral"), ROWS).detach())) > 1e-2


@pytest.mark.parametrize("name", ["olmoe", "mixtral", "qwen3_moe"])
def test_of_one_text_it_is_the_models_own(name: str) -> None:
    model = mixture(name)
    row = Row("one", (1, 20, 21), ((30, 31, 32),), ("helpful",))
    own = model(input_ids=torch.tensor([[1, 20, 21, 30, 31, 32]]), output_router_logits=True).aux_loss
    assert float(balancing_by_hand(model, [row])) == pytest.approx(float(own), rel=1e-5)


@pytest.mark.parametrize("checkpointing", [False, True], ids=["kept", "computed again"])
@pytest.mark.slow
def test_it_is_added_to_the_loss_and_to_the_gradients(config: Config, checkpointing: bool) -> None:
    said = {"per_device_train_batch_size": 4, "gradient_checkpointing": checkpointing}
    plain, without = trained(mixture("olmoe"), config(**said))
    entry, found = trained(mixture("olmoe"), config(**said, router_aux_loss_coef=0.5))
    model = mixture("olmoe")
    own = balancing_by_hand(model, ROWS)
    (0.5 * own).backward()
    assert "loss/balancing" not in plain
    assert entry["loss/balancing"] == pytest.approx(float(own), rel=1e-5)
    assert entry["loss"] == pytest.approx(plain["loss"] + 0.5 * float(own), rel=1e-5)
    added = {name: found[name] - without[name] for name in found}
    named = model.named_parameters()
    expected = {n: torch.zeros_like(w) if w.grad is None else w.grad for n, w in named}
    assert distance(added, expected) < 1e-3
    assert float(expected["model.layers.0.mlp.gate.weight"].abs().max()) > 1e-2


@pytest.mark.slow
def test_parts_weigh_by_their_examples(config: Config) -> None:
    """The loss of a forward pass: of parts it is their mean, and both have one row here."""
    two = ROWS[:2]
    own = [float(balancing_by_hand(mixture("olmoe"), [row])) for row in two]
    assert abs(own[0] - own[1]) > 1e-3
    for said in (
        {"per_device_train_batch_size": 2, "pack_tokens": 1},
        {"per_device_train_batch_size": 1, "gradient_accumulation_steps": 2},
    ):
        entry, _ = trained(mixture("olmoe"), config(**said, router_aux_loss_coef=0.5), two)
        assert entry["loss/balancing"] == pytest.approx(sum(own) / 2, rel=1e-5)


def test_the_models_configuration_may_ask_for_it() -> None:
    """As transformers' own loss does; TRL's DPO adds it unasked."""
    assert balancing_coefficient(mixture("mixtral"), None) == 0
    told = mixture("mixtral", output_router_logits=True, router_aux_loss_coef=0.25)
    assert balancing_coefficient(told, None) == 0.25
    assert balancing_coefficient(told, 0.0) == 0
    assert balancing_coefficient(told, 0.125) == 0.125
    assert balancing_coefficient(fresh("llama"), None) == 0


@pytest.mark.parametrize("name", ["llama", "deepseek_v3"])
def test_a_model_without_one_refuses_it(config: Config, name: str) -> None:
    with pytest.raises(PlanBError, match=r"coef is 0.01, and .*ForCausalLM has no load-balancing loss"):
        RankedPreferenceTrainer(mixture(name), config(router_aux_loss_coef=0.01), Rows(ROWS), WORDS)
    with pytest.raises(PlanBError, match="must not be negative"):
        balancing_coefficient(mixture("mixtral"), -1.0)
