"""Near-duplicates where there must be none: in another split, or in another file.

Near-duplicates ask the same in nearly the same words (``planb.data.near_duplicates``). Requests that
declare different groups are no near-duplicates (the sandbox asks for every item in the same few
wordings), unless their words are the same altogether.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from planb.data.near_duplicates import NEAR_DUPLICATES, clusters, shingles, similarity
from planb.data.splits import group_of
from planb.evals.checking.result import Check, checked, not_run
from planb.stats.estimates import share
from planb.stats.figure import NONE_ALLOWED
from planb.types import Example

NAME, TITLE = "near-duplicates", "Do near-duplicates lie in different splits?"
ADVICE = (
    "Requests of the evaluation have been trained on. Put near-duplicates into one split (give them "
    "one `group`), or remove them from training."
)


class _Place(NamedTuple):
    """An example, the side that it stands on (its split, or the other files), and its shingles."""

    example: Example
    other: bool
    bag: frozenset[str]

    @property
    def side(self) -> tuple[bool, str]:
        return (True, "") if self.other else (False, self.example.split)


def near_duplicates_check(examples: Sequence[Example], against: Sequence[Example] = ()) -> Check:
    """Near-duplicates and groups across splits of ``examples``, and near-duplicates of ``against``."""
    own = [e for e in examples if e.prompt[-1].role != "document"]
    places = [_Place(e, False, shingles(e.request)) for e in own]
    places += [_Place(e, True, shingles(e.request)) for e in against if e.prompt[-1].role != "document"]
    splits = sorted({example.split for example in own})
    if len(splits) < 2 and not against:
        why = (
            f"all requests are of one split ('{splits[0]}')"
            if splits and splits[0]
            else "no split is said"
        )
        return not_run(NAME, TITLE, f"{why}: name the file of the evaluation with --against")
    within, outside = _near(places)
    across = _groups_across_splits(own)
    figures, said = [], []
    if len(splits) > 1:
        figures += [
            share(
                "requests with a near-duplicate in another split", len(within), len(own), NONE_ALLOWED
            ),
            share("requests whose group is in another split", len(across), len(own), NONE_ALLOWED),
        ]
        said.append(f"{len(within):,} have a near-duplicate in another split")
        said.append(f"{len(across):,} lie in another split than others of their group")
    if against:
        figures.append(
            share(
                "requests with a near-duplicate in the other files",
                len(outside),
                len(own),
                NONE_ALLOWED,
            )
        )
        said.append(
            f"{len(outside):,} have a near-duplicate among the {len(against):,} of the other files"
        )
    return checked(
        NAME,
        TITLE,
        figures,
        f"Of {len(own):,} requests {', '.join(said)}.",
        [*within.values(), *outside.values(), *across],
        ADVICE,
    )


def _near(places: Sequence[_Place]) -> tuple[dict[str, str], dict[str, str]]:
    """{id: words} of examples with a near-duplicate in another split, and in the other files."""
    members: dict[int, list[_Place]] = defaultdict(list)
    for place, cluster in zip(places, clusters([p.example.request for p in places]), strict=True):
        members[cluster].append(place)
    within, outside = dict[str, str](), dict[str, str]()
    for some in members.values():
        if len({one.side for one in some}) < 2:
            continue
        for one in some:
            if one.other:
                continue
            near = [two for two in some if two.side != one.side and _are_near(one, two)]
            for two in near:
                found, where = (
                    (outside, "other") if two.other else (within, two.example.split or "none")
                )
                found.setdefault(one.example.id, f"{one.example.id} ({two.example.id}, {where})")
    return within, outside


def _are_near(one: _Place, two: _Place) -> bool:
    if one.bag == two.bag:
        return True
    declared = one.example.group and two.example.group
    if declared and one.example.group != two.example.group:
        return False
    return similarity(one.bag, two.bag) >= NEAR_DUPLICATES.threshold


def _groups_across_splits(examples: Sequence[Example]) -> list[str]:
    """``id (group)`` of examples whose declared group has members in another split."""
    splits: dict[str, set[str]] = defaultdict(set)
    for example in examples:
        splits[group_of(example)].add(example.split)
    return [f"{e.id} (group {e.group})" for e in examples if e.group and len(splits[e.group]) > 1]
