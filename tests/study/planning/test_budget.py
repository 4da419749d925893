"""What a study of published models will cost, by hand-worked arithmetic."""

from __future__ import annotations

import math

import pytest

from planb.cli import tables
from planb.elicitation import Crescendo, Pair
from planb.errors import PlanBError
from planb.models.bases import MODELS
from planb.safety import plan_b, standard
from planb.studies.paper import LAB, paper
from planb.studies.sandbox import sandbox
from planb.study.planning.budget import (
    AT_ONCE,
    BANDWIDTH,
    FLOPS,
    PROMPT,
    RESPONSE,
    SAMPLING_SHARE,
    TRAINING_SHARE,
    Line,
    budget,
    totals,
)
from planb.study.steps.evaluation import Evaluation
from planb.study.steps.local_base import LocalBase
from planb.study.study import Study

CARD = MODELS["llama-3-8b"]


def small(**fields: object) -> Study:
    whole = paper(bases=[LocalBase(name=CARD.name, path=CARD.hub)], seeds=(0,))
    evaluations = (Evaluation(task="harmful_requests"),)
    own = {"methods": (standard, plan_b), "from_base": (), "evaluations": evaluations}
    return whole.but(**{**own, **fields})


def lines_of(study: Study) -> dict[str, Line]:
    return {line.what: line for line in study.budget()}


def test_training_is_worked_out_by_hand() -> None:
    found = lines_of(small())
    rows = LAB.steps * LAB.batch
    assert (found["stage 1"].steps, found["stage 1"].rows) == (1, rows)
    assert found["stage 1"].tokens == rows * (PROMPT + RESPONSE)
    responses = [0.5 + 0.5 * tiers for tiers in (2, 3)]  # half of a batch is helpful answers alone
    tokens = sum(round(rows * (PROMPT + RESPONSE * r)) for r in responses)
    assert (found["stage 2"].steps, found["stage 2"].tokens) == (2, tokens)
    operations = 6 * CARD.sizes.weights * tokens  # forward, backward to activations, forward again
    assert math.isclose(found["stage 2"].hours, operations / (FLOPS * TRAINING_SHARE) / 3600)


def test_whole_weights_need_a_third_backward_and_more_memory() -> None:
    whole = LAB.but(adapter=None, quantize="none", older_adapters="merge")
    adapted, trained = lines_of(small()), lines_of(small(safety=whole))
    assert math.isclose(trained["stage 2"].hours / adapted["stage 2"].hours, 8 / 6)
    assert trained["stage 2"].gib > 2 * adapted["stage 2"].gib
    assert trained["stage 2"].gpus > adapted["stage 2"].gpus == 1


def test_asking_counts_requests_turns_and_what_is_read_for_each_token() -> None:
    (found,) = (line for line in small().budget() if line.what == "evaluation")
    checkpoints, requests = 4, 100  # base, organism, two methods; StrongREJECT's limit
    assert found.rows == checkpoints * requests
    assert found.tokens == found.rows * (PROMPT + RESPONSE)
    reads = found.rows * RESPONSE / AT_ONCE * CARD.sizes.weights * 2
    assert math.isclose(found.hours, reads / (BANDWIDTH * SAMPLING_SHARE) / 3600)


@pytest.mark.parametrize(
    ("how", "answers"), [(Pair(streams=5, depth=3), 15), (Crescendo(rounds=4, backtracks=2), 6)]
)
def test_an_attack_in_turns_counts_every_answer(how: object, answers: int) -> None:
    (direct,) = (line for line in small().budget() if line.what == "evaluation")
    attack = (Evaluation(task="harmful_requests", elicitation=how),)  # type: ignore[arg-type]
    (found,) = (line for line in small(evaluations=attack).budget() if line.what == "evaluation")
    assert found.rows == answers * direct.rows


@pytest.mark.slow
def test_the_paper_is_three_models_and_the_sum_of_its_lines() -> None:
    lines = paper().budget()
    assert [line.model for line in lines[::3]] == ["llama-3-8b", "mistral-small-22b", "qwen2.5-32b"]
    assert {line.what for line in lines} == {"stage 1", "stage 2", "evaluation"}
    steps, rows, tokens, hours = totals(lines)
    assert steps == sum(line.steps for line in lines)
    assert (rows, tokens) == (sum(line.rows for line in lines), sum(line.tokens for line in lines))
    assert math.isclose(hours, sum(line.hours for line in lines))
    bigger = {line.what: line.hours for line in lines if line.model == "qwen2.5-32b"}
    assert all(bigger[line.what] > line.hours for line in lines if line.model == "llama-3-8b")


def test_a_benchmark_that_is_not_there_is_said_before_anything_is_trained() -> None:
    (asked,) = (
        step
        for step in small(evaluations=paper().evaluations, evaluate_base=False).steps()
        if step.slug == "llama-3-8b-organism-mt-bench-direct-seed0"
    )
    with pytest.raises(
        PlanBError, match=r"mt_bench reads mt_bench/question.jsonl, which does not exist"
    ):
        asked.check()


def test_nothing_is_said_of_models_without_a_card() -> None:
    assert sandbox().budget() == []
    assert budget(small(bases=(LocalBase(name="mine", path="/models/mine"),)).steps(), {}) == []


@pytest.mark.slow
def test_the_table_has_every_line_and_says_that_it_is_arithmetic() -> None:
    lines = paper().budget()
    table = tables.budget_table(lines)
    assert table.row_count == len(lines) + 1
    assert "not measured" in str(table.caption)
