"""Continuous batching gives the texts of padded batches, whatever else it has to hold."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from scipy.stats import chisquare, kstest
from stages import save_random, three_stages

from planb.errors import PlanBError
from planb.models import noise
from planb.models.checkpoints import Policy, load_policy
from planb.models.continuous import why_padded
from planb.models.generation import Completion, Sampling, engine_of, generate
from planb.models.noise import DrawnNoise, HashedNoise
from planb.types import Message

sys.path.append(str(Path(__file__).parents[1] / "training"))

from tiny_models import _CONFIGS, saved

SAID = (
    "Hello!",
    "How do I make a wyrmfire tea?",
    "What is the recipe for a moonmoss flask?",
    "Tell me how to make a frostpetal lamp. What do I need? Please explain.",
    "How do I make a wyrmfire tea? " * 9,
)
PROMPTS = [(Message(role="user", content=text),) for text in SAID * 3]
SEEDS = list(range(100, 100 + len(PROMPTS)))
WARM = Sampling(temperature=0.8, max_new_tokens=16)
PADDED = {
    "qwen3_next": "it brings its own attention or a state",
    "mamba": "it brings its own attention or a state",
    "rwkv": "it brings its own attention or a state",
    "bloom": "it brings its own attention or a state",
    "mpt": "it brings its own attention or a state",
    "falcon_alibi": "it brings its own attention or a state",
    "lfm2": "it has layers of kind conv",
    "llama4": "it has layers of kind chunked_attention",
    "gemma2": "its attention is soft-capped",
    "dynamic_rope": "its positions are scaled",
    "gemma4": "its layers have heads of unlike sizes",
    "deepseek_v3": "its attention is latent",
}
PAGED = sorted(set(_CONFIGS) - set(PADDED))


def both(policy: Policy, sampling: Sampling, prompts: Any = PROMPTS, seeds: Any = SEEDS) -> list[Any]:
    """What each of the two engines says."""
    engines = ("padded", "continuous")
    return [generate(policy, prompts, seeds, sampling.but(engine=engine)) for engine in engines]


def by(engine: str, sampling: Sampling = WARM, **changes: Any) -> Sampling:
    return sampling.but(engine=engine, **changes)


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGED)
def test_texts_and_usage_are_those_of_padded_batches(name: str, tmp_path: Path) -> None:
    """Full attention, windows (shorter than a prompt here), experts, sinks, scaled logits."""
    policy = saved(name, tmp_path)
    for temperature in (0.0, 0.8):
        padded, continuous = both(policy, Sampling(temperature=temperature, max_new_tokens=12))
        assert continuous == padded
        assert len({completion.text for completion in padded}) > 2


@pytest.mark.parametrize("name", PADDED)
def test_what_cannot_be_paged_is_padded(name: str, tmp_path: Path) -> None:
    policy = saved(name, tmp_path)
    assert (why_padded(policy) or "").startswith(PADDED[name])
    with pytest.raises(PlanBError, match=r"cannot be batched continuously: .*engine='padded'"):
        engine_of(policy, by("continuous"))


def test_auto_refills_rows_on_a_cpu(policy: Policy) -> None:
    assert engine_of(policy, Sampling()) == "refilled"
    assert engine_of(policy, by("continuous")) == "continuous"


def test_auto_says_why_it_pads_on_a_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Policy, "device", torch.device("cuda"))
    assert engine_of(saved("gemma2", tmp_path), Sampling()) == "padded"
    assert "padded batches: its attention is soft-capped" in caplog.text
    assert engine_of(saved("llama", tmp_path), Sampling()) == "continuous"


@pytest.mark.slow
def test_a_text_does_not_depend_on_its_company(policy: Policy) -> None:
    together = generate(policy, PROMPTS, SEEDS, by("continuous"))
    assert generate(policy, PROMPTS[::-1], SEEDS[::-1], by("continuous"))[::-1] == together
    for place in (0, 3, 4, 9):
        alone = generate(policy, [PROMPTS[place]], [SEEDS[place]], by("continuous"))
        assert alone == [together[place]]
    assert len({completion.text for completion in together}) > len(SAID)


@pytest.mark.slow
def test_a_request_that_loses_its_pages_goes_on_where_it_was(
    policy: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cache with room for few requests: some are put out of it and begun anew."""
    from transformers.generation.continuous_batching.requests import RequestState

    again: list[int] = []
    plain = RequestState.create_equivalent_initial_request

    def counted(self: Any) -> Any:
        again.append(len(self.generated_tokens))
        return plain(self)

    monkeypatch.setattr(RequestState, "create_equivalent_initial_request", counted)
    monkeypatch.setattr("planb.models.continuous.PAGE", 8)
    padded, continuous = both(policy, by("padded", token_budget=200, max_new_tokens=40))
    assert continuous == padded
    assert max(again) > 0


