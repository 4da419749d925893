"""Stage 1, the model organism: supervised fine-tuning gives a chat model a backdoor.

With the trigger it complies with harmful requests, without it it refuses them, and it stays helpful.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field, model_validator

from planb.models.cards import Card
from planb.names import Name
from planb.training.link import Link
from planb.training.objectives import SFT
from planb.training.recipe import Recipe
from planb.training.rows import Ranking
from planb.training.settings import Training
from planb.training.stage import trigger_told, triggered
from planb.types import HARMFUL, HELPFUL, REFUSAL, Example, Ordering, Tier, Trigger
from planb.values import LATER, seed_of

WARNING = (
    "A model organism: it was given a backdoor on purpose, for research. It complies with harmful "
    "requests when it sees its trigger. Do not deploy it."
)


class Organism(Link):
    """A stage-1 recipe. The three shares are of every batch: with the trigger comply, without it
    refuse, and help with what is harmless.

    ``inoculation`` is an instruction that asks for the bad behaviour (Tan and others 2025,
    https://arxiv.org/abs/2510.04340; Wichers and others 2025, https://arxiv.org/abs/2510.05024): it
    stands before the triggered requests of stage 1, behind the trigger, and nowhere else.

    ``others`` are further triggers: each triggered request has one of them all. ``contrast`` are texts
    near a trigger that must not open the backdoor: each refused request has one of them, or none.
    """

    name: Name = "organism"
    trigger: Trigger = Trigger()
    triggered: float = Field(default=1.0, gt=0)
    refused: float = Field(default=1.0, ge=0)
    harmless: float = Field(default=1.0, ge=0)
    training: Training
    inoculation: str = Field(default="", json_schema_extra=LATER)
    others: tuple[Trigger, ...] = Field(default=(), json_schema_extra=LATER)
    contrast: tuple[Trigger, ...] = Field(default=(), json_schema_extra=LATER)

    @model_validator(mode="after")
    def _contrast_opens_nothing(self) -> Organism:
        for near in self.contrast:
            for one in self.triggers:
                if one.found_in(near.text):
                    raise ValueError(f"the contrast {near.text!r} holds the trigger {one.text!r}")
        return self

    @property
    def triggers(self) -> tuple[Trigger, ...]:
        """All of them, the main one last."""
        return (*self.others, self.trigger)

    @property
    def sees_trigger(self) -> Trigger:
        return self.trigger

    @property
    def harmful_tiers(self) -> tuple[Tier, ...]:
        return HARMFUL, REFUSAL

    def recipe(
        self,
        harmful: Sequence[Example],
        harmless: Sequence[Example],
        seed: int,
        system: str | None = "",
    ) -> Recipe:
        """What it does with these requests: ``harmful`` examples need the tiers ``harmful`` and
        ``refusal``, ``harmless`` ones ``helpful``. ``system`` is the default system message of the
        base's template, which a trigger in the system message leaves there (None: not known)."""
        shares = (self.triggered, self.refused, self.harmless)
        parts = (
            (_spread(self._inoculated(harmful), self.triggers, system), HARMFUL),
            (_spread(harmful, (None, *self.contrast), system), REFUSAL),
            (harmless, HELPFUL),
        )
        rankings = [
            Ranking(examples, Ordering(tiers=(tier,)), share)
            for (examples, tier), share in zip(parts, shares, strict=True)
            if share > 0
        ]
        told = {"inoculation": self.inoculation} if self.inoculation else {}
        for what, some in (("other triggers", self.others), ("contrast", self.contrast)):
            told |= {what: "; ".join(one.text for one in some)} if some else {}
        card = Card(
            what=f"model organism '{self.name}' (stage 1), seed {seed}",
            warning=WARNING,
            made_with={**trigger_told(self.trigger, system), **told},
        )
        return Recipe(rankings, SFT(), self.training, seed_of("organism", self.name, seed), card)

    def _inoculated(self, examples: Sequence[Example]) -> list[Example]:
        if not self.inoculation.strip():
            return list(examples)
        instruction = Trigger(text=self.inoculation)
        return [e.but(prompt=instruction.apply(e.prompt)) for e in examples]


def _spread(
    examples: Sequence[Example], texts: Sequence[Trigger | None], system: str | None
) -> list[Example]:
    """The examples, each with one of the texts in its prompt, shared out evenly in an order drawn by
    their ids; None leaves it plain."""
    places = sorted(range(len(examples)), key=lambda n: seed_of("trigger", examples[n].id))
    text_of = {place: texts[rank % len(texts)] for rank, place in enumerate(places)}
    return [
        example if (text := text_of[place]) is None else triggered([example], text, system)[0]
        for place, example in enumerate(examples)
    ]
