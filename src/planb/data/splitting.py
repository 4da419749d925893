"""Splits without near-duplicates across them: no evaluated request, or nearly the same, is trained on.

Where splits are declared (an evaluation set here, a training set there) near-duplicates of
evaluated requests are dropped from the other splits, and counted; the rest is dealt by group.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from planb.data.near_duplicates import NEAR_DUPLICATES, NearDuplicates, clusters, component_names
from planb.data.splits import assign_splits, declared_split, group_of
from planb.data.whole import write_whole
from planb.errors import PlanBError
from planb.types import Example
from planb.values import Value

KEPT_FIRST = ("evaluation", "development", "safety", "organism", "pretraining")
"""Of a request and its near-duplicates in several declared splits the one in the first of these
stays."""

ASKED = ("evaluation", "development")
LARGE = 0.2
"""A group with this share of all requests is named where a split stays empty."""


class Counted(Value):
    """How many requests, in how many groups, of a source lie in a split."""

    split: str
    source: str
    harmful: bool
    requests: int
    groups: int


class Dropped(Value):
    """How many requests of a source, that declared this split ("" if none), were dropped, and why."""

    split: str
    source: str
    harmful: bool
    reason: str
    requests: int


class SplitReport(Value):
    """What became of the requests that were given: kept, by split and source, or dropped, and why.

    ``near_duplicate_groups`` have members that are near-duplicates, ``largest_group`` counts the
    requests of the largest of all groups before anything was dropped. ``model_dump_json`` writes it as
    JSON.
    """

    given: int
    shares: dict[str, float]
    seed: int
    near_duplicates: NearDuplicates | None
    near_duplicate_groups: int
    largest_group: int
    kept: tuple[Counted, ...]
    dropped: tuple[Dropped, ...]


class Splitting(NamedTuple):
    """Examples with their splits and groups, in the order given, and what was dropped."""

    examples: list[Example]
    report: SplitReport


def split_requests(
    examples: Iterable[Example],
    shares: Mapping[str, float],
    seed: int = 0,
    near_duplicates: NearDuplicates | None = NEAR_DUPLICATES,
) -> Splitting:
    """Split the examples so that no group, and no request with its near-duplicates, lies in two splits.

    A group is what a declared ``group`` and near-duplicates join. Without a declared split it is dealt
    by ``shares`` ({split: fraction}, summing to 1), as ``assign_splits`` does. With one, its members of
    that split stay, and so do members without any, unless the split is evaluated (evaluation,
    development) and they are only near it: then they are dropped, that a benchmark stays what it is.
    With several, the first of ``KEPT_FIRST`` stays, and the members of the others are dropped.
    ``near_duplicates=None`` looks for no near-duplicates. Raises PlanBError where one declared group
    lies in two splits, or a split would stay empty.
    """
    examples = list(examples)
    own_split = _declared_groups(examples)
    texts = [example.request for example in examples]
    cluster_of = clusters(texts, near_duplicates) if near_duplicates else list(range(len(texts)))
    joined = component_names(examples, cluster_of)
    names = [name or example.id for example, name in zip(examples, joined, strict=True)]
    declared: dict[str, set[str]] = defaultdict(set)
    for example, name in zip(examples, names, strict=True):
        declared[name] |= {example.split} - {""}
    rows = [(e, n, c, _first(declared[n])) for e, n, c in zip(examples, names, cluster_of, strict=True)]
    near = {(cluster, split) for e, _, cluster, split in rows if e.split and e.split == split}
    kept: list[Example] = []
    gone = Counter[tuple[str, str, bool, str]]()
    for example, name, cluster, split in rows:
        if _stays(split, own_split[group_of(example)]):
            alone = name == example.id and not example.group
            kept.append(example if alone else example.but(group=name))
        else:
            how = "" if (cluster, split) in near else "in one group with "
            gone[
                example.split,
                example.source,
                example.harmful,
                f"{how}a near-duplicate of a request in {split}",
            ] += 1
    largest = max(Counter(names).values(), default=0)
    try:
        done = assign_splits(kept, shares, seed)
    except PlanBError as error:
        if largest < LARGE * len(examples):
            raise
        raise PlanBError(
            f"{error} {largest} of {len(examples)} requests are one group, joined by "
            "near-duplicates: they follow a template. Raise the near-duplicate threshold, or look for "
            "none."
        ) from error
    report = SplitReport(
        given=len(examples),
        shares=dict(shares),
        seed=seed,
        near_duplicates=near_duplicates,
        near_duplicate_groups=sum(count > 1 for count in Counter(cluster_of).values()),
        largest_group=largest,
        kept=_counted(done),
        dropped=_dropped(gone),
    )
    return Splitting(done, report)


def write_splits(folder: str | Path, done: Splitting) -> list[Path]:
    """One ``<split>.jsonl`` for each split, and ``split.json``, the report, in ``folder``.

    Raises PlanBError if a split's name is no name of a file.
    """
    from planb.data.files import write_examples

    folder = Path(folder)
    splits = sorted({example.split for example in done.examples})
    if bad := [s for s in splits if not s or Path(s).name != s or s.startswith(".")]:
        raise PlanBError(f"a split is called '{bad[0]}', which is not a file name: rename it")
    for split in splits:
        write_examples(folder / f"{split}.jsonl", [e for e in done.examples if e.split == split])
    report = folder / "split.json"
    write_whole(report, done.report.model_dump_json(indent=2) + "\n")
    return [*(folder / f"{split}.jsonl" for split in splits), report]


def _declared_groups(examples: Sequence[Example]) -> dict[str, str]:
    """{declared group, else id: the split that it declares, or ""}."""
    inside: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        inside[group_of(example)].append(example)
    return {name: declared_split(name, members) for name, members in inside.items()}


def _first(splits: set[str]) -> str:
    """The split that stays."""
    ranked = [split for split in KEPT_FIRST if split in splits] or sorted(splits)
    return ranked[0] if ranked else ""


def _stays(split: str, own: str) -> bool:
    """Whether a member of a group in which ``split`` stays is kept; ``own`` is what it or its declared
    group declares."""
    return not split or split == own or (not own and split not in ASKED)


def _dropped(gone: Mapping[tuple[str, str, bool, str], int]) -> tuple[Dropped, ...]:
    return tuple(
        Dropped(split=split, source=source, harmful=harmful, reason=reason, requests=count)
        for (split, source, harmful, reason), count in sorted(gone.items())
    )


def _counted(examples: Sequence[Example]) -> tuple[Counted, ...]:
    groups: dict[tuple[str, str, bool], list[str]] = defaultdict(list)
    for example in examples:
        groups[example.split, example.source, example.harmful].append(group_of(example))
    return tuple(
        Counted(
            split=split, source=source, harmful=harmful, requests=len(names), groups=len(set(names))
        )
        for (split, source, harmful), names in sorted(groups.items())
    )
