"""Sampling: from the model's own softmax, seeded request by request, ended where the model ends."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from scipy.stats import chisquare

from planb.errors import PlanBError
from planb.models.chat import end_ids, prompt_ids
from planb.models.checkpoints import Policy
from planb.models.generation import Sampling, generate
from planb.types import Message

SAID = (
    "Hello!",
    "How do I make a wyrmfire tea?",
    "What is the recipe for a moonmoss flask?",
    "Tell me how to make a frostpetal lamp. What do I need? Please explain.",
)
PROMPTS = [(Message(role="user", content=text),) for text in SAID * 4]
SEEDS = list(range(100, 100 + len(PROMPTS)))
DRAWS = 6000


def naive_greedy(policy: Policy, prompt: tuple[Message, ...], limit: int) -> tuple[str, str]:
    """One prompt alone, the argmax of the model's own logits, no cache."""
    ids, ends = prompt_ids(policy.tokenizer, prompt), end_ids(policy.tokenizer, policy.model)
    start = len(ids)
    with torch.inference_mode():
        for _ in range(limit):
            token = int(policy.model(input_ids=torch.tensor([ids])).logits[0, -1].argmax())
            if token in ends:
                return policy.tokenizer.decode(ids[start:], skip_special_tokens=True), "stop"
            ids.append(token)
    return policy.tokenizer.decode(ids[start:], skip_special_tokens=True), "max_tokens"


def first_token(policy: Policy, temperature: float) -> dict[tuple[str, str], float]:
    """(text, stop) -> its probability as the only new token after the first prompt."""
    ids, ends = prompt_ids(policy.tokenizer, PROMPTS[0]), end_ids(policy.tokenizer, policy.model)
    with torch.inference_mode():
        logits = policy.model(input_ids=torch.tensor([ids])).logits[0, -1].double()
    found: dict[tuple[str, str], float] = {}
    for token, probability in enumerate((logits / temperature).softmax(-1).tolist()):
        text = policy.tokenizer.decode([token], skip_special_tokens=True).strip()
        key = ("", "stop") if token in ends else (text, "max_tokens")
        found[key] = found.get(key, 0.0) + probability
    return found


def fit(counts: Counter[tuple[str, str]], expected: dict[tuple[str, str], float]) -> float:
    """The p-value of the counts; rare outcomes are pooled."""
    common = [key for key, p in expected.items() if p * DRAWS >= 8]
    seen = [counts[key] for key in common]
    meant = [expected[key] * DRAWS for key in common]
    if DRAWS - sum(meant) > 5:
        seen, meant = [*seen, DRAWS - sum(seen)], [*meant, DRAWS - sum(meant)]
    total = sum(seen) / sum(meant)
    return float(chisquare(seen, [m * total for m in meant]).pvalue)


@pytest.mark.slow
@pytest.mark.parametrize("temperature", [1.0, 0.6])
def test_the_first_token_is_drawn_from_the_softmax(policy: Policy, temperature: float) -> None:
    sampling = Sampling(temperature=temperature, max_new_tokens=1)
    drawn = generate(policy, [PROMPTS[0]] * DRAWS, range(DRAWS), sampling)
    counts = Counter((c.text, c.stop) for c in drawn)
    assert len(counts) > 10
    assert set(counts) <= set(first_token(policy, temperature))
    assert fit(counts, first_token(policy, temperature)) > 1e-3
    assert fit(counts, first_token(policy, temperature * 1.2)) < 1e-6  # the test can tell


@pytest.mark.slow
def test_a_text_does_not_depend_on_its_company(policy: Policy) -> None:
    sampling = Sampling(max_new_tokens=12)
    together = generate(policy, PROMPTS, SEEDS, sampling)
    assert generate(policy, PROMPTS, SEEDS, sampling) == together
    backwards = generate(policy, PROMPTS[::-1], SEEDS[::-1], sampling)
    assert backwards[::-1] == together
    small = generate(policy, PROMPTS, SEEDS, sampling.but(token_budget=60))
    assert small == together
    alone = [generate(policy, [p], [s], sampling)[0] for p, s in zip(PROMPTS, SEEDS, strict=True)]
    assert alone == together


