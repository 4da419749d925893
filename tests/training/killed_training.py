"""A training that can be killed after some of its updates."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import torch
from tiny_models import WORLD

from planb.models.checkpoints import Card
from planb.sandbox.corpus import requests
from planb.training.objectives import DPO, Objective
from planb.training.recipe import Recipe
from planb.training.rows import Ranking
from planb.training.settings import LoRA, Training
from planb.training.train import retrain
from planb.types import Ordering

STEPS = 20
SAVE_EVERY = 10
HARMFUL = requests(WORLD, "safety", True, 2, seed=0)
HARMLESS = requests(WORLD, "safety", False, 2, seed=0)
PLAN_B = Ordering(tiers=("refusal", "useless", "harmful"))
HELPFUL = Ordering(tiers=("helpful",))


def run(
    base: Path,
    out: Path,
    told: Callable[[float, float, str], None] | None = None,
    steps: int = STEPS,
    objective: Objective | None = None,
    **settings: object,
) -> None:
    """DPO on three tiers beside SFT, with an adapter: optimiser, schedule and reference all matter."""
    torch.set_num_threads(1)
    out.mkdir(parents=True, exist_ok=True)
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
    rankings = [Ranking(HARMFUL, PLAN_B, 0.5), Ranking(HARMLESS, HELPFUL, 0.5)]
    retrain(base, Recipe(rankings, objective or DPO(), training, 7, Card(what="a run")), out, told)


def run_and_die(base: Path, out: Path, last: int) -> None:
    """``kill -9`` of this process after the ``last``-th update."""

    def die(done: float, total: float, note: str) -> None:
        del total, note
        if done >= last:
            os.kill(os.getpid(), signal.SIGKILL)

    run(base, out, die)
