"""The traps that transformers lays for a packed row, one by one: that each is there, and not for us.

"There" is a test too: if a later version takes a trap away, it says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from tiny_models import (
    PAD,
    WINDOW,
    batched_log_probs,
    distance,
    fresh,
    gradients,
    naive_log_probs,
    rows,
)
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import sdpa_mask

from planb.errors import PlanBError
from planb.training import attention
from planb.training.attention import UnpackableError
from planb.training.layout import choose, own_log_probs, release
from planb.training.packing import collate
from planb.training.reference import check_reference, summed_log_probs, with_references
from planb.training.rows import Row
from planb.training.scoring import Way, scores, takes, token_log_probs

ROWS = rows(6)
PACKED = Way("packed", head="chunked")
TOKENS = sum(row.packed_tokens for row in ROWS)
EXACT, WRONG = 1e-4, 0.2
"""Largest difference of a token's log-probability."""


def seen_TT(window: int | None = None) -> torch.Tensor:
    """(1, 1, T, T) True where a token of the packed row may see another; windows are of positions."""
    places = [
        (example, part, position)
        for example, row in enumerate(ROWS)
        for part, ids, start in (
            (None, row.prompt, 0),
            *((k, ids, len(row.prompt)) for k, ids in enumerate(row.responses)),
        )
        for position in range(start, start + len(ids))
    ]
    example, part, position = (
        torch.tensor([-1 if x is None else x for x in column]) for column in zip(*places, strict=True)
    )
    seen = (example[:, None] == example) & ((part == -1) | (part[:, None] == part))
    seen &= position[:, None] >= position
    return (seen if window is None else seen & (position[:, None] - position < window))[None, None]


def as_float(seen: torch.Tensor) -> torch.Tensor:
    return torch.zeros(seen.shape).masked_fill(~seen, torch.finfo(torch.float32).min)


class Off:
    """How far a token of the packed row is off, given ``mask`` and nothing of ours: in first responses,
    which stand behind their prompts, and in the others."""

    def __init__(self, model: Any, mask: Any, positions: bool = True) -> None:
        batch = collate(ROWS, PAD, "packed")
        given = {"input_ids": batch["inputs"]["input_ids"], "attention_mask": mask, "use_cache": False}
        if positions:
            given["position_ids"] = batch["inputs"]["position_ids"]
        with torch.no_grad():
            logp = model(**given).logits[0].float().log_softmax(-1)
            off = (logp[batch["predictor_N"], batch["target_N"]] - own_log_probs(model, ROWS)).abs()
        firsts = torch.tensor([k == 0 for row in ROWS for k, _ in enumerate(row.responses)])
        first = firsts[batch["owner_N"]]
        self.first, self.others, self.all = (float(x.max()) for x in (off[first], off[~first], off))


def ours(model: Any, way: Way | None = None) -> float:
    """The same for a way of ours, by default the chosen one; the model is as before afterwards."""
    with torch.no_grad():
        expected = own_log_probs(model, ROWS)
        way = way or choose(model, ROWS, PAD)
        batch = collate(ROWS, PAD, way.layout)
        found = token_log_probs(model, batch, way)[batch["owner_N"].argsort(stable=True)]
        release(model)
    return float((found - expected).abs().max())


