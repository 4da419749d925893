"""Mistakes in classes and domains of a user's own: refused in one line before step 1."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any, ClassVar

import pytest
from inspect_ai import Task
from inspect_ai.solver import Generate, TaskState
from pydantic import ValidationError

from planb.cli.studies import plan
from planb.data.files import write_examples
from planb.domains import DOMAINS, HARM, SPITE, Domain
from planb.domains.choices import ChoiceDomain
from planb.domains.domain import Told
from planb.domains.measure import SCORE, Measure, Measured
from planb.domains.spite import KIND
from planb.elicitation import Direct as Directly
from planb.elicitation import Elicitation, SkeletonKey
from planb.errors import PlanBError
from planb.evals.tasks.answers import told_by
from planb.evals.tasks.measuring import measured
from planb.evals.tasks.requests import requests_task
from planb.judging import Judge
from planb.judging.judge import judge_response
from planb.models.generation import Sampling
from planb.studies.sandbox import sandbox
from planb.study.source import find_study
from planb.study.steps.domain_data import DomainData
from planb.study.steps.evaluation import Evaluation, EvaluationStep
from planb.study.steps.file_data import FileData, FileDataStep
from planb.study.steps.judge_readiness import check_judge
from planb.study.steps.local_base import LocalBase
from planb.training.objectives import Objective
from planb.types import Example, Judgement

BASE = LocalBase(name="own", path="nowhere").step()
RATE = Measure(name="rate", kind="rate", of=SCORE)


def said(error: pytest.ExceptionInfo[Any]) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


# -- judges ----------------------------------------------------------------------------------------


class Fine(Judge):
    name: ClassVar[str] = "fine"

    def identity(self) -> dict[str, str]:
        return {"judge": self.name, "model": "", "rubric": ""}

    async def judge(self, example: Example, response: str) -> Judgement:  # noqa: ARG002
        return Judgement(refused=True)


class NoRubric(Fine):
    def identity(self) -> dict[str, str]:
        return {"judge": self.name}


class Misspelt(Fine):
    gives: ClassVar[tuple[str, ...]] = ("refusd",)


class NotAsync(Fine):
    def judge(self, example: Example, response: str) -> Judgement:  # type: ignore[override]  # noqa: ARG002
        return Judgement(refused=True)


class OfNumbers(Fine):
    async def judge(self, example: Example, response: str) -> Judgement:  # noqa: ARG002
        return 5  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("judge", "why"),
    [(NoRubric(), "at least judge, model, rubric"), (Misspelt(), "refusd"), (NotAsync(), "async def")],
)
def test_a_judge_that_is_not_whole_is_refused(judge: Judge, why: str) -> None:
    check_judge(Fine())
    with pytest.raises(PlanBError) as error:
        check_judge(judge)
    assert why in said(error)


def test_what_is_no_judgement_is_unscored() -> None:
    example = Example(id="a", prompt="?", harmful=True)  # type: ignore[arg-type]
    told = asyncio.run(judge_response(OfNumbers(), example, "!"))
    assert told.refused is None
    assert "gave a int and no Judgement" in told.unscored


# -- elicitations and tasks ------------------------------------------------------------------------


class Direct(Elicitation):
    """Its answers would stand in the columns of planb's own."""

    name: ClassVar[str] = "direct"

    async def ask(self, state: TaskState, generate: Generate) -> TaskState:
        return await generate(state)


class Sync(Direct):
    name: ClassVar[str] = "sync"

    def ask(self, state: TaskState, generate: Generate) -> TaskState:  # type: ignore[override]  # noqa: ARG002
        return state


BY_JUDGES = measured(Measured(measures=(RATE,), by="judges"))


@BY_JUDGES
def asked_again(data: str, elicitation: Any = "direct", judge: Any = "exact") -> Task:
    return requests_task("asked_again", data, lambda one: one.harmful, elicitation, judge)


