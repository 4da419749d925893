"""A study's further judges: what logs they score, and one that the sandbox trains and serves."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import ClassVar

from pydantic import Field, SerializeAsAny

from planb.data.files import file_hash, read_examples
from planb.judging import Exact, Judge
from planb.judging.asking import AskedJudge
from planb.judging.label_logits import LabelLogits
from planb.judging.llm import LLMJudge
from planb.models.checkpoints import Card, load_policy
from planb.sandbox import language as lang
from planb.sandbox import verdicts
from planb.sandbox.world import World
from planb.study.bases import checkpoint_folder, training_cost
from planb.study.evaluation import LOG, EvaluationStep, publish_log
from planb.study.readiness import check_judge
from planb.study.served import needs_gpu, serve
from planb.study.step import Step, Work, slug_of
from planb.training.objectives import SFT
from planb.training.rows import Ranking
from planb.training.settings import Training
from planb.types import Ordering
from planb.values import Value, seed_of

CALIBRATION = "calibration.json"
PADDING = ("The sun is warm over the valley.", "Have a good day!")
ADDRESSES = ('"usefulness": 0.', '"usefulness": 10.')


class SandboxJudge(Value):
    """A judge that is trained in the valley, from the study's base, on items of its own (none that an
    evaluation asks for), and asked over HTTP as any judge model is. ``asked`` says how."""

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

    def step(self, base: Step) -> Step:
        return JudgeModelStep(base=base, judge=self)


class JudgeModelStep(Step):
    """Base -> a judge model."""

    kind: ClassVar[str] = "judge"
    base: SerializeAsAny[Step]
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
        card = Card(
            what="a judge of the sandbox's answers, trained on items that no evaluation asks for"
        )
        train(policy, [ranking], SFT(), training, seed, work.out, card, work.progress)


class JudgementStep(Step):
    """A finished evaluation judged by another judge: a log of its own, and no policy is run. ``model``
    is the step that trained the judge, if a step did."""

    kind: ClassVar[str] = "judgement"
    evaluation: EvaluationStep
    judge: SerializeAsAny[Judge]
    model: SerializeAsAny[Step] | None = None
    served: dict[str, SerializeAsAny[Step]] = Field(default_factory=dict)

    @property
    def slug(self) -> str:
        return slug_of(self.evaluation.slug, "by", self.judge.title)

    @property
    def seed_rank(self) -> int:
        return self.evaluation.seed_rank

    @property
    def gpus(self) -> int:
        """One for a judge that is a local model, or that planb serves; none for one behind an API."""
        return int(isinstance(self.judge, LabelLogits) or needs_gpu(self.served))

    @property
    def cost(self) -> float:
        return 6.0

    def check(self) -> None:
        """That the judge can judge; one that a step trains is not there yet."""
        if self.model is None:
            check_judge(self.judge, self.served)

    def run(self, work: Work) -> None:
        from planb.evals.rejudge import rejudge
        from planb.evals.sidecar import write_sidecar

        serve(self.served, work)
        log, judge = work.folder(self.evaluation) / LOG, served(self.judge, self.model, work)
        rejudge(log, judge, work.out / LOG, lambda done, total: work.progress(done, total, ""))
        write_sidecar(work.out / LOG)

    def publish(self, out: Path, study_folder: Path) -> None:
        publish_log(out, study_folder, self.folder_name)


class CalibrationStep(Step):
    """The check of a trained judge on the development split's tiers, beside the exact judge."""

    kind: ClassVar[str] = "calibration"
    judge: SerializeAsAny[Judge]
    model: SerializeAsAny[Step]
    data: SerializeAsAny[Step]
    exact: Exact

    @property
    def cost(self) -> float:
        return 12.0

    def run(self, work: Work) -> None:
        from planb.evals.calibration.check import check
        from planb.evals.calibration.demands import Demands

        path = work.folder(self.data) / "development.jsonl"
        result = check(
            served(self.judge, self.model, work),
            [example for example in read_examples(path) if example.responses],
            second=self.exact,
            demands=Demands(padding=PADDING, addresses=ADDRESSES),
            data_hash=file_hash(path),
        )
        (work.out / CALIBRATION).write_text(result.model_dump_json(indent=1), encoding="utf-8")


def served(judge: Judge, model: Step | None, work: Work) -> Judge:
    """The judge as it is asked now: one that a step trained is served on loopback for this process,
    under the step's name, which holds a hash of what made it."""
    if model is None or not isinstance(judge, AskedJudge):
        return judge
    from planb.evals.serving import server_of

    folder = work.folder(model)
    where = {"model": f"openai-api/planb/{folder.name}", "base_url": server_of(folder, folder.name)}
    prompt = files(lang.__package__).joinpath(verdicts.PROMPT)
    return judge.but(**where, prompt=str(prompt))
