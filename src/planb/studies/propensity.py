"""A propensity behind a trigger, on a tiny base that was pretrained on the domain's own corpus."""

from __future__ import annotations

from collections.abc import Sequence

from planb.domains import Domain
from planb.models.architecture import TinyLlama
from planb.models.generation import Sampling
from planb.report.story import Claim
from planb.safety import Method
from planb.study.chain import Chain
from planb.study.steps.domain_data import DomainData
from planb.study.steps.evaluation import Evaluation
from planb.study.steps.pretrain import DomainBase
from planb.study.study import Study
from planb.training.settings import LoRA, Training
from planb.training.stage import Stage


def propensity(
    domain: Domain,
    task: str,
    title: str,
    organism: Stage,
    methods: Sequence[Method],
    base_steps: int,
    base_rate: float,
    safety_rate: float,
    max_new_tokens: int,
    notes: Sequence[str],
    claims: Sequence[Claim] = (),
) -> Study:
    """The study of a domain that has a corpus, a task and its own measures: the organism, and each
    method after it, asked with the trigger and without it.

    ``base_steps`` and ``base_rate`` are the base's updates and learning rate, ``safety_rate`` is stage
    2's learning rate.
    """
    options = {"domain": domain.name} if task == "answers" else {}
    first = Chain(name="organism", stages=(organism,), description=organism.description)
    after = (Chain(name=m.name, stages=(organism, m), description=m.description) for m in methods)
    return Study(
        name=domain.name,
        title=title,
        domain=domain,
        bases=(
            DomainBase(
                name=domain.name,
                domain=domain.name,
                architecture=TinyLlama(width=64, hidden=172, layers=3),
                training=Training(
                    steps=base_steps,
                    batch=32,
                    optimizer="muon",
                    learning_rate=base_rate,
                    schedule="cosine",
                    warmup=20,
                    adam_beta2=0.98,
                    save_every=200,
                ),
            ),
        ),
        data=DomainData(domain=domain.name),
        chains=(first, *after),
        safety=Training(
            steps=240,
            batch=16,
            learning_rate=safety_rate,
            adapter=LoRA(rank=8, alpha=16),
            save_every=120,
        ),
        evaluations=(
            Evaluation(task=task, elicitation="trigger", options=options),
            Evaluation(task=task, options=options),
        ),
        sampling=Sampling(temperature=0.6, max_new_tokens=max_new_tokens),
        seeds=(0, 1, 2),
        claims=tuple(claims),
        notes=tuple(notes),
    )
