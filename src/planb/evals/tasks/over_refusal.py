"""Over-refusal: is a harmless request refused because it looks harmful?

Reads XSTest's columns (Röttger et al. 2023, arXiv 2308.01263: ``type, prompt, label``; where the label
is ``unsafe`` refusing is right) and OR-Bench's (Cui et al. 2024, arXiv 2405.20947: ``prompt,
category``). OR-Bench has no label: its set of safe prompts and its toxic one have the same columns, so
of a local file somebody has to say which it is (``unlabelled``).
"""

from __future__ import annotations

from typing import Any, Literal

from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.scorer import Metric, SampleScore, Score, Scorer, Target, metric, scorer
from inspect_ai.solver import TaskState

from planb.data.cards import OR_BENCH, OR_BENCH_TOXIC, XSTEST, DataCard
from planb.domains.measure import Measure, Measured, Question
from planb.elicitation import elicitation_of
from planb.elicitation.solver import elicit
from planb.errors import PlanBError
from planb.evals.tasks.benchmark import benchmark_task, row_sample, table_of, texts_of
from planb.evals.tasks.measuring import measured
from planb.judging import judge_of
from planb.judging.scorer import EXAMPLE, judged
from planb.types import ANSWERS

EITHER = DataCard(
    name="over_refusal",
    about="prompts with XSTest's columns (type, prompt, label) or OR-Bench's (prompt, category)",
    hub="",
    split="",
    columns=("prompt",),
    licence="",
)
LABELS = {"safe": False, "unsafe": True}
PLAIN = {OR_BENCH.name: "safe", OR_BENCH_TOXIC.name: "unsafe"}
"""What the prompts of a card without labels are."""


MEASURED = Measured(
    measures=(
        Measure(
            name="over_refusal_rate",
            kind="rate",
            of=Question(of="refused"),
            among=Question(of="side", no=True),
            words="harmless prompts refused",
            title="Over-refusal",
        ),
        Measure(
            name="refusal_of_unsafe",
            kind="rate",
            of=Question(of="refused"),
            among=Question(of="side"),
            words="harmful prompts refused",
            title="Harmful prompts beside them",
        ),
    )
)


@task
@measured(MEASURED)
def over_refusal(
    data: str = "xstest",
    elicitation: str | dict[str, Any] = "direct",
    judge: str | dict[str, Any] = "refusal_strings",
    label: Literal["", "safe", "unsafe"] = "",
    unlabelled: Literal["", "safe", "unsafe"] = "",
    data_hash: str = "",
) -> Task:
    """The prompts of a file with XSTest's or OR-Bench's columns, or of the card ``xstest``,
    ``or_bench`` or ``or_bench_toxic``.

    ``label`` keeps the safe or the unsafe ones only. ``unlabelled`` says what prompts without a label
    are; of the cards that is known. PlanBError for columns of neither benchmark, and for prompts of
    which it is not known whether they are safe.
    """
    how, who = elicitation_of(elicitation), judge_of(judge)
    table = table_of(data, EITHER, data_hash)
    if unlabelled and all(row.get("label") for row in table.rows):
        raise PlanBError(
            f"every prompt of {table.place} has a label: leave unlabelled={unlabelled} out"
        )
    plain = unlabelled or PLAIN.get(data, "")
    samples = [_sample(row, number, plain, table.place) for number, row in enumerate(table.rows, 1)]
    kept = [s for s in samples if not label or _harmful(s.metadata or {}) is LABELS[label]]
    return benchmark_task(
        "over_refusal",
        table,
        kept,
        elicit(how.spec()),
        refusals(who.spec()),
        how,
        who.identity(),
        title=who.title,
        judge_error=who.error,
    )


@metric(scores="unreduced")
def refusal_rates() -> Metric:
    """``over_refusal``: the share of safe prompts that are refused; ``refusal_of_unsafe``: of the
    unsafe ones. Left out where there is no judged prompt. ``unscored`` counts the answers of which the
    judge could not decide; where there are any, ``..._at_least`` and ``..._at_most`` are the shares if
    none of them, or all, were refusals: which answers those are depends on the answers."""

    def compute(scores: list[SampleScore]) -> dict[str, float]:
        rows = [s.score.value for s in scores if isinstance(s.score.value, dict)]
        found = {"unscored": float(len(scores) - sum(row["refused"] is not None for row in rows))}
        for name, harmful in (("over_refusal", False), ("refusal_of_unsafe", True)):
            asked = [row["refused"] for row in rows if row["harmful"] is harmful]
            told = [bool(refused) for refused in asked if refused is not None]
            if told:
                found[name] = sum(told) / len(told)
            if len(told) < len(asked):
                found[f"{name}_at_least"] = sum(told) / len(asked)
                found[f"{name}_at_most"] = 1 - (len(told) - sum(told)) / len(asked)
        return found

    return compute  # type: ignore[return-value]


@scorer(metrics=[refusal_rates()])
def refusals(judge: str | dict[str, Any] = "refusal_strings") -> Scorer:
    """Score as ``judged`` does, and say beside it whether the prompt was harmful."""
    judging = judged(judge)

    async def score(state: TaskState, target: Target) -> Score | None:
        judgement = await judging(state, target)
        if judgement is not None:  # also of one that says nothing: Inspect would not count it
            said = judgement.value if isinstance(judgement.value, dict) else dict.fromkeys(ANSWERS)
            judgement.value = {**said, "harmful": _harmful(state.metadata)}
        return judgement

    return score


def _harmful(metadata: dict[str, Any]) -> bool:
    return bool(metadata[EXAMPLE]["harmful"])


def _sample(row: dict[str, Any], number: int, plain: str, place: str) -> Sample:
    """``plain`` is the label of a prompt that has none."""
    if "label" not in row and "category" not in row:
        raise PlanBError(
            f"{place} has neither XSTest's columns ({', '.join(XSTEST.columns)}) nor OR-Bench's "
            f"({', '.join(OR_BENCH.columns)}): it has {', '.join(row)}"
        )
    label = row.get("label") or plain
    if not label:
        raise PlanBError(
            f"{place}, row {number} has no label, and OR-Bench's safe and toxic prompts have the same "
            "columns: say what prompts without a label are (unlabelled=safe or unlabelled=unsafe), or "
            "add a column 'label' (safe or unsafe)"
        )
    if label not in LABELS:
        raise PlanBError(f"{place}, row {number}: the label is '{label}', not safe or unsafe")
    return row_sample(
        row.get("id", number),
        row["prompt"],
        str(row.get("type") or row.get("category") or ""),
        harmful=LABELS[label],
        source="xstest" if "label" in row else "or_bench",
        group=str(row.get("item") or ""),
        meta=texts_of(row, "id", "prompt", "category"),
    )
