"""Surprise by tier: means over responses, with bootstrap intervals over the examples."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from rich.markup import escape

from planb.data.terminal import Table
from planb.names import cell
from planb.stats.bootstrap import Resamples, percentiles
from planb.stats.intervals import Interval, envelope


class Surprising(Protocol):
    """One response's surprise: ``nll`` nats over ``tokens``."""

    @property
    def example(self) -> str: ...
    @property
    def tier(self) -> str: ...
    @property
    def nll(self) -> float: ...
    @property
    def tokens(self) -> int: ...


class TierSurprise(NamedTuple):
    """``mean`` is over responses of their NLL per token (nats), ``interval`` 95 % over examples;
    ``pooled`` is all NLL over all tokens, where long responses weigh more."""

    tier: str
    examples: int
    responses: int
    tokens: int
    mean: float
    interval: Interval
    pooled: float


def by_tier(found: Sequence[Surprising]) -> list[TierSurprise]:
    """A line for each tier, in the order in which the tiers first stand in ``found``."""
    tiers = dict.fromkeys(one.tier for one in found)
    return [_of(tier, [one for one in found if one.tier == tier]) for tier in tiers]


def _of(tier: str, some: Sequence[Surprising]) -> TierSurprise:
    place = {example: i for i, example in enumerate(dict.fromkeys(one.example for one in some))}
    sums_SGM, counts_SGM = np.zeros((1, len(place), 1)), np.zeros((1, len(place), 1))
    for one in some:
        sums_SGM[0, place[one.example], 0] += one.nll / one.tokens
        counts_SGM[0, place[one.example], 0] += 1
    mean = float(sums_SGM.sum() / counts_SGM.sum())
    resampled_BM = Resamples.draw(1, len(place)).means(sums_SGM, counts_SGM)
    tokens = sum(one.tokens for one in some)
    pooled = sum(one.nll for one in some) / tokens
    interval = envelope(mean, *percentiles(resampled_BM))
    return TierSurprise(tier, len(place), len(some), tokens, mean, interval, pooled)


def surprise_table(found: Sequence[Surprising]) -> Table:
    """``by_tier`` for the terminal."""
    table = Table()
    table.add_column("tier")
    for name in ("examples", "responses", "tokens", "nats per token", "95 %", "pooled"):
        table.add_column(name, justify="right")
    for line in by_tier(found):
        table.add_row(
            escape(line.tier),
            f"{line.examples:,}",
            f"{line.responses:,}",
            f"{line.tokens:,}",
            f"{line.mean:.3f}",
            f"{line.interval.low:.3f}-{line.interval.high:.3f}",
            f"{line.pooled:.3f}",
        )
    return table


def write_surprises(path: Path, found: Sequence[Surprising]) -> None:
    """One line a response: example, tier, tokens, nll and nll_per_token (nats)."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("example", "tier", "tokens", "nll", "nll_per_token"))
        for one in found:
            per_token = one.nll / one.tokens
            texts = (cell(one.example), cell(one.tier), one.tokens)
            writer.writerow((*texts, f"{one.nll:.6g}", f"{per_token:.6g}"))
