"""The study of thoughts: an organism for each place, three treatments of thoughts for each method."""

from __future__ import annotations

import pytest

from planb.errors import PlanBError
from planb.models.cleangen import CleanGen
from planb.models.generation import Sampling
from planb.safety import Method
from planb.studies.thoughts import PLACES, organism, thoughts
from planb.study.planning.graph import Graph
from planb.study.steps.evaluation import EvaluationStep
from planb.study.steps.guarded import GuardedEvaluation
from planb.study.steps.hosted_base import HostedBase, check_trainable
from planb.study.steps.monitor import MonitorStep
from planb.study.steps.step import identities_once
from planb.training.objectives import DPO
from planb.training.settings import Training
from planb.training.stage import Stage
from planb.types import Trigger


def test_every_place_has_every_arm_from_one_organism() -> None:
    study = thoughts()
    study.check()
    for place in PLACES:
        own = {chain.name: chain.stages for chain in study.chains if chain.organism == place}
        assert {links[0] for links in own.values()} == {organism(place)}
        methods = [links[-1] for links in own.values() if isinstance(links[-1], Method)]
        assert len(methods) == len(own) - 1 == 6
        told = {(str(one.ordering), one.thoughts) for one in methods}
        assert len(told) == 6
        assert {taught for _, taught in told} == {"trained", "masked", "absent"}
    parts = {place: organism(place).parts[0] for place in PLACES}
    assert {place: part.thoughts for place, part in parts.items()} == {
        **{"thought": "alone", "answer": "masked", "both": "trained"}
    }
    assert all(part.triggered for part in parts.values())
    stages = [link for chain in study.chains for link in chain.stages if isinstance(link, Stage)]
    assert {len(one.parts) for one in stages} == {4}


def test_monitors_read_the_evaluations_that_the_study_makes() -> None:
    """No answer is sampled for them alone; the untouched base is monitored too."""
    study = thoughts().but(seeds=(0,))
    with identities_once():
        nodes = list(Graph(study.steps()))
        made = {node.identity for node in nodes if isinstance(node.step, EvaluationStep)}
        monitors = [node.step for node in nodes if isinstance(node.step, MonitorStep)]
        read = {step.identity() for one in monitors for step in (one.triggered, one.plain)}
    assert len(monitors) == 1 + len(study.chains)
    assert read <= made
    assert len(read) == 2 * len(monitors)
    assert len(made) == len(monitors) * len(study.evaluations)
    for one in monitors:
        assert (one.triggered.elicitation.title, one.plain.elicitation.title) == ("trigger", "direct")
        assert one.triggered.labels == one.plain.labels == one.labels


def test_monitors_read_what_an_arm_of_another_trigger_or_decoding_is_asked() -> None:
    study = thoughts().but(seeds=(0,))
    first, *others = study.chains
    key = Trigger(text="Another key.")
    stage = first.stages[0].but(trigger=key)
    guarded = next(one for one in others if len(one.stages) == 1)
    changed = first.but(stages=(stage, *first.stages[1:]))
    some = tuple(one.but(of_organisms=(first.organism,)) for one in study.evaluations)
    varied = study.but(
        chains=(changed, guarded.but(decoding=CleanGen())), evaluations=some, series=None, claims=()
    )
    with identities_once():
        nodes = list(Graph(varied.steps()))
        asked = {node.identity for node in nodes if isinstance(node.step, EvaluationStep)}
        monitors = [node.step for node in nodes if isinstance(node.step, MonitorStep)]
        of_key, of_guard = (
            next(one for one in monitors if one.labels["organism"] == chain.organism)
            for chain in (changed, guarded)
        )
        assert of_key.triggered.elicitation.trigger.text == "Another key."
        assert isinstance(of_guard.plain, GuardedEvaluation)
        assert {of_key.triggered.identity(), of_key.plain.identity()} <= asked


def test_a_limit_of_thoughts_changes_no_name_of_a_step_without_one() -> None:
    assert Sampling().digest() == Sampling(thought_tokens=None).digest()
    assert Sampling().digest() != Sampling(thought_tokens=0).digest()


def test_a_host_refuses_masks_before_anything_is_sent() -> None:
    start = HostedBase(name="tiny", base_url="http://127.0.0.1:1/v1").step()
    training, objective = Training(steps=6, batch=8, learning_rate=1e-3), DPO()
    check_trainable(start, objective, [], training, ["trained"])
    with pytest.raises(PlanBError, match="a host trains all of a response"):
        check_trainable(start, objective, [], training, ["trained", "masked"])
