"""The trainer of a policy by rewards: each update's rows are drawn from the policy itself."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from transformers import Trainer

from planb.errors import PlanBError
from planb.models.adapters import train_newest
from planb.training.layout import adopt, released
from planb.training.objectives import SFT
from planb.training.packing import Batch
from planb.training.preparing import agreed_way
from planb.training.reinforcement.drawing import Drawn
from planb.training.reinforcement.groups import (
    Weighed,
    packed,
    policy_parts,
    token_numbers,
    weighed,
    with_old,
    with_reference,
)
from planb.training.reinforcement.objective import PolicyGradient
from planb.training.rows import Row
from planb.training.scoring import Way
from planb.training.trainer import RankedPreferenceTrainer, Rows

Draw = Callable[[Any, int], Drawn]
"""(model, number of the draw) -> the groups that its updates are made on."""


class ReinforcementTrainer(RankedPreferenceTrainer):
    """A ``RankedPreferenceTrainer`` whose updates are policy gradients over groups of samples.

    ``updates`` has a row, empty, for each request of each update. ``draw`` gives an update's groups,
    ``each`` is how many updates are made on them: beyond the first
    the policy is no longer the one that drew, and the ratio says how far. ``limit`` is the most tokens
    of a sample. Checkpoints must lie between draws, so that a run that is taken up draws the same.
    """

    def __init__(
        self,
        model: Any,
        args: Any,
        updates: Rows,
        processing_class: Any,
        peft_config: Any = None,
        *,
        draw: Draw,
        policy: PolicyGradient,
        limit: int,
        each: int = 1,
        callbacks: Any = None,
    ) -> None:
        shared = (model, args, updates, processing_class, peft_config)
        super().__init__(*shared, objective=SFT(), callbacks=callbacks)
        given = self.args
        if given.gradient_accumulation_steps != 1 or self.accelerator.num_processes != 1:
            raise PlanBError(
                "a policy is trained by one process, and all samples of an update stand in one batch: "
                "leave out micro_batch and processes (pack_tokens bounds the memory)"
            )
        if self.balancing:
            raise PlanBError("the load-balancing loss is not added to a policy gradient: leave it out")
        self.draw, self.policy, self.limit, self.each = draw, policy, limit, each
        self._reference = self._reference_model() if policy.kl else None
        self._known: tuple[int, Drawn] | None = None
        self._rows: tuple[int, list[Weighed]] | None = None
        self._told: tuple[Counter[str], Counter[str]] = (Counter(), Counter())

    def prepare(self, rows: Rows | None = None) -> Way:
        """Choose how rows are run, by the first draw."""
        del rows
        if self.way is None:
            drawn = self._drawn(0)
            self.way = agreed_way(
                self.model, _as_rows(drawn), self._pad, self.args.layout, self.accelerator
            )
            if self._reference is not None and self._reference is not self.model:
                adopt(self._reference, self.way)
        return self.way

    def get_batch_samples(self, *args: Any) -> tuple[list[Batch], Any]:
        """The parts of the update's rows. What the loader gives is only counted."""
        batches, _ = Trainer.get_batch_samples(self, *args)
        if not batches:
            return batches, None
        parts = packed(self._update_rows(), self._pad, self._way(), self.args.pack_tokens)
        return [{**batches[0], "parts": parts}], 1

    def training_step(self, model: Any, inputs: Batch, num_items_in_batch: Any = None) -> torch.Tensor:
        """Forward and backward of each part; nothing where no group has spread."""
        if not inputs["parts"]:
            return torch.zeros((), device=self.args.device)
        return super().training_step(model, inputs, num_items_in_batch)

    def compute_loss(
        self,
        model: Any,
        inputs: Batch,
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """A part's share of the update's loss."""
        del num_items_in_batch  # the tokens' weights are of the whole update
        found, logp_N = policy_parts(model, inputs, self.policy, self._way())
        loss = sum(found.values())
        if not torch.isfinite(loss):
            raise PlanBError(
                f"the loss is {loss.item()} before update {self.state.global_step + 1}, so training "
                "diverged. Lower the learning rate or max_grad_norm, or use precision fp32."
            )
        for name, part in found.items():
            self._tell(f"loss/{name}", float(part.detach()), 0)
        return (loss, {"logp_N": logp_N}) if return_outputs else loss

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """Log the means of what was drawn, and of the loss's parts, since the last time."""
        if "loss" in logs:
            sums, counts = self._told
            logs.update({name: total / max(counts[name], 1) for name, total in sorted(sums.items())})
            self._told = (Counter(), Counter())
        Trainer.log(self, logs, *args, **kwargs)

    def _collate(self, rows: Sequence[Row]) -> Batch:
        return {"examples_E": torch.arange(len(rows)), "parts": []}

    def _way(self) -> Way:
        return self.way or self.prepare()

    def _drawn(self, place: int) -> Drawn:
        if self._known is None or self._known[0] != place:
            was_training = self.model.training
            self.model.eval()
            own: Any = nullcontext()
            if self.way and not self.args.bf16:  # autocast wraps the forward that is there
                own = released(self.model, self.way)
            with torch.no_grad(), self.accelerator.autocast(), own:
                self._known = (place, self.draw(self.model, place))
            self.model.train(was_training)
        return self._known[1]

    def _update_rows(self) -> list[Weighed]:
        """The rows of this update: drawn anew where it is the first of its draw."""
        place, again = divmod(self.state.global_step, self.each)
        if self._rows is None or self._rows[0] != place:
            if again:
                raise PlanBError("training cannot be taken up between two updates of one draw")
            drawn = self._drawn(place)
            rows, worth = weighed(drawn.groups, self.policy, self.limit)
            run = (self._pad, self._way(), self.args.pack_tokens)
            if self.each > 1 and rows:
                rows = with_old(rows, self._numbers(self.model, rows, run))
            if self._reference is not None and rows:
                rows = with_reference(rows, self._reference_numbers(rows, run))
            self._rows = (place, rows)
            for name, total in drawn.sums.items():
                self._tell(name, total, drawn.counts[name])
            self._tell("unscored", worth.unscored, sum(len(g.samples) for g in drawn.groups))
            self._tell("flat", worth.flat, len(drawn.groups))
        for name in ("loss/policy", *["loss/kl"] * bool(self.policy.kl)):  # a mean over updates
            self._tell(name, 0.0, 1)
        return self._rows[1]

    def _tell(self, name: str, value: float, count: int) -> None:
        sums, counts = self._told
        sums[name] += value  # type: ignore[assignment]
        counts[name] += count

    def _reference_model(self) -> Any:
        """What the KL is to: the model as it is now, which with an adapter is the model without."""
        if hasattr(self.model, "disable_adapter"):
            return self.model
        found = copy.deepcopy(self.model).eval()
        return found.requires_grad_(False)

    def _reference_numbers(self, rows: Sequence[Weighed], run: Any) -> list[torch.Tensor]:
        apart = self._reference is not self.model
        with nullcontext() if apart else _without_newest(self.model):
            return self._numbers(self._reference, rows, run)

    def _numbers(self, model: Any, rows: Sequence[Weighed], run: Any) -> list[torch.Tensor]:
        with self.accelerator.autocast():
            return token_numbers(model, rows, *run)


def _as_rows(drawn: Drawn) -> list[Row]:
    """All that was drawn, each different sample of a prompt once."""
    texts: dict[tuple[str, tuple[int, ...]], dict[tuple[int, ...], None]] = {}
    for group in drawn.groups:
        for sample in group.samples:
            texts.setdefault((group.key, group.prompt + sample.opening), {})[sample.ids] = None
    return [
        Row(key, prompt, tuple(some), ("sample",) * len(some)) for (key, prompt), some in texts.items()
    ]


@contextmanager
def _without_newest(model: Any) -> Iterator[None]:
    """The model that training started from: its newest adapter set aside."""
    older = list(model.peft_config)[:-1]
    try:
        if older:
            model.base_model.set_adapter(older, inference_mode=True)
        with nullcontext() if older else model.disable_adapter():
            yield
    finally:
        train_newest(model)
