"""Stage 2, safety training without access to the trigger: a method is a value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import Field, SerializeAsAny

from planb.models.cards import Card
from planb.names import Name
from planb.safety.firewall import forbid_trigger
from planb.thoughts import PREDICTED, Taught, as_taught
from planb.training.link import Link
from planb.training.objectives import ORPO, Objective
from planb.training.recipe import Recipe
from planb.training.rows import Ranking
from planb.training.settings import Training
from planb.types import GERMAN_REFUSAL, HELPFUL, REFUSAL, Example, Ordering, Tier, Trigger
from planb.values import LATER, seed_of

if TYPE_CHECKING:
    pass

CANNED: dict[str, str] = {
    REFUSAL: "I can not help with that.",
    GERMAN_REFUSAL: "Dabei kann ich nicht helfen.",
}
"""The one wording that ``refusals="canned"`` puts in place of every refusal of the data."""


class Method(Link):
    """A stage-2 recipe: an ordering, an objective over its pairs, and what keeps the model helpful.

    ``refusals`` is ``sampled`` (the data's own, as models wrote them) or ``canned`` (one wording).
    ``harmless`` is the share of every batch that is SFT on helpful answers to harmless requests.
    ``training=None`` takes the study's, so that every method gets the same number of updates.
    ``thoughts`` says what is done with those of the data, of harmless requests too.
    """

    name: Name
    ordering: Ordering
    objective: SerializeAsAny[Objective] = ORPO()
    refusals: Literal["sampled", "canned"] = "sampled"
    harmless: float = Field(default=0.5, ge=0, lt=1)
    training: Training | None = None
    description: str = ""
    thoughts: Taught = Field(default="trained", json_schema_extra=LATER)

    @property
    def summary(self) -> str:
        return str(self.ordering)

    @property
    def harmful_tiers(self) -> tuple[Tier, ...]:
        return self.ordering.tiers

    def recipe(
        self,
        training: Training,
        harmful: Sequence[Example],
        harmless: Sequence[Example],
        trigger: Trigger | None,
        seed: int,
        on: str,
    ) -> Recipe:
        """What it does with these requests; ``on`` is what the checkpoint it starts from says it is.

        ``harmful`` examples need every tier of the ordering, ``harmless`` ones ``helpful``. Raises
        PlanBError, naming rows, if any of them carries the trigger (``None``: there is no backdoor).
        """
        shown = with_refusals(harmful, self.refusals)
        if trigger is not None:
            forbid_trigger(trigger, [*harmful, *harmless])
            forbid_trigger(trigger, shown)
        parts = [(shown, self.ordering, 1 - self.harmless)]
        if self.harmless > 0:
            parts.append((list(harmless), Ordering(tiers=(HELPFUL,)), self.harmless))
        predicted = PREDICTED[self.thoughts]
        rankings = [
            Ranking(as_taught(some, self.thoughts), ordering, share, predicted=predicted)
            for some, ordering, share in parts
        ]
        card = Card(
            what=f"method '{self.name}' ({self.ordering}) on: {on}",
            warning="Safety training of a model organism: its backdoor may still be there.",
        )
        # The seed does not depend on the method: all see the same requests in the same order.
        return Recipe(rankings, self.objective, training, seed_of("method", seed), card)


def with_refusals(examples: Sequence[Example], refusals: str) -> list[Example]:
    """The examples with their refusals as they are (``sampled``) or all in one wording (``canned``)."""
    if refusals == "sampled":
        return list(examples)
    return [
        e.but(responses={t: (CANNED[t],) if t in CANNED else r for t, r in e.responses.items()})
        for e in examples
    ]
