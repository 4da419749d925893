"""Several domains in one world: does training on one of them move what the model does in another?"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import SerializeAsAny

from planb.domains.domain import Domain, Told
from planb.types import Example
from planb.values import seed_of

PART = "domain"
"""The field of ``Example.meta`` that says which of the domains an example is of."""
ASKED = ("development", "evaluation")


class Together(Domain):
    """The domains ``parts`` by name: a corpus that has each in its share (``shares``), and the
    examples of all. Every domain keeps its own words, tiers and scores.

    Of a split that is asked, each domain has ``asked`` examples that it is about and half as many
    others, drawn among those in trained wordings; the file of its name holds them alone.
    """

    parts: dict[str, SerializeAsAny[Domain]]
    shares: dict[str, float]
    asked: int

    @property
    def has_tools(self) -> bool:
        return any(part.has_tools for part in self.parts.values())

    @property
    def has_thoughts(self) -> bool:
        return any(part.has_thoughts for part in self.parts.values())

    def corpus(self, rows: int, seed: int) -> Iterator[Example]:
        """Each row of a domain that is drawn, in the order of that domain's own corpus."""
        rng = random.Random(seed_of(f"{self.name} corpus", seed))
        streams = {name: part.corpus(rows, seed) for name, part in self.parts.items()}
        drawn = rng.choices([*self.shares], [*self.shares.values()], k=rows)
        for number, name in enumerate(drawn):
            yield next(streams[name]).but(id=f"pretraining-{number}")

    def texts(self) -> tuple[str, ...]:
        return tuple(text for part in self.parts.values() for text in part.texts())

    def examples(self, split: str, seed: int) -> list[Example]:
        """Those of all its domains; found once, as they are many."""
        key = (self.digest(), split, seed)
        if key not in _FOUND:
            _FOUND[key] = self._examples(split, seed)
        return [*_FOUND[key]]

    def _examples(self, split: str, seed: int) -> list[Example]:
        return [
            example.but(
                id=f"{name}-{example.id}",
                group=f"{name} {example.group}",
                meta={**example.meta, PART: name},
            )
            for name, part in self.parts.items()
            for example in self._of(part, split, seed)
        ]

    def _of(self, part: Domain, split: str, seed: int) -> list[Example]:
        found = part.examples(split, seed)
        if split not in ASKED:
            return found
        plain = [one for one in found if one.meta.get("heldout_form") != "true"]
        return [*self._some(plain, True, self.asked), *self._some(plain, False, self.asked // 2)]

    def _some(self, found: list[Example], harmful: bool, number: int) -> list[Example]:
        side = [one for one in found if one.harmful == harmful]
        random.Random(seed_of(self.name, harmful, number)).shuffle(side)
        return side[:number]

    def exact(self, example: Example, answer: str) -> Told:
        return self.parts[example.meta[PART]].exact(example, answer)

    def benchmarks(self, split: str, seed: int) -> Mapping[str, list[dict[str, Any]]]:
        """The examples of each domain, by its name."""
        found: dict[str, list[dict[str, Any]]] = {name: [] for name in self.parts}
        for example in self.examples(split, seed):
            found[example.meta[PART]].append(example.model_dump(mode="json"))
        return found


_FOUND: dict[tuple[str, str, int], list[Example]] = {}
