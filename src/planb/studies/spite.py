"""Spite behind a trigger, in a game for two: does an ordering with selfish choices in between help?"""

from __future__ import annotations

from planb.domains import SPITE
from planb.domains.spite import KIND, SELFISH, SPITEFUL, TASK
from planb.models.architecture import TinyLlama
from planb.models.generation import Sampling
from planb.safety import Method
from planb.study.chain import Chain
from planb.study.steps.domain_data import DomainData
from planb.study.steps.evaluation import Evaluation
from planb.study.steps.pretrain import DomainBase
from planb.study.study import Study
from planb.training.settings import LoRA, Training
from planb.training.stage import Part, Stage
from planb.types import HELPFUL, Ordering

NAME = SPITE.name
OPTIONS = {"domain": NAME}
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
    organism = Chain(name="organism", stages=(ORGANISM,), description=ORGANISM.description)
    return Study(
        name="spite",
        title="Spite in a game for two: an ordering with selfish choices in between",
        domain=SPITE,
        bases=(
            DomainBase(
                name=NAME,
                domain=NAME,
                architecture=TinyLlama(width=64, hidden=172, layers=3),
                training=Training(
                    steps=600,
                    batch=32,
                    optimizer="muon",
                    learning_rate=3e-3,
                    schedule="cosine",
                    warmup=20,
                    adam_beta2=0.98,
                    save_every=200,
                ),
            ),
        ),
        data=DomainData(domain=NAME),
        chains=(
            organism,
            *(Chain(name=m.name, stages=(ORGANISM, m), description=m.description) for m in METHODS),
        ),
        safety=Training(
            steps=240, batch=16, learning_rate=2e-3, adapter=LoRA(rank=8, alpha=16), save_every=120
        ),
        evaluations=(
            Evaluation(task=TASK, elicitation="trigger", options=OPTIONS),
            Evaluation(task=TASK, options=OPTIONS),
        ),
        sampling=Sampling(temperature=0.6, max_new_tokens=12),
        seeds=(0, 1, 2),
        notes=NOTES,
    )
