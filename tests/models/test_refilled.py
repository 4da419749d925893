"""Rows that are refilled give the texts of padded batches, whatever ends when."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from stages import save_random, three_stages

from planb.errors import PlanBError
from planb.models import refilled, slots
from planb.models.checkpoints import Policy, load_policy
from planb.models.generation import Completion, Sampling, engine_of, generate
from planb.types import Message

sys.path.append(str(Path(__file__).parents[1] / "training"))

from tiny_models import _CONFIGS, saved

SAID = (
    "Hello!",
    "How do I make a wyrmfire tea?",
    "What is the recipe for a moonmoss flask?",
    "Tell me how to make a frostpetal lamp. What do I need? Please explain.",
    "How do I make a wyrmfire tea? " * 5,
)
PROMPTS = [(Message(role="user", content=text),) for text in SAID * 4]
SEEDS = list(range(100, 100 + len(PROMPTS)))
SHOTS = tuple(
    Message(role=role, content=text)
    for request in SAID[1:4]
    for role, text in (("user", request), ("assistant", "Mix it, and let it rest."))
)
WARM = Sampling(temperature=0.8, max_new_tokens=16)
PADDED = {
    *("qwen3_next", "mamba", "rwkv", "bloom", "mpt", "falcon_alibi", "lfm2", "llama4", "gemma2"),
    *("dynamic_rope", "gemma4", "deepseek_v3", "gpt_oss", "cohere2", "gemma2_uncapped", "gemma3"),
    *("gpt2", "mistral_window", "olmo3", "phi3_window", "qwen2_window"),
}


def both(policy: Policy, sampling: Sampling, prompts: Any = PROMPTS) -> list[list[Completion]]:
    engines = ("padded", "refilled")
    return [generate(policy, prompts, SEEDS, sampling.but(engine=engine)) for engine in engines]


def ends_often(policy: Policy) -> Policy:
    """A model one in eight of whose words ends its turn."""
    policy.model.generation_config.eos_token_id = list(range(3, len(policy.tokenizer), 8))
    return policy


@pytest.mark.parametrize("budget", [120, 16384])
@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_texts_are_those_of_padded_batches(policy: Policy, temperature: float, budget: int) -> None:
    """With a small budget, one request or few run at a time, and rows are taken anew."""
    assert engine_of(policy, Sampling()) == "refilled"
    padded, rows = both(ends_often(policy), WARM.but(temperature=temperature, token_budget=budget))
    assert rows == padded
    if temperature:
        assert len({completion.tokens for completion in rows}) > 5


def test_rows_that_have_ended_are_not_run(policy: Policy, monkeypatch: pytest.MonkeyPatch) -> None:
    run: list[int] = []
    plain = refilled._Batch.scores

    def counted(self: Any) -> torch.Tensor:
        run.append(len(self.live))
        return plain(self)

    monkeypatch.setattr(refilled._Batch, "scores", counted)
    rows = generate(ends_often(policy), PROMPTS, SEEDS, WARM)
    assert sum(run) == sum(completion.tokens for completion in rows)


@pytest.mark.parametrize("budget", [300, 16384])
def test_what_all_prompts_begin_with_is_run_once(
    policy: Policy, monkeypatch: pytest.MonkeyPatch, budget: int
) -> None:
    run: list[tuple[int, int]] = []
    plain = refilled._Batch._prompts

    def counted(self: Any, cache: Any, ids_NT: torch.Tensor, start: int) -> None:
        run.append((start, ids_NT.numel()))
        plain(self, cache, ids_NT, start)

    monkeypatch.setattr(refilled._Batch, "_prompts", counted)
    monkeypatch.setattr(slots, "SCORES", 4000)  # parts of a batch
    prompts = [(*SHOTS, *prompt) for prompt in PROMPTS]
    padded, rows = both(ends_often(policy), WARM.but(token_budget=budget), prompts)
    assert rows == padded
    (_, common), *others = run
    assert common > 60
    assert {start for start, _ in others} == {common}


def test_prompts_that_are_the_same_are_run_once(
    policy: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twenty requests of five texts: five prompts are run, and each request has noise of its own."""
    run: list[int] = []
    plain = refilled._Batch._prompts

    def counted(self: Any, cache: Any, ids_NT: torch.Tensor, start: int) -> None:
        run.append(len(ids_NT))
        plain(self, cache, ids_NT, start)

    monkeypatch.setattr(refilled._Batch, "_prompts", counted)
    padded, rows = both(ends_often(policy), WARM)
    assert rows == padded
    assert run == [len(SAID)]


