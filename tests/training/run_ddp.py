"""Trainings that one process and a group of two must do alike."""

from __future__ import annotations

import faulthandler
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import killed_training
import torch
from peft import LoraConfig
from tiny_models import WORLD, fresh, rows
from torch.distributed.tensor import DTensor
from transformers import TrainerCallback

from planb.mitigations import CROW, LAT, CircuitBreakers
from planb.sandbox.tokenizer import tokenizer
from planb.training.config import RankedPreferenceConfig
from planb.training.objectives import Objective
from planb.training.trainer import RankedPreferenceTrainer, Rows

LIMIT = 900
"""Seconds after which a process that hangs tells where it stands, and ends."""


@dataclass(frozen=True)
class Case:
    """``batch`` examples a forward, over all processes; ``pack_tokens`` cuts each process' share."""

    objective: str | Objective
    adapter: bool = False
    batch: int = 8
    accumulation: int = 1
    pack_tokens: int = 8192
    tied: bool = False
    checkpointing: bool = False


CASES = {
    "orpo": Case("orpo"),
    "dpo_adapter": Case("dpo", adapter=True),
    "dpo_parts_accumulated": Case("dpo", batch=4, accumulation=2, pack_tokens=48),
    "orpo_adapter_parts": Case("orpo", adapter=True, pack_tokens=48),
    "orpo_tied_checkpointed": Case("orpo", batch=2, accumulation=4, tied=True, checkpointing=True),
}
INSIDE = {
    "lat_adapter_parts": Case(LAT(attack_steps=2, radius=0.5), adapter=True, pack_tokens=48),
    "crow": Case(CROW()),
    "breakers": Case(CircuitBreakers(), adapter=True),
}
"""Objectives that look inside the model: for DDP alone."""
TRAINED, EVALUATED = rows(24, seed=3), rows(8, seed=4)


class Recording(RankedPreferenceTrainer):
    """Notes which examples come here, in how many parts, and how exact their log-probabilities are."""

    def _collate(self, some: Any) -> Any:
        made = super()._collate(some)
        self.__dict__.setdefault("seen", []).append(([row.key for row in some], len(made["parts"])))
        return made

    def compute_loss(self, *args: Any, **kwargs: Any) -> Any:
        loss, outputs = super().compute_loss(*args, **{**kwargs, "return_outputs": True})
        self.__dict__.setdefault("precision", set()).add(outputs["s_R"].dtype)
        return loss


class Gradients(TrainerCallback):
    """What the optimizer gets at each update (DeepSpeed keeps it to itself)."""

    def __init__(self) -> None:
        self.found: list[dict[str, torch.Tensor]] = []

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002
        named = kwargs["model"].named_parameters()
        self.found.append({plain(n): whole(w.grad) for n, w in named if w.grad is not None})


def plain(name: str) -> str:
    """A weight's name without what wrappers put before it."""
    return name.removeprefix("module.")


def whole(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor put together from its shards (all processes must call)."""
    return (tensor.full_tensor() if isinstance(tensor, DTensor) else tensor).detach().clone()


def run(name: str, folder: Path, model: Any = None, **settings: Any) -> dict[str, Any]:
    """One epoch and an evaluation: what this process saw of it, and what came out."""
    case, processes = {**CASES, **INSIDE}[name], int(os.environ.get("WORLD_SIZE", "1"))
    model = model or fresh("llama", tie_word_embeddings=case.tied)
    arguments = RankedPreferenceConfig(
        output_dir=str(folder / name),
        per_device_train_batch_size=case.batch // processes,
        per_device_eval_batch_size=4 // processes,
        gradient_accumulation_steps=case.accumulation,
        gradient_checkpointing=case.checkpointing,
        num_train_epochs=1,
        learning_rate=1e-3,
        adam_epsilon=1e-4,  # else Adam makes much of a gradient's last bits
        pack_tokens=case.pack_tokens,
        logging_steps=1,
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        **{"use_cpu": True, **settings},
    )
    gradients = Gradients()
    trainer = Recording(
        model,
        arguments,
        Rows(TRAINED, ordered=True),
        tokenizer(WORLD),
        LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM") if case.adapter else None,
        Rows(EVALUATED),
        objective=case.objective,
        callbacks=[gradients],
    )
    trainer.train()
    trainer.evaluate()
    weights = trainer.accelerator.get_state_dict(trainer.model_wrapped)
    return {
        "seen": trainer.seen,
        "precision": trainer.precision,
        "gradients": gradients.found,
        "weights": {plain(n): whole(w) for n, w in (weights or {}).items()},
        "history": trainer.state.log_history,
        "references": [row.reference for row in trainer.train_dataset.rows],
        "how": f"{type(trainer.model_wrapped).__name__}: {trainer.way}",
    }


def keep(found: Any, out: Path, name: str) -> None:
    """Write what this process found, so that what comes later cannot take it away."""
    torch.save(found, out / f"{name}-{os.environ['RANK']}.pt")


def run_all(base: Path, out: Path) -> None:
    """A killed run that lies in ``out / "killed"`` is taken up."""
    faulthandler.dump_traceback_later(LIMIT, exit=True)
    torch.set_num_threads(1)
    for name in (*CASES, *INSIDE):
        keep(run(name, out), out, name)
    killed_training.run(base, out / "undisturbed")
    steps: list[float] = []
    killed_training.run(base, out / "killed", lambda done, total, note: steps.append(done))  # noqa: ARG005
    keep(steps, out, "steps")