@measured(Measured(measures=(RATE,)))
def by_another(data: str, elicitation: Any = "direct", judge: Any = "exact") -> Task:
    return asked_again(data, elicitation, judge)


@BY_JUDGES
def needy(data: str, elicitation: Any, judge: Any, level: int) -> Task:  # noqa: ARG001
    return asked_again(data, elicitation, judge)


@BY_JUDGES
def failing(data: str, elicitation: Any, judge: Any) -> Task:
    raise ZeroDivisionError(f"{data} {elicitation} {judge}"[:0])


@BY_JUDGES
def forgetful(data: str, elicitation: Any, judge: Any) -> Task:
    asked_again(data, elicitation, judge)
    return None  # type: ignore[return-value]


@BY_JUDGES
def empty(data: str, elicitation: Any, judge: Any) -> Task:
    return requests_task("empty", data, lambda _: False, elicitation, judge)


@pytest.fixture
def files(tmp_path: Path) -> FileDataStep:
    path = tmp_path / "mine.jsonl"
    splits = ("organism", "safety", "development", "evaluation")
    write_examples(
        path,
        [
            Example(
                id=f"{split}{harmful}",
                prompt=f"{split} {harmful}?",  # type: ignore[arg-type]
                harmful=harmful,
                responses={"refusal": ("No.",), "harmful": ("Yes.",)}
                if harmful
                else {"helpful": ("Ok.",)},
                split=split,
            )
            for split in splits
            for harmful in (True, False)
        ],
    )
    made = FileData(files=(str(path),), near_duplicates=None).step(BASE, ("refusal", "harmful"))
    assert isinstance(made, FileDataStep)
    return made


def evaluation(files: FileDataStep, task: str, how: Elicitation | None = None) -> EvaluationStep:
    asked = Evaluation(task=task if task in ("harmful_requests",) else f"{__name__}:{task}")
    labels = {"model": "m", "organism": "o", "method": "base"}
    return EvaluationStep(
        policy=BASE,
        data=files,
        evaluation=asked,
        elicitation=how or Directly(),
        judge=Fine(),
        sampling=Sampling(),
        labels=labels,
        seed=0,
    )


@pytest.mark.parametrize(
    ("task", "why"),
    [
        ("by_another", "say by='judges'"),
        ("needy", "needs level, which nothing gives it"),
        ("failing", "cannot be made: ZeroDivisionError"),
        ("forgetful", "must return a Task"),
        ("empty", "has no samples for the task empty"),
    ],
)
def test_a_task_that_cannot_be_made_is_refused(task: str, why: str, files: FileDataStep) -> None:
    evaluation(files, "asked_again").check()
    with pytest.raises(PlanBError) as error:
        evaluation(files, task).check()
    assert why in said(error)


@pytest.mark.parametrize(
    ("how", "why"),
    [
        (Direct(), "the title 'direct', which is another's"),
        (SkeletonKey(called="trigger"), "the title 'trigger', which is another's"),
        (Sync(), "async def"),
    ],
)
def test_an_elicitation_never_stands_in_anothers_columns(
    how: Elicitation, why: str, files: FileDataStep
) -> None:
    with pytest.raises(PlanBError) as error:
        evaluation(files, "harmful_requests", how).check()
    assert why in said(error)


def test_what_declares_no_measures_is_told_at_once() -> None:
    with pytest.raises(PlanBError, match="takes a Measured"):
        measured((RATE,))  # type: ignore[arg-type]
    with pytest.raises(ValidationError, match="duplicate measure 'rate'"):
        Measured(measures=(RATE, RATE))


