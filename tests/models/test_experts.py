"""Adapters on mixtures of experts: what is trained is said, stages add up, files are one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers as hf
from peft import LoraConfig
from stages import apart

from planb.errors import PlanBError
from planb.models.adapted import trained_weights
from planb.models.adapters import add_adapter, write_adapter
from planb.models.checkpoints import ADAPTER, Card, load_policy, save_policy
from planb.sandbox.tokenizer import tokenizer
from planb.sandbox.world import World

SHAPE = {
    **{"vocab_size": 320, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2},
    **{"num_attention_heads": 4, "num_key_value_heads": 2, "pad_token_id": 0},
    **{"num_experts_per_tok": 2, "max_position_embeddings": 256},
}
_LATENT = {"kv_lora_rank": 8, "q_lora_rank": 16, "qk_rope_head_dim": 4, "qk_nope_head_dim": 8}
_CONFIGS: dict[str, tuple[Any, dict[str, Any]]] = {
    "mixtral": (hf.MixtralConfig, {"num_local_experts": 4}),
    "gpt_oss": (hf.GptOssConfig, {"num_local_experts": 4, "head_dim": 8}),
    "granitemoe": (hf.GraniteMoeConfig, {"num_local_experts": 4}),
    "phimoe": (hf.PhimoeConfig, {"num_local_experts": 4}),
    "llama4": (
        hf.Llama4TextConfig,
        {"num_local_experts": 2, "intermediate_size_mlp": 32, "head_dim": 8, "num_experts_per_tok": 1},
    ),
    "deepseek_v3": (
        hf.DeepseekV3Config,
        {**_LATENT, "n_routed_experts": 4, "moe_intermediate_size": 16, "first_k_dense_replace": 1}
        | {"n_group": 1, "topk_group": 1, "v_head_dim": 8, "num_key_value_heads": 4},
    ),
}
FUSED = ["experts.gate_up_proj", "experts.down_proj"]
IDS = torch.arange(9, 30)[None]


def mixture(name: str) -> Any:
    kind, values = _CONFIGS[name]
    torch.manual_seed(0)
    return hf.AutoModelForCausalLM.from_config(kind(**{**SHAPE, **values})).eval()


def lora(**said: Any) -> LoraConfig:
    return LoraConfig(**{"r": 4, "target_modules": "all-linear", "task_type": "CAUSAL_LM", **said})


def moved(model: Any, seed: int = 0) -> Any:
    """The model with its trainable weights set by the seed."""
    generator = torch.Generator().manual_seed(seed)
    for _, weight in sorted(model.named_parameters()):
        if weight.requires_grad:
            weight.data.copy_(0.05 * torch.randn(weight.shape, generator=generator))
    return model


class TestWhatIsTrained:
    @pytest.mark.parametrize(
        ("name", "reached"), [("mixtral", True), ("gpt_oss", False), ("granitemoe", False)]
    )
    def test_all_linear_reaches_the_experts_of_some(self, name: str, reached: bool) -> None:
        told = trained_weights(add_adapter(mixture(name), lora()))
        experts = [part for part in (*told.parts, *told.missed) if "experts" in part]
        assert len(experts) == 2
        assert all((part in told.parts) is reached for part in experts)
        assert all((part in told.missed) is not reached for part in experts)
        assert (f"{experts[0]}," in str(told).partition("left as they are")[0]) is reached

    @pytest.mark.parametrize("name", ["gpt_oss", "granitemoe", "phimoe", "llama4"])
    def test_target_parameters_reach_them(self, name: str) -> None:
        told = trained_weights(add_adapter(mixture(name), lora(target_parameters=FUSED)))
        reached = [part for part in told.parts if "experts" in part]
        assert sorted(part.rpartition(".")[2] for part in reached) == ["down_proj", "gate_up_proj"]

    def test_the_share_and_the_number_are_of_the_weights(self) -> None:
        model = mixture("mixtral")
        whole = {name: weight.numel() for name, weight in model.named_parameters()}
        adapted = add_adapter(model, lora())
        told = trained_weights(adapted)
        named = adapted.named_parameters()
        assert told.new == sum(w.numel() for _, w in named if w.requires_grad)
        left = sum(
            n for name, n in whole.items() if "embed" in name or "norm" in name or "head" in name
        )
        assert sum(told.left.values()) == pytest.approx(left / sum(whole.values()))
        assert sum(told.left.values()) + sum(told.parts.values()) == pytest.approx(1)
        assert told.missed == ()

    def test_what_peft_loses_is_said(self) -> None:
        """Its conversion gives the names of DeepSeek's dense layers and shared experts to the experts'
        tensors alone."""
        told = trained_weights(add_adapter(mixture("deepseek_v3"), lora()))
        assert "mlp.experts.gate_up_proj" in told.parts
        assert {"mlp.gate_proj", "mlp.shared_experts.gate_proj"} <= set(told.missed)

    def test_without_an_adapter(self) -> None:
        model = mixture("mixtral")
        assert str(trained_weights(model)) == "all weights"
        model.lm_head.requires_grad_(False)
        share = 100 * model.lm_head.weight.numel() / model.num_parameters()
        told = f"{100 - share:.0f} % of the weights; left as they are: lm_head ({share:.0f} %)"
        assert str(trained_weights(model)) == told

    def test_of_stages_the_newest_is_meant_and_whole_modules_count(self) -> None:
        model = add_adapter(mixture("mixtral"), lora(target_modules=["q_proj"], r=8))
        model = add_adapter(model, lora(target_modules=["k_proj"], r=2))
        told = trained_weights(model)
        assert list(told.parts) == ["self_attn.k_proj"]
        assert told.new == 2 * 2 * (32 + 16)
        whole = trained_weights(
            add_adapter(
                mixture("mixtral"), lora(target_modules=["q_proj"], modules_to_save=["lm_head"])
            )
        )
        assert set(whole.parts) == {"lm_head", "self_attn.q_proj"}


class TestStages:
    @pytest.mark.slow
    @pytest.mark.parametrize(("name", "fused"), [("mixtral", None), ("gpt_oss", FUSED)])
    def test_two_stages_add_up(
        self, world: World, tmp_path: Path, name: str, fused: list[str] | None
    ) -> None:
        """Stacked over a field that PEFT set by itself; merged it is the same function."""
        mixture(name).save_pretrained(str(tmp_path / "0"))
        tokenizer(world).save_pretrained(str(tmp_path / "0"))
        for stage in (1, 2):
            below, folder = tmp_path / str(stage - 1), tmp_path / str(stage)
            policy = load_policy(below, adapters="stack")
            model = add_adapter(policy.model, lora(r=1 + stage, target_parameters=fused))
            moved(model.eval(), stage)
            save_policy(model, policy.tokenizer, folder, Card(what="a stage"), base=below)
            stacked = load_policy(folder, adapters="stack").model
            assert apart(stacked, model) < 1e-6
            assert apart(stacked, load_policy(folder).model) < 1e-5
            assert apart(stacked, load_policy(below).model) > 1e-2

    def test_stages_on_unlike_tensors_are_refused_in_words(self) -> None:
        model = add_adapter(mixture("mixtral"), lora())
        with pytest.raises(
            PlanBError, match=r"PEFT cannot put this adapter on the model: .*same set of"
        ):
            add_adapter(model, lora(target_modules=["q_proj"], target_parameters=FUSED))

    def test_its_files_do_not_depend_on_the_order_of_a_set(self, tmp_path: Path) -> None:
        """Texts are hashed by another number in every process, and sets are in hash order."""

        class Backwards(set[str]):
            def __iter__(self) -> Any:
                return iter(sorted(super().__iter__(), reverse=True))

        model = add_adapter(mixture("mixtral"), lora())
        config = model.peft_config["default"]
        for key in ("target_modules", "target_parameters"):
            setattr(config, key, Backwards(getattr(config, key)))
        write_adapter(model, tmp_path, "base", "")
        told = json.loads((tmp_path / ADAPTER / "adapter_config.json").read_text())
        assert told["target_parameters"] == ["down_proj", "gate.weight", "gate_up_proj"]
        assert told["target_modules"] == ["k_proj", "o_proj", "q_proj", "v_proj"]


class TestTargets:
    @pytest.mark.parametrize("excluded", [["q_proj"], r".*\.q_proj"])
    @pytest.mark.parametrize("name", ["llama4", "phimoe"])
    def test_a_router_that_is_called_a_linear_layer_is_left_out(self, name: str, excluded: Any) -> None:
        """It gives a tuple, on which PEFT's layer fails with an AttributeError in the first forward."""
        model = mixture(name)
        before = model(IDS).logits
        adapted = add_adapter(model, lora(exclude_modules=excluded))
        assert torch.equal(adapted(IDS).logits, before)
        told = trained_weights(adapted)
        assert [part for part in told.missed if part.endswith("router")]
        assert "self_attn.q_proj" in told.missed

    def test_by_name_it_is_refused_and_its_weight_may_be_adapted(self) -> None:
        with pytest.raises(PlanBError, match=r'a Llama4Router.*\["feed_forward.router.weight"\]'):
            add_adapter(mixture("llama4"), lora(target_modules=["router", "q_proj"]))
        adapted = add_adapter(mixture("llama4"), lora(target_parameters=["feed_forward.router.weight"]))
        assert "feed_forward.router" in trained_weights(adapted).parts
        before = adapted(IDS).logits
        assert not torch.allclose(moved(adapted)(IDS).logits, before, atol=1e-3)

    @pytest.mark.parametrize(
        ("said", "named"),
        [
            ({"target_modules": ["q_proj", "qkv"]}, "target_modules name qkv,"),
            ({"target_parameters": ["experts.w1"]}, "target_parameters name experts.w1,"),
        ],
    )
    def test_a_name_that_nothing_has_is_an_error(self, said: dict[str, Any], named: str) -> None:
        """PEFT passes over it where another target is found."""
        with pytest.raises(PlanBError, match=named):
            add_adapter(mixture("mixtral"), lora(**said))
