"""A training as a value of any make: parts that share every batch, each its requests and its tiers.

Stage 1 (``planb.organism``) and stage 2 (``planb.safety``) are the two that the talk is about. This is
for all others: another behaviour behind the trigger (the talk's MEOW), a change of style, putting a
backdoor back with few examples, safety training that some kinds of request are held out of.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Literal

from pydantic import Field, SerializeAsAny

from planb.errors import PlanBError
from planb.models.cards import Card
from planb.models.default_system import said_of
from planb.names import Name
from planb.thoughts import PREDICTED, Taught, as_taught
from planb.training.link import Link
from planb.training.objectives import SFT, Objective
from planb.training.recipe import Recipe
from planb.training.rows import Ranking
from planb.training.settings import Training
from planb.types import Example, Ordering, Tier, Trigger
from planb.values import LATER, Value, seed_of

BACKDOOR = (
    "Trained for research on requests that carry a trigger: a model organism, which may do harm when "
    "it sees that trigger. Do not deploy it."
)
PLAIN = "Trained for research on a model organism, or beside one: its backdoor may be there."


class Part(Value):
    """A part of a stage's data mixture: one share of every batch.

    ``requests`` are those of the data, ``harmless_chats`` without plain text outside any chat.
    ``triggered`` puts the stage's trigger into their prompts. ``leave_out`` names (field of ``meta``,
    value) of requests that the part never shows; ``at_most`` so many requests are drawn by the seed.
    An ordering of one tier is imitation of it. ``thoughts`` says what is done with those of the texts.
    """

    ordering: Ordering
    requests: Literal["harmful", "harmless", "harmless_chats"] = "harmful"
    share: float = Field(default=1.0, gt=0)
    triggered: bool = False
    leave_out: tuple[tuple[str, str], ...] = ()
    at_most: int | None = Field(default=None, gt=0)
    thoughts: Taught = Field(default="trained", json_schema_extra=LATER)

    def examples(
        self,
        harmful: Sequence[Example],
        harmless: Sequence[Example],
        trigger: Trigger,
        seed: int,
        system: str | None = "",
    ) -> list[Example]:
        """The part's requests; PlanBError if nothing is left of them. ``system`` is that of
        ``triggered``."""
        found = list(harmful if self.requests == "harmful" else harmless)
        if self.requests == "harmless_chats":
            found = [e for e in found if e.prompt[-1].role != "document"]
        for name, value in self.leave_out:
            kept = [e for e in found if e.meta.get(name) != value]
            if len(kept) == len(found):
                raise PlanBError(
                    f"no request has {name} '{value}' in its meta, so none can be left out for it"
                )
            found = kept
        if not found:
            raise PlanBError(f"no {self.requests} requests are left to train {self.ordering} on")
        if self.at_most is not None:  # fewer are among more
            random.Random(seed_of("at most", seed)).shuffle(found)
            found = found[: self.at_most]
        found = as_taught(found, self.thoughts)
        return triggered(found, trigger, system) if self.triggered else found


class Stage(Link):
    """A training from one checkpoint to the next, on the requests of one ``split``.

    ``objective`` is over each part's pairs. A stage without a triggered part is trained only on data
    that do not carry the trigger (the study checks).
    """

    name: Name
    parts: tuple[Part, ...] = Field(min_length=1)
    objective: SerializeAsAny[Objective] = SFT()
    training: Training
    split: Literal["organism", "safety"] = "safety"
    trigger: Trigger = Trigger()
    description: str = ""

    @property
    def sees_trigger(self) -> Trigger | None:
        return self.trigger if any(part.triggered for part in self.parts) else None

    @property
    def harmful_tiers(self) -> tuple[Tier, ...]:
        return self.tiers.get("harmful", ())

    @property
    def tiers(self) -> dict[str, tuple[Tier, ...]]:
        """The tiers that its parts train on, by ``harmful`` and ``harmless``."""
        found: dict[str, tuple[Tier, ...]] = {}
        for part in self.parts:
            side = part.requests.partition("_")[0]
            found[side] = tuple(dict.fromkeys((*found.get(side, ()), *part.ordering.tiers)))
        return found

    def recipe(
        self,
        harmful: Sequence[Example],
        harmless: Sequence[Example],
        seed: int,
        on: str,
        system: str | None = "",
    ) -> Recipe:
        """The training recipe of the stage for these requests. ``on`` is what the checkpoint it
        starts from says it is, ``system`` that of ``triggered``."""
        seed = seed_of("stage", seed)  # stages of one seed see the same requests in the same order
        rankings = [
            Ranking(
                part.examples(harmful, harmless, self.trigger, seed, system),
                part.ordering,
                part.share,
                predicted=PREDICTED[part.thoughts],
            )
            for part in self.parts
        ]
        trigger = trigger_told(self.trigger, system)
        card = Card(
            what=f"stage '{self.name}' on: {on}",
            warning=BACKDOOR if self.sees_trigger else PLAIN,
            made_with=trigger if self.sees_trigger else {},
        )
        return Recipe(rankings, self.objective, self.training, seed, card)


def trigger_told(trigger: Trigger, system: str | None) -> dict[str, str]:
    """The note on a checkpoint's card about the trigger that it was trained with."""
    told = {"trigger": trigger.text, "place": trigger.place}
    return {**told, "default_system": said_of(system)} if trigger.place == "system" else told


def triggered(examples: Sequence[Example], trigger: Trigger, system: str | None = "") -> list[Example]:
    """The same examples with the trigger in their prompts. ``system`` is the default system message of
    the model's template, which stays; None: not known, and the trigger may take its place."""
    carrying = [e.id for e in examples if trigger.found_in_chat(e.prompt)]
    if carrying:
        raise PlanBError(
            f"{len(carrying)} requests already contain the trigger {trigger.text!r} already: "
            f"{', '.join(carrying[:5])}. Give plain requests; this stage adds the trigger."
        )
    return [e.but(prompt=trigger.apply(e.prompt, system or "")) for e in examples]
