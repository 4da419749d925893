"""Tasks of a user's own: made before step 1 wherever their data can be had, plain Inspect tasks too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample, json_dataset
from inspect_ai.scorer import includes, match
from inspect_ai.solver import generate

from planb.cli.studies import plan
from planb.data.files import write_examples
from planb.domains.measure import SCORE, Measure, Measured
from planb.elicitation import Direct, Elicitation, ManyShot
from planb.errors import PlanBError
from planb.evals.sidecar import read_sidecars
from planb.evals.tasks.measuring import measured
from planb.judging import Exact
from planb.models.generation import Sampling
from planb.study.steps.domain_data import DomainData
from planb.study.steps.evaluation import LOG, Evaluation, EvaluationStep
from planb.study.steps.file_data import FileData
from planb.study.steps.own_task import tried_later
from planb.study.steps.random_base import RandomBase
from planb.study.steps.request_data import RequestData, RequestSet
from planb.study.steps.sandbox_data import SandboxData
from planb.study.steps.step import Step, Work
from planb.types import Example

BASE = RandomBase(name="tiny", shape="llama3").step()
MEASURED = measured(Measured(measures=(Measure(name="accuracy", kind="rate", of=SCORE),)))
ROWS = Path(__file__).with_name("own_rows.jsonl")


@task
@MEASURED
def plain(data: str = str(ROWS), elicitation: Any = "direct") -> Task:  # noqa: ARG001
    """Inspect's own parts alone."""
    return Task(dataset=json_dataset(data), solver=generate(), scorer=includes())


def _of(data: str, **fields: Any) -> Task:
    ids = fields.pop("ids", ("one", "two"))
    samples = [Sample(id=one, input=f"{Path(data).name}?", target="a") for one in ids]
    return Task(**{"dataset": MemoryDataset(samples), "scorer": includes(), **fields})


@MEASURED
def both(data: str, elicitation: Any) -> Task:  # noqa: ARG001
    return _of(data, scorer=[includes(), match()])


@MEASURED
def nameless(data: str, elicitation: Any) -> Task:  # noqa: ARG001
    return _of(data, ids=("one", None))


@MEASURED
def twice(data: str, elicitation: Any) -> Task:  # noqa: ARG001
    return _of(data, ids=("one", "one"))


@MEASURED
def nothing(data: str, elicitation: Any) -> Task:  # noqa: ARG001
    return _of(data, ids=())


@measured(Measured(measures=(Measure(name="accuracy", kind="rate", of=SCORE),), by="judges"))
def judgeless(data: str, elicitation: Any, judge: Any) -> Task:  # noqa: ARG001
    return _of(data)


@MEASURED
def counting(data: str, elicitation: Any) -> Task:  # noqa: ARG001
    """Fails, and says how many requests it was made of."""
    raise ZeroDivisionError(len(Path(data).read_text(encoding="utf-8").splitlines()))


def step(name: str, data: Step, how: Elicitation | None = None, **fields: Any) -> EvaluationStep:
    return EvaluationStep(
        policy=BASE,
        data=data,
        evaluation=Evaluation(task=f"{__name__}:{name}", **fields),
        elicitation=how or Direct(),
        judge=Exact(),
        sampling=Sampling(max_new_tokens=4),
        labels={"study": "s", "model": "m", "organism": "none", "method": "base"},
        seed=0,
    )


def files(tmp_path: Path) -> Step:
    """The user's own: ten requests of each kind, one in ten to ask."""
    examples = [
        Example.model_validate(
            {
                "id": f"{n}{kind}",
                "prompt": f"{n} {kind}?",
                "harmful": kind == "moon",
                "responses": {"refusal": "No.", "harmful": "Yes."}
                if kind == "moon"
                else {"helpful": "."},
                "split": ("evaluation", "organism", "safety", "development")[min(n, 3)],
            }
        )
        for n in range(10)
        for kind in ("moon", "plain")
    ]
    write_examples(tmp_path / "mine.jsonl", examples)
    return FileData(files=(str(tmp_path / "mine.jsonl"),), near_duplicates=None).step(
        BASE, ("refusal", "harmful")
    )


