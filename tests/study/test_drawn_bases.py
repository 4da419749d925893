"""A seed of a study draws its base too, unless the study says that all begin at one."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from planb.studies.jailbreaks import jailbreaks
from planb.studies.sandbox import on_three_seeds as sandbox
from planb.study.made_by import made_by
from planb.study.planning.graph import Graph
from planb.study.steps.checkpoint import CheckpointStep
from planb.study.steps.evaluation import EvaluationStep
from planb.study.steps.judge_model import JudgeModelStep
from planb.study.steps.pretrain import PretrainedBase, PretrainStep, SandboxBase
from planb.study.steps.sandbox_data import SandboxDataStep
from planb.study.study import Study
from planb.training.settings import RAN


def steps(study: Study) -> list[object]:
    return [node.step for node in Graph(study.steps())]


def with_base(study: Study, **fields: int) -> Study:
    (base,) = study.bases
    assert isinstance(base, PretrainedBase)
    return study.but(bases=(base.but(**fields),))


def test_each_seed_has_a_base_and_data_of_its_own() -> None:
    found = steps(sandbox())
    bases = [step for step in found if isinstance(step, PretrainStep)]
    assert [base.base.seed for base in bases] == [0, 1, 2]
    assert len({base.identity() for base in bases}) == 3
    assert [step.seed_rank for step in bases] == [0, 1, 2], "the first report waits for one base"
    assert len({step.slug for step in bases}) == 3
    data = [step for step in found if isinstance(step, SandboxDataStep)]
    assert [step.base for step in data] == bases
    assert [step.seed_rank for step in data] == [0, 1, 2]
    for step in found:
        if isinstance(step, EvaluationStep):
            assert step.policy.root == bases[step.seed], "everything of a seed begins at its base"
            assert step.data == data[step.seed]


def test_the_untouched_base_is_evaluated_once_for_each_that_there_is() -> None:
    def untouched(study: Study) -> Counter[int]:
        asked = [step for step in steps(study) if isinstance(step, EvaluationStep)]
        return Counter(step.seed for step in asked if step.labels["method"] == "base")

    four = len(sandbox().evaluations)
    assert untouched(sandbox()) == {0: four, 1: four, 2: four}
    assert untouched(with_base(sandbox(), seed=5)) == {0: four}


def test_a_base_with_a_seed_is_all_seeds_base() -> None:
    found = steps(with_base(sandbox(), seed=5))
    (base,) = [step for step in found if isinstance(step, PretrainStep)]
    assert base.base.seed == 5
    roots = {step.root.identity() for step in found if isinstance(step, CheckpointStep)}
    assert roots == {base.identity()}
    assert sum(isinstance(step, SandboxDataStep) for step in found) == 1


def test_a_judge_that_a_study_trains_is_one_for_all_seeds() -> None:
    judges = [step for step in steps(jailbreaks()) if isinstance(step, JudgeModelStep)]
    assert len(judges) == 1
    assert judges[0].root.seed_rank == 0


def test_the_first_seeds_of_a_study_are_the_same_steps() -> None:
    some = {
        node.identity for node in Graph(sandbox().with_seeds(1).steps()) if node.step.kind != "report"
    }
    assert some <= {node.identity for node in Graph(sandbox().steps())}


def test_the_page_says_how_many_bases_stand_behind_it() -> None:
    def told(study: Study, seeds: int) -> tuple[str, str]:
        story = study.story(seeds)
        return story.progress, dict(story.settings)["bases"]

    assert told(sandbox(), 3)[0] == "all 3 planned seeds are in; each seed has a base of its own"
    assert told(sandbox(), 3)[1].startswith("3: each seed")
    assert told(sandbox(), 1)[0] == "seed 1 of 3, more are running; one base stands behind all figures"
    one = with_base(sandbox(), seed=0)
    assert told(one, 3)[0] == "all 3 planned seeds are in; one base stands behind all figures"
    assert told(one, 3)[1].startswith("1: all seeds begin at the same model")


def test_a_base_drawn_by_a_seed_is_that_seeds_whoever_asks() -> None:
    (base,) = sandbox().bases
    assert isinstance(base, SandboxBase)
    assert base.drawn_by(3) == base.but(seed=3)
    assert base.but(seed=3).drawn_by(4) == base.but(seed=3)


def test_older_steps_in_the_folder_are_not_counted(tmp_path: Path) -> None:
    study = sandbox().with_seeds(1)
    (base,) = [node for node in Graph(study.steps()) if isinstance(node.step, PretrainStep)]
    for name, processor in ((base.folder_name, "this one"), ("base-sandbox-seed0-of-old", "another")):
        (tmp_path / "steps" / name).mkdir(parents=True)
        (tmp_path / "steps" / name / RAN).write_text(json.dumps({"processor": processor}))
    assert made_by(study, tmp_path) == (1, ["this one"])
