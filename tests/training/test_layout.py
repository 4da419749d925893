"""How each architecture is run, that it is exact, and what the self-check sees beyond the rule."""

from __future__ import annotations

import copy
import functools
import logging
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from tiny_models import (
    PAD,
    WINDOW,
    batched_log_probs,
    distance,
    fresh,
    gradients,
    naive_log_probs,
    rows,
    saved,
)
from transformers import LlamaForCausalLM

from planb.errors import PlanBError
from planb.training import attention, layout
from planb.training.layout import adopt, choose, own_log_probs, release, unpackable
from planb.training.rows import Row
from planb.training.scoring import Way

ROWS = rows(6)
BUDGETS = (60, None)
PACKED = (
    *("llama", "mistral", "mistral_window", "qwen2", "qwen2_window", "qwen3", "qwen3_moe", "mixtral"),
    *("gemma2_uncapped", "gemma3", "cohere", "cohere2", "granite", "olmo2", "olmo3", "phi3_window"),
    *("smollm3", "gpt2", "gpt_oss", "deepseek_v3", "gemma4"),
)
SEPARATE = {
    "gemma2": "it soft-caps its attention",
    "bloom": "its attention cannot be exchanged; it takes no positions",
    "falcon_alibi": "it biases attention by distance (ALiBi)",
    "mpt": "it takes no positions",
    "mamba": "it carries a state from token to token",
    "rwkv": "it carries a state from token to token",
    "lfm2": "it has layers of type conv",
    "qwen3_next": "it has layers of type linear_attention",
    "llama4": "it has layers of type chunked_attention",
}
OWN_HEAD = {"llama4": "its head is not a plain linear layer"}
NOISY = {"mamba", "rwkv", "qwen3_next"}
"""Recurrences whose 32-bit gradients depend on how long the batch is."""


class Case(NamedTuple):
    name: str
    model: Any
    way: Way
    naive_R: torch.Tensor
    naive_gradients: dict[str, torch.Tensor]


@pytest.fixture(scope="module", params=[*PACKED, *SEPARATE])
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    """A checkpoint from the disk with its own numbers, and then with the way chosen for it."""
    name: str = request.param
    model = saved(name, tmp_path_factory.mktemp(name)).model.train()
    naive_R = naive_log_probs(model, ROWS)
    naive = gradients(model, naive_R)
    return Case(name, model, choose(model, ROWS, PAD), naive_R.detach(), naive)


class TestEveryArchitecture:
    @pytest.mark.slow
    def test_layout_head_and_reason(self, case: Case) -> None:
        expected = Way(
            "separate" if case.name in SEPARATE else "packed",
            head="own" if case.name in OWN_HEAD else "chunked",
            why=case.way.why,
        )
        assert case.way == expected
        assert SEPARATE.get(case.name, "") in unpackable(case.model)
        assert bool(unpackable(case.model)) == (case.name in SEPARATE)
        for part in (SEPARATE.get(case.name, ""), OWN_HEAD.get(case.name, "")):
            assert part in case.way.why
        assert "a token differs from the model's own logits by" in case.way.why

    @pytest.mark.parametrize("budget", BUDGETS)
    def test_values_and_gradients_are_those_of_a_naive_loop(
        self, case: Case, budget: int | None
    ) -> None:
        self.check(case, case.way, budget)

    def test_separate_rows_are_exact_where_packed_ones_are_used(self, case: Case) -> None:
        if case.way.layout == "packed":
            self.check(case, Way("separate", head="chunked"), 100)

    def test_every_text_depends_on_its_prompt(self, case: Case) -> None:
        """Else a response that saw another's prompt could pass for right."""
        prompts = [row.prompt for row in ROWS]
        turned = zip(ROWS, [*prompts[1:], prompts[0]], strict=True)
        others = [Row(row.key, prompt, row.responses, row.tiers) for row, prompt in turned]
        release(case.model)
        with torch.no_grad():
            moved_R = (naive_log_probs(case.model, others) - case.naive_R).abs()
        adopt(case.model, case.way)
        assert moved_R.median() > 0.05  # a hundred times what is allowed

    def check(self, case: Case, way: Way, budget: int | None) -> None:
        found_R = batched_log_probs(case.model, ROWS, way, budget)
        assert torch.allclose(found_R, case.naive_R, atol=5e-4, rtol=0)
        limit = 1e-3 if case.name in NOISY else 2e-5
        assert distance(gradients(case.model, found_R), case.naive_gradients) < limit