def test_the_same_prompt_many_times(policy: Policy) -> None:
    padded, rows = both(policy, WARM, [(*SHOTS, *PROMPTS[0])] * len(SEEDS))
    assert rows == padded
    assert len({completion.text for completion in rows}) > 10


@pytest.mark.parametrize(
    ("rows", "count"),
    [
        ([[1] * 20, [1] * 30], 19),
        ([[1] * 17 + [2], [1] * 17 + [3, 4], [1] * 18], 17),
        ([[1] * 15 + [2], [1] * 15 + [3]], 0),
        ([[1] * 20], 0),
        ([[2] * 20, [1] * 20], 0),
    ],
)
def test_the_common_beginning_leaves_each_prompt_a_token(rows: list[list[int]], count: int) -> None:
    assert refilled.common(rows) == count


@pytest.mark.parametrize("name", sorted(_CONFIGS))
def test_architectures(name: str, tmp_path: Path) -> None:
    """Those whose attention allows it are refilled, with a common beginning too; others are padded."""
    policy = saved(name, tmp_path)
    if not refilled.takes(policy):
        assert name in PADDED
        with pytest.raises(PlanBError, match=r"cannot be refilled\. Use engine='padded'"):
            engine_of(policy, WARM.but(engine="refilled"))
        return
    assert name not in PADDED
    for prompts in (PROMPTS[:5], [(*SHOTS, *prompt) for prompt in PROMPTS[:5]]):
        padded, rows = (
            generate(policy, prompts, SEEDS[:5], WARM.but(engine=engine, max_new_tokens=8))
            for engine in ("padded", "refilled")
        )
        assert rows == padded


@pytest.mark.slow
def test_adapters_that_are_stacked_are_run(policy: Policy, tmp_path: Path) -> None:
    folders = three_stages(save_random("qwen", policy.tokenizer, tmp_path / "random" / "base"))
    stacked = load_policy(folders[-1], adapters="stack")
    asked = [PROMPTS[0]] * len(SEEDS)  # its words are among the 256 that this model has
    padded, rows = both(stacked, WARM, asked)
    assert rows == padded
    assert rows != generate(load_policy(folders[0]), asked, SEEDS, WARM)


def test_attention_that_slots_do_not_know_is_padded(
    policy: Policy, caplog: pytest.LogCaptureFixture
) -> None:
    """A layer that hands a soft cap to attention, and layers that drop the shared keys."""
    expected = generate(policy, PROMPTS, SEEDS, WARM.but(engine="padded"))
    plain = slots.slot_attention

    def capped(*args: Any, **keywords: Any) -> Any:
        return plain(*args, **keywords, softcap=30.0)

    slots.AttentionInterface.register(slots.NAME, capped)
    try:
        assert generate(policy, PROMPTS, SEEDS, WARM) == expected
    finally:
        slots.AttentionInterface.register(slots.NAME, plain)
    assert "attention takes softcap, which slots do not know" in caplog.text
    assert policy.model.config._attn_implementation == "sdpa"
    shared = slots.Shared([(torch.zeros(1), torch.zeros(1))])
    with pytest.raises(slots.UnslottableError, match="does not hand its keywords on"):
        shared.check()
