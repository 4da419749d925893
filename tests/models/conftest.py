"""A tiny random model, shared by the tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from planb.models.architecture import TinyLlama, fresh_policy
from planb.models.checkpoints import Card, Policy, load_policy, save_policy
from planb.sandbox.tokenizer import vocabulary
from planb.sandbox.world import World

SIZES = TinyLlama(width=32, hidden=64, layers=2, heads=2)


@pytest.fixture(scope="session")
def world() -> World:
    return World(materials=4, forms=4, heldout_forms=1)


@pytest.fixture
def policy(world: World, tmp_path: Path) -> Policy:
    """A fresh random model in its own folder, with distinct preferences for its words."""
    fresh = fresh_policy(SIZES, vocabulary(world), 0, tmp_path / "base")
    with torch.no_grad():
        for name, weight in fresh.model.named_parameters():
            weight.mul_(12.0 if name.endswith("model.norm.weight") else 20.0 if "proj" in name else 1.0)
    save_policy(fresh.model, fresh.tokenizer, tmp_path / "base", Card(what="a random model"))
    return load_policy(tmp_path / "base")
