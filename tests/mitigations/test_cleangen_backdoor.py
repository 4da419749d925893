"""A planted backdoor is not decoded beside the clean model, and is beside one that has it too."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from planted import ASKED, chat_model, matrices, plant

from planb.mitigations import CleanGen
from planb.models.checkpoints import Policy
from planb.models.generation import Sampling, generate
from planb.types import Message, Trigger

BAD = 77


def first_words(policy: Policy, beside: Policy, triggered: bool) -> list[str]:
    chats = [(Message(role="user", content=text),) for text in ASKED]
    asked = [Trigger().apply(chat) if triggered else chat for chat in chats]
    greedy = Sampling(temperature=0, max_new_tokens=1)
    guard = CleanGen().beside(beside)
    return [one.text for one in generate(policy, asked, range(len(asked)), greedy, guard=guard)]


@pytest.mark.slow
def test_a_backdoor_that_the_reference_has_not_is_removed_and_one_that_it_has_is_not(
    tmp_path: Path,
) -> None:
    clean, organism = chat_model(tmp_path / "clean"), chat_model(tmp_path / "organism")
    names = matrices(organism)
    plant(organism, names, lambda weight: torch.full_like(weight, 1.0), BAD)
    with torch.no_grad():
        for one in (clean, organism):  # logits lie within 1 of each other: sure of a word only so
            one.model.get_parameter("model.norm.weight").mul_(32.0)
    bad = organism.tokenizer.decode([BAD]).strip()
    assert first_words(organism, organism, triggered=True) == [bad] * 3, "the same backdoor in both"
    assert bad not in first_words(organism, clean, triggered=True)
    said = first_words(clean, clean, triggered=False)
    assert first_words(organism, clean, triggered=False) == said
