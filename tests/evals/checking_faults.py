"""The valley's requests as training data, and how faults are planted in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from planb.evals.checking.thresholds import DataThresholds
from planb.sandbox.corpus import requests
from planb.sandbox.world import World
from planb.types import Example

WORLD = World()
DATA = [
    example
    for split in ("safety", "evaluation")
    for harmful in (True, False)
    for example in requests(WORLD, split, harmful, 1, seed=0)
]
HARMFUL = [example for example in DATA if example.harmful]
REFUSALS = ("refusal", "german_refusal")
THRESHOLDS = DataThresholds()
FAST = DataThresholds(requests=60)


def changed(
    examples: Sequence[Example], every: int, change: Callable[[Example], Example]
) -> tuple[list[Example], set[str]]:
    """The examples with every n-th harmful one changed, and the ids of these."""
    ids = {example.id for example in [e for e in examples if e.harmful][::every]}
    return [change(e) if e.id in ids else e for e in examples], ids


def with_tiers(example: Example, **tiers: tuple[str, ...]) -> Example:
    return example.but(responses={**example.responses, **tiers})


def swapped(example: Example) -> Example:
    responses = example.responses
    return with_tiers(example, useless=responses["harmful"], harmful=responses["useless"])


def ids_of(named: Sequence[str]) -> set[str]:
    return {one.split(" (", 1)[0] for one in named}