def same_as_naive(model: Any, way: Way, chosen: list[Row] = ROWS) -> None:
    with torch.no_grad():
        found_R = batched_log_probs(model, chosen, way)
        release(model)
        assert torch.allclose(found_R, naive_log_probs(model, chosen), atol=5e-4, rtol=0)


class TestWhatTheRuleDoesNotSee:
    """Each passes the rule; only the model's own numbers tell."""

    def test_layers_that_deny_the_window_of_the_mask(self, caplog: pytest.LogCaptureFixture) -> None:
        model = fresh("qwen2_window")
        model.model.layers[1].self_attn.sliding_window = None
        assert not unpackable(model)
        with caplog.at_level(logging.INFO, logger=layout.__name__):
            way = choose(model, ROWS, PAD)
        assert (way.layout, way.head) == ("separate", "chunked")
        assert "packed rows, sdpa attention, chunked head: off by" in way.why
        assert [record.levelname for record in caplog.records] == ["WARNING"]
        same_as_naive(model, way)

    def test_a_layer_that_keeps_the_pack_to_itself(self) -> None:
        model = fresh("llama")
        part = model.model.layers[1].self_attn
        own = part.forward
        part.forward = lambda **k: own(**{name: v for name, v in k.items() if name != "pack"})
        way = choose(model, ROWS, PAD)
        assert way.layout == "separate"
        assert "the model does not hand its keywords on to attention" in way.why
        same_as_naive(model, way)

    def test_a_layer_with_an_attention_of_its_own(self) -> None:
        """It asks nobody, takes any keyword, and is plain causal over the packed row."""
        model = fresh("llama")
        part = model.model.layers[0].self_attn

        def plain(hidden_states: torch.Tensor, **_: Any) -> tuple[torch.Tensor, None]:
            shape = (*hidden_states.shape[:-1], -1, part.head_dim)
            projections = (part.q_proj, part.k_proj, part.v_proj)
            q, k, v = (p(hidden_states).view(shape).transpose(1, 2) for p in projections)
            out = torch.nn.functional.scaled_dot_product_attention(
                q, k, v, is_causal=True, enable_gqa=True
            )
            return part.o_proj(out.transpose(1, 2).flatten(2)), None

        part.forward = plain
        way = choose(model, ROWS, PAD)
        assert way.layout == "separate"
        assert "off by" in way.why
        same_as_naive(model, way)

    def test_a_soft_cap_that_the_configuration_denies(self) -> None:
        model = fresh("gemma2")
        model.config.attn_logit_softcapping = None
        assert not unpackable(model)
        way = choose(model, ROWS, PAD)
        assert way.layout == "separate"
        assert "attention takes softcap, which packed rows do not know" in way.why
        same_as_naive(model, way)

    @pytest.mark.parametrize("where", ["forward of the class", "hook on the head", "adapted head"])
    def test_a_head_that_is_more_than_its_matrix(self, where: str) -> None:
        model = fresh("llama")
        if where == "forward of the class":
            model.__class__ = HalfLlama
        elif where == "hook on the head":
            model.lm_head.register_forward_hook(lambda _head, _given, logits: logits * 0.5)
        else:
            model.lm_head = Doubled(model.lm_head)
        way = choose(model, ROWS, PAD)
        assert (way.layout, way.head) == ("packed", "own")
        adapted = where == "adapted head"
        trouble = "its head is not a plain linear layer" if adapted else "off by"
        assert f"packed rows, sdpa attention, chunked head: {trouble}" in way.why
        same_as_naive(model, way)

    def test_a_model_that_batches_wrongly_is_refused_and_left_as_it_was(self) -> None:
        """Frequencies of dynamic RoPE come from the longest text of the batch, for all of them."""
        model = fresh("dynamic_rope")
        assert not unpackable(model)
        with pytest.raises(PlanBError, match=r"cannot be run in any rows .* off by .*dropout"):
            choose(model, ROWS, PAD)
        assert model.config._attn_implementation == "sdpa"
        assert "forward" not in model.__dict__
        short = rows(6, longest=WINDOW // 2)
        assert choose(model, short, PAD).layout == "packed"  # these keep within the first frequencies

    def test_rows_of_all_kinds_are_looked_at(self) -> None:
        """Wrong only beyond the window: one wide row among many short ones decides."""
        model = fresh("qwen2_window")
        model.model.layers[1].self_attn.sliding_window = None
        within = [row for row in rows(40, seed=2, longest=WINDOW // 2) if len(row.responses) == 1]
        wide = next(row for row in ROWS if len(row.responses) == 4 and row.packed_tokens > 2 * WINDOW)
        assert choose(model, within, PAD).layout == "packed"
        release(model)
        assert choose(model, [*within[:5], wide, *within[5:]], PAD).layout == "separate"


class HalfLlama(LlamaForCausalLM):
    """A scale of the logits that no configuration declares."""

    @functools.wraps(LlamaForCausalLM.forward)
    def forward(self, *args: Any, **kwargs: Any) -> Any:
        found = super().forward(*args, **kwargs)
        found.logits = found.logits * 0.5
        return found


class Doubled(torch.nn.Linear):
    """As an adapter on the head would be: a linear layer with something added."""

    def __init__(self, head: torch.nn.Linear) -> None:
        super().__init__(head.in_features, head.out_features, bias=False)
        self.weight = head.weight

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        return 2 * super().forward(hidden)


class TestWhatIsAskedFor:
    @pytest.mark.parametrize("name", ["bloom", "gemma2", "mamba"])
    def test_packed_rows_that_cannot_be_had_are_an_error(self, name: str) -> None:
        model = fresh(name)
        before = model.config._attn_implementation
        with pytest.raises(PlanBError) as raised:
            choose(model, ROWS, PAD, "packed")
        assert "cannot be run in packed rows" in str(raised.value)
        assert SEPARATE[name] in str(raised.value)
        assert model.config._attn_implementation == before

    def test_separate_rows_are_had_for_the_asking(self, caplog: pytest.LogCaptureFixture) -> None:
        model = fresh("llama")
        with caplog.at_level(logging.INFO, logger=layout.__name__):
            way = choose(model, ROWS, PAD, "separate")
        assert (way.layout, way.head) == ("separate", "chunked")
        assert model.config._attn_implementation == "sdpa"
        assert [record.levelname for record in caplog.records] == ["INFO"]
        same_as_naive(model, way)

    def test_a_fallback_is_a_warning_whatever_was_asked_for(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Only what the rule says beforehand is no news."""
        with caplog.at_level(logging.INFO, logger=layout.__name__):
            choose(fresh("gemma2"), ROWS, PAD)
            for wanted in (None, "separate"):
                assert OWN_HEAD["llama4"] in choose(fresh("llama4"), ROWS, PAD, wanted).why
        told = [record.levelname for record in caplog.records if record.name == layout.__name__]
        assert told == ["INFO", "WARNING", "WARNING"]

    def test_eager_attention_is_exchanged(self) -> None:
        model = fresh("llama")
        model.set_attn_implementation("eager")
        way = choose(model, ROWS, PAD)
        assert way.layout == "packed"
        same_as_naive(model, way)
        assert model.config._attn_implementation == "eager"


class TestPrecision:
    @pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64], ids=str)
    @pytest.mark.parametrize("name", ["llama", "mistral_window", "gemma3", "cohere2", "bloom"])
    def test_another_precision_changes_nothing(self, name: str, dtype: torch.dtype) -> None:
        way = choose(fresh(name).to(dtype), ROWS, PAD)
        assert (way.layout, way.head) == ("separate" if name in SEPARATE else "packed", "chunked")
        assert "off by" not in way.why

    def test_16_bits_do_not_hide_a_window(self) -> None:
        model = fresh("qwen2_window").bfloat16()
        model.model.layers[1].self_attn.sliding_window = None
        assert choose(model, ROWS, PAD).layout == "separate"

    def test_64_bits_are_64_bits(self) -> None:
        """What RMSNorm and the softmax leave: both compute in 32 bits."""
        model = fresh("gpt2").double()
        with torch.no_grad():
            expected_R = naive_log_probs(model, ROWS)
            found_R = batched_log_probs(model, ROWS, choose(model, ROWS, PAD))
        assert torch.allclose(found_R, expected_R, atol=2e-5, rtol=0)


class TestReleaseAndAdopt:
    @pytest.mark.parametrize("own", ["sdpa", "eager"])
    def test_release_gives_the_model_back(self, own: str) -> None:
        model = fresh("mistral_window")
        model.set_attn_implementation(own)
        before = copy.deepcopy(model)
        choose(model, ROWS, PAD)
        assert model.config._attn_implementation == attention.NAME
        assert torch.allclose(generated(model), generated(before), atol=1e-4)  # usable meanwhile
        release(model)
        assert model.config._attn_implementation == own
        assert "forward" not in model.__dict__
        assert torch.equal(generated(model), generated(before))
        ids = torch.tensor([ROWS[1].prompt])
        assert torch.equal(model(ids).logits, before(ids).logits)
        release(model)  # twice does no harm
        assert model.config._attn_implementation == own

    def test_adopt_makes_another_copy_the_same(self) -> None:
        first = fresh("gemma3")
        second = copy.deepcopy(first)
        way = choose(first, ROWS, PAD)
        adopt(second, way)
        adopt(first, way)
        with torch.no_grad():
            of_first, of_second = (batched_log_probs(m, ROWS, way) for m in (first, second))
        assert torch.equal(of_first, of_second)
        release(second)
        assert second.config._attn_implementation == "sdpa"
        assert torch.equal(batched_log_probs(first, ROWS, way), of_first)

    def test_release_reaches_under_the_wrapper_of_mixed_precision(self) -> None:
        """accelerate puts autocast round the forward that it finds, which is ours."""
        from accelerate import Accelerator
        from accelerate.state import AcceleratorState

        model = fresh("gpt2")
        before = generated(model)
        choose(model, ROWS, PAD)
        try:
            AcceleratorState._reset_state(reset_partial_state=True)
            prepared = Accelerator(cpu=True, mixed_precision="bf16").prepare_model(model)
        finally:
            AcceleratorState._reset_state(reset_partial_state=True)
        assert prepared is model
        release(model)
        ids, place = torch.tensor([ROWS[1].prompt]), torch.tensor([0])
        assert "logp_N" not in model(input_ids=ids, predictor_N=place, target_N=place)
        assert torch.allclose(generated(model), before, atol=0.2)  # 16 bits, if still under autocast

    def test_a_checkpoint_written_meanwhile_is_ordinary(self, tmp_path: Path) -> None:
        model = fresh("llama")
        choose(model, ROWS, PAD)
        model.save_pretrained(str(tmp_path))
        assert attention.NAME not in (tmp_path / "config.json").read_text()
        again = type(model).from_pretrained(str(tmp_path))
        release(model)
        assert again.config._attn_implementation == "sdpa"
        assert torch.equal(own_log_probs(again, ROWS), own_log_probs(model, ROWS))


def generated(model: Any) -> torch.Tensor:
    """Two prompts of unlike length, longer than the window: masks, cache and padding are all in it."""
    words = torch.arange(2 * (WINDOW + 4)).view(2, -1) + 9
    mask = torch.ones_like(words)
    mask[1, :5] = 0
    found = model.generate(
        words,
        attention_mask=mask,
        max_new_tokens=8,
        do_sample=False,
        output_scores=True,
        return_dict_in_generate=True,
    )
    return torch.stack(found.scores)
