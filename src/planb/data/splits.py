"""Which examples are trained on and which are evaluated: splits that keep a group together."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from planb.errors import PlanBError
from planb.types import Example
from planb.values import seed_of


def assign_splits(examples: Iterable[Example], shares: Mapping[str, float], seed: int) -> list[Example]:
    """The same examples in the same order, each with a split.

    A declared split stands, and the rest of its group joins it. The groups left (an example's
    ``group``, else its id) are dealt by ``shares`` ({split: fraction}, summing to 1), harmful and
    harmless ones apart (a mixed group counts as harmful): each split's number of groups is right to
    within one. The deal depends on the seed and the groups' names, not on the order of the rows.
    Raises ``PlanBError`` where declared splits contradict each other or a split would stay empty.
    """
    examples = list(examples)
    _check_shares(shares)
    groups: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        groups[group_of(example)].append(example)
    split_of = {name: declared_split(name, members) for name, members in groups.items()}
    for harmful in (True, False):
        kind = [name for name, members in groups.items() if any(m.harmful for m in members) is harmful]
        there = {split_of[name] for name in kind}
        free = sorted(name for name in kind if not split_of[name])
        free.sort(key=lambda name: seed_of("split", seed, name))
        dealt = _deal(free, shares)
        split_of.update(dealt)
        empty = [s for s, share in shares.items() if share and s not in there | set(dealt.values())]
        if free and empty:
            raise PlanBError(
                f"{len(free)} group(s) of {'harmful' if harmful else 'harmless'} requests are too few "
                f"to split by {dict(shares)}: '{empty[0]}' would stay empty. Add requests or change "
                "the shares."
            )
    return [e.but(split=split_of[group_of(e)]) for e in examples]


def group_of(example: Example) -> str:
    """The name of the group whose members are never split."""
    return example.group or example.id


def declared_split(name: str, members: Sequence[Example]) -> str:
    """The split that members of a group declare, "" if none does; PlanBError if they differ."""
    splits = sorted({member.split for member in members if member.split})
    if len(splits) > 1:
        ids = {split: next(m.id for m in members if m.split == split) for split in splits}
        named = ", ".join(f"'{split}' (id {ids[split]})" for split in splits)
        raise PlanBError(
            f"the group '{name}' lies in {len(splits)} splits: {named}. It must lie in one, or "
            "evaluated requests have been trained on: declare the same split for its members."
        )
    return splits[0] if splits else ""


def _deal(names: Sequence[str], shares: Mapping[str, float]) -> dict[str, str]:
    """Whole numbers of groups a split by largest remainder, in the order of the names given."""
    exact = {split: share * len(names) for split, share in shares.items()}
    counts = {split: math.floor(count + 1e-9) for split, count in exact.items()}
    by_remainder = sorted(exact, key=lambda split: counts[split] - exact[split])
    for split in by_remainder[: len(names) - sum(counts.values())]:
        counts[split] += 1
    order = [split for split, count in counts.items() for _ in range(count)]
    return dict(zip(names, order, strict=True))


def _check_shares(shares: Mapping[str, float]) -> None:
    wrong = [s for s, share in shares.items() if not (s and math.isfinite(share) and share >= 0)]
    if wrong or not math.isclose(sum(shares.values()), 1, abs_tol=1e-6):
        raise PlanBError(
            f"the shares of the splits must be 0 or more and sum to 1; they are {dict(shares)}"
        )
