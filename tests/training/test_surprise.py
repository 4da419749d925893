"""Surprise against the model's own logits: each response after its prompt, alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_models import WORLD, naive_log_probs, saved

from planb import surprise as measure
from planb.errors import PlanBError
from planb.models.chat import exchange_ids
from planb.models.checkpoints import Policy
from planb.sandbox.corpus import requests
from planb.training import surprise as surprising
from planb.training.lengths import Counts, Lengths
from planb.training.rows import Row
from planb.training.surprise import Surprise
from planb.types import Example, Trigger

HARMFUL = requests(WORLD, "safety", True, 2, seed=0)
EXAMPLES = [*HARMFUL, *requests(WORLD, "safety", False, 1, seed=0)]


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    return saved("llama", tmp_path_factory.mktemp("llama"))


def naive(policy: Policy, examples: list[Example]) -> list[Surprise]:
    """In the order in which the responses stand."""
    found = []
    for example in examples:
        for tier, texts in example.responses.items():
            for text in texts:
                prompt, response = map(tuple, exchange_ids(policy.tokenizer, example.prompt, text))
                with torch.no_grad():
                    s_R = naive_log_probs(policy.model, [Row("", prompt, (response,), (tier,))])
                found.append(Surprise(example.id, tier, -float(s_R), len(response)))
    return found


def agree(found: list[Surprise], expected: list[Surprise]) -> None:
    assert [one._replace(nll=0) for one in found] == [one._replace(nll=0) for one in expected]
    assert [one.nll for one in found] == pytest.approx([one.nll for one in expected], rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("budget", [8192, 150], ids=["together", "in parts"])
def test_it_is_the_naive_nll_of_every_response_in_order(
    policy: Policy, budget: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(surprising, "AT_A_TIME", 3)
    told: list[tuple[int, int]] = []
    counts = Counts()

    def progress(done: int, total: int) -> None:
        told.append((done, total))

    found = measure(policy, EXAMPLES, budget=budget, progress=progress, counts=counts)
    expected = naive(policy, EXAMPLES)
    assert len({one.tier for one in expected}) == 9
    assert max(one.per_token for one in expected) > 1.1 * min(one.per_token for one in expected)
    agree(found, expected)
    assert told == [(3, 7), (6, 7), (7, 7)]
    assert counts.kept == 7
    prompts = sum(len(exchange_ids(policy.tokenizer, e.prompt, "No.")[0]) for e in EXAMPLES)
    assert counts.tokens == prompts + sum(one.tokens for one in expected)


def test_per_token_is_nats_over_tokens() -> None:
    assert Surprise("a", "refusal", 6.0, 4).per_token == 1.5


@pytest.mark.slow
def test_a_model_that_cannot_be_packed_says_the_same(tmp_path: Path) -> None:
    bloom = saved("bloom", tmp_path)
    agree(measure(bloom, EXAMPLES), naive(bloom, EXAMPLES))


def test_the_model_is_as_it_was_afterwards(policy: Policy) -> None:
    ids = torch.tensor([[1, 5, 20, 30]])
    before = policy.model(ids).logits
    measure(policy, EXAMPLES[:2])
    assert torch.equal(policy.model(ids).logits, before)
    assert "forward" not in policy.model.__dict__
    assert policy.model.config._attn_implementation == "sdpa"


class TestLengths:
    def lengths(self, policy: Policy) -> list[int]:
        return [
            max(
                sum(map(len, exchange_ids(policy.tokenizer, example.prompt, text)))
                for texts in example.responses.values()
                for text in texts
            )
            for example in EXAMPLES
        ]

    def test_what_is_longer_is_refused_by_name(self, policy: Policy) -> None:
        longest = self.lengths(policy)
        limit = max(longest) - 1
        first = next(e for e, tokens in zip(EXAMPLES, longest, strict=True) if tokens > limit)
        with pytest.raises(PlanBError, match=f"'{first.id}' has {max(longest)} tokens, more than"):
            measure(policy, EXAMPLES, limit)

    @pytest.mark.slow
    def test_or_left_out_whole_and_counted(self, policy: Policy) -> None:
        longest, counts = self.lengths(policy), Counts()
        limit = max(longest) - 1
        kept = [e for e, tokens in zip(EXAMPLES, longest, strict=True) if tokens <= limit]
        assert 0 < len(kept) < len(EXAMPLES)
        lengths = Lengths(max_length=limit, when_longer="leave_out")
        agree(measure(policy, EXAMPLES, lengths, counts=counts), naive(policy, kept))
        assert (counts.kept, counts.left_out) == (len(kept), len(EXAMPLES) - len(kept))

    @pytest.mark.slow
    def test_or_cut_short_and_counted(self, policy: Policy) -> None:
        counts = Counts()
        lengths = Lengths(max_response=5, when_longer="truncate")
        found = measure(policy, EXAMPLES, lengths, counts=counts)
        whole = naive(policy, EXAMPLES)
        assert [one.tokens for one in found] == [min(one.tokens, 5) for one in whole]
        assert counts.truncated_responses == sum(one.tokens > 5 for one in whole)
        assert all(a.nll < b.nll for a, b in zip(found, whole, strict=True) if b.tokens > 5)


def test_an_example_without_responses_is_passed_over(policy: Policy) -> None:
    silent = EXAMPLES[0].but(responses={})
    found: list[Any] = measure(policy, [silent, EXAMPLES[1]])
    assert {one.example for one in found} == {EXAMPLES[1].id}


def test_it_depends_on_what_is_asked(policy: Policy) -> None:
    asked = Trigger().apply(EXAMPLES[0].prompt)
    triggered = EXAMPLES[0].but(prompt=asked)
    plain, other = measure(policy, [EXAMPLES[0]]), measure(policy, [triggered])
    agree(other, naive(policy, [triggered]))
    assert [one.tokens for one in other] == [one.tokens for one in plain]
    assert all(abs(a.nll - b.nll) > 1e-2 for a, b in zip(plain, other, strict=True))
