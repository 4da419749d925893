"""One thread, and one small checkpoint for the runs of the trainer."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tiny_models import WORLD

from planb.models.architecture import TinyLlama, fresh_policy
from planb.models.checkpoints import Card, save_policy


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model in a folder."""
    folder = tmp_path_factory.mktemp("base")
    policy = fresh_policy(TinyLlama(width=32, hidden=64, layers=2, heads=2), WORLD, 0, folder)
    save_policy(policy.model, policy.tokenizer, folder, Card(what="a random model"))
    return folder
