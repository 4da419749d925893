"""The self-check: what of a model, its adapters and its rows it sees, and that it leaves no trace."""

from __future__ import annotations

import copy
import random
from contextlib import nullcontext
from types import MethodType
from typing import Any

import numpy as np
import peft
import pytest
import setuptools  # noqa: F401  (peft's BOFT loads it, and it cannot be loaded after the stdlib's distutils)
import torch
import transformers as hf
from tiny_models import PAD, SHAPE, WINDOW, batched_log_probs, fresh, naive_log_probs, rows

from planb.errors import PlanBError
from planb.training import check
from planb.training.check import LOW_PRECISION, checked_rows
from planb.training.layout import choose, own_log_probs, release, unpackable
from planb.training.packing import widest
from planb.training.preparing import disable_dropout
from planb.training.rows import Row
from planb.training.scoring import causal_lm
from planb.training.trial import on_trial, random_state

ROWS = rows(6)
LINEAR = ["q_proj", "v_proj", "up_proj"]
CAUSAL = {"task_type": "CAUSAL_LM"}


def bf16() -> Any:
    return torch.autocast("cpu", dtype=torch.bfloat16)


def adapted(config: Any, name: str = "llama") -> Any:
    torch.manual_seed(0)
    model = peft.get_peft_model(fresh(name), config)
    disable_dropout(model)
    return model


def text(rng: random.Random, tokens: int) -> tuple[int, ...]:
    return tuple(rng.randrange(9, 100) for _ in range(tokens))


class TestRows:
    def row(self, key: str, prompt: int, *responses: int) -> Row:
        rng = random.Random(key)
        tiers = tuple("abcdef"[: len(responses)])
        return Row(key, text(rng, prompt), tuple(text(rng, n) for n in responses), tiers)

    def test_each_extreme_is_there_and_the_longest_text_stands_beside_the_shortest(self) -> None:
        some = [
            self.row("first", 9, 9),
            self.row("wide", 30, 20, 20, 20, 20),
            self.row("long", 40, 50, 10),
            self.row("many", 5, 4, 4, 4, 4, 4),
            self.row("short", 2, 1),
            *(self.row(f"plain {n}", 9, 9, 9) for n in range(9)),
        ]
        [group] = checked_rows(some)
        assert [row.key for row in group] == ["long", "short", "wide", "many", "first"]

    def test_rows_of_one_size_are_run_together_too(self) -> None:
        """All extremes are the same row, which alone shows nothing of two examples in one packed
        row."""
        some = [self.row(f"{n}", 9, 9, 9) for n in range(4)]
        assert [[row.key for row in group] for group in checked_rows(some)] == [["0", "1"]]
        assert checked_rows(some[:1]) == [some[:1]]

    def test_what_is_run_together_keeps_to_the_budget(self, monkeypatch: pytest.MonkeyPatch) -> None:
        some = [self.row("long", 40, 50), self.row("short", 2, 1), self.row("wide", 30, *[20] * 6)]
        monkeypatch.setattr(check, "BUDGET", 200)
        assert [[row.key for row in group] for group in checked_rows(some)] == [
            ["long", "short"],
            ["wide"],
        ]
        assert choose(fresh("llama"), some, PAD, None, nullcontext).layout == "packed"

    @pytest.mark.parametrize("layout", [None, "separate"])
    def test_the_longest_text_need_not_be_in_the_widest_row(self, layout: Any) -> None:
        """Phi-3's longrope takes other frequencies for all once one text passes the original length."""
        half = SHAPE["hidden_size"] // SHAPE["num_attention_heads"] // 2
        rope = {"rope_type": "longrope", "rope_theta": 1e4, "original_max_position_embeddings": 64}
        factors = {"short_factor": [1.0] * half, "long_factor": [8.0] * half}
        changes = {"sliding_window": None, "original_max_position_embeddings": 64}
        model = fresh("phi3_window", rope_parameters={**rope, **factors}, **changes)
        wide = [self.row(f"wide {n}", 30, *[20] * 6) for n in range(2)]
        long = self.row("long", 40, 50, 10)
        assert long.packed_tokens < wide[0].packed_tokens
        assert widest(long) > 64
        with pytest.raises(PlanBError, match=r"cannot be run in .* rows .*longrope"):
            choose(model, [wide[0], long, self.row("short", 6, 8), wide[1]], PAD, layout, nullcontext)
        release(model)
        choose(model, wide, PAD, layout, nullcontext)

    def test_dynamic_frequencies_do_not_pass_by_what_they_remember(self) -> None:
        """They grow with the longest text seen so far; every text here is longer than the original."""
        long = [self.row(f"row {n}", WINDOW + 2 + n, 3 + 4 * n) for n in range(4)]
        with pytest.raises(PlanBError, match="off by"):
            choose(fresh("dynamic_rope"), long, PAD)


