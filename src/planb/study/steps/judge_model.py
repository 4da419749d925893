"""A study's further judges: what logs they score, and one that the sandbox trains and serves."""

from __future__ import annotations

from importlib.resources import files
from typing import ClassVar

from pydantic import Field, SerializeAsAny

from planb.judging import Judge
from planb.judging.asking import AskedJudge
from planb.judging.llm import LLMJudge
from planb.models.checkpoints import Card, load_policy
from planb.sandbox import language as lang
from planb.sandbox import verdicts
from planb.sandbox.world import World
from planb.study.steps.checkpoint import CheckpointStep, checkpoint_folder, training_cost
from planb.study.steps.step import Step, Work
from planb.training.objectives import SFT
from planb.training.recipe import Recipe
from planb.training.rows import Ranking
from planb.training.settings import Training
from planb.types import Ordering
from planb.values import Value, seed_of


class SandboxJudge(Value):
    """A judge that is trained in the valley, from the study's base, on items of its own (none that an
    evaluation asks for), and called over HTTP as any judge model is. ``asked`` says how."""

    world: World = Field(default_factory=World)
    training: Training
    asked: LLMJudge = Field(
        default_factory=lambda: LLMJudge(
            called="valley judge", structured=False, max_tokens=96, cache=False, max_connections=64
        )
    )
    seed: int = 0

    @property
    def title(self) -> str:
        return self.asked.title

    def step(self, base: CheckpointStep) -> JudgeModelStep:
        return JudgeModelStep(base=base, judge=self)


class JudgeModelStep(CheckpointStep):
    """Base -> a judge model."""

    kind: ClassVar[str] = "judge"
    base: SerializeAsAny[CheckpointStep]
    judge: SandboxJudge

    @property
    def slug(self) -> str:
        return "judge-model"

    @property
    def cost(self) -> float:
        return training_cost(self.judge.training, responses=1)

    def run(self, work: Work) -> None:
        from planb.training.train import train

        judge, training = self.judge, self.judge.training
        seed = seed_of("judge", judge.seed)
        examples = list(verdicts.verdicts(judge.world, training.steps * training.batch, judge.seed))
        ranking = Ranking(examples, Ordering(tiers=(verdicts.VERDICT,)))
        policy = load_policy(checkpoint_folder(work, self.base))
        card = Card(what="a judge of the sandbox's answers, trained on items that no evaluation uses")
        recipe = Recipe([ranking], SFT(), training, seed, card)
        train(policy, recipe, work.out, work.progress)


def served(judge: Judge, model: Step | None, work: Work) -> Judge:
    """The judge as it is called now: one that a step trained is served on loopback for this process,
    under the step's name, which holds a hash of what made it."""
    if model is None or not isinstance(judge, AskedJudge):
        return judge
    from planb.evals.serving import server_of

    folder = work.folder(model)
    where = {"model": f"openai-api/planb/{folder.name}", "base_url": server_of(folder, folder.name)}
    prompt = files(lang.__package__).joinpath(verdicts.PROMPT)
    return judge.but(**where, prompt=str(prompt))
