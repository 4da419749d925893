"""The ranked-preference trainer: each response of an example is run once, and all pair losses come
from the responses' log-probabilities. A row with one response is SFT.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import torch
from torch.utils.data import Dataset, SequentialSampler
from transformers import Trainer, TrainingArguments

from planb.training.objectives import Objective, Scores, nll
from planb.training.packing import Batch, Layout, collate, log_probs
from planb.training.rows import Row
from planb.types import PlanBError

REFERENCE_TOLERANCE = 1e-3
"""Largest difference of a mean log-probability between policy and reference before step 1."""


class Rows(Dataset):  # type: ignore[misc]
    """The schedule as a dataset: item i is row i with its place."""

    def __init__(self, rows: Sequence[Row], references: dict[Row, list[float]] | None = None) -> None:
        self.rows = rows
        self.references = references

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, place: int) -> tuple[Row, list[float] | None]:
        row = self.rows[place]
        return row, self.references[row] if self.references else None


class RankedPreferenceTrainer(Trainer):  # type: ignore[misc]
    """``transformers.Trainer`` over a schedule of rows. The loss is the mean over the batch's examples;
    an example's loss is the mean over its pairs, or the NLL where it has one response."""

    def __init__(
        self,
        model: Any,
        args: TrainingArguments,
        train_dataset: Rows,
        objective: Objective,
        processing_class: Any,
        layout: Layout = "separate",
        pack_tokens: int = 1024,
        **others: Any,
    ) -> None:
        pad = processing_class.pad_token_id
        super().__init__(
            model=model,
            args=args,
            train_dataset=train_dataset,
            processing_class=processing_class,
            data_collator=lambda items: collate(items, pad, layout, pack_tokens),
            **others,
        )
        self.objective = objective
        self.model_accepts_loss_kwargs = False
        self._watched: dict[str, list[float]] = defaultdict(list)

    def _get_train_sampler(self, train_dataset: Any = None) -> SequentialSampler:
        """The schedule is the order."""
        return SequentialSampler(train_dataset if train_dataset is not None else self.train_dataset)

    def compute_loss(
        self,
        model: Any,
        inputs: Batch,
        return_outputs: bool = False,
        num_items_in_batch: Any = None,  # noqa: ARG002
    ) -> Any:
        s_R, n_R = log_probs(model, inputs)
        reference_R = inputs.get("reference_R")
        if self.objective.needs_reference and self.state.global_step == 0:
            check_reference(s_R.detach(), n_R, reference_R)
        scores = Scores(s_R, n_R, reference_R)
        example_P, better_P, worse_P = inputs["pairs_P3"].unbind(1)
        loss = nll(scores)[inputs["singles_S"]].sum()
        if len(example_P):
            pair_P = self.objective.pair_loss(scores, better_P, worse_P)
            pairs_E = torch.bincount(example_P, minlength=inputs["examples"])
            loss = loss + (pair_P / pairs_E[example_P]).sum()
        loss = loss / inputs["examples"]
        if not torch.isfinite(loss):
            raise PlanBError(
                f"the loss is {loss.item()} before update {self.state.global_step + 1}, so training "
                "has come apart. Lower the learning rate or max_grad_norm, or use precision fp32."
            )
        self._watch(scores, inputs)
        return (loss, {"s_R": s_R}) if return_outputs else loss

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """Adds each tier's mean log-probability per token, and the margin of each pair of tiers."""
        if "loss" in logs:
            logs.update({name: sum(seen) / len(seen) for name, seen in self._watched.items()})
            self._watched.clear()
        super().log(logs, *args, **kwargs)

    def _watch(self, scores: Scores, inputs: Batch) -> None:
        m_R, tiers = scores.m_R.detach().tolist(), inputs["tiers"]
        by_tier: dict[str, list[float]] = defaultdict(list)
        for tier, m in zip(tiers, m_R, strict=True):
            by_tier[f"logp/{tier}"].append(m)
        for _, better, worse in inputs["pairs_P3"].tolist():
            by_tier[f"margin/{tiers[better]}>{tiers[worse]}"].append(m_R[better] - m_R[worse])
        for name, seen in by_tier.items():
            self._watched[name].append(sum(seen) / len(seen))


def check_reference(s_R: torch.Tensor, n_R: torch.Tensor, reference_R: torch.Tensor | None) -> None:
    """Before step 1 the policy is the reference: raise PlanBError if their numbers differ."""
    if reference_R is None:
        raise PlanBError("the objective compares with a reference, and the rows carry no reference")
    gap = ((s_R - reference_R) / n_R).abs().max().item()
    if not gap <= REFERENCE_TOLERANCE:
        raise PlanBError(
            f"before the first update the policy differs from its reference by {gap:.4f} per token "
            f"(allowed: {REFERENCE_TOLERANCE}). The reference must be the very checkpoint that "
            "training starts from: check base, merged adapters, precision and dropout."
        )