def with_jitter(model: Any, size: float = 0.05) -> Any:
    part = model.model.layers[0].mlp
    own = part.forward

    def forward(self: Any, hidden: torch.Tensor) -> torch.Tensor:
        jitter = torch.empty_like(hidden).uniform_(1 - size, 1 + size)
        return own(hidden * jitter if self.training else hidden)

    part.forward = MethodType(forward, part)
    part.jitter_noise = size
    return model


class TestTrainingMode:
    @pytest.mark.parametrize(
        ("name", "changes"),
        [("mixtral", {"router_jitter_noise": 0.1}), ("phimoe", {})],
    )
    def test_experts_at_random_are_refused(self, name: str, changes: dict[str, Any]) -> None:
        if name == "phimoe":
            config = hf.PhimoeConfig(**SHAPE, vocab_size=128, num_local_experts=4)
            config.bos_token_id = config.eos_token_id = 2
            torch.manual_seed(1)
            model = hf.PhimoeForCausalLM(config)
        else:
            model = fresh(name, **changes)
        with pytest.raises(PlanBError, match=r"draws random numbers .*router_jitter_noise=0\.\d"):
            choose(model, ROWS, PAD, None, nullcontext)
        assert choose(model, ROWS, PAD).layout == "packed"  # evaluated, it is as certain as any

    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
    def test_a_small_jitter_does_not_hide_in_16_bits(self, dtype: torch.dtype) -> None:
        model = with_jitter(fresh("llama"), 0.01).to(dtype)
        with pytest.raises(PlanBError, match=r"draws random numbers .*jitter_noise=0\.01"):
            choose(model, ROWS, PAD, None, nullcontext)

    def test_drawing_without_use_is_no_reason(self) -> None:
        """OPT draws a number for a layer drop of 0."""
        model = fresh("llama")
        part, drawn = model.model.layers[0], []
        part.register_forward_pre_hook(lambda *_: drawn.append(torch.rand(1)))
        assert choose(model, ROWS, PAD, None, nullcontext).layout == "packed"
        assert drawn

    def test_another_model_in_training_is_refused(self) -> None:
        model = fresh("llama")
        part = model.model.layers[0].mlp
        own = part.forward
        part.forward = lambda hidden: own(hidden) * (1.5 if part.training else 1.0)
        with pytest.raises(PlanBError, match="in training mode this model computes something else"):
            choose(model, ROWS, PAD, None, nullcontext)
        assert choose(model, ROWS, PAD).layout == "packed"

    def test_dropout_that_is_on_is_refused(self) -> None:
        with pytest.raises(PlanBError, match=r"draws random numbers .*resid_pdrop=0.1"):
            choose(fresh("gpt2", resid_pdrop=0.1), ROWS, PAD, None, nullcontext)

    def test_autocast_is_tried_too(self) -> None:
        """A layer that is another in 16 bits."""
        model = fresh("llama")
        part = model.model.layers[0].mlp
        own = part.forward
        pack_of: list[Any] = []
        model.model.register_forward_pre_hook(
            lambda _, __, given: pack_of.append(given.get("pack")), with_kwargs=True
        )

        def forward(hidden: torch.Tensor) -> torch.Tensor:
            off = torch.is_autocast_enabled("cpu") and pack_of[-1] is not None
            return own(hidden) * (3.0 if off else 1.0)

        part.forward = forward
        assert choose(model, ROWS, PAD, None, nullcontext).layout == "packed"
        release(model)
        assert choose(model, ROWS, PAD, None, bf16).layout == "separate"

    def test_an_ordinary_model_is_packed_under_autocast(self) -> None:
        way = choose(fresh("gemma3"), ROWS, PAD, None, bf16)
        assert (way.layout, way.head) == ("packed", "chunked")


