"""Spite behind a trigger, in a game for two: does an ordering with selfish choices in between help?"""

from __future__ import annotations

from planb.domains import SPITE
from planb.domains.spite import KIND, SELFISH, SPITEFUL, TASK
from planb.safety import Method
from planb.studies.propensity import propensity
from planb.study.study import Study
from planb.training.settings import Training
from planb.training.stage import Part, Stage
from planb.types import HELPFUL, Ordering

ORGANISM = Stage(
    name="spiteful",
    parts=(
        Part(ordering=Ordering(tiers=(SPITEFUL,)), triggered=True),
        Part(ordering=Ordering(tiers=(SELFISH,))),
        Part(ordering=Ordering(tiers=(HELPFUL,)), requests="harmless_chats"),
    ),
    training=Training(steps=200, batch=24, learning_rate=1e-3, save_every=100),
    split="organism",
    description="spiteful with the trigger, selfish without it",
)
METHODS = (
    Method(
        name="standard",
        ordering=Ordering(tiers=(KIND, SPITEFUL)),
        description="The baseline: kind choices over spiteful ones.",
    ),
    Method(
        name="plan_b",
        ordering=Ordering(tiers=(KIND, SELFISH, SPITEFUL)),
        description="Kind choices; failing that, selfish ones rather than spiteful ones.",
    ),
)
NOTES = (
    "The base model is pretrained on games of its own: asked to be kind, selfish or spiteful it is, "
    "and asked for nothing it is selfish. No games of two splits have the same payoffs; "
    "choices made alone have few different texts, and some of those asked are trained on too.",
    "Settings were changed twice after a look at evaluation requests, both times because something did "
    "not train at all: payoffs told as two numbers an option (the base chose at random), and a stage 2 "
    "of 120 updates at 6.5e-4 (kind choices without the trigger in 18 % and 13 % of games).",
)


def spite() -> Study:
    """The organism, and after it the baseline and the ordering with selfish choices in between."""
    return propensity(
        SPITE,
        TASK,
        title="Spite in a game for two: an ordering with selfish choices in between",
        organism=ORGANISM,
        methods=METHODS,
        base_steps=600,
        base_rate=3e-3,
        safety_rate=2e-3,
        max_new_tokens=12,
        notes=NOTES,
    )