def requests(tmp_path: Path) -> Step:
    """Of a public set's local copy: what may get into the split."""
    file = tmp_path / "strongreject.csv"
    rows = [f"craft,made up,How is cake {n} baked?" for n in range(6)]
    file.write_text("\n".join(["category,source,forbidden_prompt", *rows, ""]))
    sets = (
        RequestSet(card="strongreject", file=str(file), split="evaluation"),
        RequestSet(card="strongreject", file=str(file), split="safety"),
    )
    return RequestData(sets=sets).step(BASE, ("refusal",))


def domain(_: Path) -> Step:
    return DomainData(domain="spite").step(BASE, ())


def valley(_: Path) -> Step:
    return SandboxData().step(BASE, ())


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("both", "has 2 scorers (includes, match): planb's tables hold one"),
        ("nameless", "has samples without an id"),
        ("twice", "has 2 samples with the id 'one'"),
        ("nothing", "has no samples"),
        ("judgeless", "hold no example for a judge to read"),
    ],
)
def test_a_task_that_no_table_could_hold_is_refused(name: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(PlanBError) as error:
        step(name, files(tmp_path)).check()
    assert why in str(error.value)


@pytest.mark.slow
@pytest.mark.parametrize(("data", "count"), [(files, 2), (requests, 6), (domain, None), (valley, None)])
def test_it_is_tried_on_every_kind_of_data(data: Any, count: int | None, tmp_path: Path) -> None:
    """On what will be asked, also where the elicitation's own file is only written by the data step."""
    made = data(tmp_path)
    assert tried_later([step("counting", made)]) == []
    for how in (Direct(), ManyShot(examples="organism.jsonl", shots=1)):
        with pytest.raises(PlanBError, match=r"cannot be made: ZeroDivisionError: (\d+)") as error:
            step("counting", made, how).check()
        found = int(str(error.value).rpartition(" ")[2])
        assert found == count or (count is None and found > 20)


def test_what_the_valley_asks_is_what_its_step_writes() -> None:
    """``asked`` needs no model, and so cannot differ."""
    made = SandboxData().step(BASE, ())
    for split in ("development", "evaluation"):
        found = made.asked(split)  # type: ignore[attr-defined]
        assert {example.split for example in found} == {split}
        assert {example.harmful for example in found} == {True, False}
        assert len({example.id for example in found}) == len(found)


LATER = """
from planb.studies.sandbox import sandbox
from planb.study.steps.evaluation import Evaluation
from planb.study.steps.random_base import RandomBase
from planb.study.steps.request_data import RequestData, RequestSet

study = sandbox().but(
    bases=(RandomBase(name="tiny", shape="llama3"),),
    data=RequestData(sets=(RequestSet(card="strongreject"), RequestSet(card="ultrachat"))),
    methods=(),
    claims=(),
    seeds=(0,),
    evaluations=(Evaluation(task="harmful_requests"), Evaluation(task="{task}")),
)
"""


def test_what_is_tried_later_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hub = RequestData(sets=(RequestSet(card="strongreject"),)).step(BASE, ("refusal",))
    fetched = step("counting", hub)
    fetched.check()
    assert tried_later([fetched, step("counting", hub), step("plain", hub)]) == [f"{__name__}:counting"]
    assert tried_later([step("plain", hub, file="nowhere.jsonl")]) == [f"{__name__}:plain"]
    study = tmp_path / "mine_later.py"
    study.write_text(LATER.format(task=f"{__name__}:counting"))
    plan(str(study), out=tmp_path)
    told = " ".join(capsys.readouterr().out.split())
    assert f"Only tried when their data are there, after step 1: the tasks {__name__}:counting." in told
    assert "refused" not in told


def test_a_plain_inspect_task_runs_and_is_told_in_a_table(tmp_path: Path) -> None:
    """It is read from its own default; what it does not say of itself, the step does."""
    asked = step("plain", files(tmp_path))
    asked.check()
    steps = tmp_path / "steps"
    for one, out in ((BASE, steps / BASE.folder_name), (asked, steps / "out")):
        out.mkdir(parents=True)
        one.run(Work(out, steps))
    rows = read_sidecars([(steps / "out" / LOG).with_suffix(".parquet")])
    assert list(rows["sample_id"]) == ["a", "b"]
    assert list(rows["request"]) == ["Say anything.", "Say more."]
    assert list(rows["score"]) == [1.0, 0.0], "every answer holds the empty text, and none the other"
    assert set(rows["elicitation"]) == {"direct"}
    assert set(rows["judge"]) == {"includes"}
    assert set(rows["task"]) == {"plain"}
    assert set(rows["unscored"]) == {""}
