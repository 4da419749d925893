"""Prompts that begin alike are run as a tree: the same numbers and gradients, fewer tokens."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from tiny_models import PAD, fresh

from planb.training import attention, packing
from planb.training.inside import prompt_places
from planb.training.layout import adopt
from planb.training.packing import SHARED, collate
from planb.training.rows import Row
from planb.training.scoring import Way, scores

SYSTEM = tuple(range(10, 10 + SHARED))


def row(key: str, prompt: tuple[int, ...], *responses: tuple[int, ...]) -> Row:
    pairs = ((0, 1),) if len(responses) > 1 else ()
    return Row(key, prompt, responses, ("a", "b", "c")[: len(responses)], pairs)


BY_HAND = [
    row("x", (*SYSTEM, 5), (40,), (41, 42)),
    row("y", (*SYSTEM, 6, 7), (43,)),
    row("z", (*SYSTEM, 6, 7, 8), (44,), (45,)),
    row("z again", (*SYSTEM, 6, 7, 8), (46, 47), (48,)),
    row("other", (5, *SYSTEM), (49,)),
]


def tree(seed: int) -> list[Row]:
    """Prompts that branch at random, several times, and some that stand alone."""
    rng = random.Random(seed)

    def words(least: int, most: int) -> tuple[int, ...]:
        return tuple(rng.choices(range(5, 60), k=rng.randint(least, most)))

    trunks = [words(SHARED, 30) for _ in range(2)]
    trunks += [(*rng.choice(trunks), *words(1, 12)) for _ in range(3)]
    prompts = [(*rng.choice(trunks), *words(0, 8)) for _ in range(7)] + [words(1, 40)]
    return [row(str(n), p, *(words(1, 9) for _ in range(1 + n % 3))) for n, p in enumerate(prompts)]


def test_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("planb.training.packing.pack", lambda segments, kernel: [*segments, kernel])
    S = SHARED
    batch = collate(BY_HAND, PAD, "packed", "varlen", prompts=True)
    ids, positions = (
        batch["inputs"][name].flatten().tolist() for name in ("input_ids", "position_ids")
    )
    assert ids == [
        *(*SYSTEM, 5, 40, 41, 42),
        *(6, 7, 43),
        *(8, 44, 45),
        *(46, 47, 48),
        *(5, *SYSTEM, 49),
    ]
    assert positions[S + 4 : S + 13] == [S, S + 1, S + 2, S + 2, S + 3, S + 3, S + 3, S + 4, S + 3]
    both, branch = (0, S), (S + 4, 2)
    assert batch["inputs"]["pack"] == [
        (0, S + 2, ()),
        (S + 2, 2, ((0, S + 1),)),
        (S + 4, 3, (both,)),
        (S + 7, 2, (both, branch)),
        (S + 9, 1, (both, branch, (S + 7, 1))),
        (S + 10, 2, (both, branch, (S + 7, 1))),
        (S + 12, 1, (both, branch, (S + 7, 1))),
        (S + 13, S + 2, ()),
        "varlen",
    ]
    assert batch["tokens"] == len(ids)
    owners = batch["owner_N"].bincount().tolist()
    assert owners[-5:] == [len(one.prompt) - 1 for one in BY_HAND]


@pytest.mark.parametrize("prompts", [False, True])
def test_every_token_is_predicted_from_the_one_before_it(prompts: bool) -> None:
    for seed in range(10):
        batch = collate(tree(seed), PAD, "packed", prompts=prompts)
        plain = collate(tree(seed), PAD, "packed", prompts=prompts, share=False)
        assert batch["tokens"] < plain["tokens"] - 3 * SHARED
        for name in ("target_N", "owner_N", "example_R", "pairs_P3", "singles_S"):
            assert torch.equal(batch[name], plain[name])
        for name in ("input_ids", "position_ids"):
            tokens = [one["inputs"][name].flatten()[one["predictor_N"]] for one in (batch, plain)]
            assert torch.equal(*tokens)


def test_short_beginnings_are_not_shared() -> None:
    rows = [row(str(n), (*SYSTEM[:-1], 60 + n), (40,)) for n in range(3)]
    assert collate(rows, PAD, "packed")["tokens"] == 3 * (SHARED + 1)


def test_nothing_is_shared_where_it_saves_little() -> None:
    """21 tokens of 168 are an eighth; of one more they are less."""
    long = tuple(range(100, 124))
    for extra, tokens in ((0, 168 - SHARED), (1, 169)):
        rows = [
            row("x", (*SYSTEM, 5), (40,) * 61),
            row("y", (*SYSTEM, 6), (41,) * 29),
            row("z", long, (42,) * (10 + extra)),
        ]
        assert collate(rows, PAD, "packed")["tokens"] == tokens


def test_who_looks_for_whole_prompts_never_takes_a_part_of_one() -> None:
    rows = tree(2)
    examples = torch.arange(len(rows))
    places, _ = prompt_places(collate(rows, PAD, "packed", share=False), examples)
    assert len(places) == sum(len(one.prompt) for one in rows)
    with pytest.raises(AssertionError, match="share=False"):
        prompt_places(collate(rows, PAD, "packed"), examples)


def numbers(name: str, rows: list[Row], share: bool) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Log-probabilities of the responses, and the gradient of their sum with unlike weights."""
    model, way = fresh(name).train(), Way("packed")
    adopt(model, way)
    found = scores(model, collate(rows, PAD, "packed", prompts=True, share=share), way)
    assert found.prompt_s_R is not None
    weights_R = torch.linspace(0.5, 1.5, len(found.s_R))
    (found.s_R * weights_R + found.prompt_s_R * weights_R.flip(0)).sum().backward()
    gradients = [weight.grad for weight in model.parameters() if weight.grad is not None]
    return torch.stack([found.s_R, found.prompt_s_R]).detach(), gradients


