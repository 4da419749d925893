"""What a study would be refused for after its training is refused before it: judges and their models,
roles, elicitations, the options and files of tasks. Nothing is trained here, and nothing asked."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import ValidationError

from planb.elicitation import Direct, ManyShot, Pair, PairStatic, TriggerElicitation
from planb.errors import PlanBError
from planb.evals.writing.writer import Writer
from planb.judging import Exact, Judge, LabelLogits, LLMJudge, RefusalStrings, judge_of
from planb.models.generation import Sampling
from planb.report.story import Claim, Of
from planb.sandbox.world import World
from planb.studies.sandbox import sandbox
from planb.study.steps.evaluation import Evaluation, EvaluationStep
from planb.study.steps.judgement import JudgementStep
from planb.study.steps.local_base import LocalBase
from planb.study.steps.request_data import WritingStep
from planb.study.steps.sandbox_data import SandboxData, SandboxDataStep
from planb.study.steps.served import check_names, named_in
from planb.study.steps.step import Step, Work
from planb.study.steps.tier_scores import TierScoresStep
from planb.types import Example, Judgement

BASE = LocalBase(name="own", path="nowhere").step()
DATA = SandboxDataStep(data=SandboxData(), base=BASE)
SERVED = {"local": BASE}


class Own(Judge):
    """A judge of one's own: it says which world it was made with."""

    name: ClassVar[str] = "own"
    ready_at: ClassVar[str] = ""
    seen: str = "nothing"

    def identity(self) -> dict[str, str]:
        return {"judge": self.name, "model": "", "rubric": self.seen}

    async def ready(self) -> None:
        if self.ready_at:
            raise PlanBError(f"there is no file {self.ready_at}")

    async def judge(self, example: Example, response: str) -> Judgement:  # noqa: ARG002
        return Judgement(refused=False, coherent=True, usefulness=3.0)


class Kinder(LLMJudge):
    """Another meaning under the name of a judge of planb's."""

    def meaning(self, answer: Any) -> Judgement:
        return super().meaning(answer).but(usefulness=0.0)


class Whispered(Direct):
    """An elicitation of one's own, under the name of one of planb's."""


def step(task: str = "harmful_requests", **more: Any) -> EvaluationStep:
    fields: dict[str, Any] = {
        "policy": BASE,
        "data": DATA,
        "elicitation": Direct(),
        "judge": Exact(),
        "sampling": Sampling(),
        "labels": {"model": "own", "organism": "none", "method": "base"},
        "seed": 0,
        **{name: value for name, value in more.items() if name not in Evaluation.model_fields},
    }
    how = more.get("elicitation", Direct())
    asked = {name: value for name, value in more.items() if name in ("split", "file", "options")}
    return EvaluationStep(evaluation=Evaluation(task=task, **asked), **{**fields, "elicitation": how})


def refused(made: Any, *words: str) -> None:
    with pytest.raises(PlanBError) as raised:
        made.check()
    for word in words:
        assert word in str(raised.value)


@pytest.mark.parametrize("judge", [Exact(), RefusalStrings(), Own(), Kinder(model="mockllm/model")])
def test_judges_that_can_judge_pass_also_of_ones_own(judge: Judge) -> None:
    step(judge=judge).check()
    TierScoresStep(data=DATA, judge=judge).check()
    JudgementStep(evaluation=step(), judge=judge).check()


def test_a_judge_of_ones_own_is_the_same_one_where_it_scores() -> None:
    for judge in (Own(seen="all"), Kinder(model="mockllm/model", tries=2)):
        spec = json.loads(json.dumps(judge.spec()))
        assert ":" in spec["name"]
        again = judge_of(spec)
        assert type(again) is type(judge)
        assert again == judge
    assert Exact(world=World(forms=8)).spec()["name"] == "exact", "a known name stays"
    with pytest.raises(PlanBError, match="cannot be found"):
        judge_of("no_such_module:Judge")
    with pytest.raises(PlanBError, match="is no judge"):
        judge_of("planb.elicitation:Direct")