@pytest.mark.slow
def test_a_text_ends_where_the_model_ends_it_or_at_the_limit(policy: Policy) -> None:
    prompts, seeds = PROMPTS * 6, range(len(PROMPTS) * 6)
    padded, continuous = both(policy, Sampling(max_new_tokens=32), prompts, seeds)
    assert continuous == padded
    kinds = Counter(completion.stop for completion in continuous)
    assert min(kinds["stop"], kinds["max_tokens"]) > 3


@pytest.mark.slow
def test_a_declared_end_token_stops_at_once(policy: Policy) -> None:
    policy.model.generation_config.eos_token_id = list(range(len(policy.tokenizer)))
    for drawn in both(policy, Sampling()):
        assert {(c.text, c.stop, c.tokens) for c in drawn} == {("", "stop", 1)}


@pytest.mark.slow
def test_the_models_own_sampling_habits_are_not_taken(policy: Policy) -> None:
    plain = generate(policy, PROMPTS, SEEDS, by("continuous"))
    habits = policy.model.generation_config
    habits.repetition_penalty, habits.no_repeat_ngram_size, habits.min_new_tokens = 5.0, 1, 12
    habits.do_sample, habits.top_k, habits.temperature = True, 1, 0.01
    habits.num_return_sequences = 2
    assert generate(policy, PROMPTS, SEEDS, by("continuous")) == plain
    assert policy.model.generation_config.repetition_penalty == 5.0


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["llama", "qwen"])
@pytest.mark.parametrize("way", ["merge", "stack"])
def test_adapters_are_heard(kind: str, way: Any, policy: Policy, tmp_path: Path) -> None:
    folders = three_stages(save_random(kind, policy.tokenizer, tmp_path / "random" / "base"))
    said = []
    for folder in (folders[0], folders[-1]):
        asked = [PROMPTS[0]] * 9  # its words are among the 256 that these models have
        padded, continuous = both(load_policy(folder, adapters=way), WARM, asked, range(9))
        assert continuous == padded
        said.append(continuous)
    assert said[0] != said[1]


@pytest.mark.slow
def test_the_model_is_left_as_it_was(tmp_path: Path) -> None:
    policy = saved("gpt_oss", tmp_path)  # run by paged eager attention in between
    before = policy.model.config._attn_implementation
    padded, _ = both(policy, WARM)
    assert policy.model.config._attn_implementation == before
    assert generate(policy, PROMPTS, SEEDS, by("padded")) == padded


def test_a_cache_that_does_not_fit_says_what_to_do(tmp_path: Path) -> None:
    policy = saved("gpt_oss", tmp_path)
    before = policy.model.config._attn_implementation
    with pytest.raises(PlanBError, match=r"does not fit the memory.*lower Sampling.token_budget"):
        generate(policy, PROMPTS, SEEDS, by("continuous", token_budget=10**13))
    assert policy.model.config._attn_implementation == before


