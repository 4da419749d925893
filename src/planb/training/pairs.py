"""Pairs that teach nothing: a text over itself, or two texts of one prompt in both orders.

The first has a loss of ln 2 and no gradient, whatever the model does; the second pulls both ways. Both
would stand in every mean. Texts are the same if their tokens are (so also where a limit has cut off
what distinguished them), or if they are but for white space at their ends.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from planb.training.rows import Row

Pair = tuple[int, int]


class Left(NamedTuple):
    """A row without its useless pairs (``None``: no pair of it), and how many pairs were dropped,
    and why."""

    row: Row | None
    same_text: int = 0
    contradicting: int = 0


def trainable(rows: Sequence[Row], texts: Sequence[Sequence[Hashable]]) -> list[Left]:
    """Each row without its pairs of a text over itself and those that stand the other way round in a
    row of the same prompt. ``texts`` are its responses as they were given, without white space at
    their ends, or hashes of that; none are needed where it has no pair.

    The pairs of two tiers weigh together what they weighed before, and a response that is in no pair
    any more is dropped. Rows that had no pair (plain SFT) are left as they are.
    """
    known = _Known()
    sides = [
        {pair: known.sides(row, given, pair) for pair in row.pairs}
        for row, given in zip(rows, texts, strict=True)
    ]
    ordered = {side for of_row in sides for two in of_row.values() for side in two}
    found = []
    for row, of_row in zip(rows, sides, strict=True):
        same = {pair for pair, two in of_row.items() if any(side.better == side.worse for side in two)}
        turned = {
            pair for pair, two in of_row.items() if any(side.turned() in ordered for side in two)
        } - same
        kept = tuple(pair for pair in row.pairs if pair not in same and pair not in turned)
        left = row if len(kept) == len(row.pairs) else _with_pairs(row, kept) if kept else None
        found.append(Left(left, len(same), len(turned)))
    return found


class _Side(NamedTuple):
    """A pair of a prompt, each named by a number, ``by`` "tokens" or by "text"."""

    by: str
    prompt: int
    better: int
    worse: int

    def turned(self) -> _Side:
        """The same pair the other way round."""
        return self._replace(better=self.worse, worse=self.better)


class _Known:
    """Numbers for what was seen: the same number is the same."""

    def __init__(self) -> None:
        self.numbers: dict[Hashable, int] = {}

    def sides(self, row: Row, texts: Sequence[Hashable], pair: Pair) -> tuple[_Side, _Side]:
        """The pair by its tokens, and by its texts."""
        better, worse = pair
        prompt = self._number(row.prompt)
        return (
            _Side("tokens", prompt, *(self._number(row.responses[at]) for at in (better, worse))),
            _Side("text", prompt, *(self._number(texts[at]) for at in (better, worse))),
        )

    def _number(self, what: Hashable) -> int:
        return self.numbers.setdefault(what, len(self.numbers))


def _with_pairs(row: Row, kept: Sequence[Pair]) -> Row:
    """The row with these of its pairs, and the responses that stand in them."""
    there = sorted({place for pair in kept for place in pair})
    at = {place: new for new, place in enumerate(there)}
    return replace(
        row,
        responses=tuple(row.responses[place] for place in there),
        tiers=tuple(row.tiers[place] for place in there),
        pairs=tuple((at[better], at[worse]) for better, worse in kept),
        weights=_weights(row, kept) if row.weights else (),
        given=tuple(row.given[place] for place in there) if row.given else (),
        reference=tuple(row.reference[place] for place in there) if row.reference else (),
    )


def _weights(row: Row, kept: Sequence[Pair]) -> tuple[float, ...]:
    """The weights of the pairs that are kept: those of two tiers have the sum that all had before."""

    def tiers(pair: Pair) -> tuple[str, str]:
        return row.tiers[pair[0]], row.tiers[pair[1]]

    total = dict[tuple[str, str], float]()
    for pair, weight in zip(row.pairs, row.weights, strict=True):
        total[tiers(pair)] = total.get(tiers(pair), 0.0) + weight
    between = [tiers(pair) for pair in kept]
    weights = tuple(total[two] / between.count(two) for two in between)
    return () if set(weights) <= {1.0} else weights