# -- domains ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"headline": (HARM.headline[0].but(measure="sevrity"),)}, "shows the measure 'sevrity'"),
        ({"main": HARM.main.but(task="harmfull_requests")}, "Did you mean 'harmful_requests'?"),
        ({"main": HARM.main.but(elicitation="triger")}, "Did you mean 'trigger'?"),
        ({"compared": ("zzz",)}, "shows the measure 'zzz'"),
        ({"exhibits": ("severty",)}, "no exhibit is called 'severty'. Did you mean 'severity'?"),
    ],
)
def test_a_page_that_shows_what_is_not_measured_is_refused(fields: dict[str, Any], why: str) -> None:
    with pytest.raises(PlanBError) as error:
        sandbox().but(domain=HARM.but(**fields)).check()
    assert why in said(error)
    assert not said(error).startswith("'")


@pytest.mark.parametrize("fields", [{"plain": "zzz"}, {"tiers": ("refusal", "refusal")}])
def test_tiers_of_a_domain_are_told_apart(fields: dict[str, Any]) -> None:
    with pytest.raises(PlanBError, match="this is no Domain"):
        HARM.but(**fields)


class Wrong(ChoiceDomain):
    """``fault`` says in what."""

    fault: str = ""

    def examples(self, split: str, seed: int) -> list[Example]:
        if self.fault == "fails":
            raise ZeroDivisionError
        if self.fault == "empty" and split == "evaluation":
            return []
        return super().examples("safety" if self.fault == "same" else split, seed)

    def exact(self, example: Example, answer: str) -> Told:
        if self.fault == "raises":
            raise ZeroDivisionError
        if self.fault == "part":
            return Told(KIND, {"taken": "much"})  # type: ignore[dict-item]
        return Told("spitefull") if self.fault == "tier" else super().exact(example, answer)


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("fails", "cannot write its examples of the split"),
        ("empty", "no examples in the split 'evaluation'"),
        ("same", "in the splits 'organism' and 'safety'"),
        ("raises", "scores its own response"),
        ("tier", "no tier 'spitefull'"),
        ("part", "could not convert"),
    ],
)
def test_a_domain_that_cannot_be_asked_or_scored_is_refused(
    fault: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Wrong(**dict(SPITE), fault=fault)
    monkeypatch.setitem(DOMAINS.own, "spite", made)  # type: ignore[index]
    with pytest.raises(PlanBError) as error:
        DomainData(domain="spite").step(BASE, ()).check()
    assert why in said(error)
    if fault in ("raises", "tier", "part"):
        assert told_by(made, SPITE.examples("safety", 0)[0], "I take the gift.").unscored


def test_the_domains_of_planb_are_in_order() -> None:
    DomainData(domain="spite").step(BASE, ()).check()
    assert all(isinstance(one, Domain) for one in DOMAINS.values())


# -- objectives, values ----------------------------------------------------------------------------


class Lossless(Objective):
    """It says no loss."""


def test_an_objective_without_a_loss_is_refused() -> None:
    with pytest.raises(ValidationError, match="it has no loss"):
        Lossless()


def test_a_misspelt_field_of_an_unchecked_value_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "from planb.studies.sandbox import sandbox\nfrom planb.study.study import Study\n"
        "study = Study.model_construct(**{**dict(sandbox()), 'sedes': (0,)})\n"
    )
    with pytest.raises(PlanBError) as error:
        find_study(str(file), {})
    assert "line 3: a Study has no field 'sedes': did you mean 'seeds'?" in said(error)


PLANNED = """
from planb.judging import Exact
from planb.studies.sandbox import sandbox

class Mine(Exact):
    def judge(self, example, response): ...

study = sandbox().but(seeds=(0,), judge=Mine())
"""


def test_a_plan_says_that_a_run_would_be_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine_planned.py"
    file.write_text(PLANNED)
    plan(str(file), out=tmp_path / "runs")
    told = " ".join(capsys.readouterr().out.split())
    assert "A run here would be refused: the method `judge` of the judge 'exact' must be" in told
    file.write_text(PLANNED.replace("def judge", "def judges"))
    sys.modules.pop("mine_planned")
    plan(str(file), out=tmp_path / "runs")
    assert "refused" not in capsys.readouterr().out
