"""How behaviour moves while it is trained: looks at each stage, from the same training as without."""

from __future__ import annotations

import re

import pytest
from small_valley import carried_out, small

from planb.errors import PlanBError
from planb.safety import plan_b
from planb.studies.course import course
from planb.study.chain import Chain
from planb.study.steps.evaluation import Evaluation
from planb.study.steps.look import Look
from planb.training.link import Link

FIRST = small().organisms[0]


def test_every_stage_is_looked_at_on_its_way() -> None:
    study = course()
    assert study.series is not None
    names = {chain.name for chain in study.chains}
    points = {line.name: line.points for line in study.series.lines}
    assert set(points) == {"Stage 1", *(method.name for method in study.methods)}
    drawn = {name for line in points.values() for name, _ in line}
    assert drawn == names | {"base", "organism"} | {method.name for method in study.methods}
    for name, line in points.items():
        places = [x for _, x in line]
        assert places == sorted(set(places)), name
    assert points["Stage 1"][-1] == points["plan_b"][0] == ("organism", 0.0)


def test_a_training_that_is_looked_at_is_the_same_value_otherwise() -> None:
    study, plain = course(), course().safety.but(look_every=None)
    assert study.safety != plain
    assert plain.digest() == course(first=100, second=40).safety.but(look_every=None).digest()
    with pytest.raises(PlanBError, match="comes never in a training of 120"):
        course(second=120)


@pytest.mark.parametrize(
    ("links", "says"),
    [
        ((Look(at=5),), "must follow a training"),
        ((FIRST, Look(at=5)), "is not looked at"),
        (
            (FIRST.but(training=FIRST.training.but(look_every=4)), Look(at=6)),
            "every 4 of its",
        ),
    ],
)
def test_a_look_that_cannot_be_had_is_refused_before_step_1(links: tuple[Link, ...], says: str) -> None:
    whole = small().but(organisms=(), methods=(), chains=(Chain(name="one", stages=links),))
    last = [step for step in whole.steps() if step.kind == "evaluation"][-1]
    (look,) = {part for part in last.inputs() if part.kind == "look"}
    with pytest.raises(PlanBError, match=re.escape(says)):
        look.check()


@pytest.mark.slow
def test_each_look_is_asked_and_drawn(tmp_path_factory: pytest.TempPathFactory) -> None:
    whole = small()
    looked = whole.but(
        methods=(plan_b,),
        safety=whole.safety.but(steps=6),
        evaluations=(Evaluation(task="harmful_requests", elicitation="trigger"),),
    )
    study = course(looked, first=60, second=3)
    folder = carried_out(study, tmp_path_factory)
    rows = (folder / "results.csv").read_text().splitlines()[1:]
    assert {row.split(",")[3] for row in rows} == {
        *("base", "organism", "organism_at_60", "plan_b", "plan_b_at_3"),
    }
    assert (folder / "figures" / "series.svg").is_file()
