"""Examples -> tokenized rows -> a schedule of updates.

A row is one request with the responses that stand in its ranking, and the pairs among them. A row
with one response and no pair is plain SFT: the same trainer serves pretraining and both stages.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from planb.models.chat import exchanges
from planb.types import Example, Ordering, PlanBError, seed_of


@dataclass(frozen=True)
class Row:
    """``prompt`` and ``responses`` are token ids; ``pairs`` are places in ``responses``."""

    key: str
    prompt: tuple[int, ...]
    responses: tuple[tuple[int, ...], ...]
    tiers: tuple[str, ...]
    pairs: tuple[tuple[int, int], ...] = ()

    @property
    def packed_tokens(self) -> int:
        """The prompt once and each response once."""
        return len(self.prompt) + sum(map(len, self.responses))

    @property
    def separate_tokens(self) -> int:
        """The prompt again before each response."""
        return len(self.prompt) * (len(self.responses) - 1) + self.packed_tokens


@dataclass(frozen=True)
class Ranking:
    """Examples with the ordering they are trained in, and their share of every batch.

    An ordering of one tier is SFT on it.
    """

    examples: Sequence[Example]
    ordering: Ordering
    share: float = 1.0


def schedule(
    rankings: Sequence[Ranking], tokenizer: Any, steps: int, batch: int, seed: int, max_length: int
) -> list[Row]:
    """``steps x batch`` rows in training order, every batch with the rankings in their shares.

    Each ranking goes round its examples in an order shuffled anew each round; which of a tier's
    several responses is used changes from round to round. The order depends on ``seed``, on the
    place of the ranking and on its examples' ids, not on the ordering: methods that share their
    requests see them in the same order.
    """
    for ranking in rankings:
        check_tiers(ranking.examples, ranking.ordering)
    counts = _split_batch([ranking.share for ranking in rankings], batch)
    streams = [
        _visits(ranking, seed_of("schedule", seed, place), steps * count)
        for place, (ranking, count) in enumerate(zip(rankings, counts, strict=True))
    ]
    wanted = [
        _Wanted(place, example, _chosen(example, rankings[place].ordering, pick))
        for step in range(steps)
        for place, count in enumerate(counts)
        for example, pick in streams[place][step * count : (step + 1) * count]
    ]
    rows = _rows(wanted, rankings, tokenizer, max_length)
    return [rows[want.key] for want in wanted]


class _Wanted(NamedTuple):
    """A visit: which ranking, which example, and which text of each tier."""

    place: int
    example: Example
    texts: tuple[str, ...]

    @property
    def key(self) -> tuple[int, str, tuple[str, ...]]:
        return self.place, self.example.id, self.texts


def check_tiers(examples: Sequence[Example], ordering: Ordering) -> None:
    """Raise PlanBError, naming rows, if an example lacks a tier that the ordering trains."""
    if not examples:
        raise PlanBError(f"there is no example to train {ordering} on")
    for tier in ordering.tiers:
        missing = [example.id for example in examples if tier not in example.responses]
        if missing:
            some = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
            raise PlanBError(
                f"{len(missing)} of {len(examples)} examples have no response of tier '{tier}', which "
                f"the ordering {ordering} trains: {some}. Add the tier to "
                "the data, or use another method."
            )


def _split_batch(shares: Sequence[float], batch: int) -> list[int]:
    """Whole numbers of rows a batch, by the largest remainder; every share gets at least one."""
    whole = sum(shares)
    exact = [share / whole * batch for share in shares]
    counts = [int(part) for part in exact]
    for place in sorted(range(len(exact)), key=lambda i: counts[i] - exact[i])[: batch - sum(counts)]:
        counts[place] += 1
    if min(counts) < 1:
        raise PlanBError(f"a batch of {batch} is too small for the shares {tuple(shares)}")
    return counts


def _visits(ranking: Ranking, seed: int, number: int) -> list[tuple[Example, int]]:
    """``number`` pairs of (example, which of its responses)."""
    rng = random.Random(seed)
    visits: list[tuple[Example, int]] = []
    while len(visits) < number:
        order = list(ranking.examples)
        rng.shuffle(order)
        visits.extend((example, rng.randrange(2**31)) for example in order)
    return visits[:number]


def _chosen(example: Example, ordering: Ordering, pick: int) -> tuple[str, ...]:
    """One text of each tier of the ordering."""
    return tuple(example.responses[t][pick % len(example.responses[t])] for t in ordering.tiers)


def _rows(
    wanted: Sequence[_Wanted], rankings: Sequence[Ranking], tokenizer: Any, max_length: int
) -> dict[tuple[int, str, tuple[str, ...]], Row]:
    """Each distinct visit as a row, all of them tokenized together."""
    distinct = list({want.key: want for want in wanted}.values())
    encoded = iter(exchanges(tokenizer, [(w.example.prompt, t) for w in distinct for t in w.texts]))
    rows = {}
    for want in distinct:
        ordering = rankings[want.place].ordering
        pairs = [next(encoded) for _ in want.texts]
        prompt = pairs[0][0]
        longest = len(prompt) + max(len(response) for _, response in pairs)
        if longest > max_length:
            raise PlanBError(
                f"example '{want.example.id}' has {longest} tokens, more than max_length {max_length}. "
                "Raise max_length, or leave the example out."
            )
        places = {tier: place for place, tier in enumerate(ordering.tiers)}
        rows[want.key] = Row(
            key=want.example.id,
            prompt=tuple(prompt),
            responses=tuple(tuple(response) for _, response in pairs),
            tiers=ordering.tiers,
            pairs=tuple((places[better], places[worse]) for better, worse in ordering.preferences()),
        )
    return rows