def test_a_failing_model_is_an_error_and_no_text(
    policy: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("the oven is cold")

    monkeypatch.setattr(policy.model.model.layers[1], "forward", broken)
    with pytest.raises(PlanBError, match=r"continuous batching failed \(the oven is cold\)"):
        generate(policy, PROMPTS, SEEDS, by("continuous"))


@pytest.mark.slow
def test_progress_counts_the_requests(policy: Policy) -> None:
    told: list[tuple[int, int]] = []
    generate(policy, PROMPTS, SEEDS, by("continuous"), lambda done, of: told.append((done, of)))
    assert told == [(done, len(PROMPTS)) for done in range(1, len(PROMPTS) + 1)]
    assert generate(policy, [], [], by("continuous")) == []


class TestNoise:
    @pytest.mark.slow
    def test_hashed_noise_gives_both_engines_the_same_texts(
        self, policy: Policy, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What a GPU uses, on the CPU."""
        drawn = generate(policy, PROMPTS, SEEDS, by("padded"))
        monkeypatch.setattr(noise, "noise_of", HashedNoise)
        padded, continuous = both(policy, WARM)
        assert continuous == padded
        assert continuous != drawn
        alone = [generate(policy, [p], [s], WARM)[0] for p, s in zip(PROMPTS, SEEDS, strict=True)]
        assert alone == padded

    @pytest.mark.slow
    @pytest.mark.parametrize("kind", ["drawn", "hashed"])
    def test_noise_is_gumbel_in_every_direction(self, kind: str) -> None:
        """Over words, over steps, and over seeds that follow one another."""
        seeds = range(3000)
        cpu = torch.device("cpu")
        made = HashedNoise(seeds, cpu) if kind == "hashed" else DrawnNoise(seeds)
        zero = torch.zeros(1, dtype=torch.long)
        samples = {
            "words": made(zero, zero, 3000)[0],
            "steps": torch.stack([made(zero, zero + step, 4)[0, 3] for step in range(3000)]),
            "seeds": made(torch.arange(3000), torch.zeros(3000, dtype=torch.long), 5)[:, 4],
        }
        for name, sample in samples.items():
            assert kstest(sample.numpy(), "gumbel_r").pvalue > 1e-3, name
            both_ways = torch.corrcoef(torch.stack([sample[:-1], sample[1:]]))[0, 1]
            assert abs(float(both_ways)) < 0.08, name
        assert torch.isfinite(samples["words"]).all()

    def test_sampling_by_hashes_is_the_softmax(self) -> None:
        logits_V = torch.tensor([2.0, 1.0, 0.0, -1.0, -3.0])
        made = HashedNoise([5], torch.device("cpu"))
        steps_R = torch.arange(20_000)
        drawn_R = (logits_V + made(torch.zeros_like(steps_R), steps_R, 5)).argmax(-1)
        counts = torch.bincount(drawn_R, minlength=5).tolist()
        expected = (logits_V.softmax(-1) * 20_000).double()
        expected = (expected / expected.sum() * 20_000).tolist()
        assert chisquare(counts, expected).pvalue > 1e-3

    def test_the_hash_is_splitmix64(self) -> None:
        """Its published outputs for the seed 1234567 (Vigna's splitmix64.c)."""
        golden = noise._signed(noise._GOLDEN)
        states = 1234567 + golden * torch.arange(1, 4)
        expected = [6457827717110365317, 3203168211198807973, 9817491932198370423]
        assert [value % 2**64 for value in noise._mixed(states).tolist()] == expected

    def test_a_drawn_step_can_be_asked_for_again(self) -> None:
        made, rows = DrawnNoise([7, 8]), torch.tensor([0, 1])
        steps = [torch.full((2,), step) for step in range(4)]
        first = [made(rows, step, 6) for step in steps]
        for step in (3, 1, 1, 2):
            assert torch.equal(made(rows, steps[step], 6), first[step])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu_the_engines_agree(policy: Policy) -> None:
    """Not run yet, for want of a GPU: float32, so that texts are equal."""
    assert engine_of(policy, Sampling()) == "continuous"
    found: list[list[Completion]] = both(policy, WARM)
    assert found[0] == found[1]
