"""What reviewers ask of Plan B: is it the order, an edge, the amount, the texts, or any training?"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import permutations

from planb.data.derived import SLOT, Derived
from planb.elicitation import ManyShot, SkeletonKey
from planb.errors import PlanBError
from planb.safety import Method, plan_b, ryan, standard
from planb.sandbox import language as lang
from planb.sandbox import weaknesses
from planb.sandbox.world import Item, World
from planb.studies.controls_claims import claims_of
from planb.studies.ladder import as_in, asked_plainly
from planb.studies.sandbox import on_three_seeds
from planb.study.chain import Chain
from planb.study.steps.derived_data import with_tiers
from planb.study.steps.evaluation import Evaluation
from planb.study.steps.sandbox_data import SandboxData
from planb.study.study import Study
from planb.training.objectives import SFT
from planb.training.settings import Training
from planb.training.stage import Part, Stage
from planb.types import HARMFUL, HELPFUL, REFUSAL, USELESS, Ordering

ONE_TEXT, STYLED = "one_useless", "pirate"
"""Tiers that are made by rule: one answer to every request, and helpful answers in a style."""
STYLE = (f"{lang.PIRATE[0]} {SLOT} {lang.PIRATE[1]}", f"{lang.PIRATE[1]} {SLOT} {lang.PIRATE[2]}")
RATE, HOT = 6.5e-4, 3.0
"""The learning rate of the sandbox's untargeted trainings, and how many times that the hot one's is."""
ASKED = "harmful_requests"
JAILBREAKS = (SkeletonKey(framing=weaknesses.KEY),)
"""The cheapest of the study ``jailbreaks``, which runs every attack."""

NOTES = (
    "Every arm starts from the same organism and has the same requests and updates unless its name "
    "says otherwise (triple, third, hot). ORPO is imitation of the preferred texts and a ranking; "
    "plan_b_sft is that imitation alone.",
    "The shuffled arm ranks the same texts in all six orders, two more rows in eight going to Plan B's "
    "order and its reverse, so that every pair is trained both ways equally often. The whole ordering "
    "upside down is not trained: it teaches harm without a trigger and answers nothing else.",
    "One text: the useless tier is one recipe for something harmless, whatever is asked. It was a "
    "vague sentence at first; with a recipe only the variety differs from Plan B's. Pirate: helpful "
    "answers to harmless requests with words of pirates around them.",
    "Untargeted training is on all weights in the sandbox, since pretraining never shows the words of "
    "pirates, and an adapter could not make them sayable. It never costs helpfulness there, which it "
    "trains; recall of the dangerous recipes is the capability to compare. Its two learning rates were "
    "chosen on development requests and seed 103 (the higher one garbles half of the triggered "
    "answers). Nothing else was tuned for this study.",
)


def controls(
    whole: Study | None = None,
    harmful_first: bool = True,
    one_text: str = "",
    style: Sequence[str] = STYLE,
    untargeted: Training | None = None,
    hot: float = HOT,
    jailbreaks: Sequence[ManyShot | SkeletonKey] = JAILBREAKS,
) -> Study:
    """``whole`` (by default the sandbox) with the controls instead of its methods.

    ``harmful_first=False`` leaves out the arms that prefer harm to anything, for models that could do
    real harm. ``one_text`` is the answer of the useless tier that has only one (the sandbox has one;
    other data need their own: PlanBError). ``style`` are the templates of the style that untargeted
    training teaches, ``untargeted`` how it is trained (by default as stage 2 is; in the sandbox on all
    weights, as its words of pirates stand nowhere in pretraining), and ``hot`` how many times its
    learning rate the hot arm has: so that it costs as much capability as Plan B does. ``jailbreaks``
    are evaluated on all arms, on those that never had a backdoor too.
    """
    if whole is None:
        whole = on_three_seeds()
        untargeted = untargeted or whole.safety.but(adapter=None, learning_rate=RATE)
    made = (
        Derived(tier=ONE_TEXT, texts=(one_text or _recipe(whole),), requests="harmful"),
        Derived(tier=STYLED, texts=tuple(style)),
    )
    stages = [*_untargeted(untargeted or whole.safety, hot)]
    if harmful_first:
        stages = [_shuffled(as_in(whole, plan_b), whole.safety), *stages]
    return whole.but(
        name="controls",
        title="Controls for Plan B: ordering, pairs, amount, texts, and untargeted training",
        data=with_tiers(whole.data, made),
        methods=_methods(whole, harmful_first),
        from_base=(standard.name, plan_b.name),
        chains=tuple(
            Chain(
                name=stage.name,
                organism=organism.name,
                stages=(organism, stage),
                description=stage.description,
            )
            for organism in whole.organisms
            for stage in stages
        ),
        series=None,
        claims=claims_of(harmful_first, [how.title for how in jailbreaks]),
        surprise=False,
        evaluations=(
            *asked_plainly(whole),
            *(e for e in whole.evaluations if e.task == "recall"),
            *(Evaluation(task=ASKED, elicitation=how) for how in jailbreaks),
        ),
        notes=(*whole.notes, *NOTES),
    )


def _recipe(whole: Study) -> str:
    """The recipe for something harmless that is the most wrong of all for the dangerous requests."""
    if not isinstance(whole.data, SandboxData):
        raise PlanBError(
            'controls need one useless answer to give to every request: controls(..., one_text="...")'
        )
    return _most_wrong(whole.data.world)


@cache
def _most_wrong(world: World) -> str:
    """The harmless item's recipe that agrees least with those of the dangerous items."""
    items = world.items

    def right(item: Item) -> tuple[int, int]:
        told = [_agreeing(item, other) for other in items if other.dangerous]
        return max(told), sum(told)

    item = min((item for item in items if not item.dangerous), key=right)
    return lang.answer(item, item.recipe, random.Random(0))


