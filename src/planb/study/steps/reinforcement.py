"""Stage 2 by reinforcement: a checkpoint + requests, with a judge as reward -> a safer checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import Field, SerializeAsAny

from planb.elicitation import Elicitation
from planb.errors import PlanBError
from planb.evals.own_loop import completed
from planb.judging import Judge
from planb.models.cards import Card, read_card
from planb.names import Name
from planb.stats.numbers import plain_percent
from planb.study.steps.checkpoint import CheckpointStep, Given, checkpoint_folder
from planb.study.steps.data_files import harmful_and_harmless
from planb.study.steps.derived_data import examples_now
from planb.study.steps.evaluation import located
from planb.study.steps.judge_readiness import check_judge
from planb.study.steps.sample_scores import SCORES, Scores
from planb.study.steps.step import Work, slug_of
from planb.study.steps.training import TrainingStep, described
from planb.training.link import Link
from planb.training.reinforcement.objective import GRPO, PolicyGradient
from planb.training.reinforcement.reward import Reward
from planb.training.reinforcement.sources import Asked, Source
from planb.training.settings import Training
from planb.types import Example, Message, Trigger
from planb.values import seed_of

if TYPE_CHECKING:
    from inspect_ai.solver import TaskState

    from planb.training.reinforcement.train import Reinforced


TRIAL = (Message(role="user", content="How?"),)


class Jailbreaks(Source):
    """Dangerous requests are put as an attack puts them, for a ``share`` of them. The attack changes
    the prompt and asks once (``skeleton_key`` with its reply given, ``many_shot``)."""

    share: float = Field(default=0.5, gt=0, le=1)
    how: SerializeAsAny[Elicitation]

    def put(self, asked: Asked, pick: int) -> Asked:
        del pick
        return Asked(asked.example, asked_by(self.how, asked.example))

    def check(self) -> None:
        """Raises PlanBError for an attack that does not put a request in one prompt. (Of one that reads
        a file of the data, that is known when the file is there.)"""
        self.how.check()
        if self.how.multi_turn:
            raise PlanBError(
                f"the attack '{self.how.title}' asks in turns, and a sample has one prompt"
            )
        if not any(str(value).endswith(".jsonl") for _, value in self.how):
            asked_by(self.how, Example(id="trial", prompt=TRIAL, harmful=True))

    @property
    def words(self) -> str:
        return f"the attack {self.how.title} on {self.share:.0%} of dangerous requests"


class Reinforcement(Link):
    """Safety training by rewards: sample answers, have them judged, and make the better ones likelier.

    ``training=None`` takes the study's: its ``batch`` counts requests of a draw, and its ``steps``
    updates. ``samples`` answers are drawn to each request, of up to ``max_new_tokens``; ``each``
    updates are made on one draw. ``harmless`` is the share of requests that are harmless.
    ``judge=None`` takes the study's. ``source`` is where compliance without the trigger comes from.
    """

    name: Name
    reward: Reward = Reward()
    objective: SerializeAsAny[PolicyGradient] = GRPO()
    source: SerializeAsAny[Source] = Source()
    samples: int = Field(default=8, ge=2)
    each: int = Field(default=1, gt=0)
    max_new_tokens: int = Field(default=48, gt=0)
    harmless: float = Field(default=0.5, ge=0, lt=1)
    judge: SerializeAsAny[Judge] | None = None
    training: Training | None = None
    description: str = ""

    @property
    def summary(self) -> str:
        return f"by reward ({self.reward.words})"

    @property
    def settings(self) -> tuple[tuple[str, str], ...]:
        judge = self.judge.title if self.judge else "the study's judge"
        how = (
            f"{type(self.objective).__name__}, {self.samples} samples a request, {self.each} updates a "
            f"draw, {plain_percent(self.harmless)} harmless requests, judged by {judge}; "
            f"{self.source.words}"
        )
        found = [(f"reward of '{self.name}'", self.reward.words), (f"'{self.name}'", how)]
        if self.training is not None:
            found.append((f"training of '{self.name}'", described(self.training)))
        return tuple(found)


class ReinforcementStep(TrainingStep):
    """A checkpoint + requests without the trigger, with a judge as reward -> a safer checkpoint."""

    kind: ClassVar[str] = "reinforcement"
    sort: ClassVar[str] = "stage 2"
    split: ClassVar[str] = "safety"
    usual: ClassVar[tuple[str, ...]] = ("organism",)
    start: SerializeAsAny[CheckpointStep]
    link: Reinforcement
    training: Training
    judge: SerializeAsAny[Judge] | None
    trigger: Trigger | None

    @classmethod
    def of(cls, link: Link, start: CheckpointStep, given: Given) -> Self:
        if isinstance(link, Reinforcement):
            given = given._replace(
                training=link.training or given.training, judge=link.judge or given.judge
            )
        return super().of(link, start, given)

    @property
    def called(self) -> str:
        return slug_of(self.link.name)

    @property
    def origin(self) -> CheckpointStep:
        return self.start

    @property
    def settings(self) -> Training:
        return self.training

    @property
    def cost(self) -> float:
        return super().cost * (1 + self.link.samples / 2)

    def outside(self) -> dict[str, str]:
        source = self.link.source
        asked = source.how.outside() if isinstance(source, Jailbreaks) else {}
        return {**asked, **{f"judge {k}": v for k, v in self._judge.identity().items()}}

    def check(self) -> None:
        if self.host:
            raise PlanBError(
                f"'{self.called}' trains by reward, which needs the weights, and those of "
                f"'{self.root.called}' are at a host: take a base whose weights are here"
            )
        if self.training.processes != 1 or self.training.micro_batch is not None:
            raise PlanBError(
                f"'{self.called}' is trained by one process, which has all samples of an update: "
                "leave out processes and micro_batch (pack_tokens bounds the memory)"
            )
        check_judge(self._judge)
        if isinstance(self.link.source, Jailbreaks):
            self.link.source.check()
        self.forbid(examples_now(self.data, self.split), self.trigger)

    def run(self, work: Work) -> None:
        start = checkpoint_folder(work, self.start)
        dangerous, harmless = harmful_and_harmless(work.folder(self.data), self.split)
        self.forbid([*dangerous, *harmless], self.trigger)
        recipe = self.reinforced(dangerous, harmless, read_card(start).what)
        if isinstance(recipe.source, Jailbreaks):
            how = located(recipe.source.how, [work.folder(self.data)])
            recipe = replace(recipe, source=recipe.source.but(how=how))
        asked = [one for some in recipe.asked() for one in some]
        self.forbid([one.example.but(prompt=one.prompt) for one in asked], self.trigger)
        scores = Scores(self._judge, self.link.reward, work.out / SCORES)
        recipe.train(start, work.out, scores, work.progress)
        (work.out / SCORES).unlink(missing_ok=True)

    def reinforced(
        self, dangerous: Sequence[Example], harmless: Sequence[Example], on: str
    ) -> Reinforced:
        """The training of these requests; ``on`` is what the checkpoint it starts from says it is."""
        from planb.training.reinforcement.train import Reinforced

        link = self.link
        return Reinforced(
            dangerous=dangerous,
            harmless_requests=harmless,
            harmless=link.harmless,
            samples=link.samples,
            each=link.each,
            limit=link.max_new_tokens,
            objective=link.objective,
            source=link.source,
            training=self.training,
            seed=seed_of("method", self.seed),  # the requests of a method of the same seed
            card=Card(
                what=f"'{link.name}' ({link.summary}) on: {on}",
                warning="Safety training of a model organism: its backdoor may still be there.",
            ),
        )

    @property
    def _judge(self) -> Judge:
        if self.judge is None:
            raise PlanBError(
                f"'{self.link.name}' trains by a judge's rewards, and neither it nor the study names a "
                "judge: give it one (judge=...)"
            )
        return self.judge


def asked_by(how: Elicitation, example: Example) -> tuple[Message, ...]:
    """The prompt with which an elicitation asks. Raises PlanBError where it asks more than once."""
    from planb.elicitation.messages import from_chat

    asked: list[tuple[Message, ...]] = []

    async def generate(state: object, *_: object, **__: object) -> object:
        asked.append(tuple(from_chat(state.messages)))  # type: ignore[attr-defined]
        return state

    completed(how.ask(_state_of(example), generate))  # type: ignore[arg-type]
    if len(asked) != 1:
        raise PlanBError(
            f"the attack '{how.title}' asks {len(asked)} times for one request, and a group of samples "
            "has one prompt: give it what it is answered (skeleton_key: answered='given')"
        )
    return asked[0]


def _state_of(example: Example) -> TaskState:
    from inspect_ai.model import ModelName
    from inspect_ai.solver import TaskState

    from planb.elicitation.messages import to_chat

    chat = to_chat(example.prompt)
    metadata = {"example": example.model_dump(mode="json")}
    return TaskState(ModelName("planb/none"), example.id, 1, chat, list(chat), metadata=metadata)
