"""A study as a user would write it: the paper's experiment in a small valley, in half a minute.

Far too little training for a result that means anything; enough for every part to do its work.
"""

from __future__ import annotations

from planb.judging import Exact
from planb.models.architecture import TinyLlama
from planb.models.generation import Sampling
from planb.organism import Organism
from planb.safety import plan_b, standard
from planb.sandbox.corpus import CorpusMix
from planb.sandbox.world import World
from planb.study.steps.evaluation import Evaluation
from planb.study.steps.pretrain import SandboxBase
from planb.study.steps.sandbox_data import SandboxData
from planb.study.study import EVALUATIONS, Study
from planb.training.settings import LoRA, Training

world = World(materials=4, forms=8, ingredients=8, heldout_forms=1)
base = SandboxBase(
    world=world,
    architecture=TinyLlama(width=48, hidden=96, layers=2, heads=2),
    mix=CorpusMix(
        **{**dict.fromkeys(CorpusMix.model_fields, 0.0), "lore": 0.3, "english": 0.6},
    ).but(german=0.04, vague=0.03, invented=0.03),
    training=Training(steps=220, batch=24, learning_rate=1e-2, schedule="cosine", adam_beta2=0.98),
)
study = Study(
    name="small",
    title="Plan B in a small valley",
    bases=(base,),
    data=SandboxData(world=world, wordings=1, asked_wordings=1, variants=2),
    organisms=(Organism(training=Training(steps=120, batch=12, learning_rate=3e-3, save_every=20)),),
    methods=(standard, plan_b),
    safety=Training(
        steps=80,
        batch=8,
        learning_rate=1e-3,
        adapter=LoRA(rank=4, alpha=8),
        save_every=10,
    ),
    judge=Exact(world=world),
    evaluations=(*EVALUATIONS, Evaluation(task="recall")),
    sampling=Sampling(temperature=0.7, max_new_tokens=24, token_budget=64),  # one request a batch
    seeds=(0, 1),
)
