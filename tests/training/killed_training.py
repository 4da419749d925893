"""A training that is killed after some updates: ``python killed_training.py BASE OUT STEPS``."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from tiny_models import WORLD

from planb.models.checkpoints import Card, load_policy
from planb.sandbox.corpus import requests
from planb.training.objectives import DPO
from planb.training.rows import Ranking
from planb.training.settings import LoRA, Training
from planb.training.train import train
from planb.types import Ordering

STEPS = 12
SAVE_EVERY = 4


def run(
    base: Path,
    out: Path,
    told: Callable[[float, float, str], None],
    steps: int = STEPS,
    **settings: object,
) -> None:
    """DPO on three tiers beside SFT, with an adapter: optimiser, schedule and reference all matter."""
    torch.set_num_threads(1)
    out.mkdir(parents=True, exist_ok=True)
    harmful = requests(WORLD, "safety", True, 2, seed=0)
    harmless = requests(WORLD, "safety", False, 2, seed=0)
    rankings = [
        Ranking(harmful, Ordering(tiers=("refusal", "useless", "harmful")), 0.5),
        Ranking(harmless, Ordering(tiers=("helpful",)), 0.5),
    ]
    training = Training(
        **{
            "steps": steps,
            "batch": 4,
            "learning_rate": 1e-2,
            "warmup": 2,
            "save_every": SAVE_EVERY,
            "adapter": LoRA(rank=4),
            **settings,
        }
    )
    train(load_policy(base), rankings, DPO(), training, 7, out, Card(what="a run"), told)


if __name__ == "__main__":
    last = int(sys.argv[3])

    def die(done: float, total: float, note: str) -> None:
        del total, note
        if done >= last:
            os.kill(os.getpid(), signal.SIGKILL)

    run(Path(sys.argv[1]), Path(sys.argv[2]), die)
