"""The reference policy's numbers: computed once, by the very policy that training starts from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from planb.errors import PlanBError
from planb.training.packing import on_device, parts
from planb.training.rows import Row
from planb.training.scoring import Way, scores

REFERENCE_TOLERANCE = 1e-3
"""Largest difference of a mean log-probability between policy and reference before step 1."""
LOW_PRECISION_TOLERANCE = 0.05
"""The same where the forward pass has 16 bits."""
CHUNK = 512
"""Rows that are laid out as tensors at a time."""


def summed_log_probs(
    model: Any, rows: Sequence[Row], pad: int, way: Way, budget: int | None
) -> dict[Row, tuple[float, ...]]:
    """Summed log-probability of each response of each distinct row, under ``model`` as it is."""
    found: dict[Row, tuple[float, ...]] = {}
    distinct = sorted(dict.fromkeys(rows), key=lambda row: row.packed_tokens)
    was_training = model.training
    model.eval()
    with torch.no_grad():
        for start in range(0, len(distinct), CHUNK):
            chunk = distinct[start : start + CHUNK]
            for part in parts(chunk, pad, way.layout, budget, way.kernel):
                sums = iter(scores(model, on_device(part, model.device), way).s_R.tolist())
                for place in part["places"]:
                    found[chunk[place]] = tuple(next(sums) for _ in chunk[place].responses)
    model.train(was_training)
    return found


def with_references(
    model: Any, rows: Sequence[Row], pad: int, way: Way, budget: int | None
) -> list[Row]:
    """The rows with the numbers of ``model``; the processes of a group share the work."""
    from accelerate import PartialState
    from accelerate.utils import gather_object

    if any(hasattr(weight, "ds_id") for weight in model.parameters()):
        raise PlanBError(
            "DeepSpeed ZeRO-3 put the model in shards as it was loaded, so the reference's numbers "
            "cannot be found. Load it before the training arguments are made, or give rows theirs"
        )
    state = PartialState()
    distinct = list(dict.fromkeys(rows))
    mine = distinct[state.process_index :: state.num_processes]
    shares = gather_object([summed_log_probs(model, mine, pad, way, budget)])
    found = {row: sums for share in shares for row, sums in share.items()}
    return [replace(row, reference=found[row]) for row in rows]


def check_reference(
    s_R: torch.Tensor,
    n_R: torch.Tensor,
    reference_R: torch.Tensor | None,
    tolerance: float = REFERENCE_TOLERANCE,
) -> None:
    """Before step 1 the policy is the reference: raise PlanBError if their numbers differ."""
    if reference_R is None:
        raise PlanBError("the objective compares with a reference, and the rows carry no reference")
    gap = ((s_R - reference_R) / n_R).abs().max().item()
    if not gap <= tolerance:
        raise PlanBError(
            f"before the first update the policy differs from its reference by {gap:.4f} per token "
            f"(allowed: {tolerance}). The reference must be the very checkpoint that "
            "training starts from: check base, merged adapters, precision and dropout."
        )
