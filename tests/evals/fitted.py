"""A tiny model that is fitted to a few answers in seconds, so that it says just these."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import torch

from planb.models.checkpoints import Policy, load_policy

UPDATES = 120
Answer = tuple[Sequence[int], Sequence[int], Collection[int]]
"""The tokens of a prompt and of its answer, and the places in the answer that are read and not said."""


def fitted(model: Any, words: Any, answers: Sequence[Answer], rate: float, folder: Path) -> Policy:
    """The model, fitted to the answers, as it is loaded from ``folder``."""
    width = max(len(prompt) + len(answer) for prompt, answer, _ in answers)
    ids = torch.zeros(len(answers), width, dtype=torch.long)
    labels = torch.full((len(answers), width), -100)
    for place, (prompt, answer, given) in enumerate(answers):
        start, end = len(prompt), len(prompt) + len(answer)
        ids[place, :end] = torch.tensor([*prompt, *answer])
        own = [start + at for at in range(len(answer)) if at not in given]
        labels[place, own] = ids[place, own]
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate)
    for _ in range(UPDATES):
        model(input_ids=ids, labels=labels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.save_pretrained(str(folder))
    words.save_pretrained(str(folder))
    return load_policy(folder)