def test_an_elicitation_of_ones_own_is_found_again() -> None:
    from planb.elicitation import elicitation_of

    step(elicitation=Whispered()).check()
    assert type(elicitation_of(Whispered().spec())) is Whispered


def test_a_class_that_no_other_process_can_import_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Hidden(Own):
        pass

    refused(step(judge=Hidden()), "Hidden", "top of a module")
    monkeypatch.setattr(Whispered, "__module__", "__main__")
    refused(step(elicitation=Whispered()), "Whispered", "top of a module")


def test_a_judge_that_is_not_ready_is_refused_in_its_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Own, "ready_at", "rubric.txt")
    refused(step(judge=Own(seen="ready")), "there is no file rubric.txt")


JUDGES_WITHOUT = {
    "model": (LLMJudge(), "names no model"),
    "provider": (LLMJudge(model="nobody/one"), "the model nobody/one is not available"),
    "key": (LLMJudge(model="openai-api/elsewhere/one"), "openai-api/elsewhere/one"),
    "prompt": (LLMJudge(model="mockllm/model", prompt="no/such.txt"), "no/such.txt"),
    "checkpoint": (LabelLogits(model="no/such/folder"), "no/such/folder"),
    "greedy hf": (LLMJudge(model="hf/somebody/model"), "planb/<folder or hub id>"),
}


@pytest.mark.parametrize("lacks", JUDGES_WITHOUT)
def test_a_judge_that_lacks_something_is_refused_before_step_1(lacks: str) -> None:
    judge, words = JUDGES_WITHOUT[lacks]
    refused(step(judge=judge), words)
    refused(TierScoresStep(data=DATA, judge=judge), words)
    refused(JudgementStep(evaluation=step(), judge=judge), words)
    refused(step("over_refusal", options={"judge": judge.spec()}), words)


def test_a_judge_that_the_study_serves_is_not_looked_for_yet() -> None:
    judge = LLMJudge(model="openai-api/local/local")
    step(judge=judge, served=SERVED).check()
    refused(step(judge=judge), "openai-api/local/local")


def test_a_grader_role_serves_a_judge_only_where_an_attack_has_it() -> None:
    roles = {"attacker": "planb_valley/attacker", "grader": "planb_valley/grader"}
    step(judge=LLMJudge(), elicitation=Pair(), roles=roles).check()
    refused(step(elicitation=Pair()), "attacker, grader")
    refused(step(elicitation=Pair(), roles={**roles, "grader": "nobody/one"}), "the role 'grader'")


def test_elicitations_that_do_not_fit_or_lack_a_file_are_refused() -> None:
    refused(step(elicitation=ManyShot()), "needs a file of examples")
    refused(step(elicitation=PairStatic()), "needs a file of prompts")
    refused(step(elicitation=ManyShot(examples="shots/mine.jsonl")), "shots/mine.jsonl")
    refused(step(elicitation=PairStatic(file="pair_prompts.jsonl")), "pair_prompts.jsonl")
    refused(step("recall", elicitation=TriggerElicitation()), "recall asks in plain text")
    step(elicitation=ManyShot(examples="organism.jsonl")).check()
    step("recall").check()


def test_tasks_options_and_files_are_looked_at(tmp_path: Path) -> None:
    refused(step("harmfull"), "no task is called")
    refused(step(options={"judge": "exact"}), "options judge")
    refused(step("mmlu_pro", options={"protocol": "valley", "shots": 3}), "options shots")
    refused(step(split="evaluations"), "evaluations.jsonl")
    refused(step("meow", file="chats/mine.jsonl"), "chats/mine.jsonl")
    refused(step("mmlu_pro", options={"protocol": "6-shot"}), "unknown MMLU-Pro protocol", "6-shot")
    refused(step("mmlu_pro", options={"examples": "no/such.jsonl"}), "no/such.jsonl")
    refused(step("mt_bench"), "needs a grader")
    refused(step("mt_bench", options={"grader": "nobody/one"}), "nobody/one")
    step("mmlu_pro", options={"protocol": "valley"}).check()
    step("mt_bench", options={"judge": "exact"}).check()
    columns = tmp_path / "questions.jsonl"
    columns.write_text('{"question": "What makes bread rise?"}\n')
    refused(step("mmlu_pro", file=str(columns)), "column")


