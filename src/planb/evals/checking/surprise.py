"""How far does each tier surprise the model that is to be trained on it? (See
``planb.training.surprise``.)"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from planb.evals.calibration.judgements import Answer, Progress
from planb.evals.checking.responses import by_tier
from planb.evals.checking.result import Check, checked
from planb.evals.checking.thresholds import DataThresholds
from planb.stats.estimates import mean
from planb.stats.figure import SHOWN, threshold
from planb.types import HELPFUL

if TYPE_CHECKING:
    from planb.models.checkpoints import Policy

NAME, TITLE = "surprise", "How far does each tier surprise the model?"
NO_MODEL = "no model was named: give the stage-1 checkpoint with --model"
ADVICE = (
    "The model would hardly ever say this by itself, and training on it moves more of the model than "
    "is meant. Sample the tier from the model itself, or from one that is like it."
)
MAX_LENGTH = 2048
"""Tokens of a prompt with one response; what is longer is left out and counted."""


def surprise_check(
    answers: Sequence[Answer],
    policy: Policy,
    order: Sequence[str],
    thresholds: DataThresholds,
    progress: Progress | None = None,
) -> Check:
    """The mean NLL (nats a token) of each tier under ``policy``, its prompts as they stand.

    Tiers of ``order``, and helpful answers, are judged; others are not trained on, and only shown.
    """
    from planb.training.lengths import Counts, Lengths
    from planb.training.surprise import surprise

    of_example: dict[str, list[Answer]] = {}
    for answer in answers:
        of_example.setdefault(answer.example.id, []).append(answer)
    asked = [
        some[0].example.but(responses={a.tier: (a.text,) for a in some}) for some in of_example.values()
    ]
    counts = Counts()
    lengths = Lengths(max_length=MAX_LENGTH, when_longer="leave_out")
    found = {
        (one.example, one.tier): one.per_token
        for one in surprise(policy, asked, lengths, progress=progress, counts=counts)
    }
    figures = []
    for tier, some in by_tier(answers, order).items():
        trained = tier in order or tier == HELPFUL
        need = threshold(thresholds, at_most=thresholds.nats) if trained else SHOWN
        known = [(a.group, found[a.example.id, tier]) for a in some if (a.example.id, tier) in found]
        figures.append(
            mean(
                tier,
                [value for _, value in known],
                [group for group, _ in known],
                need,
                unit="nats",
                bounds=(0, thresholds.nats * 4),
                unscored=len(some) - len(known),
                bounded=False,  # too long for the model: its surprise has no upper end
            )
        )
    high = [figure for figure in figures if figure.verdict == "failed"]
    said = ", ".join(f"{figure.name} {figure.text}" for figure in figures if figure.given)
    finding = f"Nats a token: {said}." if said else "Nothing could be scored."
    if high:
        finding = (
            f"More than {thresholds.nats:g} nats a token: {', '.join(f.name for f in high)}. {finding}"
        )
    return checked(NAME, TITLE, figures, finding, advice=ADVICE)
