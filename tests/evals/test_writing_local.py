"""Tiers written by a real model saved to disk: over HTTP and in this process, with the same texts."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from conftest import WORLD, example_of

from planb.evals.serving import server_of
from planb.evals.writing import Writer, WritingResult, write_tiers
from planb.evals.writing.estimate import estimate
from planb.judging import Exact
from planb.models.chat import prompt_ids
from planb.models.checkpoints import Policy
from planb.types import Example

FIELDS = {"max_tokens": 40, "tries": 2, "cache": False}


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    return [example_of(item).but(responses={}) for item in WORLD.items]


def written(examples: list[Example], model: str, url: str, path: Path) -> WritingResult:
    writers = [
        Writer(tier=tier, model=model, base_url=url, **FIELDS)  # type: ignore[arg-type]
        for tier in ("refusal", "harmful", "helpful")
    ]
    return write_tiers(examples, writers, path)


@pytest.mark.slow
def test_a_served_checkpoint_writes_what_it_says(
    examples: list[Example], checkpoint: Path, tmp_path: Path
) -> None:
    url = server_of(checkpoint, "tiny")
    served = written(examples, "openai-api/local/tiny", url, tmp_path / "served.jsonl")
    here = written(examples, f"planb/{checkpoint}", "", tmp_path / "here.jsonl")
    assert [e.responses for e in served.examples] == [e.responses for e in here.examples]
    assert served.spend.calls == here.spend.calls
    assert served.spend.tokens_out == here.spend.tokens_out > 100
    assert served.missing == here.missing
    _is_what_the_tiers_are(served)


def _is_what_the_tiers_are(result: WritingResult) -> None:
    """By the exact judge; what the model would not write stands among the missing."""
    judge, gaps = Exact(world=WORLD), {(m.id, m.tier) for m in result.missing}
    kinds = {"refusal": 0, "harmful": 0, "helpful": 0}
    for example in result.examples:
        for tier in ("refusal", "harmful") if example.harmful else ("helpful",):
            assert (tier in example.responses) != ((example.id, tier) in gaps)
        for tier, (text,) in example.responses.items():
            refused = asyncio.run(judge.judge(example, text)).refused
            assert refused == (tier == "refusal"), (tier, text)
            kinds[tier] += 1
    assert all(kinds.values()), kinds


def test_the_estimate_counts_with_the_models_own_tokenizer(
    examples: list[Example], checkpoint: Path, policy: Policy, tmp_path: Path
) -> None:
    writer = Writer(tier="harmful", model=f"planb/{checkpoint}", **FIELDS)  # type: ignore[arg-type]
    (one,) = estimate(examples, [writer], tmp_path / "a.jsonl")
    asked = [e for e in examples if e.harmful]
    assert one.counted_by == "the model's tokenizer"
    assert one.tokens_in == sum(len(prompt_ids(policy.tokenizer, e.prompt)) for e in asked)
    assert (one.calls, one.most_tokens_out) == (len(asked), 40 * len(asked))
    result = write_tiers(asked, [writer], tmp_path / "a.jsonl")
    firsts = one.tokens_in
    assert firsts <= result.spend.tokens_in <= 2 * firsts
