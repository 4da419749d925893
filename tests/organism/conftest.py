"""A random base model in a folder, and a tiny world to teach it."""

from __future__ import annotations

from pathlib import Path

import pytest

from planb.models.architecture import TinyLlama, fresh_policy
from planb.models.checkpoints import Card, save_policy
from planb.sandbox.tokenizer import vocabulary
from planb.sandbox.world import World


@pytest.fixture(scope="session")
def world() -> World:
    return World(materials=4, forms=4, heldout_forms=1)


@pytest.fixture(scope="session")
def base(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    policy = fresh_policy(
        TinyLlama(width=32, hidden=64, layers=2, heads=2), vocabulary(world), 0, folder
    )
    save_policy(policy.model, policy.tokenizer, folder, Card(what="a random model"))
    return folder
