"""What the steps that make a checkpoint have in common, and where its files lie."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from planb.errors import PlanBError
from planb.models.checkpoints import checkpoint_digest
from planb.study.steps.step import Step, Work
from planb.training.settings import Training

if TYPE_CHECKING:
    pass


POINTER = "checkpoint.json"


def checkpoint_folder(work: Work, step: Step) -> Path:
    """Where the checkpoint that ``step`` made (or points to) lies.

    Raises PlanBError where it points to weights that are others by now.
    """
    folder = work.folder(step)
    pointer = folder / POINTER
    if not pointer.exists():
        return folder
    told = json.loads(pointer.read_text(encoding="utf-8"))
    model = Path(told["path"])
    if checkpoint_digest(model) != told["digest"]:
        raise PlanBError(
            f"{model} is not the model that the study began with (its weights, configuration or "
            f"tokenizer changed, or it is gone). Put it back; for another model name another base"
        )
    return model


def training_cost(training: Training, responses: float) -> float:
    """Rough seconds on one core for the sandbox's default model: for the time left only."""
    return 3 + training.steps * training.batch * (0.6 + responses) * 0.0014
