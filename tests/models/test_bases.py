"""The cards of base models: their sizes make the weights that transformers' own classes have."""

from __future__ import annotations

import math

import pytest
import torch
from accelerate import init_empty_weights
from peft import LoraConfig, get_peft_model
from transformers import AutoConfig, AutoModelForCausalLM

from planb.models.bases import MODELS, ModelCard, card_of

PUBLISHED = {  # billions, as the models' own pages say
    "llama-3-8b": 8.03,
    "mistral-small-22b": 22.2,
    "qwen2.5-32b": 32.8,
    "llama-3.1-8b": 8.03,
    "llama-3.2-3b": 3.21,
    "qwen3-8b": 8.19,
    "qwen3-14b": 14.8,
    "qwen3-32b": 32.8,
    "gemma-2-9b": 9.24,
    "gemma-3-12b": 11.8,
    "mistral-nemo-12b": 12.2,
    "mistral-small-24b": 23.6,
    "olmo-2-7b": 7.30,
    "olmo-3-7b": 7.30,
    "smollm2": 0.135,
}


def empty_model(card: ModelCard) -> torch.nn.Module:
    """The real class of that size, without memory."""
    config = AutoConfig.for_model(card.family, **card.sizes.model_dump(), **card.settings)
    with init_empty_weights():
        return AutoModelForCausalLM.from_config(config)


def count(model: torch.nn.Module) -> int:
    return sum(weight.numel() for weight in {id(w): w for w in model.parameters()}.values())


@pytest.mark.parametrize("name", MODELS)
def test_sizes_make_the_weights_of_the_real_class(name: str) -> None:
    card = MODELS[name]
    model = empty_model(card)
    model.tie_weights()
    assert math.isclose(count(model), card.sizes.weights, rel_tol=1e-3)


@pytest.mark.parametrize("name", MODELS)
def test_sizes_make_the_published_number_of_weights(name: str) -> None:
    assert math.isclose(MODELS[name].sizes.weights / 1e9, PUBLISHED[name], rel_tol=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["llama-3-8b", "qwen2.5-32b", "qwen3-32b", "gemma-2-9b"])
def test_an_adapter_has_the_weights_that_peft_gives_it(name: str) -> None:
    card = MODELS[name]
    model = empty_model(card)
    adapter = LoraConfig(r=16, target_modules="all-linear", task_type="CAUSAL_LM")
    adapted = get_peft_model(model, adapter, low_cpu_mem_usage=True)
    trained = sum(w.numel() for w in adapted.parameters() if w.requires_grad)
    assert trained == card.sizes.adapter(16)


@pytest.mark.parametrize("name", MODELS)
def test_a_card_says_what_one_must_know(name: str) -> None:
    card = MODELS[name]
    assert card.name == name
    assert bool(card.hub) is not bool(card.packaged), "it comes from the hub, or in a package"
    assert card.packaged or (card.hub.count("/") == 1 and card_of(card.hub) is card)
    assert card.licence in card.terms
    assert ("gated" in card.terms) is card.gated
    assert ("not for commercial use" in card.terms) is card.non_commercial


def test_the_talks_three_models_are_there() -> None:
    assert sum(card.in_the_talk for card in MODELS.values()) == 3


def test_memory_grows_with_what_is_held() -> None:
    card = MODELS["qwen2.5-32b"]
    whole, adapter = card.training_gib(None, 8192), card.training_gib(64, 8192)
    quantized = card.training_gib(64, 8192, four_bit=True)
    assert whole > adapter > quantized
    assert adapter > card.sizes.weights * 2 / 2**30, "the weights alone need two bytes each"
    assert card.gpus(adapter) == 2
    assert card.gpus(quantized) == 1
    assert card.gpus(whole) > 5
    assert card.training_gib(64, 16384) > adapter
    assert card.sampling_gib(64, 4096) > card.sampling_gib(64, 2048) > card.sizes.weights * 2 / 2**30


def test_a_card_is_compared_with_the_models_own_numbers() -> None:
    sizes = MODELS["gemma-3-12b"].sizes
    own = sizes.model_dump()
    assert sizes.differing({**own, "rms_norm_eps": 1e-6, "head_dim": None}) == []
    del own["tie_word_embeddings"]
    assert sizes.differing({"text_config": own}) == [], "what config.json does not say is not compared"
    wrong = ["hidden_size 3840 on the card, 4096 in config.json"]
    assert sizes.differing({"text_config": {**own, "hidden_size": 4096}}) == wrong


def test_a_folder_has_no_card_of_its_own() -> None:
    unpublished = MODELS["llama-3-8b"].but(hub="")
    assert unpublished.hub == ""
    assert card_of("") is None
    assert card_of("/models/llama") is None
    assert card_of("nobody/nothing") is None
