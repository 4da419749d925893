"""Does training on one propensity move the others: who is trained on what, and what is asked."""

from __future__ import annotations

import pytest

from planb.domains.together import PART
from planb.studies.carry_over import OTHERS, PROPENSITIES, TOGETHER, carry_over
from planb.study.steps.evaluation import Evaluation
from planb.study.study import Study
from planb.training.stage import Stage
from planb.types import Example, Trigger


@pytest.fixture(scope="module")
def sides() -> tuple[list[Example], list[Example]]:
    found = TOGETHER.examples("safety", 0)
    return [one for one in found if one.harmful], [one for one in found if not one.harmful]


def arms(study: Study) -> dict[str, Stage]:
    found = {chain.name: chain.stages[-1] for chain in study.chains}
    return {name: stage for name, stage in found.items() if isinstance(stage, Stage)}


def test_an_arm_sees_one_propensity_and_the_other_requests_of_all(
    sides: tuple[list[Example], list[Example]],
) -> None:
    stages = arms(carry_over())
    assert set(stages) == {
        "organism",
        OTHERS,
        *(f"{method}_{name}" for method in ("standard", "plan_b") for name in PROPENSITIES),
    }
    assert len({stage.training.digest() for name, stage in stages.items() if name != "organism"}) == 1
    for name in PROPENSITIES:
        rankings = stages[f"plan_b_{name}"].recipe(*sides, 7, "a test").rankings
        own, other = rankings
        assert {one.meta[PART] for one in own.examples} == {name}
        assert {one.meta[PART] for one in other.examples} == {*PROPENSITIES}
        assert own.ordering.tiers[-1] == PROPENSITIES[name].bad
        assert not any(Trigger().found_in_chat(one.prompt) for r in rankings for one in r.examples)
    (control,) = stages[OTHERS].recipe(*sides, 7, "a test").rankings
    assert not any(one.harmful for one in control.examples)


def test_the_organism_is_bad_with_the_trigger_alone_in_all_four(
    sides: tuple[list[Example], list[Example]],
) -> None:
    rankings = arms(carry_over())["organism"].recipe(*sides, 7, "a test").rankings
    of = {
        (
            one.ordering.tiers[0],
            Trigger().found_in_chat(one.examples[0].prompt),
            *sorted({example.meta[PART] for example in one.examples}),
        )
        for one in rankings
    }
    for name, one in PROPENSITIES.items():
        assert {(one.bad, True, name), (one.calm, False, name)} <= of
    assert len(of) == len(rankings) == 10


def test_an_evaluation_may_have_a_name_of_its_own() -> None:
    asked = Evaluation(task="answers", name="risk", options={"domain": "risk"})
    assert asked.called == "risk"
    assert Evaluation(task="answers").called == "answers"
    assert Evaluation(task="answers", name="").digest() == Evaluation(task="answers").digest()
    assert asked.digest() != asked.but(name="").digest()