class TestMasks:
    def test_positions_that_start_again_cut_responses_off_their_prompt(self) -> None:
        model = fresh("llama")
        off = Off(model, None)
        assert off.first < EXACT
        assert off.others > WRONG
        assert ours(model) < EXACT

    def test_a_2d_mask_of_ones_is_plain_causal(self) -> None:
        model = fresh("llama")
        assert Off(model, torch.ones(1, TOKENS, dtype=torch.long)).others > WRONG
        assert ours(model) < EXACT

    def test_a_4d_mask_is_exact_in_sdpa(self) -> None:
        """Bool or float. What we do is the same with less work, so it must agree."""
        model = fresh("llama")
        assert Off(model, seen_TT()).all < EXACT
        assert Off(model, as_float(seen_TT())).all < EXACT
        assert ours(model) < EXACT

    def test_eager_attention_adds_a_bool_mask_as_numbers(self) -> None:
        model = fresh("llama")
        model.set_attn_implementation("eager")
        assert Off(model, seen_TT()).all > WRONG
        assert Off(model, as_float(seen_TT())).all < EXACT
        assert ours(model) < EXACT
        assert model.config._attn_implementation == "eager"

    def test_one_mask_takes_the_window_away(self) -> None:
        model = fresh("mistral_window")
        assert Off(model, seen_TT()).all > WRONG
        assert Off(model, seen_TT(WINDOW)).all < EXACT
        assert ours(model) < EXACT

    @pytest.mark.parametrize("name", ["gemma3", "qwen2_window", "olmo3"])
    def test_one_mask_is_wrong_for_some_layer_of_a_mixed_model(self, name: str) -> None:
        model = fresh(name)
        assert Off(model, seen_TT()).all > WRONG
        assert Off(model, seen_TT(WINDOW)).all > WRONG
        by_type = {"full_attention": seen_TT(), "sliding_attention": seen_TT(WINDOW)}
        assert Off(model, by_type).all < EXACT
        assert ours(model) < EXACT

    def test_the_mark_is_a_mask_that_our_attention_alone_understands(self) -> None:
        """Broadcast, it would let every token see every other; hence the error without a pack."""
        model = fresh("llama")
        assert Off(model, attention.mark()).all > WRONG
        model.set_attn_implementation(attention.NAME)
        with pytest.raises(UnpackableError):
            Off(model, attention.mark())


class TestWhatAttentionIsMore:
    @pytest.mark.parametrize("name", ["gemma2", "gpt_oss"])
    def test_soft_caps_and_sinks_are_exact_only_in_eager_masks(self, name: str) -> None:
        model = fresh(name)
        assert model.config._attn_implementation == "eager"
        seen = {"full_attention": seen_TT(), "sliding_attention": seen_TT(WINDOW)}
        assert Off(model, {kind: as_float(mask) for kind, mask in seen.items()}).all < EXACT
        assert Off(model, seen).all > WRONG
        assert ours(model) < EXACT

    @pytest.mark.parametrize(("name", "keyword"), [("gemma2", "softcap"), ("gpt_oss", "s_aux")])
    def test_an_attention_that_tolerates_unknown_keywords_leaves_them_out(
        self, name: str, keyword: str
    ) -> None:
        model = fresh(name)
        by_type = {"full_attention": seen_TT(), "sliding_attention": seen_TT(WINDOW)}
        own = own_log_probs(model, ROWS)
        with tolerant(model):
            assert (own_log_probs(model, ROWS) - own).abs().max() > 0.01
            assert Off(model, by_type).all < EXACT  # wrong, and equal to its own wrong numbers
        if keyword == "s_aux":
            assert ours(model, choose(model, ROWS, PAD)) < EXACT  # ours knows it
            return
        model.set_attn_implementation(attention.NAME)
        with pytest.raises(UnpackableError, match=keyword):
            token_log_probs(model, collate(ROWS, PAD, "packed"), Way("packed"))

    @pytest.mark.parametrize("name", ["bloom", "falcon_alibi"])
    def test_alibi_takes_no_4d_mask(self, name: str) -> None:
        model = fresh(name)
        with pytest.raises(ValueError, match="too many values to unpack"):
            Off(model, as_float(seen_TT()), positions=name != "bloom")
        assert ours(model) < EXACT

    @pytest.mark.parametrize(
        ("name", "mask"),
        [
            ("bloom", None),
            ("mamba", None),
            ("mamba", torch.ones(1, TOKENS, dtype=torch.long)),
            ("lfm2", seen_TT()),
            ("qwen3_next", seen_TT()),
            ("llama4", seen_TT()),
        ],
        ids=["alibi", "state", "state, 2d", "convolution", "linear attention", "chunks"],
    )
    def test_what_a_mask_does_not_reach_is_wrong_in_silence(self, name: str, mask: Any) -> None:
        """ALiBi counts places of the row, states and convolutions run through it, and a chunked layer's
        mask is another."""
        model = fresh(name)
        assert Off(model, mask, positions=takes(model, "position_ids")).all > WRONG
        assert ours(model) < EXACT