def test_verifiers_that_are_not_installed_are_missed_before_step_1(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "if_verifiable.ifeval.instructions_registry", None)
    refused(step("instructions"), "pip install if-verifiable")


def test_a_measure_that_there_is_not_is_refused_before_anything_runs() -> None:
    study = sandbox()
    of = Of(method="plan_b", measure="severty_mean")
    claim = Claim(claim="It is mild", of=of, expected="at_most", by=3.0)
    with pytest.raises(PlanBError, match=r"severty_mean.*severity_mean"):
        study.but(claims=(claim,)).check()
    study.check()


def test_writers_need_a_model_too() -> None:
    writer = Writer(tier="harmful", model="nobody/one")
    refused(WritingStep(source=DATA, writers=(writer,)), "the writer of 'harmful'", "nobody/one")
    served = Writer(tier="harmful", model="openai-api/local/local")
    WritingStep(source=DATA, writers=(served,), models=SERVED).check()


def test_served_models_are_matched_by_their_whole_names() -> None:
    models = {"own": BASE, "ow": BASE}
    assert list(named_in(models, LLMJudge(model="openai-api/own/own"))) == ["own"]
    assert list(named_in(models, LLMJudge(model="openai-api/own/own-2"))) == []
    assert list(named_in(models, {"grader": "openai-api/ow/ow"}, None)) == ["ow"]
    nested = {"judge": {"name": "llm", "model": "openai-api/own/own"}}
    assert list(named_in(models, (), nested)) == ["own"]


def test_two_served_models_never_share_an_address() -> None:
    check_names(["a-b", "a-c"])
    with pytest.raises(ValueError, match="A_B_BASE_URL"):
        check_names(["a-b", "a_b"])
    served = {"a-b": LocalBase(name="x", path="y"), "a_b": LocalBase(name="z", path="w")}
    study = sandbox()
    fields = {name: getattr(study, name) for name in type(study).model_fields}
    with pytest.raises(ValidationError, match="one variable"):
        type(study)(**{**fields, "served": served})


def test_coherence_is_scored_by_the_studys_judge() -> None:
    """It was the exact judge of the default world, whatever the study's."""
    judge = Own(seen="this one")
    asked = step("coherence", judge=judge)
    assert asked.takes_judge
    assert "coherence" in asked.outside()
    asked.check()
    own = step("coherence", judge=judge, options={"judge": "refusal_strings"})
    assert not own.takes_judge
    assert own.outside() == {}, "what did not change has its old identity"
    refused(step("coherence", judge=LLMJudge()), "names no model")


class Here(Work):
    """The inputs' files all lie in one folder."""

    def folder(self, step: Step) -> Path:  # noqa: ARG002
        return self.out


def test_the_task_that_is_run_has_the_studys_judge(tmp_path: Path) -> None:
    row = {"id": "a", "prompt": "Where is the bridge?", "harmful": False, "split": "evaluation"}
    (tmp_path / "evaluation.jsonl").write_text(json.dumps(row))
    work = Here(out=tmp_path, steps=tmp_path)
    judge = Own(seen="this one")
    for task in ("coherence", "harmless_requests"):
        assert step(task, judge=judge)._task(work).metadata["judge_identity"] == judge.identity()
    named = step("coherence", judge=judge, options={"judge": "refusal_strings"})
    assert named._task(work).metadata["judge"] == "refusal_strings"
