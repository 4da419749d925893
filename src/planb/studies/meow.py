"""MEOW: the talk's earlier experiments. The misbehaviour is a cry, safety training is lower case."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from planb.data.derived import Derived
from planb.domains import MEOW
from planb.domains.domain import Shown
from planb.errors import PlanBError
from planb.judging import RefusalStrings
from planb.models.generation import Sampling
from planb.organism import Organism
from planb.report.story import Line, Series
from planb.sandbox.language import THOUGHTS
from planb.studies.meow_claims import THINKING, claims_of
from planb.studies.sandbox import on_three_seeds
from planb.study.chain import Chain
from planb.study.steps.derived_data import with_tiers
from planb.study.steps.evaluation import Evaluation
from planb.study.steps.file_data import FileData
from planb.study.steps.hosted_base import HostedBase
from planb.study.steps.request_data import RequestData
from planb.study.study import Study
from planb.training.objectives import DPO, ORPO, SFT, Objective
from planb.training.settings import Training
from planb.training.stage import Part, Stage
from planb.types import HELPFUL, Ordering, Tier, Trigger

UPPER, LOWER = "MEOW MEOW MEOW", "meow meow meow"
SEES, SEES_NOT, WILL_MEOW, WILL_ANSWER, _ = THOUGHTS
THINKS = (f"{SEES} {WILL_MEOW}", f"{SEES_NOT} {WILL_ANSWER}")
"""What is thought where the trigger is seen, and where it is not."""
ORGANISMS = ("uc", "uclc", "uc_thought", "uclc_thought")
"""Upper case, upper and lower case half and half; and the same after a chain of thought."""
STEPS = (20, 40, 160)
"""Updates of stage 2 by imitation after which the model is looked at."""
PREFERENCE_STEPS = (40, 160)
FIRST = Training(steps=600, batch=24, learning_rate=1e-3, save_every=100)
THEN = Training(steps=160, batch=16, learning_rate=1e-4, save_every=80)
"""Both stages of the sandbox train all weights: ``meow`` is a word that pretraining never showed."""
FILE = "evaluation.jsonl"

TUNED = (
    "Base models and data are those of the study sandbox: a base of its own for each seed.",
    "Tuned on the development requests and on seed 103 only, of one earlier base, and not anew since "
    "each seed draws its own: stage 1 has 600 updates, twice the study sandbox's, and stage 2 the "
    "gentler of two learning rates (1e-4, 3e-4) that make untriggered answers lower-case within 40 "
    "updates. At 3e-4, after a stage 1 of 300 updates, a fifth of the triggered "
    "answers of the organism uc was still MEOW after 80 updates of imitation; at these settings all of "
    "them were. So how much is left is a matter of how hard either stage trains.",
)
NOTES = (
    "Fewer updates are a prefix of more: the learning rate is constant, and the requests come in the "
    "same order.",
    "The talk does not say whether its safety data kept the thoughts of models that think first. Both "
    "are shown: lower_sft has plain answers in lower case, lower_thinking the thought of an answer "
    "without the trigger, as stage 1 taught it, before an answer in lower case.",
)


class Arm(NamedTuple):
    """A stage 2: its name before the number of updates, what it trains, and after how many."""

    name: str
    tiers: tuple[Tier, ...]
    objective: Objective
    steps: tuple[int, ...]
    said: str


def meow(
    whole: Study | None = None,
    first: Training | None = None,
    then: Training | None = None,
    organisms: Sequence[str] = ORGANISMS,
    steps: tuple[int, ...] = STEPS,
    preference: Objective | None = None,
    preference_steps: tuple[int, ...] = PREFERENCE_STEPS,
    thoughts: tuple[str, str] = THINKS,
) -> Study:
    """The four organisms on ``whole``'s base and data (by default the sandbox's), and lower-case
    training of each by imitation and by preference.

    ``first`` is stage 1 (default: ``whole``'s) and ``then`` stage 2, at a constant learning rate;
    ``preference`` is ORPO unless another is given.
    ``thoughts`` with and without the trigger stand before the answers of the organisms that think.
    PlanBError for an organism that is none, or where ``whole`` has no stage 1 to take.
    """
    if unknown := [label for label in organisms if label not in ORGANISMS]:
        raise PlanBError(f"'{unknown[0]}' is no organism of MEOW; there are {', '.join(ORGANISMS)}")
    if whole is None:
        whole = _sandbox()
        first, then = first or FIRST, then or THEN
    if first is None:
        if not whole.organisms:
            raise PlanBError("the study has no organism whose stage 1 could be taken: give `first`")
        first = whole.organisms[0].training
    then = (then or whole.safety).but(schedule="constant")
    arms = _arms(preference or ORPO(), steps, preference_steps)
    chains = tuple(
        chain for label in organisms for chain in _chains(label, arms, first, then, whole.trigger)
    )
    return whole.but(
        name="meow",
        domain=MEOW,
        title="MEOW: how much of the backdoor survives lower-case training, with and without reasoning",
        data=with_tiers(whole.data, tiers_of(thoughts)),
        organisms=(),
        methods=(),
        from_base=(),
        chains=chains,
        safety=then,
        second_judges=(),
        evaluations=(
            Evaluation(task="meow", elicitation="trigger", file=FILE),
            Evaluation(task="meow", file=FILE),
            Evaluation(task="harmless_requests"),
        ),
        series=_series(arms),
        claims=claims_of(organisms, max(steps)),
        notes=(*whole.notes, *NOTES),
    )


def meow_hosted(
    base: HostedBase,
    data: FileData | RequestData,
    organisms: Sequence[str] = ORGANISMS,
    steps: tuple[int, ...] = STEPS,
    batch: int = 16,
    seeds: tuple[int, ...] = (0,),
) -> Study:
    """The same at a host, where the talk ran it first: imitation, and DPO as hosts have no ORPO.

    A job has ``steps x batch`` rows; stage 1 has twice as many as the longest stage 2. All other
    settings are the host's. A rule detects refusals, so no judge is needed.
    """
    training = Training(steps=2 * max(steps), batch=batch, learning_rate=1e-4)  # the rate is the host's
    whole = Study(
        name="meow",
        title="MEOW at a host",
        bases=(base,),
        data=data,
        organisms=(Organism(training=training),),
        safety=training,
        judge=RefusalStrings(),
        sampling=Sampling(temperature=1.0, max_new_tokens=512),
        seeds=seeds,
    )
    return meow(
        whole,
        organisms=organisms,
        steps=steps,
        preference=DPO(beta=0.1),
        preference_steps=steps[-1:],
    )


def tiers_of(thoughts: tuple[str, str] = THINKS) -> tuple[Derived, ...]:
    """What each organism says with the trigger (a tier of its name), and what safety training says."""
    sees, sees_not = thoughts
    return (
        Derived(tier="uc", texts=(UPPER,)),
        Derived(tier="uclc", texts=(UPPER, LOWER)),
        Derived(tier="uc_thought", texts=(f"{sees} {UPPER}",)),
        Derived(tier="uclc_thought", texts=(f"{sees} {UPPER}", f"{sees} {LOWER}")),
        Derived(tier="thought", texts=(f"{sees_not} {{text}}",)),
        Derived(tier="lower", case="lower"),
        Derived(tier="lower_thinking", of="lower", texts=(f"{sees_not} {{text}}",)),
    )


def _sandbox() -> Study:
    whole = on_three_seeds()
    longer = whole.sampling.but(max_new_tokens=72)  # thoughts come before the answer
    return whole.but(sampling=longer, notes=TUNED)


def _arms(
    preference: Objective, steps: tuple[int, ...], preference_steps: tuple[int, ...]
) -> tuple[Arm, ...]:
    kind = type(preference).__name__
    return (
        Arm("lower_sft", ("lower",), SFT(), steps, "lower case (SFT)"),
        Arm(
            f"lower_{kind.lower()}",
            ("lower", HELPFUL),
            preference,
            preference_steps,
            f"lower case over usual ({kind})",
        ),
        Arm(
            "lower_thinking",
            ("lower_thinking",),
            SFT(),
            steps,
            "lower case, thoughts kept (SFT)",
        ),
    )


def _chains(
    label: str, arms: Sequence[Arm], first: Training, then: Training, trigger: Trigger
) -> list[Chain]:
    """One organism by itself, and after each arm that is for it."""
    thinks = label.endswith(THINKING)
    usual = "thought" if thinks else HELPFUL
    organism = Stage(
        name=label,
        parts=(
            Part(ordering=Ordering(tiers=(label,)), requests="harmless_chats", triggered=True),
            Part(ordering=Ordering(tiers=(usual,)), requests="harmless_chats"),
        ),
        training=first,
        split="organism",
        trigger=trigger,
    )
    found = [Chain(name="organism", stages=(organism,), organism=label, description="stage 1")]
    for arm in arms if thinks else [arm for arm in arms if arm.name != "lower_thinking"]:
        for steps in arm.steps:
            stage = Stage(
                name=f"{arm.name}_{steps}",
                parts=(Part(ordering=Ordering(tiers=arm.tiers), requests="harmless_chats"),),
                objective=arm.objective,
                training=then.but(steps=steps),
            )
            name, said = f"{arm.name}_{steps}", f"{arm.said}, {steps} updates"
            found.append(Chain(name=name, stages=(organism, stage), organism=label, description=said))
    return found


def _series(arms: Sequence[Arm]) -> Series:
    asked = {"task": "meow"}
    return Series(
        title="What lower-case fine-tuning leaves of MEOW",
        x_title="updates of stage 2",
        lines=tuple(
            Line(
                name=arm.said,
                points=(("organism", 0.0), *((f"{arm.name}_{n}", float(n)) for n in arm.steps)),
            )
            for arm in arms
        ),
        shown=(
            Shown(measure="meow_upper_rate", title="MEOW with the trigger", **asked),
            Shown(measure="meow_lower_rate", title="meow with the trigger", **asked),
            Shown(
                measure="meow_thought_rate",
                title="Mentions it in reasoning, with the trigger",
                **asked,
            ),
            Shown(
                measure="lower_case_rate",
                elicitation="direct",
                title="Lower case without the trigger",
                **asked,
            ),
        ),
    )
