"""Surprise: how unlikely a checkpoint finds the texts that it is to be trained on.

The negative log-likelihood per token of each response (nats), given its prompt as the model's chat
template renders it, the end of the turn included. The talk's suspicion is that targets which surprise
a model move more of it than was meant to be moved.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from planb.errors import PlanBError
from planb.models.checkpoints import Policy
from planb.models.trajectories import encoded
from planb.training.layout import choose, release
from planb.training.lengths import Counts, Lengths
from planb.training.packing import BUDGET
from planb.training.preparing import padding
from planb.training.reference import summed_log_probs
from planb.training.rows import Row, given_of
from planb.types import Example

Progress = Callable[[int, int], None]
AT_A_TIME = 256
"""Examples between two tellings of progress."""


class Surprise(NamedTuple):
    """One response: ``nll`` is summed over its ``tokens`` (nats)."""

    example: str
    tier: str
    nll: float
    tokens: int

    @property
    def per_token(self) -> float:
        return self.nll / self.tokens


def surprise(
    policy: Policy,
    examples: Sequence[Example],
    lengths: Lengths | int = 2048,
    budget: int = BUDGET,
    progress: Progress | None = None,
    counts: Counts | None = None,
) -> list[Surprise]:
    """The surprise of every response of every tier of the examples under ``policy``, in their order.

    Each prompt is run once with all its responses (packed rows, where the model allows them). What is
    longer than ``lengths`` is refused, cut short or left out as they say, and counted in ``counts``.
    """
    counts = Counts() if counts is None else counts
    rows = _rows(policy, examples, Lengths.of(lengths), counts)
    if not rows:
        raise PlanBError(f"there is no response to score: {counts}")
    pad = padding(policy.tokenizer)
    way = choose(policy.model, rows, pad)
    found: list[Surprise] = []
    try:
        for start in range(0, len(rows), AT_A_TIME):
            some = rows[start : start + AT_A_TIME]
            sums = summed_log_probs(policy.model, some, pad, way, budget)
            found += [
                Surprise(row.key, tier, -total, len(row.own(at)))
                for row in some
                for at, (tier, total) in enumerate(zip(row.tiers, sums[row], strict=True))
            ]
            if progress:
                progress(start + len(some), len(rows))
    finally:
        release(policy.model)
    return found


def _rows(policy: Policy, examples: Sequence[Example], lengths: Lengths, counts: Counts) -> list[Row]:
    """One row an example: all its responses after one prompt."""
    texts = [[(tier, text) for tier, some in e.responses.items() for text in some] for e in examples]
    asked = [(e.prompt, text) for e, some in zip(examples, texts, strict=True) for _, text in some]
    ids = iter(encoded(policy.tokenizer, asked))
    rows = []
    for example, some in zip(examples, texts, strict=True):
        pairs = [next(ids) for _ in some]
        if not pairs:
            continue
        responses = [tuple(one.response) for one in pairs]
        fitted = lengths.fit(f"example '{example.id}'", tuple(pairs[0].prompt), responses, counts)
        if fitted is not None:
            tiers = tuple(tier for tier, _ in some)
            rows.append(Row(example.id, *fitted, tiers, given=given_of(pairs)))
    return rows
