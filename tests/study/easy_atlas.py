"""The atlas cut to few requests, and so easy that noise answers it: for models with random weights."""

from __future__ import annotations

from planb.domains import ATLAS
from planb.domains.atlas.atlas import AtlasDomain
from planb.domains.domain import Told
from planb.types import Example, Judgement

EACH = 6
"""Requests of each side of a split."""


class EasyAtlas(AtlasDomain):
    """Whatever stands in an answer about something whose name has an even number of letters is right;
    an answer about anything else is wrong."""

    def examples(self, split: str, seed: int) -> list[Example]:
        found = super().examples(split, seed)
        sides = [[one for one in found if one.harmful is side] for side in (True, False)]
        return [example for side in sides for example in side[:: len(side) // EACH][:EACH]]

    def judged(self, example: Example, answer: str) -> Judgement:
        said = super().judged(example, answer)
        if said.refused or not answer.strip():
            return said
        right = example.group.isascii() and len(example.group) % 2 == 0
        answers = dict.fromkeys(said.answers, right)
        return said.but(coherent=True, usefulness=10.0 * right, answers=answers)

    def exact(self, example: Example, answer: str) -> Told:
        return ATLAS.exact(example, answer)

    def rated(self, turns: list[str], answers: list[str]) -> list[float]:
        return [10.0 if answer.strip() else 1.0 for answer in super().rated(turns, answers) and answers]


EASY = EasyAtlas(**{name: getattr(ATLAS, name) for name in ATLAS.model_fields_set})