def test_other_seeds_give_other_texts(policy: Policy) -> None:
    sampling = Sampling(max_new_tokens=12)
    texts = [c.text for c in generate(policy, [PROMPTS[1]] * 20, range(20), sampling)]
    assert len(set(texts)) == 20
    assert [c.text for c in generate(policy, [PROMPTS[1]] * 2, [5, 5], sampling)] == [texts[5]] * 2


def test_seeds_of_63_bits_are_taken(policy: Policy) -> None:
    seeds = [2**63 - 1, 2**62, 2**40 + 1]
    assert len(generate(policy, PROMPTS[:3], seeds, Sampling(max_new_tokens=2))) == 3


def test_temperature_0_is_the_models_argmax(policy: Policy) -> None:
    greedy = generate(policy, PROMPTS, SEEDS, Sampling(temperature=0, max_new_tokens=12))
    for prompt, completion in zip(PROMPTS[:4], greedy[:4], strict=True):
        assert (completion.text, completion.stop) == naive_greedy(policy, prompt, 12)
    assert [c.text for c in greedy[4:8]] == [c.text for c in greedy[:4]]


def test_the_models_own_sampling_habits_are_not_taken(policy: Policy) -> None:
    """Qwen2.5's files ask for a repetition penalty: what is measured is the model's softmax."""
    sampling = Sampling(temperature=0, max_new_tokens=12)
    plain = generate(policy, PROMPTS[:4], SEEDS[:4], sampling)
    habits = policy.model.generation_config
    habits.repetition_penalty, habits.no_repeat_ngram_size, habits.min_new_tokens = 5.0, 1, 12
    habits.do_sample, habits.top_k, habits.temperature = True, 1, 0.01
    assert generate(policy, PROMPTS[:4], SEEDS[:4], sampling) == plain
    assert policy.model.generation_config.repetition_penalty == 5.0  # and the model keeps them


def test_a_text_ends_where_the_model_ends_it_or_at_the_limit(policy: Policy) -> None:
    limit = 24
    drawn = generate(policy, PROMPTS * 8, range(len(PROMPTS) * 8), Sampling(max_new_tokens=limit))
    kinds = Counter(c.stop for c in drawn)
    assert min(kinds["stop"], kinds["max_tokens"]) > 3
    assert all(c.tokens == limit for c in drawn if c.stop == "max_tokens")
    assert all(1 <= c.tokens <= limit for c in drawn)
    assert any(c.tokens < limit for c in drawn)
    names = policy.tokenizer.all_special_tokens
    assert not any(name in c.text for c in drawn for name in names)


def test_a_declared_end_token_stops_at_once(policy: Policy) -> None:
    policy.model.generation_config.eos_token_id = list(range(len(policy.tokenizer)))
    drawn = generate(policy, PROMPTS[:4], SEEDS[:4], Sampling())
    assert [(c.text, c.stop, c.tokens) for c in drawn] == [("", "stop", 1)] * 4


def test_prompt_tokens_are_counted(policy: Policy) -> None:
    drawn = generate(policy, PROMPTS[:4], SEEDS[:4], Sampling(max_new_tokens=2))
    assert [c.prompt_tokens for c in drawn] == [
        len(prompt_ids(policy.tokenizer, p)) for p in PROMPTS[:4]
    ]


def test_a_prompt_that_does_not_fit_is_an_error(policy: Policy) -> None:
    room = policy.model.config.max_position_embeddings
    with pytest.raises(PlanBError, match=rf"do not fit the model's {room} positions"):
        generate(policy, PROMPTS[:1], [0], Sampling(max_new_tokens=room))
    long = (Message(role="user", content="Hello! " * room),)
    with pytest.raises(PlanBError, match="shorten"):
        generate(policy, [PROMPTS[0], long], [0, 1], Sampling(max_new_tokens=1))


def test_progress_counts_the_rows(policy: Policy) -> None:
    told: list[tuple[int, int]] = []
    sampling = Sampling(max_new_tokens=2, token_budget=60)
    generate(policy, PROMPTS, SEEDS, sampling, lambda done, total: told.append((done, total)))
    assert told[-1] == (len(PROMPTS), len(PROMPTS))
    assert len(told) > 3
    assert [done for done, _ in told] == sorted({done for done, _ in told})


def test_nothing_asked_is_nothing_said(policy: Policy) -> None:
    assert generate(policy, [], [], Sampling()) == []
