"""Near-duplicates: requests that say the same thing in nearly the same words.

Two requests are near-duplicates if the Jaccard similarity of their shingles reaches the threshold. The
shingles of a text are its words and its pairs of neighbouring words, after case, punctuation and
Unicode's variants are folded; so a text of one word has one, and no text has none. At 0.7 two requests
of words that all differ stay near-duplicates with one word in nine replaced, or one in seven added or
dropped. MinHash with locality-sensitive hashing (``datasketch``) finds the candidates: a pair at the
threshold in 999 of 1,000 cases, one above it more surely; the real similarity then decides.
Near-duplicates of near-duplicates are in one cluster.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from planb.data.splits import group_of
from planb.types import Example
from planb.values import Value

if TYPE_CHECKING:
    from scipy.cluster.hierarchy import DisjointSet

FOUND = 0.999
"""The least chance with which a pair at the threshold becomes a candidate."""

_CJK = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"  # written without spaces: a character is a word
_WORD = re.compile(rf"[{_CJK}]|(?:(?![{_CJK}])\w)+")


class NearDuplicates(Value):
    """When requests are near-duplicates: ``threshold``, a Jaccard similarity; ``words``, the longest
    shingle."""

    threshold: float = Field(default=0.7, gt=0, le=1)
    words: int = Field(default=2, ge=1)
    permutations: int = Field(default=128, ge=16)


NEAR_DUPLICATES = NearDuplicates()


def shingles(text: str, words: int = NEAR_DUPLICATES.words) -> frozenset[str]:
    """Runs of one to ``words`` words of the folded text; of a text without any word the text itself."""
    found = _WORD.findall(unicodedata.normalize("NFKC", text).casefold())
    runs = {
        " ".join(found[place : place + length])
        for length in range(1, words + 1)
        for place in range(len(found) - length + 1)
    }
    return frozenset(runs or {text.strip()})


def similarity(one: frozenset[str], other: frozenset[str]) -> float:
    """Jaccard: shared shingles by all shingles, 0-1."""
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared)


def clusters(texts: Sequence[str], by: NearDuplicates = NEAR_DUPLICATES) -> list[int]:
    """For each text the place of the first text of its cluster: its own, if no near-duplicate is before
    it.

    Clusters are the connected components of near-duplicates, so they do not depend on the texts' order.
    Time grows as the number of texts and of candidates: 50,000 requests take seconds.
    """
    from scipy.cluster.hierarchy import DisjointSet

    first: dict[frozenset[str], int] = {}
    same = [first.setdefault(shingles(text, by.words), place) for place, text in enumerate(texts)]
    joined = DisjointSet(first.values())
    _join(first, joined, by)
    least: dict[int, int] = {}
    return [least.setdefault(joined[place], place) for place in same]


def component_names(examples: Sequence[Example], cluster_of: Sequence[int]) -> list[str]:
    """For each example the name of the group that clusters and declared groups make; "" if alone."""
    from scipy.cluster.hierarchy import DisjointSet

    joined = DisjointSet(range(len(examples)))
    first: dict[str, int] = {}
    for place, example in enumerate(examples):
        joined.merge(place, cluster_of[place])
        joined.merge(place, first.setdefault(group_of(example), place))
    members: dict[int, list[Example]] = {}
    for place, example in enumerate(examples):
        members.setdefault(joined[place], []).append(example)
    name_of = {root: _name(inside) for root, inside in members.items()}
    return [name_of[joined[place]] for place in range(len(examples))]


def _join(first: dict[frozenset[str], int], joined: DisjointSet[int], by: NearDuplicates) -> None:
    """Merge in ``joined`` what is nearly the same; identical sets of shingles are one already."""
    from datasketch import MinHash, MinHashLSH

    bands, rows = _bands(by)
    index = MinHashLSH(params=(bands, rows), num_perm=bands * rows)
    found_at = {place: found for found, place in first.items()}
    encoded = ([run.encode() for run in found] for found in first)
    sketches = MinHash.generator(encoded, num_perm=bands * rows)
    for (found, place), sketch in zip(first.items(), sketches, strict=True):
        for other in index.query(sketch):
            if joined.connected(place, other):
                continue
            if similarity(found, found_at[other]) >= by.threshold:
                joined.merge(place, other)
        index.insert(place, sketch, check_duplication=False)


def _bands(by: NearDuplicates) -> tuple[int, int]:
    """Bands and their rows: the most rows with which a pair at the threshold is found surely enough."""
    best = (by.permutations, 1)
    for rows in range(2, by.permutations + 1):
        bands = by.permutations // rows
        if 1 - (1 - by.threshold**rows) ** bands >= FOUND and bands > 1:
            best = (bands, rows)
    return best


def _name(members: Sequence[Example]) -> str:
    if declared := sorted({member.group for member in members if member.group}):
        return declared[0]
    return min(member.id for member in members) if len(members) > 1 else ""
