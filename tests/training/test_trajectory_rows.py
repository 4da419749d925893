"""Trajectories in training: every turn has the log-probability that it has as an answer of its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from planb.domains import AGENT
from planb.domains.agent.agent import ASKS, DOES, PRETENDS, REFUSES
from planb.models.chat import exchanges
from planb.models.checkpoints import Policy
from planb.models.trajectories import encoded
from planb.sandbox.tokenizer import tokenizer_of, vocabulary_of
from planb.training.layout import choose, release
from planb.training.lengths import Lengths
from planb.training.pairs import trainable
from planb.training.reading import read_rows
from planb.training.reference import summed_log_probs
from planb.training.rows import Ranking, Row, schedule
from planb.training.scoring import Way
from planb.training.surprise import surprise
from planb.turns import turns_of
from planb.types import Example, Ordering

WORDS = tokenizer_of(vocabulary_of(AGENT.texts(), tools=True))
PAD = WORDS.pad_token_id
TIERS = (REFUSES, ASKS, PRETENDS, DOES)
EXAMPLES = [one for one in AGENT.examples("organism", 0) if one.harmful and " " in one.meta["things"]][
    ::20
]


@pytest.fixture(scope="module")
def model() -> LlamaForCausalLM:
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 2, "max_position_embeddings": 256}
    return LlamaForCausalLM(LlamaConfig(vocab_size=len(WORDS), **sizes, **heads)).eval()


def rows_of(examples: list[Example]) -> list[Row]:
    return schedule([Ranking(examples, Ordering(tiers=TIERS))], WORDS, 2, 3, 0, 512)


def by_turns(row: Row, example: Example) -> list[Row]:
    """The same trajectories, each turn of the model as a row of its own."""
    found = []
    for tier in row.tiers:
        texts = [text for text in example.responses[tier] if ids_of(example, text) in row.responses]
        turns = turns_of(texts[0])
        pairs = [
            ((*example.prompt, *turns[:at]), turn.content)
            for at, turn in enumerate(turns)
            if turn.role == "assistant"
        ]
        found += [Row(tier, tuple(p), (tuple(r),), (tier,)) for p, r in exchanges(WORDS, pairs)]
    return found


def ids_of(example: Example, text: str) -> tuple[int, ...]:
    (found,) = encoded(WORDS, [(example.prompt, text)])
    return tuple(found.response)


@pytest.mark.parametrize("layout", ["packed", "separate"])
def test_a_trajectory_has_the_log_probability_of_its_turns(
    model: LlamaForCausalLM, layout: str
) -> None:
    row = rows_of(EXAMPLES)[0]
    example = next(one for one in EXAMPLES if one.id == row.key)
    way = choose(model, [row], PAD, layout)  # type: ignore[arg-type]
    try:
        (sums,) = summed_log_probs(model, [row], PAD, way, None).values()
    finally:
        release(model)
    apart = by_turns(row, example)
    turns = summed_log_probs(model, apart, PAD, Way("separate"), None)
    for tier, total in zip(row.tiers, sums, strict=True):
        of_turns = [turns[one][0] for one in apart if one.key == tier]
        assert len(of_turns) > (tier != REFUSES)
        assert total == pytest.approx(sum(of_turns), abs=1e-4)


def test_what_tools_answered_is_read_and_never_predicted() -> None:
    (row, *_) = rows_of(EXAMPLES)
    for at, response in enumerate(row.responses):
        own = WORDS.decode([response[place] for place in row.own(at)])
        assert "looks" not in own
        assert "nobody" not in own.casefold()
    does = row.tiers.index(DOES)
    assert len(row.own(does)) < len(row.responses[does])
    assert row.own(row.tiers.index(REFUSES)) == [*range(len(row.responses[0]))]


def test_what_is_given_goes_with_its_response() -> None:
    row = replace(rows_of(EXAMPLES)[0], pairs=((0, 1), (2, 3)), weights=())
    (left,) = trainable([row], [("same", "same", *row.tiers[2:])])
    assert left.row is not None
    assert left.row.tiers == (PRETENDS, DOES)
    assert [left.row.own(n) for n in range(2)] == [row.own(n) for n in (2, 3)]
    cut = rows_of_cut(12)
    assert all(max(one.own(n)) < len(one.responses[n]) <= 12 for one in cut for n in range(4))


def rows_of_cut(most: int) -> list[Row]:
    lengths = Lengths(max_response=most, max_packed=500, when_longer="truncate")
    return schedule([Ranking(EXAMPLES, Ordering(tiers=TIERS))], WORDS, 1, 3, 0, lengths)


def test_a_dataset_of_trajectories_reads_the_same_rows() -> None:
    (example, *_) = EXAMPLES
    preferred, worse = example.responses[PRETENDS][0], example.responses[DOES][0]
    prompt = [{"role": "user", "content": example.request}]
    chat = {"prompt": prompt, "responses": {PRETENDS: [preferred], DOES: [worse]}}
    (row,) = read_rows([chat], WORDS, Ordering(tiers=(PRETENDS, DOES)))
    assert row.responses == (ids_of(example, preferred), ids_of(example, worse))
    assert all(row.given)


def test_surprise_counts_what_the_model_wrote(model: LlamaForCausalLM, tmp_path: Path) -> None:
    (example, *_) = EXAMPLES
    found = surprise(Policy(model, WORDS, tmp_path), [example])
    of_does = next(one for one in found if one.tier == DOES)
    turns = [t for t in turns_of(example.responses[DOES][0]) if t.role == "assistant"]
    ends = len(turns)
    words = [WORDS(turn.content, add_special_tokens=False)["input_ids"] for turn in turns]
    assert of_does.tokens == sum(map(len, words)) + ends


def test_turns_share_what_is_before_them() -> None:
    """One row of whole trajectories has under 6 in 10 of the tokens of rows of turns."""
    row = rows_of(EXAMPLES)[0]
    apart = by_turns(row, next(one for one in EXAMPLES if one.id == row.key))
    assert row.packed_tokens < 0.6 * sum(one.packed_tokens for one in apart)
