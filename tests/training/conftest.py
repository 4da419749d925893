"""Small checkpoints for the runs of the trainer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tiny_models import WORLD

from planb.models.architecture import TinyLlama, fresh_policy
from planb.models.checkpoints import Card, save_policy
from planb.sandbox.tokenizer import vocabulary


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model in a folder."""
    folder = tmp_path_factory.mktemp("base")
    policy = fresh_policy(
        TinyLlama(width=32, hidden=64, layers=2, heads=2), vocabulary(WORLD), 0, folder
    )
    save_policy(policy.model, policy.tokenizer, folder, Card(what="a random model"))
    return folder


@pytest.fixture
def config(tmp_path: Path) -> Callable[..., Any]:
    """Makes arguments of plain gradient descent that write nothing, but for what is said otherwise."""
    from planb.training.config import RankedPreferenceConfig

    def make(**said: Any) -> RankedPreferenceConfig:
        plain = {
            "output_dir": str(tmp_path / "out"),
            "max_steps": 1,
            "optim": "sgd",
            "learning_rate": 0.1,
            "lr_scheduler_type": "constant",
            "max_grad_norm": 0.0,
            "logging_steps": 1,
            "save_strategy": "no",
            "report_to": [],
            "disable_tqdm": True,
            "use_cpu": True,
        }
        return RankedPreferenceConfig(**{**plain, **said})

    return make