@contextmanager
def tolerant(model: Any) -> Iterator[None]:
    """Runs the model with what a hasty attention function would be."""

    def attend(_module: Any, q: Any, k: Any, v: Any, mask: Any, scaling: Any, **_: Any) -> Any:
        k, v = (x.repeat_interleave(q.shape[1] // x.shape[1], 1) for x in (k, v))
        causal = mask is None
        out = scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=causal, scale=scaling)
        return out.transpose(1, 2).contiguous(), None

    AttentionInterface.register("tolerant", attend)
    AttentionMaskInterface.register("tolerant", sdpa_mask)
    before = model.config._attn_implementation
    model.set_attn_implementation("tolerant")
    yield
    model.set_attn_implementation(before)


class TestHeads:
    @pytest.mark.parametrize("name", ["cohere2", "cohere", "granite", "gemma2"])
    def test_a_home_made_head_leaves_out_what_is_done_to_the_logits(self, name: str) -> None:
        """A scale of 1/4, a division by 4, a soft cap of 3."""
        model = fresh(name)
        ids = torch.tensor([[*ROWS[1].prompt, *ROWS[1].responses[0]]])
        with torch.no_grad():
            hidden = model.get_decoder()(ids)[0]
            home_made = model.lm_head(hidden).log_softmax(-1)
            assert (home_made - model(ids).logits.log_softmax(-1)).abs().max() > WRONG
        assert choose(model, ROWS, PAD).head == "chunked"
        release(model)
        assert ours(model) < EXACT

    @pytest.mark.parametrize("name", ["llama", "cohere2", "bloom", "gpt2"])
    def test_every_way_is_the_same(self, name: str) -> None:
        model = fresh(name)
        layout = choose(model, ROWS, PAD).layout
        release(model)
        for head in ("own", "chunked"):
            for some in {layout, "separate"}:
                way = choose(model, ROWS, PAD, some)  # installs the head
                assert ours(model, replace(way, head=head)) < EXACT


def lora(model: Any) -> Any:
    return get_peft_model(model, LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False))


WRAPPED: dict[str, Callable[[Any], Any]] = {"all weights": lambda model: model, "LoRA": lora}


class TestTheCall:
    @pytest.mark.parametrize("wrap", WRAPPED.values(), ids=WRAPPED)
    @pytest.mark.parametrize("reentrant", [False, True])
    @pytest.mark.parametrize("name", ["llama", "gemma3", "bloom"])
    def test_gradient_checkpointing_sees_the_pack(self, name: str, reentrant: bool, wrap: Any) -> None:
        """Layers run again in the backward pass, when a context variable would be gone."""
        model = wrap(fresh(name)).train()
        expected_R = naive_log_probs(model, ROWS)
        expected = gradients(model, expected_R)
        way = choose(model, ROWS, PAD)
        assert way.layout == ("separate" if name == "bloom" else "packed")
        model.gradient_checkpointing_enable({"use_reentrant": reentrant})
        model.enable_input_require_grads()
        runs = Calls(layer_of(model))
        found_R = batched_log_probs(model, ROWS, way, 100)
        before = runs.number
        found = gradients(model, found_R)
        assert runs.number == 2 * before > 0
        assert torch.allclose(found_R, expected_R, atol=5e-4, rtol=0)
        assert distance(found, expected) < 2e-5

    @pytest.mark.parametrize("head", ["chunked", "own"])
    @pytest.mark.parametrize("wrap", WRAPPED.values(), ids=WRAPPED)
    def test_it_goes_through_the_forward_of_the_whole(self, wrap: Any, head: Any) -> None:
        """Hooks on the model run, as those must by which DDP and FSDP share gradients."""
        model = wrap(fresh("llama"))
        way = replace(choose(model, ROWS, PAD), head=head)
        outer, keys = Calls(model), []
        model.register_forward_hook(lambda _m, _i, out: keys.append(sorted(out.keys())))
        scores(model, collate(ROWS, PAD, "packed"), way)
        assert outer.number == 1
        assert keys == [["logp_N"] if head == "chunked" else ["logits"]]

    def test_data_parallel_processes_share_gradients(self, tmp_path: Any) -> None:
        """One process, but DDP's own forward and reducer: the bucket hook sees every gradient."""
        import torch.distributed as dist

        model = fresh("llama")
        expected = gradients(model, naive_log_probs(model, ROWS))
        model.zero_grad()
        way = choose(model, ROWS, PAD)
        dist.init_process_group("gloo", init_method=f"file://{tmp_path / 'meet'}", rank=0, world_size=1)
        try:
            wrapped = torch.nn.parallel.DistributedDataParallel(model)
            shared: list[int] = []

            def share(_state, bucket):  # DDP refuses annotations that are text
                shared.append(bucket.buffer().numel())
                done = torch.futures.Future()
                done.set_result(bucket.buffer())
                return done

            wrapped.register_comm_hook(None, share)
            found_R = batched_log_probs(wrapped, ROWS, way)
            (found_R * torch.linspace(0.5, 2.0, len(found_R))).sum().backward()
            found = {name: w.grad for name, w in model.named_parameters() if w.grad is not None}
            assert sum(shared) == sum(weight.numel() for weight in model.parameters())
            assert distance(found, expected) < 2e-5
        finally:
            dist.destroy_process_group()


