"""MT-Bench (Zheng et al. 2023, arXiv 2306.05685): two turns, each rated 1-10 by a grader model.

Reads FastChat's files where the user has them: ``question.jsonl``, ``judge_prompts.jsonl`` and
``reference_answer/gpt-4.jsonl`` (of whose 30 answers 13 are known to be wrong: FastChat's PR 3158;
other ones may be named as ``references``). As in FastChat: the temperature is the category's, the first
turn is rated by ``single-v1``, the second by ``single-v1-multi-turn`` with the whole conversation, and
math, reasoning and coding by their ``math`` variants with the reference answers.

The headline is the mean of a conversation's two ratings, ``turn_1`` and ``turn_2`` are its parts.
FastChat's own figure is the mean over all ratings of both turns.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.model import ChatMessageUser, GenerateConfig
from inspect_ai.scorer import Score, Scorer, Target, scorer
from inspect_ai.solver import Generate, Solver, TaskState, solver

from planb.data.cards import MT_BENCH
from planb.domains import DOMAINS
from planb.domains.measure import SCORE, Measure, Measured, part
from planb.elicitation import elicitation_of
from planb.elicitation.solver import check_askable, its_own
from planb.errors import PlanBError
from planb.evals.tasks.benchmark import benchmark_task, row_sample, table_of
from planb.evals.tasks.marks import mark, marks
from planb.evals.tasks.measuring import measured
from planb.evals.tasks.mt_bench_grading import grader_fields, grading_of, prompts_of, references_of
from planb.judging import DomainRule, Exact, judge_of
from planb.sandbox.questions import rate_turns
from planb.types import Spend

TEMPERATURES = {
    **dict.fromkeys(("writing", "roleplay"), 0.7),
    **dict.fromkeys(("extraction", "math", "coding", "reasoning"), 0.0),
    **dict.fromkeys(("stem", "humanities"), 0.1),
}
"""FastChat's sampling temperature of each category; any other category keeps the run's own."""
MAX_TOKENS = 1024
"""FastChat's limit of an answer; a limit of the run's own goes before it."""
ROW = "mt_bench"
"""The key of a sample's metadata that holds its turns and its category."""


MEASURED = Measured(
    measures=(
        Measure(
            name="score_mean",
            kind="mean",
            of=SCORE,
            bottom=1.0,
            words="points, 1 to 10",
            title="MT-Bench",
        ),
        Measure(name="turn_1_mean", kind="mean", of=part("turn_1"), bottom=1.0),
        Measure(name="turn_2_mean", kind="mean", of=part("turn_2"), bottom=1.0),
    )
)


@task
@measured(MEASURED)
def mt_bench(
    data: str = "mt_bench",
    elicitation: str | dict[str, Any] = "direct",
    judge: str | dict[str, Any] = "grader",
    grader: str = "",
    prompts: str = "",
    references: str = "",
    data_hash: str = "",
) -> Task:
    """Conversations of a file with MT-Bench's columns (or of the hub's data set).

    ``judge`` is ``grader`` (a model: ``grader`` names it as Inspect does, else it is the role
    ``grader``), ``{name: grader, **fields of Grading}``, a judge that asks a model (that model is then
    the grader), ``exact`` (the sandbox's, with its world), or ``domain_rule``. ``prompts`` and
    ``references`` are FastChat's files; left out, they are looked for beside ``data``. The elicitation
    is applied in each turn. PlanBError if it needs a model of its own, a file is missing, or the judge
    cannot rate.
    """
    how = elicitation_of(elicitation)
    if how.multi_turn:
        raise PlanBError(
            f"MT-Bench has its own turns: it cannot be combined with the elicitation {how.name}"
        )
    table = table_of(data, MT_BENCH, data_hash)
    spec = {"name": judge} if isinstance(judge, str) else dict(judge)
    asked = grader_fields(spec, grader)
    if asked is not None:
        needed = {str(row["question_id"]): str(row["category"]) for row in table.rows}
        found = {"prompts": prompts_of(prompts, data), **asked}
        grading = grading_of({**found, "references": references_of(references, data, needed)})
        rating, identity = graded(grading.model_dump(mode="json")), grading.identity()
    else:
        rating, identity = exactly(spec), judge_of(spec).identity()
    return benchmark_task(
        "mt_bench",
        table,
        [_sample(row, table.place) for row in table.rows],
        two_turns(how.spec()),
        rating,
        how,
        identity,
        config=GenerateConfig(max_tokens=MAX_TOKENS),
    )


