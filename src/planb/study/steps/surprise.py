"""How far a method's tiers surprise a checkpoint: before the method trains it, and after."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, SerializeAsAny

from planb.data.tables import read_table
from planb.errors import PlanBError
from planb.safety import Method
from planb.safety.method import with_refusals
from planb.study.steps.checkpoint import CheckpointStep, checkpoint_folder
from planb.study.steps.data_files import harmful_and_harmless
from planb.study.steps.step import Step, Work, slug_of
from planb.types import HARMFUL, Example, Trigger
from planb.values import seed_of

if TYPE_CHECKING:
    import pandas as pd

SURPRISE = "surprise.parquet"
REQUESTS = 100
"""So many of the requests are scored unless a step says otherwise."""
TEXTS = 4
"""At most so many responses of each tier of a request."""
MAX_LENGTH = 2048
"""Tokens of a prompt with one response; what is longer is left out."""


class SurpriseStep(Step):
    """A checkpoint and a method -> the NLL of every response of the method's tiers, in
    ``surprise.parquet`` (``read_surprises`` names its columns).

    Prompts are without the trigger, as stage 2 sees the safety split's harmful requests; refusals are
    as the method has them. Harmful responses are scored with the organism's trigger too, under the tier
    ``harmful@trigger``: how likely is it still that the backdoor answers? The ``requests`` that are
    scored are the same for every method and seed.
    """

    kind: ClassVar[str] = "surprise"
    policy: SerializeAsAny[CheckpointStep]
    data: SerializeAsAny[Step]
    method: Method
    labels: dict[str, str]
    when: Literal["before", "after"]
    requests: int = Field(default=REQUESTS, gt=0)
    seed: int

    @property
    def slug(self) -> str:
        labels = (self.labels["model"], self.labels["organism"], self.labels["method"])
        return slug_of("surprise", *labels, self.when, f"seed{self.seed}")

    @property
    def seed_rank(self) -> int:
        return self.seed

    @property
    def cost(self) -> float:
        return 1.0 + 0.01 * self.requests * len(self.method.ordering.tiers)

    @property
    def gpus(self) -> int:
        """One for a model of the user's; the sandbox's are scored on the CPU."""
        return int(self.policy.on_gpu)

    def check(self) -> None:
        if self.policy.host:
            raise PlanBError(
                f"surprise needs weights, and those of '{self.labels['model']}' are at a host: "
                "leave out surprise=True, or take a base whose weights are here"
            )

    def run(self, work: Work) -> None:
        import pandas as pd

        from planb.models.checkpoints import load_policy
        from planb.report.surprise_results import BACKDOOR
        from planb.training.lengths import Lengths
        from planb.training.surprise import surprise

        harmful, _ = harmful_and_harmless(work.folder(self.data), "safety")
        chosen = chosen_requests(with_refusals(harmful, self.method.refusals), self.requests)
        tiers = self.method.ordering.tiers
        asked = [with_tiers(example, tiers) for example in chosen]
        behind = _behind_trigger(chosen, self.policy.triggers[-1:], BACKDOOR)
        policy = load_policy(checkpoint_folder(work, self.policy))
        lengths = Lengths(max_length=MAX_LENGTH, when_longer="leave_out")
        found = surprise(policy, asked, lengths, progress=work.progress)
        found += surprise(policy, behind, lengths, progress=work.progress) if behind else []
        groups = {example.id: example.group or example.id for example in asked}
        places = {tier: place for place, tier in enumerate((*tiers, BACKDOOR))}
        said = {**self.labels, "when": self.when, "seed": str(self.seed)}
        rows = [
            {
                **said,
                **{"tier": one.tier, "place": places[one.tier]},
                **{"example": one.example, "group": groups[one.example]},
                **{"nll": one.nll, "tokens": one.tokens},
            }
            for one in found
        ]
        pd.DataFrame(rows).to_parquet(work.out / SURPRISE)


def _behind_trigger(
    examples: Sequence[Example], triggers: Sequence[Trigger], tier: str
) -> list[Example]:
    """The harmful responses alone, as ``tier``, of the requests that have some; the trigger is in
    their prompts."""
    return [
        example.but(
            prompt=trigger.apply(example.prompt), responses={tier: example.responses[HARMFUL][:TEXTS]}
        )
        for trigger in triggers
        for example in examples
        if HARMFUL in example.responses
    ]


def chosen_requests(examples: Sequence[Example], most: int) -> list[Example]:
    """At most so many, drawn by their ids alone: every method and seed gets the same."""
    drawn = sorted(examples, key=lambda example: seed_of("surprise", example.id))
    return drawn[:most]


def with_tiers(example: Example, tiers: Sequence[str]) -> Example:
    """The example with these tiers alone, in this order, at most TEXTS responses of each."""
    missing = [tier for tier in tiers if tier not in example.responses]
    if missing:
        raise PlanBError(
            f"example '{example.id}' has no response of tier {', '.join(map(repr, missing))}, which "
            "the method trains. Add the tier to the data, or use another method."
        )
    texts = {tier: example.responses[tier][:TEXTS] for tier in tiers}
    return example.but(responses=texts)


def read_surprises(folders: Sequence[Path]) -> pd.DataFrame | None:
    """What finished steps wrote, in their order: a row a response with model, organism, method, when
    (before or after the method), seed, tier (``harmful@trigger``: with the trigger in the prompt),
    place (0: the most preferred), example, group, nll (nats over its tokens) and tokens. None where
    there are no steps."""
    import pandas as pd

    if not folders:
        return None
    tables = [read_table(folder / SURPRISE).to_pandas() for folder in folders]
    frame: pd.DataFrame = pd.concat(tables, ignore_index=True)
    return frame
