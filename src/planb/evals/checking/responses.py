"""The responses that a check looks at."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from planb.evals.calibration.judgements import Answer
from planb.evals.calibration.ordering import spread
from planb.evals.checking.thresholds import DataThresholds
from planb.types import Example
from planb.values import seed_of

KNOWN = ("refusal", "german_refusal", "useless", "harmful", "helpful")


def all_responses(examples: Sequence[Example]) -> Iterator[Answer]:
    """Every text of every tier, in the order of the data."""
    for example in examples:
        for tier, texts in example.responses.items():
            yield from (Answer(example=example, text=text, tier=tier) for text in texts)


def picked(examples: Sequence[Example], thresholds: DataThresholds) -> list[Answer]:
    """One response of each tier of at most ``thresholds.requests`` requests of each kind.

    Groups take turns. The n-th text of every tier, n drawn for each request: tiers may be written
    side by side.
    """
    answers = []
    for harmful in (True, False):
        side = [e for e in examples if e.harmful is harmful and e.responses]
        for example in spread(side, thresholds.seed)[: thresholds.requests]:
            place = random.Random(seed_of("data check", thresholds.seed, example.id)).randrange(2**31)
            for tier, texts in example.responses.items():
                answers.append(Answer(example=example, text=texts[place % len(texts)], tier=tier))
    return answers


def by_tier(answers: Sequence[Answer], order: Sequence[str] = ()) -> dict[str, list[Answer]]:
    """The responses of each tier: those of ``order`` first, then the known ones, then the rest."""
    there = dict.fromkeys(answer.tier for answer in answers)
    tiers = [tier for tier in dict.fromkeys((*order, *KNOWN, *sorted(there))) if tier in there]
    return {tier: [answer for answer in answers if answer.tier == tier] for tier in tiers}