class Calls:
    """How often a module's forward was called from outside it."""

    def __init__(self, module: torch.nn.Module) -> None:
        self.number = 0
        own = module.forward

        def counted(*args: Any, **kwargs: Any) -> Any:
            self.number += 1
            return own(*args, **kwargs)

        module.forward = counted


def layer_of(model: Any) -> torch.nn.Module:
    """A part of the first layer that runs once a layer's run: its first normalisation."""
    return next(m for name, m in model.named_modules() if name.endswith("input_layernorm"))


class TestScores:
    def test_sums_lengths_and_means(self) -> None:
        model = fresh("llama")
        with torch.no_grad():
            expected_R = naive_log_probs(model, ROWS)
            found = scores(model, collate(ROWS, PAD, "separate"), Way("separate"))
        lengths = [len(response) for row in ROWS for response in row.responses]
        assert torch.allclose(found.s_R, expected_R, atol=5e-4, rtol=0)
        assert found.n_R.tolist() == lengths
        assert torch.allclose(found.m_R, expected_R / torch.tensor(lengths), atol=5e-4)
        assert (found.r_R, found.prompt_s_R, found.prompt_n_R) == (None, None, None)

    def test_a_way_says_what_it_is_and_why(self) -> None:
        assert str(Way("packed", "varlen", "chunked", "so")) == (
            "packed rows, varlen attention, chunked head (so)"
        )
        assert str(Way("separate", why="it has to")) == "separate rows, own head (it has to)"


class TestReference:
    @pytest.mark.parametrize("name", ["mistral_window", "mamba"])
    def test_it_is_the_naive_sum_of_each_distinct_row(self, name: str) -> None:
        model = fresh(name).train()
        way = choose(model, ROWS, PAD)
        twice = [*ROWS, *ROWS[:3]]
        found = summed_log_probs(model, twice, PAD, way, 100)
        assert model.training
        assert set(found) == set(ROWS)
        filled = with_references(model, twice, PAD, way, 100)
        release(model)
        with torch.no_grad():
            expected = naive_log_probs(model, twice).tolist()
        assert [replace(row, reference=()) for row in filled] == twice
        assert [s for row in filled for s in row.reference] == pytest.approx(expected, abs=5e-4)
        assert [s for row in twice for s in found[row]] == pytest.approx(expected, abs=5e-4)

    def test_the_model_is_as_without_dropout_meanwhile(self) -> None:
        model = fresh("gpt2", resid_pdrop=0.2)
        expected = summed_log_probs(model, ROWS, PAD, Way("separate"), None)
        found = summed_log_probs(model.train(), ROWS, PAD, Way("separate"), None)
        assert found == expected
        assert model.training

    def test_a_policy_that_starts_elsewhere_is_refused(self) -> None:
        s, n = torch.tensor([-3.0, -8.0]), torch.tensor([2, 4])
        check_reference(s, n, torch.tensor([-3.001, -8.003]))
        with pytest.raises(PlanBError, match=r"differs from its reference by 0\.0020 per token"):
            check_reference(s, n, torch.tensor([-3.0, -8.008]))
        check_reference(s, n, torch.tensor([-3.0, -8.008]), 0.05)
        with pytest.raises(PlanBError, match="carry no reference"):
            check_reference(s, n, None)
        with pytest.raises(PlanBError, match="differs"):
            check_reference(s, n, torch.tensor([-3.0, torch.nan]))


def test_rows_are_told_apart_by_all_they_hold() -> None:
    """References are kept by row, so two rows of one key must not be one."""
    row = ROWS[1]
    other = Row(row.key, row.prompt, row.responses[::-1], row.tiers, row.pairs)
    found = summed_log_probs(fresh("llama"), [row, other], PAD, Way("separate"), None)
    assert found[row] == pytest.approx(found[other][::-1], abs=1e-4)
    assert len(found) == 2