@pytest.mark.parametrize("name", ["llama", "mistral_window", "qwen3", "gpt_oss", "deepseek_v3", "gpt2"])
def test_numbers_and_gradients_are_those_of_whole_prompts(name: str) -> None:
    """Full attention and windows shorter than a prompt, latent attention, sinks, learned positions."""
    rows = tree(3)
    (one, grads), (two, others) = (numbers(name, rows, share) for share in (True, False))
    assert torch.allclose(one, two, rtol=1e-5, atol=1e-5)
    assert len(grads) == len(others) > 5
    for a, b in zip(grads, others, strict=True):
        assert (a - b).norm() <= 2e-5 * b.norm() + 1e-9


def test_attention_of_a_tree_is_that_of_a_dense_mask() -> None:
    """Both kernels' keys, against a mask written down from what each token may see."""
    rows = tree(5)
    segments: list[attention.Segment] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packing, "pack", lambda found, _: segments.extend(found))
        ids = collate(rows, PAD, "packed")["inputs"]["input_ids"].flatten().tolist()
    texts = [(*one.prompt, *response) for one in rows for response in one.responses]
    for segment, text in zip(segments, texts, strict=True):
        seen = [place + n for place, count in segment.before for n in range(count)]
        seen += range(segment.start, segment.start + segment.queries)
        assert tuple(ids[place] for place in seen) == text
    varlen: Any = attention.pack(segments, "varlen")
    assert [ids[place] for place in varlen["key_N"].tolist()] == [
        word for text in texts for word in text
    ]
    for group in attention.pack(segments, "sdpa")["groups"]:
        for keys, logical, real in zip(
            group["key_SK"].tolist(),
            group["logical_SQ"].tolist(),
            group["query_SQ"].tolist(),
            strict=True,
        ):
            assert [ids[place] for place in keys[: max(logical) + 1]] in [list(text) for text in texts]
            assert [keys[position] for position in logical] == real
