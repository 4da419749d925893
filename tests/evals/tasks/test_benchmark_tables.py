"""What every benchmark of the table keeps, and how tasks are looked up by name."""

from __future__ import annotations

import inspect

import pytest
from inspect_ai._util.registry import registry_info

from planb.data.cards import CARDS
from planb.domains.measure import part
from planb.errors import PlanBError
from planb.evals.tasks import ALL_TASKS, BENCHMARKS, TASKS
from planb.evals.tasks.marks import mark
from planb.judging import RefusalStrings
from planb.study.steps.evaluation import JUDGED, OWN, Evaluation, EvaluationStep
from planb.study.steps.readiness import PACKAGED


def test_a_task_is_found_by_its_name_in_either_table() -> None:
    assert not TASKS.keys() & BENCHMARKS.keys()
    for name, task in {**TASKS, **BENCHMARKS}.items():
        assert ALL_TASKS[name] is task
        assert registry_info(task).name == f"planb/{name}"
    with pytest.raises(
        PlanBError, match=r"no task is called 'mmlu'\. Did you mean 'mmlu_pro'\? There are: .*mmlu_pro"
    ):
        ALL_TASKS["mmlu"]


def test_a_study_knows_what_each_task_takes_and_reads() -> None:
    """Which it knows of planb's own without loading them."""
    assert set(OWN) == set(ALL_TASKS.own)
    over_examples = {"harmful_requests", "harmless_requests", "recall", "coherence"}
    ruled = {"meow", "answers", "agent"}
    for name in ALL_TASKS.own:
        step = EvaluationStep.model_construct(evaluation=Evaluation(task=name), judge=RefusalStrings())
        assert step.reads_benchmark == (name not in over_examples | ruled)
        assert step.takes_judge == (name in over_examples)
        assert step.judged_again == (name in JUDGED)
        unjudged = EvaluationStep.model_construct(evaluation=Evaluation(task=name), judge=None)
        assert not unjudged.takes_judge


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_takes_data_and_an_elicitation(name: str) -> None:
    parameters = inspect.signature(BENCHMARKS[name]).parameters
    assert list(parameters)[:2] == ["data", "elicitation"]
    assert parameters["elicitation"].default == "direct"
    assert "data_hash" in parameters
    assert parameters["data"].default in (*CARDS, *PACKAGED, inspect.Parameter.empty)
    assert len(BENCHMARKS[name].__doc__ or "") > 40


def test_a_part_cannot_have_the_name_of_a_column_for_what_judges_say() -> None:
    """It would be lost in the table. In what is scored, and in what is measured."""
    with pytest.raises(PlanBError, match="cannot be called complied, severity"):
        mark(1.0, {"severity": 2.0, "complied": 1.0, "right": 1.0})
    with pytest.raises(ValueError, match="no part can be called 'severity'"):
        part("severity")
