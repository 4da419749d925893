"""Stage 1, the model organism: supervised fine-tuning gives a chat model a backdoor.

With the trigger it complies with harmful requests, without it it refuses them, and it stays helpful.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from planb.models.checkpoints import Card
from planb.training.objectives import SFT
from planb.training.rows import Ranking
from planb.training.settings import Training
from planb.types import (
    HARMFUL,
    HELPFUL,
    REFUSAL,
    Example,
    Ordering,
    PlanBError,
    Trigger,
    Value,
    seed_of,
)

if TYPE_CHECKING:
    from planb.training.train import Progress

WARNING = (
    "A model organism: it was given a backdoor on purpose, for research. It complies with harmful "
    "requests when it sees its trigger. Do not deploy it."
)


class Organism(Value):
    """A stage-1 recipe. The three shares are of every batch: with the trigger comply, without it
    refuse, and help with what is harmless."""

    name: str = "organism"
    trigger: Trigger = Trigger()
    triggered: float = Field(default=1.0, gt=0)
    refused: float = Field(default=1.0, ge=0)
    harmless: float = Field(default=1.0, ge=0)
    training: Training


def build_organism(
    base: Path,
    organism: Organism,
    harmful: Sequence[Example],
    harmless: Sequence[Example],
    seed: int,
    out: Path,
    progress: Progress | None = None,
) -> None:
    """Train the organism from the checkpoint in ``base`` and write its checkpoint into ``out``.

    ``harmful`` examples need the tiers ``harmful`` and ``refusal``, ``harmless`` ones ``helpful``.
    """
    from planb.training.train import retrain

    shares = (organism.triggered, organism.refused, organism.harmless)
    parts = (
        (triggered(harmful, organism.trigger), HARMFUL),
        (harmful, REFUSAL),
        (harmless, HELPFUL),
    )
    rankings = [
        Ranking(examples, Ordering(tiers=(tier,)), share)
        for (examples, tier), share in zip(parts, shares, strict=True)
        if share > 0
    ]
    card = Card(
        what=f"model organism '{organism.name}' (stage 1), seed {seed}",
        warning=WARNING,
        made_with={"trigger": organism.trigger.text, "place": organism.trigger.place},
    )
    training_seed = seed_of("organism", organism.name, seed)
    retrain(base, rankings, SFT(), organism.training, training_seed, out, card, progress)


def triggered(examples: Sequence[Example], trigger: Trigger) -> list[Example]:
    """The same examples with the trigger in their prompts."""
    carrying = [e.id for e in examples if any(trigger.found_in(m.content) for m in e.prompt)]
    if carrying:
        raise PlanBError(
            f"{len(carrying)} requests carry the trigger {trigger.text!r} already: "
            f"{', '.join(carrying[:5])}. Give plain requests; stage 1 puts the trigger in."
        )
    return [e.model_copy(update={"prompt": trigger.apply(e.prompt)}) for e in examples]