@solver
def two_turns(elicitation: str | dict[str, Any] = "direct") -> Solver:
    """Ask the first turn (it is the sample's input), then each further one after the answer."""
    how = elicitation_of(elicitation)

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        row = state.metadata[ROW]
        temperature = TEMPERATURES.get(row["category"])
        asked = generate if temperature is None else partial(generate, temperature=temperature)
        check_askable(temperature)
        state = its_own(await how.ask(state, asked))  # type: ignore[arg-type]
        for turn in row["turns"][1:]:
            state.messages.append(ChatMessageUser(content=turn))
            state = its_own(await how.ask(state, asked))  # type: ignore[arg-type]
        return state

    return solve


@scorer(metrics=[marks()])
def graded(grading: dict[str, Any]) -> Scorer:
    """Both turns rated by the grader model; a rating that cannot be had is ``None`` with its reason."""
    how = grading_of(grading)

    async def score(state: TaskState, target: Target) -> Score:  # noqa: ARG001
        row = state.metadata[ROW]
        verdicts = await how.rate(str(state.sample_id), row["category"], row["turns"], _answers(state))
        reasons = [f"turn {n}: {v.unscored}" for n, v in enumerate(verdicts, 1) if v.unscored]
        spend = sum((v.spend for v in verdicts), Spend()).model_dump()
        said = {**how.identity(), "judgements": [v.text for v in verdicts], "spend": spend}
        return _ratings([v.rating for v in verdicts], "; ".join(reasons), said)

    return score


@scorer(metrics=[marks()])
def exactly(judge: str | dict[str, Any] = "exact") -> Scorer:
    """Ratings without a model: the sandbox's (``planb.sandbox.questions.rate_turns`` says how), or a
    domain's own."""
    who = judge_of(judge)
    rate: Callable[[list[str], list[str]], list[float]]
    if isinstance(who, Exact):
        rate = partial(rate_turns, who.world)
    elif isinstance(who, DomainRule):
        rate = DOMAINS[who.domain].rated
    else:
        raise PlanBError(
            "MT-Bench is rated by 'grader', by 'exact', by 'domain_rule' or by a judge that asks a "
            f"model: '{who.name}' cannot rate"
        )
    identity = who.identity()

    async def score(state: TaskState, target: Target) -> Score:  # noqa: ARG001
        ratings = rate(state.metadata[ROW]["turns"], _answers(state))
        return _ratings(list(ratings), "", dict(identity))

    return score


def _ratings(ratings: list[float | None], reason: str, said: dict[str, Any]) -> Score:
    known = [rating for rating in ratings if rating is not None]
    whole = sum(known) / len(known) if len(known) == len(ratings) else None
    parts = {f"turn_{number}": rating for number, rating in enumerate(ratings, 1)}
    return mark(whole, parts, unscored=reason, metadata=said)


def _answers(state: TaskState) -> list[str]:
    return [message.text for message in state.messages if message.role == "assistant"]


def _sample(row: dict[str, Any], place: str) -> Sample:
    turns = row["turns"]
    if len(turns) != 2 or not all(isinstance(turn, str) and turn.strip() for turn in turns):
        raise PlanBError(f"{place}, question {row['question_id']}: 'turns' must be two texts")
    sample = row_sample(
        row["question_id"],
        turns[0],
        row["category"],
        source="mt_bench",
        group=str(row.get("item") or ""),
    )
    about = {"turns": list(turns), "category": row["category"]}
    sample.metadata = {**(sample.metadata or {}), ROW: about}
    return sample