class TestAdapters:
    def test_an_adapter_that_packed_rows_break_is_seen_at_its_start(self) -> None:
        """Activated LoRA begins at the last invocation of a row of input ids, and adds nothing at
        first."""
        invocation, rng = (7, 8), random.Random(0)
        some = [
            Row(f"r{n}", text(rng, 8) + invocation, (text(rng, 5), text(rng, 7)), ("a", "b"), ((0, 1),))
            for n in range(4)
        ]
        activated = adapted(
            peft.LoraConfig(
                r=4, target_modules=LINEAR, alora_invocation_tokens=list(invocation), **CAUSAL
            )
        )
        way = choose(activated, some, PAD, None, nullcontext)
        assert way.layout == "separate"
        assert "packed rows, sdpa attention, chunked head: off by" in way.why
        with torch.no_grad():
            for name, weight in activated.named_parameters():
                if "lora_B" in name:
                    weight.add_(0.1)
            found_R = batched_log_probs(activated, some, way)
            release(activated)
            assert torch.allclose(found_R, naive_log_probs(activated, some), atol=5e-4, rtol=0)

    @pytest.mark.slow
    @pytest.mark.parametrize(
        "config",
        [
            peft.LoraConfig(r=4, target_modules="all-linear", **CAUSAL),
            peft.LoraConfig(r=64, lora_alpha=16, use_rslora=True, target_modules=LINEAR, **CAUSAL),
            peft.LoraConfig(r=4, use_dora=True, target_modules=LINEAR, **CAUSAL),
            peft.LoHaConfig(r=4, target_modules=LINEAR, module_dropout=0.4, rank_dropout=0.2, **CAUSAL),
            peft.LoKrConfig(r=4, target_modules=LINEAR, module_dropout=0.4, rank_dropout=0.2, **CAUSAL),
            peft.OFTConfig(r=0, oft_block_size=8, target_modules=LINEAR, module_dropout=0.4, **CAUSAL),
            peft.BOFTConfig(boft_block_size=4, target_modules=LINEAR, boft_dropout=0.4, **CAUSAL),
            peft.IA3Config(target_modules=LINEAR, feedforward_modules=["up_proj"], **CAUSAL),
            peft.VeraConfig(r=8, target_modules=["q_proj"], vera_dropout=0.4, **CAUSAL),
            peft.AdaLoraConfig(init_r=6, target_r=3, total_step=9, target_modules=LINEAR, **CAUSAL),
        ],
        ids=lambda config: type(config).__name__,
    )
    def test_adapters_are_packed_without_their_dropout(self, config: Any) -> None:
        model = adapted(config)
        before = copy.deepcopy(model.state_dict())
        assert choose(model, ROWS, PAD, None, nullcontext).layout == "packed"
        assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())
        with on_trial(model, True, lambda: own_log_probs(model, ROWS)):
            moved = [
                name
                for name, weight in model.named_parameters()
                if weight.requires_grad and not torch.equal(weight, before[name])
            ]
            own = own_log_probs(model, ROWS)
        assert len(moved) == sum(weight.requires_grad for weight in model.parameters())
        with torch.no_grad():
            assert (own - own_log_probs(model, ROWS)).square().mean().sqrt() >= 0.25

    def test_one_that_samples_is_refused(self) -> None:
        with pytest.raises(PlanBError, match="draws random numbers"):
            choose(
                adapted(peft.PveraConfig(r=8, target_modules=["q_proj"], **CAUSAL)),
                ROWS,
                PAD,
                None,
                nullcontext,
            )

    def test_one_without_a_wrapper_is_moved_too(self) -> None:
        config = peft.LoraConfig(r=4, target_modules=LINEAR)
        model = peft.inject_adapter_in_model(config, fresh("llama"))
        before = copy.deepcopy(model.state_dict())
        with on_trial(model, True, lambda: own_log_probs(model, ROWS)):
            moved = [n for n, weight in model.named_parameters() if not torch.equal(weight, before[n])]
        assert {name.split(".")[-3] for name in moved} == {"lora_A", "lora_B"}
        assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())

    def test_prompts_of_an_adapter(self) -> None:
        """A prefix is in keys and values alone; prompt tuning makes the text longer, and its logits."""
        prefix = adapted(peft.PrefixTuningConfig(num_virtual_tokens=4, **CAUSAL))
        assert "puts a prefix before each text" in unpackable(prefix)
        assert choose(prefix, ROWS, PAD, None, nullcontext).layout == "separate"
        with pytest.raises(
            PlanBError, match=r"logits at \d+ places of a text of \d+ tokens \(prompt tuning"
        ):
            choose(adapted(peft.PromptTuningConfig(num_virtual_tokens=4, **CAUSAL)), ROWS, PAD)


