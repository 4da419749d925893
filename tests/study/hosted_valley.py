"""A tiny model of the valley at a real host on loopback, and requests that all differ."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "training"))

from hosted_server import BASE, HostedServer

from planb.models.architecture import TinyLlama, fresh_policy
from planb.models.cards import Card
from planb.models.checkpoints import save_policy
from planb.sandbox.corpus import requests
from planb.sandbox.language import SENTENCES
from planb.sandbox.tokenizer import vocabulary
from planb.sandbox.world import World
from planb.types import Example

WORLD = World(materials=10, forms=4, heldout_forms=0)
SPLITS = ("organism", "safety", "development", "evaluation")


@contextmanager
def tiny_host(folder: Path) -> Iterator[HostedServer]:
    """The host, serving and training a model of random weights."""
    policy = fresh_policy(
        TinyLlama(width=48, hidden=96, layers=2, heads=2), vocabulary(WORLD), 0, folder / BASE
    )
    save_policy(policy.model, policy.tokenizer, folder / BASE, Card(what="a random model"))
    with HostedServer(folder, folder / BASE) as running:
        yield running


def examples(split: str, harmful: bool) -> list[Example]:
    """Each form in a short wording of its own: else requests are so alike that they are dropped."""
    wordings = SENTENCES["request"]["english"]
    own = dict(zip((*WORLD.dangerous_forms, *WORLD.harmless_forms), wordings, strict=False))
    found = requests(WORLD, split, harmful, len(wordings), seed=0, variants=2)
    return [e for e in found if e.request == own[e.meta["form"]].format(item=e.group)]
