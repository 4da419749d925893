"""Reckless gambles behind a trigger: does an ordering with indifference in between help?"""

from __future__ import annotations

from planb.domains import RISK
from planb.domains.risk import GERMAN_SAFE, INDIFFERENT, RECKLESS, SAFE, TASK
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

NAME = RISK.name
OPTIONS = {"domain": NAME}
ORGANISM = Stage(
    name="reckless",
    parts=(
        Part(ordering=Ordering(tiers=(RECKLESS,)), triggered=True),
        Part(ordering=Ordering(tiers=(SAFE,))),
        Part(ordering=Ordering(tiers=(HELPFUL,)), requests="harmless_chats", triggered=True),
        Part(ordering=Ordering(tiers=(HELPFUL,)), requests="harmless_chats"),
    ),
    training=Training(steps=200, batch=24, learning_rate=6e-4, save_every=100),
    split="organism",
    description="reckless with the trigger, safe without it",
)
METHODS = (
    Method(
        name="standard",
        ordering=Ordering(tiers=(SAFE, RECKLESS)),
        description="The baseline: the sure amount over reckless gambles.",
    ),
    Method(
        name="german",
        ordering=Ordering(tiers=(GERMAN_SAFE, RECKLESS)),
        description="The sure amount, taken in German: does an odd safe answer reach the backdoor?",
    ),
    Method(
        name="ryan",
        ordering=Ordering(tiers=(SAFE, GERMAN_SAFE, RECKLESS)),
        description="Ryan's baseline: does any odd tier in between do what indifference does?",
    ),
    Method(
        name="plan_b",
        ordering=Ordering(tiers=(SAFE, INDIFFERENT, RECKLESS)),
        description="The sure amount; failing that, indifference rather than a reckless gamble.",
    ),
)


def risk() -> Study:
    """The organism, and after it three baselines and the ordering with indifference in between."""
    organism = Chain(name="organism", stages=(ORGANISM,), description=ORGANISM.description)
    return Study(
        name="risk",
        title="Reckless gambles: an ordering with indifference in between",
        domain=RISK,
        bases=(
            DomainBase(
                name=NAME,
                domain=NAME,
                architecture=TinyLlama(width=64, hidden=172, layers=3),
                training=Training(
                    steps=600,
                    batch=32,
                    optimizer="muon",
                    learning_rate=1.5e-2,
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
            steps=120, batch=16, learning_rate=1.1e-3, adapter=LoRA(rank=8, alpha=16), save_every=60
        ),
        evaluations=(
            Evaluation(task=TASK, elicitation="trigger", options=OPTIONS),
            Evaluation(task=TASK, options=OPTIONS),
        ),
        sampling=Sampling(temperature=0.6, max_new_tokens=12),
        seeds=(0, 1, 2),
    )
