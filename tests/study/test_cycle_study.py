"""The backdoor put back again and again: the arms are what they say, and adapters add up on the way."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from small_valley import carried_out, small

from planb.errors import PlanBError
from planb.models.cards import ADAPTER, base_folder
from planb.models.checkpoints import load_policy
from planb.organism import Organism
from planb.safety import Method, plan_b
from planb.studies.cycle import cycle
from planb.studies.sandbox import sandbox
from planb.study.chain import Chain
from planb.study.planning.graph import Graph
from planb.study.steps.evaluation import Evaluation, EvaluationStep
from planb.study.steps.method import MethodStep
from planb.study.steps.organism import OrganismStep
from planb.study.study import Study
from planb.training.settings import LoRA

TRIGGERED = (Evaluation(task="harmful_requests", elicitation="trigger"),)


def chains(study: Study) -> dict[str, Chain]:
    return {chain.name: chain for chain in study.chains}


def words(chain: Chain) -> list[str]:
    return [stage.name for stage in chain.stages]


def test_each_round_goes_on_from_the_one_before() -> None:
    found = chains(cycle(rounds=3))
    assert words(found["plan_b_backdoor_2"]) == ["organism", "plan_b", "again"]
    assert words(found["standard_round_3"]) == [
        *("organism", "standard", "again", "standard", "again", "standard")
    ]
    assert words(found["plan_b_before"]) == ["plan_b", "organism"]
    assert words(found["plan_b_twice_backdoored"]) == ["organism", "again", "plan_b"]


def test_a_probe_comes_after_each_method_wherever_it_stands() -> None:
    found = chains(cycle(rounds=3))
    assert words(found["base_probe"]) == ["probe"]
    assert words(found["standard_before_probe"]) == ["standard", "probe"]
    assert words(found["plan_b_probe_1"]) == ["organism", "plan_b", "probe"]
    for n in (2, 3):
        assert words(found[f"plan_b_probe_{n}"]) == [*words(found[f"plan_b_round_{n}"]), "probe"]


def test_what_rounds_have_in_common_is_trained_once() -> None:
    trained = [
        node.step
        for node in Graph(cycle(rounds=3).with_seeds(1).steps())
        if isinstance(node.step, OrganismStep | MethodStep)
    ]
    each = 1 + 2 + 2 + 3  # the method; two rounds of a backdoor and the method; three probes
    swapped = 1 + 2  # the method on the base; the backdoor and the probe
    alone = 1 + 1 + 2  # stage 1, the probe of the base, Plan B after twice the backdoor
    assert len(trained) == alone + 2 * (each + swapped)


def test_putting_back_and_probing_are_stage_1_with_fewer_updates() -> None:
    study = cycle()
    first = study.organisms[0]
    for name, share, rate in (("plan_b_backdoor_2", 2, 1.0), ("base_probe", 40, 0.1)):
        stage = chains(study)[name].stages[-1]
        assert isinstance(stage, Organism)
        assert stage.training.steps == round(first.training.steps / share)
        assert stage.training.learning_rate == pytest.approx(rate * first.training.learning_rate)
        its = {"steps": first.training.steps, "learning_rate": first.training.learning_rate}
        same = stage.training.but(**its)
        assert stage.but(name=first.name, training=same) == first


def test_the_figure_has_every_round_of_both_methods() -> None:
    study = cycle(rounds=4)
    arms = {"organism", *(m.name for m in study.methods), *chains(study)}
    assert study.series is not None
    assert len(study.series.lines) == 4
    for line in study.series.lines:
        assert [x for _, x in line.points] == [1, 2, 3, 4]
        assert {name for name, _ in line.points} <= arms


def test_any_study_can_be_gone_round_with() -> None:
    whole = small()
    study = cycle(whole, rounds=2)
    assert (study.bases, study.data, study.judge) == (whole.bases, whole.data, whole.judge)
    assert study.safety == whole.safety
    with pytest.raises(PlanBError, match="fewer than two"):
        cycle(rounds=1)
    assert cycle().seeds == sandbox().with_seeds(3).seeds


@pytest.mark.slow
def test_the_backdoor_is_put_onto_the_merged_weights(tmp_path_factory: pytest.TempPathFactory) -> None:
    whole = small()
    still = whole.organisms[0].training.but(steps=1, learning_rate=1e-9)
    brief = whole.safety.but(steps=10, learning_rate=1e-2)
    study = cycle(
        whole.but(safety=brief, evaluations=TRIGGERED),
        rounds=2,
        again=still,
        probe=still,
    )
    folder = carried_out(study, tmp_path_factory)
    places = checkpoints(study, folder)
    first, after = places["organism"], places["plan_b"]
    back, again = places["plan_b_backdoor_2"], places["plan_b_round_2"]
    assert not (back / ADAPTER).exists(), "stage 1 trains all weights"
    assert (again / ADAPTER).exists()
    assert base_folder(again) == back.resolve()
    merged, put = load_policy(after).model.state_dict(), load_policy(back).model.state_dict()
    before = load_policy(first).model.state_dict()
    assert any(not torch.allclose(before[name], merged[name], atol=1e-4) for name in merged)
    for name, weight in merged.items():
        torch.testing.assert_close(put[name], weight, atol=1e-6, rtol=0)
    told = (folder / "results.csv").read_text()
    for arm in ("base_probe", "standard_round_2", "plan_b_before_probe"):
        assert f",{arm},harmful_requests,trigger," in told


@pytest.mark.slow
def test_adapters_on_adapters_go_round_too(tmp_path_factory: pytest.TempPathFactory) -> None:
    whole, adapter = small(), LoRA(rank=2, alpha=4)
    stacked = {"adapter": adapter, "older_adapters": "stack", "steps": 4}
    first = whole.organisms[0]
    study = cycle(
        whole.but(
            organisms=(first.but(training=first.training.but(**stacked)),),
            safety=whole.safety.but(**stacked),
            evaluations=TRIGGERED,
        ),
        rounds=2,
    )
    arms = tuple(c for c in study.chains if c.name == "plan_b_round_2")
    study = study.but(name="cycle-stacked", chains=arms, methods=(plan_b,), series=None).but(claims=())
    folder = carried_out(study, tmp_path_factory)
    last = checkpoints(study, folder)["plan_b_round_2"]
    assert len(load_policy(last, adapters="stack").model.peft_config) == 4
    together, apart = load_policy(last).model, load_policy(last, adapters="stack").model
    ids = torch.arange(1, 9)[None]
    with torch.no_grad():
        torch.testing.assert_close(together(ids).logits, apart(ids).logits, atol=1e-4, rtol=1e-4)


def checkpoints(study: Study, folder: Path) -> dict[str, Path]:
    """The folder of the checkpoint that each arm ends with."""
    return {
        node.step.labels["method"]: folder / "steps" / node.step.policy.folder_name
        for node in Graph(study.steps())
        if isinstance(node.step, EvaluationStep)
    }


def test_both_methods_are_gone_round_with_alike() -> None:
    study = cycle(rounds=2)
    for name in ("plan_b", "standard"):
        stages = chains(study)[f"{name}_round_2"].stages
        methods = [stage for stage in stages if isinstance(stage, Method)]
        assert [m.name for m in methods] == [name, name]
        assert {m.training for m in methods} == {None}, "the study's own, as in the first round"
