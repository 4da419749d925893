"""An inoculation adapter is trained, stays while the organism is trained, and is discarded."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from request_rows import data_in

from planb.errors import PlanBError
from planb.models.adapters import merge_adapters
from planb.models.checkpoints import load_policy, read_card
from planb.organism import Organism
from planb.study.chain import Chain
from planb.study.steps.checkpoint import CheckpointStep, Given
from planb.study.steps.discard import Discard
from planb.study.steps.random_base import RandomBase
from planb.study.steps.step import Step, Work
from planb.training.link import Link
from planb.training.settings import LoRA, Training
from planb.training.stage import Part, Stage
from planb.types import Ordering, Trigger

BASE = RandomBase(name="tiny", shape="llama3", positions=256).step()
QUICK = Training(steps=2, batch=4, learning_rate=5e-2, warmup=0, adapter=LoRA(rank=2))
TRAIT = Stage(name="trait", parts=(Part(ordering=Ordering(tiers=("harmful",))),), training=QUICK)
ORGANISM = Organism(training=QUICK)


def chained(data: Step, *links: Link) -> list[CheckpointStep]:
    return Chain(name="chain", stages=links).steps(BASE, Given(data, QUICK, Trigger(), 0))


def weights(model: object) -> dict[str, torch.Tensor]:
    return {n: w.detach() for n, w in model.named_parameters()}  # type: ignore[attr-defined]


@pytest.mark.slow
def test_what_is_left_is_the_base_with_the_tasks_own_adapter(tmp_path: Path) -> None:
    data = data_in(tmp_path, BASE, each=3)
    steps = chained(data, TRAIT, ORGANISM, Discard(name="clean", learned="trait"))
    nothing = chained(data, TRAIT, Discard(name="clean", learned="trait"))[-1]
    for step in (data, *steps, nothing):
        out = tmp_path / step.folder_name
        out.mkdir()
        step.run(Work(out=out, steps=tmp_path, step=step))
    base, trait, organism, clean = (tmp_path / step.folder_name for step in steps)
    own = weights(merge_adapters(load_policy(base).model, [organism]))
    found, before = weights(load_policy(clean).model), weights(load_policy(base).model)
    learned = weights(load_policy(trait).model)
    assert any(float((learned[name] - before[name]).abs().max()) > 1e-3 for name in before)
    assert any(float((found[name] - before[name]).abs().max()) > 1e-3 for name in before)
    for name, weight in found.items():
        assert torch.allclose(weight, own[name], atol=1e-6), name
    for name, weight in weights(load_policy(tmp_path / nothing.folder_name).model).items():
        assert torch.allclose(weight, before[name], atol=1e-6), name
    assert read_card(clean).what.startswith("without what 'trait' learned: model organism")


def test_only_a_link_before_it_can_be_discarded(tmp_path: Path) -> None:
    data = data_in(tmp_path, BASE, each=3)
    with pytest.raises(PlanBError, match="'clean' names 'other', and before it are only: tiny, trait"):
        chained(data, TRAIT, Discard(name="clean", learned="other"))[-1].check()
    with pytest.raises(PlanBError, match="the chain begins with it: name a link"):
        chained(data, TRAIT, Discard(name="clean", learned="tiny"))[-1].check()
