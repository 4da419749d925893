"""A limit of thoughts needs a model that marks them: known before step 1 of every base whose tokenizer
is there, and asked by every step that samples."""

from __future__ import annotations

from pathlib import Path

import pytest

from planb.elicitation import Direct
from planb.errors import PlanBError
from planb.models.generation import Sampling
from planb.models.random_chat import save_chat_model
from planb.studies.sandbox import sandbox
from planb.studies.thoughts import thoughts
from planb.study.chain import Chain
from planb.study.steps.checkpoint import CheckpointStep, Given
from planb.study.steps.evaluation import Evaluation, EvaluationStep
from planb.study.steps.hosted_base import HostedBase
from planb.study.steps.local_base import LocalBase
from planb.study.steps.own_outputs import OwnOutputs
from planb.study.steps.own_words import OwnWords, OwnWordsStep
from planb.study.steps.random_base import RandomBase
from planb.study.steps.sandbox_data import SandboxData, SandboxDataStep
from planb.training.settings import Training
from planb.types import Trigger

LIMITED = Sampling(thought_tokens=8)
TRAINING = Training(steps=1, learning_rate=1e-3)
UNKNOWN = LocalBase(name="own", path="nowhere").step()
DATA = SandboxDataStep(data=SandboxData(), base=UNKNOWN)


def asked(policy: CheckpointStep) -> EvaluationStep:
    return EvaluationStep(
        policy=policy,
        data=DATA,
        evaluation=Evaluation(task="harmful_requests"),
        elicitation=Direct(),
        judge=None,
        sampling=LIMITED,
        labels={"model": "own", "organism": "none", "method": "base"},
        seed=0,
    )


@pytest.mark.parametrize("kind", ["random", "local", "sandbox"])
def test_a_model_that_marks_none_is_refused_before_step_1(kind: str, tmp_path: Path) -> None:
    base: CheckpointStep = RandomBase(name="tiny", shape="qwen2").step()
    if kind == "local":
        base = LocalBase(name="mine", path=str(save_chat_model("qwen2", tmp_path / "mine"))).step()
    elif kind == "sandbox":
        base = sandbox().bases[0].step()
    own = OwnOutputs(name="own", training=TRAINING, sampling=LIMITED)
    *_, last = Chain(name="chain", stages=(own,)).steps(base, Given(DATA, TRAINING, Trigger(), 0))
    words = OwnWordsStep(source=DATA, domain="atlas", how=OwnWords(helpful=LIMITED), base=base)
    for one in (asked(base), asked(last), last, words):
        with pytest.raises(PlanBError, match=r"has no tokens <think> and </think>: leave thought_t"):
            one.check()
        base.check_sampling(Sampling())


def test_one_that_marks_them_or_is_not_known_is_asked() -> None:
    (thinker,) = thoughts().bases
    asked(thinker.but(seed=0).step()).check()
    UNKNOWN.check_sampling(LIMITED)
    HostedBase(name="far", model="a", base_url="https://models.example/v1").step().check_sampling(
        LIMITED
    )
