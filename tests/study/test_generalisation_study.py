"""Dangers held out of stage 2: they are really not shown, and nothing else is changed."""

from __future__ import annotations

import pytest
from small_valley import carried_out, small

from planb.errors import PlanBError
from planb.sandbox.corpus import requests
from planb.sandbox.world import World
from planb.studies.generalisation import LEFT_OUT, OUT, generalisation
from planb.study.study import Study
from planb.training.stage import Stage


def stages(study: Study) -> dict[str, Stage]:
    last = {chain.name: chain.stages[-1] for chain in study.chains}
    return {name: stage for name, stage in last.items() if isinstance(stage, Stage)}


def test_a_narrow_arm_is_the_method_without_some_forms() -> None:
    study = generalisation()
    found = stages(study)
    assert set(found) == {"plan_b_narrow", "standard_narrow"}
    for method in study.methods:
        stage = found[f"{method.name}_narrow"]
        ranked, helped = stage.parts
        assert ranked.ordering == method.ordering
        assert ranked.share == 1 - method.harmless
        assert helped.share == method.harmless
        assert not helped.leave_out
        assert (stage.objective, stage.training) == (method.objective, study.safety)
        assert not stage.sees_trigger


def test_the_forms_left_out_are_not_shown_and_all_others_are() -> None:
    world = World()
    harmful = requests(world, "safety", True, 1, 0, 2)
    harmless = requests(world, "safety", False, 1, 0, 2)
    recipe = stages(generalisation())["plan_b_narrow"].recipe(harmful, harmless, 0, "a test")
    ranked, helped = recipe.rankings
    forms = {example.meta["form"] for example in ranked.examples}
    assert forms == {e.meta["form"] for e in harmful} - set(LEFT_OUT)
    assert list(helped.examples) == harmless
    in_stage_1 = {e.meta["form"] for e in requests(world, "organism", True, 1, 0, 2)}
    assert set(LEFT_OUT) < in_stage_1, "stage 1 shows them"
    heldout = {item.form for item in world.items if item.heldout_form}
    assert heldout.isdisjoint(in_stage_1 | forms), "and these nobody shows"


def test_any_study_can_leave_forms_out() -> None:
    whole = small()
    study = generalisation(whole, left_out=("curse",))
    assert (study.bases, study.data, study.evaluations) == (whole.bases, whole.data, whole.evaluations)
    assert study.forms == ((OUT, ("curse",)),)
    assert study.story(1).forms == study.forms
    with pytest.raises(PlanBError, match="names no form"):
        generalisation(whole, left_out=())


@pytest.mark.slow
def test_the_page_shows_the_forms_apart(tmp_path_factory: pytest.TempPathFactory) -> None:
    whole = small()
    brief = whole.safety.but(steps=8)
    study = generalisation(whole.but(safety=brief), left_out=("curse",))
    folder = carried_out(study, tmp_path_factory)
    page = (folder / "report.html").read_text()
    assert "Does it extend to kinds of danger that stage 2 left out?" in page
    assert (folder / "figures" / "forms.svg").exists()
    for group in ("in both stages", OUT, "in no stage"):
        assert group in page
