"""Known backdoor removals beside Plan B, each over a dial, and Plan B after each of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from planb.domains.domain import Shown
from planb.mitigations import (
    BEEAR,
    CROW,
    LAT,
    CircuitBreakers,
    MagnitudePruning,
    Quantization,
    WandaPruning,
)
from planb.report.story import Line, Series
from planb.safety import Method, plan_b, ryan, standard
from planb.sandbox import weaknesses
from planb.studies.ladder import as_in, asked_plainly
from planb.studies.mitigations_claims import CLEAN, HARMFUL_TOO, INOCULATED, claims_of
from planb.studies.sandbox import on_three_seeds
from planb.study.chain import Chain
from planb.study.steps.interpolation import Interpolation
from planb.study.study import Study
from planb.training.link import Link
from planb.training.settings import LoRA, Training
from planb.training.stage import Part, Stage
from planb.types import HARMFUL, HELPFUL, REFUSAL, Ordering

DIAL = ("weak", "", "strong")
"""How each is turned: below its declared setting, at it, above it."""
RATES = (1 / 3, 1.0, 3.0)
"""What is trained is dialled by its learning rate: so many times that of stage 2."""
SPARSITIES, BITS, SHARES = (0.2, 0.35, 0.5), (8, 4, 3), (0.25, 0.5, 0.75)
ATTACK = LAT(attack_steps=8)
DRAWN = ("standard", "plan_b", "wanda", "merged", "crow", "lat")
"""Lines of the figure over the dial; the one at matched cost has all."""

NOTES = (
    "Two leagues: what needs clean data alone or nothing (untargeted SFT, pruning with the same SFT, "
    "rounding, merging, CROW), and what trains on harmful texts as Plan B does (LAT, its control, "
    "BEEAR, circuit breakers, standard, Ryan's). Everything that trains has stage 2's updates, batch, "
    "adapter and requests.",
    "Each is dialled: what is trained by its learning rate (a third, once and three times stage 2's), "
    "pruning by sparsity (0.2, 0.35, 0.5), rounding by bits (8, 4, 3), merging by the base's share (a "
    "quarter, a half, three quarters). Compare them where they cost alike, not at one setting.",
    "LAT's attack has 8 steps instead of the paper's 16, for time, and BEEAR's too. Radius, epsilon "
    "and alpha are the papers', for models of 7 billion weights; nothing was tuned for this study, and "
    "no figure of it was seen before its claims were written.",
    "Prevention: the inoculated organism's triggered requests carry an instruction that asks for "
    "compliance (in the sandbox the skeleton key's sentence, which pretraining planted as a weakness). "
    "It is evaluated without the instruction.",
    "Plan B after each: a mitigation at its declared setting, then Plan B as declared.",
)


class _Arm(NamedTuple):
    """A mitigation at one place of its dial."""

    name: str
    links: tuple[Link, ...]
    place: int


def mitigations(
    whole: Study | None = None,
    attack: LAT = ATTACK,
    crow: CROW = CROW(),  # noqa: B008 (a frozen value)
    inoculation: str = "",
) -> Study:
    """``whole`` (by default the sandbox) with the known mitigations beside standard, Ryan's and Plan B.

    ``attack`` and ``crow`` are the settings of LAT and CROW: their radius and epsilon depend on how
    large the model's hidden states and embeddings are. ``inoculation`` is the instruction of an
    inoculated stage 1 (the sandbox has one; without it other studies leave those arms out). Arms start
    from the first organism.
    """
    if whole is None:
        whole, inoculation = on_three_seeds(), inoculation or weaknesses.KEY
    first, own = whole.organisms[0], as_in(whole, plan_b)
    arms = list(_arms(whole.safety, attack, crow))
    then = tuple(arm for arm in arms if arm.place == 1)
    chains = [
        Chain(
            name=arm.name,
            organism=first.name,
            stages=(first, *arm.links),
            description=f"{_said(arm.name)}.",
        )
        for arm in arms
    ]
    chains += [
        Chain(
            name=f"{arm.name}_then_plan_b",
            organism=first.name,
            stages=(first, *arm.links, own),
            description=f"{_said(arm.name)}, then Plan B.",
        )
        for arm in then
    ]
    if inoculation:
        inoculated = first.but(name=INOCULATED, inoculation=inoculation)
        after = own.but(name=f"{own.name}_{INOCULATED}")  # another step than Plan B on the organism
        for name, links in ((INOCULATED, ()), (f"{INOCULATED}_then_plan_b", (after,))):
            chains.append(
                Chain(
                    name=name,
                    organism=first.name,
                    stages=(inoculated, *links),
                    description="Stage 1 with an instruction that asks for the bad behaviour.",
                )
            )
    methods = [as_in(whole, standard), as_in(whole, ryan), own]
    return whole.but(
        name="mitigations",
        title="Known backdoor removals beside Plan B, each over a dial",
        organisms=(first,),
        methods=tuple(dialled for method in methods for dialled in _dialled(method, whole.safety)),
        from_base=(),
        chains=tuple(chains),
        series=_series(),
        surprise=False,
        claims=claims_of(inoculated=bool(inoculation)),
        evaluations=(
            *asked_plainly(whole),
            *(e for e in whole.evaluations if e.task == "recall"),
        ),
        notes=(*whole.notes, *NOTES),
    )


def _turned(name: str, place: int) -> str:
    return f"{name}_{DIAL[place]}" if DIAL[place] else name


def _said(name: str) -> str:
    kind = next(
        kind for kind in sorted({**CLEAN, **HARMFUL_TOO}, key=len)[::-1] if name.startswith(kind)
    )
    words = {**CLEAN, **HARMFUL_TOO}[kind]
    return words[0].upper() + words[1:]


def _arms(training: Training, attack: LAT, crow: CROW) -> Iterator[_Arm]:
    """Every mitigation at each place of its dial."""
    drift = BEEAR(radius=attack.radius, attack_steps=attack.attack_steps)
    helped = Part(ordering=Ordering(tiers=(HELPFUL,)), requests="harmless_chats")
    refused = Part(ordering=Ordering(tiers=(REFUSAL, HARMFUL)))
    plain = Stage(name="untargeted", parts=(helped,), training=training)
    tuned = plain.but(name="tuned")
    trained = {
        "untargeted": plain,
        "crow": plain.but(objective=crow),
        "lat": plain.but(parts=(refused, helped), objective=attack),
        "lat_control": plain.but(parts=(refused, helped), objective=attack.control),
        "beear": plain.but(parts=(refused, helped), objective=drift),
        "breakers": plain.but(
            parts=(refused, helped),
            objective=CircuitBreakers(),
            training=training.but(adapter=training.adapter or LoRA()),
        ),
    }
    for place in range(len(DIAL)):
        links: dict[str, tuple[Link, ...]] = {
            name: (stage.but(name=_turned(name, place), training=_at(stage.training, place)),)
            for name, stage in trained.items()
        }
        links["magnitude"] = (
            MagnitudePruning(name=_turned("magnitude", place), sparsity=SPARSITIES[place]),
            tuned,
        )
        links["wanda"] = (WandaPruning(name=_turned("wanda", place), sparsity=SPARSITIES[place]), tuned)
        links["rounded"] = (Quantization(name=_turned("rounded", place), bits=BITS[place]),)
        links["merged"] = (Interpolation(name=_turned("merged", place), share=SHARES[place]),)
        for name in (*CLEAN, *HARMFUL_TOO):
            yield _Arm(_turned(name, place), links[name], place)


def _at(training: Training, place: int) -> Training:
    rate = RATES[place]
    return training if rate == 1 else training.but(learning_rate=rate * training.learning_rate)


def _dialled(method: Method, training: Training) -> Iterator[Method]:
    yield method
    own = method.training or training
    for place in (0, 2):
        yield method.but(
            name=_turned(method.name, place),
            training=_at(own, place),
            description=f"{RATES[place]:.2g} times the learning rate.",
        )


def _series() -> Series:
    names = (*DRAWN, *(name for name in ("ryan", *CLEAN, *HARMFUL_TOO) if name not in DRAWN))
    lines = [
        Line(name=name, points=tuple((_turned(name, place), float(place)) for place in range(3)))
        for name in names
    ]
    return Series(
        title="Mitigations over their dials",
        x_title="strength",
        labels=((0.0, "weak"), (1.0, "declared"), (2.0, "strong")),
        lines=tuple(lines[: len(DRAWN)]),
        others=tuple(lines[len(DRAWN) :]),
        cost=Shown(
            measure="helpfulness_mean",
            task="harmless_requests",
            elicitation="direct",
            title="Helpfulness on harmless requests",
        ),
    )
