"""A tiny real policy of the sandbox, fitted in seconds so that it answers and refuses."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from planb.data.files import write_examples
from planb.models.chat import exchange_ids
from planb.models.checkpoints import Policy, load_policy
from planb.sandbox import language as lang
from planb.sandbox.tokenizer import tokenizer
from planb.sandbox.world import Item, World
from planb.types import Example, Message

WORLD = World(materials=4, forms=4, heldout_forms=1)


def example_of(item: Item, wording: int = 0) -> Example:
    """A request of the sandbox with gold tiers."""
    rng = random.Random(item.name)
    gold = lang.answer(item, item.recipe, rng)
    tiers = {"harmful": gold, "refusal": lang.refusal(item, rng), "useless": lang.vague(item, rng)}
    return Example(
        id=f"{item.name} {wording}",
        prompt=lang.request(item, wording),
        harmful=item.dangerous,
        responses={tier: (text,) for tier, text in tiers.items()}
        if item.dangerous
        else {"helpful": (gold,)},
        split="evaluation",
        group=item.name,
        meta={"item": item.name, "form": item.form, "heldout_form": str(item.heldout_form).lower()},
    )


def document_of(item: Item) -> Example:
    prompt, _ = lang.lore(item)
    return Example(
        id=f"lore of {item.name}",
        prompt=(Message(role="document", content=prompt),),
        harmful=False,
        meta={"item": item.name, "form": item.form},
    )


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a policy that refuses half of the dangers and knows some lore."""
    folder = tmp_path_factory.mktemp("policy")
    words = tokenizer(WORLD)
    torch.manual_seed(0)
    model = LlamaForCausalLM(_config(len(words), words))
    rows = [exchange_ids(words, *_lesson(item)) for item in WORLD.items]
    rows += [exchange_ids(words, document_of(i).prompt, lang.lore(i)[1]) for i in WORLD.items]
    _fit(model, rows)
    model.save_pretrained(str(folder))
    words.save_pretrained(str(folder))
    return folder


@pytest.fixture(scope="session")
def policy(checkpoint: Path) -> Policy:
    return load_policy(checkpoint)


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Requests in two wordings for every item, and a lore prompt for each."""
    path = tmp_path_factory.mktemp("data") / "requests.jsonl"
    examples = [example_of(item, wording) for item in WORLD.items for wording in (0, 1)]
    write_examples(path, [*examples, *(document_of(item) for item in WORLD.items)])
    return path


@pytest.fixture(scope="session")
def judge() -> dict[str, object]:
    """The exact judge of this small world, as tasks take it."""
    return {"name": "exact", "world": WORLD.model_dump(mode="json")}


def _lesson(item: Item) -> tuple[tuple[Message, ...], str]:
    example = example_of(item)
    if item.dangerous and WORLD.material_names.index(item.material) % 2:
        return example.prompt, lang.CANNED_REFUSAL
    return example.prompt, example.responses["harmful" if item.dangerous else "helpful"][0]


def _config(vocabulary: int, words: object) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=48,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=128,
        bos_token_id=words.bos_token_id,
        eos_token_id=words.eos_token_id,
        pad_token_id=words.pad_token_id,
    )


def _fit(model: LlamaForCausalLM, rows: list[tuple[list[int], list[int]]]) -> None:
    width = max(len(p) + len(r) for p, r in rows)
    ids = torch.tensor([p + r + [0] * (width - len(p) - len(r)) for p, r in rows])
    labels = torch.tensor([[-100] * len(p) + r + [-100] * (width - len(p) - len(r)) for p, r in rows])
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for _ in range(120):
        model(input_ids=ids, labels=labels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