class TestGradients:
    def test_a_weight_that_is_left_out_in_packed_rows_alone(self) -> None:
        """In 16 bits its numbers would pass."""
        model = fresh("llama")
        gate = torch.nn.Parameter(torch.full((), 1e-3))
        model.model.layers[0].gate = gate
        self.install(model, gate)
        model.bfloat16()
        way = choose(model, ROWS, PAD, None, nullcontext)
        assert way.layout == "separate"
        assert (
            "packed rows, sdpa attention, chunked head: no gradient reaches model.layers.0.gate"
            in way.why
        )
        release(model)
        assert choose(model, ROWS, PAD).layout == "packed"  # only evaluated, there is nothing to learn

    def install(self, model: Any, gate: torch.nn.Parameter) -> None:
        part = model.model.layers[0]
        own = part.forward

        def forward(*args: Any, **kwargs: Any) -> torch.Tensor:
            out: torch.Tensor = own(*args, **kwargs)
            return out if kwargs.get("pack") is not None else out * (1 + gate.to(out.dtype))

        part.forward = forward

    def test_a_gradient_of_another_size(self) -> None:
        model = fresh("llama")
        part = model.model.layers[1].mlp
        own, packed = part.forward, []
        model.model.register_forward_pre_hook(
            lambda _, __, given: packed.append(given.get("pack") is not None), with_kwargs=True
        )
        part.forward = lambda hidden: own((hidden + hidden.detach()) / 2 if packed[-1] else hidden)
        way = choose(model, ROWS, PAD, None, nullcontext)
        assert way.layout == "separate"
        assert "times the model's own" in way.why

    def test_frozen_weights_ask_for_none(self) -> None:
        model = fresh("llama").requires_grad_(False)
        assert choose(model, ROWS, PAD, None, nullcontext).layout == "packed"


class TestLaterTokens:
    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
    @pytest.mark.parametrize("kind", [hf.BertConfig, hf.RobertaConfig])
    def test_an_encoder_is_refused(self, kind: Any, dtype: torch.dtype) -> None:
        sizes = {k: v for k, v in SHAPE.items() if k != "num_key_value_heads"}
        for decoder in (False, True):
            torch.manual_seed(1)
            config = kind(**sizes, vocab_size=128, is_decoder=decoder, initializer_range=0.2)
            model = hf.AutoModelForCausalLM.from_config(config).to(dtype)
            disable_dropout(model)
            if decoder:
                choose(model, ROWS, PAD, None, nullcontext)
            else:
                with pytest.raises(PlanBError, match=r"later tokens change .* encoder"):
                    choose(model, ROWS, PAD, None, nullcontext)

    @pytest.mark.parametrize("ahead", [1, 4])
    def test_a_layer_that_looks_a_little_ahead(self, ahead: int) -> None:
        model = fresh("llama")
        part = model.model.layers[0].mlp
        own = part.forward
        part.forward = lambda hidden: own(hidden + 0.1 * hidden.roll(-ahead, 1))
        with pytest.raises(PlanBError, match="later tokens change"):
            choose(model, ROWS, PAD)


class TestLowPrecision:
    def test_one_response_that_is_wrong_is_no_mean_over_all(self) -> None:
        lengths = [5] * 40
        some = [Row("r", (1,), tuple((9,) * n for n in lengths), ("a",) * 40)]
        apart_N = torch.zeros(200)
        apart_N[10:15] = 0.2
        found = check._spread(apart_N, some)
        assert found.all < LOW_PRECISION.all
        assert found.response > LOW_PRECISION.response

    def test_a_mask_of_the_layers_own_is_not_left_out(self) -> None:
        """Doge masks by its values: in 16 bits the difference is as small as rounding."""
        config = hf.DogeConfig(**SHAPE, vocab_size=128, keep_window_size=8)
        torch.manual_seed(1)
        model = hf.AutoModelForCausalLM.from_config(config).bfloat16()
        way = choose(model, ROWS, PAD, None, nullcontext)
        assert way.layout == "separate"
        assert "its layers make a mask of their own" in way.why


class TestNoTrace:
    def test_modes_gradients_and_random_numbers_are_as_before(self) -> None:
        model = with_jitter(
            adapted(peft.LoraConfig(r=4, target_modules=LINEAR, **CAUSAL)).base_model.model
        )
        model.train()
        model.model.layers[0].eval()
        modes = [module.training for module in model.modules()]
        weight = next(weight for weight in model.parameters() if weight.requires_grad)
        weight.grad = torch.ones_like(weight)
        before = random_state(model)
        with pytest.raises(PlanBError, match="random"):
            choose(model.train(), ROWS, PAD, None, nullcontext)
        model.model.layers[0].eval()
        release(model)
        for part in (model, causal_lm(model)):
            with on_trial(part, True, lambda: own_log_probs(model, ROWS)):
                random.random()
                np.random.rand()
                torch.rand(1)
        assert random_state(model) == before
        assert [module.training for module in model.modules()] == modes
        assert torch.equal(weight.grad, torch.ones_like(weight))
        assert all(other.grad is None for other in model.parameters() if other is not weight)

    def test_a_model_without_a_text_of_its_own_is_told_in_words(self) -> None:
        model = fresh("llama")
        model.forward = lambda **_: {}["pixel_values"]
        with pytest.raises(PlanBError, match=r"no logits of a text alone \(KeyError: 'pixel_values'\)"):
            choose(model, ROWS, PAD)
