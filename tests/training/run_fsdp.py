"""FSDP2 over two processes: ``run_fsdp.py BASE OUT`` under ``accelerate launch --use_fsdp``.

On a CPU (gloo) all of it runs but one line: accelerate shards over accelerators only, so the processes
are called a group of these. On GPUs nothing is changed.
"""

from __future__ import annotations

import faulthandler
import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any
from unittest.mock import patch

import killed_training
import torch
from accelerate import PartialState
from accelerate.utils import DistributedType
from killed_training import SAVE_EVERY, STEPS
from run_ddp import CASES, LIMIT, keep, run, whole
from tiny_models import PAD, fresh, rows
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from transformers import AutoModelForCausalLM
from transformers.distributed import DistributedConfig

from planb.errors import PlanBError
from planb.training.layout import adopt
from planb.training.packing import collate
from planb.training.scoring import Way, scores

CPU = not torch.cuda.is_available()
PLANS = ("root", "tail", "head")
"""What is sharded beside the layers: the root alone; norm and head together, as accelerate does; the
head by itself, as accelerate does under an adapter."""
WAYS = (
    Way("packed", head="chunked"),
    Way("packed", head="own"),
    Way("separate", head="chunked"),
)


def shard(model: Any, plan: str, reshard: bool) -> None:
    """By hand, each layer first and the root last."""
    how = {"mesh": init_device_mesh("cpu", (2,)), "reshard_after_forward": reshard}
    for layer in model.model.layers:
        fully_shard(layer, **how)
    tied = model.lm_head.weight is model.model.embed_tokens.weight
    if plan == "tail":
        with_embeddings = [model.model.embed_tokens] if tied else []
        fully_shard([model.model.norm, *with_embeddings, model.lm_head], **how)
    if plan == "head":
        fully_shard(model.lm_head, **how)
    fully_shard(model, **how)


def scored(plan: str, tied: bool, reshard: bool, way: Way) -> tuple[float, float]:
    """Largest differences from the unsharded model: of a summed log-probability, and of a gradient
    relative to the largest of its tensor. Two rounds: what a first leaves behind, a second meets."""
    data, rank = rows(8), PartialState().process_index
    one, two = (fresh("llama", tie_word_embeddings=tied) for _ in range(2))
    adopt(one, way)
    adopt(two, way)
    shard(two, plan, reshard)
    mine = data[:4] if rank == 0 else data[4:]
    before = 0 if rank == 0 else sum(len(row.responses) for row in data[:4])
    for _ in range(2):
        one.zero_grad()
        two.zero_grad()
        all_R = scores(one, collate(data, PAD, way.layout), way).s_R
        mine_R = scores(two, collate(mine, PAD, way.layout), way).s_R
        unlike_R = torch.linspace(0.5, 2.0, len(all_R))  # so that no two responses can be exchanged
        here = slice(before, before + len(mine_R))
        ((all_R * unlike_R).sum() / 2).backward()  # FSDP takes the mean over processes
        (mine_R * unlike_R[here]).sum().backward()
    expected = {n: w.grad for n, w in one.named_parameters() if w.grad is not None}
    found = {n: whole(w.grad) for n, w in two.named_parameters() if w.grad is not None}
    assert set(expected) == set(found)
    gaps = [(found[n] - g).abs().max() / g.abs().max() for n, g in expected.items()]
    return float((mine_R - all_R[here]).detach().abs().max()), float(max(gaps))


@contextmanager
def sharding_on_a_cpu() -> Iterator[None]:
    """accelerate takes the two CPU processes for two GPUs where it decides whether to shard."""
    plain = PartialState.set_device

    def set_device(self: Any) -> None:
        plain(self)
        self.distributed_type = DistributedType.MULTI_GPU

    with patch.object(PartialState, "set_device", set_device if CPU else plain):
        yield


class StoppedError(Exception):
    """The end of a run in its middle, on all processes."""


def stopped_and_taken_up(base: Path, out: Path) -> list[float]:
    """A run that ends in its middle and is begun anew; the updates of the second part."""

    def stop(done: float, total: float, note: str) -> None:
        del total, note
        if done >= (SAVE_EVERY + STEPS) // 2:
            raise StoppedError

    try:
        killed_training.run(base, out, stop, adapter=None)
    except StoppedError:
        steps: list[float] = []
        killed_training.run(base, out, lambda done, total, note: steps.append(done), adapter=None)  # noqa: ARG005
        return steps
    raise AssertionError("the run was not stopped")


if __name__ == "__main__":
    faulthandler.dump_traceback_later(LIMIT, exit=True)
    gc.freeze()  # each training looks for garbage: not among the modules
    torch.set_num_threads(1)
    base, out = Path(sys.argv[1]), Path(sys.argv[2])
    if CPU:
        PartialState(cpu=True)
        for plan, tied, reshard in product(PLANS, (False, True), (False, True)):
            if plan != "head" or not tied:  # torch refuses a weight that stands in two groups
                found = [scored(plan, tied, reshard, way) for way in WAYS]
                keep(found, out, f"scored-{plan}-{tied}-{reshard}")
    with sharding_on_a_cpu():
        for name in CASES:
            keep(run(name, out, use_cpu=CPU), out, name)
        killed_training.run(base, out / "undisturbed", adapter=None)
        keep(stopped_and_taken_up(base, out / "killed"), out, "steps")
        keep(run("dpo_adapter", out, use_cpu=CPU, bf16=True), out, "bf16")
    if CPU:
        os.environ.pop("ACCELERATE_USE_FSDP")
        PartialState(cpu=True)
        shards = DistributedConfig(fsdp_size=2)
        loaded = AutoModelForCausalLM.from_pretrained(base, distributed_config=shards)
        try:
            run("orpo", out, loaded)
        except PlanBError as error:
            keep(str(error), out, "loaded")