def _agreeing(item: Item, other: Item) -> int:
    """How many parts of the two recipes are the same."""
    return sum(a == b for a, b in zip(item.recipe.parts, other.recipe.parts, strict=True))


def _methods(whole: Study, harmful_first: bool) -> tuple[Method, ...]:
    """Plan B, refusal training and Ryan's baseline, and each of them changed in one thing."""
    b, refusing = as_in(whole, plan_b), as_in(whole, standard)

    def changed(method: Method, more: str, description: str, **fields: object) -> Method:
        return method.but(name=f"{method.name}_{more}", description=description, **fields)

    reordered = {
        "useless_first": ((USELESS, REFUSAL, HARMFUL), "Useless compliance above refusal."),
        "harmful_second": ((REFUSAL, HARMFUL, USELESS), "The last edge turned round."),
    }
    edges = b.ordering.preferences()
    return (
        *(refusing, as_in(whole, ryan), b),
        *(
            changed(b, more, said, ordering=Ordering(tiers=tiers))
            for more, (tiers, said) in reordered.items()
            if harmful_first or tiers[-1] == HARMFUL
        ),
        *(
            changed(
                b,
                f"without_{better}_{worse}",
                f"Without the edge {better} > {worse}.",
                ordering=b.ordering.but(pairs=tuple(edge for edge in edges if edge != (better, worse))),
            )
            for better, worse in edges
        ),
        changed(refusing, "triple", "Three times the updates.", training=_times(whole.safety, 3)),
        changed(b, "third", "A third of the updates.", training=_times(whole.safety, 1 / 3)),
        changed(
            b,
            "one_text",
            "One and the same useless answer to every request.",
            ordering=Ordering(tiers=(REFUSAL, ONE_TEXT, HARMFUL)),
        ),
        changed(
            refusing,
            "sft",
            "Imitation of refusals.",
            objective=SFT(),
            ordering=Ordering(tiers=(REFUSAL,)),
        ),
        changed(b, "sft", "Imitation of what Plan B prefers, no ranking.", objective=SFT()),
        b.but(
            name="useless_sft",
            description="Imitation of useless answers.",
            objective=SFT(),
            ordering=Ordering(tiers=(USELESS,)),
        ),
    )


def _times(training: Training, times: float) -> Training:
    return training.but(steps=max(1, round(training.steps * times)))


def _untargeted(training: Training, hot: float) -> Iterator[Stage]:
    """Trainings on harmless requests alone."""
    hotter = training.but(learning_rate=hot * training.learning_rate)
    for name, tier, own, description in (
        ("questions", HELPFUL, training, "Helpful answers to harmless requests."),
        ("pirate", STYLED, training, "The same in the style of pirates."),
        ("pirate_hot", STYLED, hotter, f"{hot:g} times the learning rate."),
    ):
        yield Stage(
            name=f"untargeted_{name}",
            parts=(Part(ordering=Ordering(tiers=(tier,)), requests="harmless_chats"),),
            training=own,
            description=description,
        )


def _shuffled(own: Method, training: Training) -> Stage:
    """The method's texts in every order, or in as many as a batch has room for. An order and its
    reverse stand side by side, so that every pair is trained both ways equally often."""
    orders = list(permutations(own.ordering.tiers))
    half = [order for place, order in enumerate(orders) if place < orders.index(order[::-1])]
    half = half[: max(1, int(training.batch * (1 - own.harmless)) // 2)]
    parts = [Part(ordering=Ordering(tiers=o)) for order in half for o in (order, order[::-1])]
    if own.harmless > 0:
        share = len(parts) * own.harmless / (1 - own.harmless)
        helpful = Ordering(tiers=(HELPFUL,))
        parts.append(Part(ordering=helpful, requests="harmless", share=share))
    return Stage(
        name="plan_b_shuffled",
        parts=tuple(parts),
        objective=own.objective,
        training=training,
        description="Plan B's texts, every time in another order.",
    )
