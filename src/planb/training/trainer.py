"""The ranked-preference trainer: each response of an example is run once, and all pair losses come
from the responses' log-probabilities. A row with one response is SFT.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from math import inf
from pathlib import Path
from typing import Any

import torch
from transformers import TrainingArguments, set_seed

from planb.errors import PlanBError
from planb.models.adapted import Trained, trained_weights
from planb.models.checkpoints import add_adapter
from planb.training.arguments import NoPredictions, for_trainer
from planb.training.balancing import balancing_coefficient, balancing_loss, router_logits
from planb.training.checkpointing import CheckpointingTrainer
from planb.training.config import objective_of
from planb.training.feeding import Rows, as_rows, eval_sampler, train_sampler
from planb.training.lengths import Counts
from planb.training.objectives import Forward, Further, Objective, Pairs, Scores, nll
from planb.training.packing import Batch, on_device, parts
from planb.training.preparing import (
    agreed_way,
    disable_dropout,
    keep_precision,
    loaded,
    padding,
    refuse_adaptive_ranks,
    refuse_cut_rows,
    refuse_shards,
    refuse_split_model,
    with_defaults,
)
from planb.training.reference import LOW_PRECISION_TOLERANCE, check_reference, with_references
from planb.training.rows import Row
from planb.training.scoring import Way, causal_lm, scores
from planb.training.watch import BALANCING, Watch

__all__ = ["RankedPreferenceTrainer", "Rows"]

log = logging.getLogger(__name__)


class RankedPreferenceTrainer(NoPredictions, CheckpointingTrainer):
    """Ranked-preference trainer: ``transformers.Trainer`` over examples with any number of ranked
    responses.

    ``model`` is a causal language model or its name; ``train_dataset`` is anything that
    ``reading.read_rows`` reads (TRL's preference rows, rows of responses with scores, planb's
    examples) or ``Rows``; ``peft_config`` puts an adapter on the model. The loss is the mean over the
    batch's examples; an example's is the weighted mean over its pairs, or the NLL where it has none.
    ``way`` says after ``prepare`` how rows are run, and why; ``trained`` which weights are trained, and
    which are not; ``counts`` what the length limits did. Of ``Trainer``'s and TRL's further arguments
    each works or is refused (``arguments``).
    """

    loss_is_scaled_for_ga = True  # by the examples of all of an update's micro-batches

    def __init__(
        self,
        model: Any,
        args: TrainingArguments | None = None,
        train_dataset: Any = None,
        processing_class: Any = None,
        peft_config: Any = None,
        eval_dataset: Any = None,
        objective: Objective | str | None = None,
        **others: Any,
    ) -> None:
        others = for_trainer(others)
        args = with_defaults(args)
        self.objective = objective_of(objective if objective is not None else args.objective)
        args.objective = self.objective  # what loggers and checkpoints get
        if isinstance(model, str | Path):
            model, processing_class = loaded(str(model), processing_class)
        if processing_class is None:
            raise PlanBError("give the trainer the model's tokenizer as processing_class")
        refuse_shards(model)
        if peft_config is not None:
            set_seed(args.seed)
            model = add_adapter(model, peft_config)
        refuse_adaptive_ranks(model)
        disable_dropout(model)
        self.balancing = balancing_coefficient(model, args.router_aux_loss_coef)
        self.counts = Counts()
        self.way: Way | None = None
        self.trained: Trained | None = None
        self._pad = padding(processing_class)
        self._read = {
            "tokenizer": processing_class,
            "ordering": args.ordering,
            "lengths": args.lengths,
            "counts": self.counts,
        }
        args._n_gpu = min(args.n_gpu, 1)  # nn.DataParallel would cut rows apart; DDP does not
        super().__init__(
            model=model,
            args=args,
            train_dataset=as_rows(train_dataset, **self._read),
            eval_dataset=as_rows(eval_dataset, **self._read),
            processing_class=processing_class,
            data_collator=self._collate,
            **others,
        )
        if self.is_fsdp_enabled:
            keep_precision(self.accelerator.state.fsdp_plugin)
        refuse_cut_rows(self.accelerator)
        if self.objective.looks_inside:
            refuse_split_model(self)
        self.model_accepts_loss_kwargs = False
        self.label_names: list[str] = []
        self._watched = {True: Watch(), False: Watch()}
        self._evaluates = "eval"
        self._weights: int | None = None

    def prepare(self, rows: Rows | None = None) -> Way:
        """Choose the batch layout and compute the reference's log-probabilities, of ``rows`` too.
        ``train`` and ``evaluate`` call it."""
        datasets = [d for d in (self.train_dataset, self.eval_dataset, rows) if d is not None]
        if not datasets:
            raise PlanBError("the trainer has neither a train_dataset nor an eval_dataset")
        if self.way is None:
            every = [row for dataset in datasets for row in dataset.rows]
            self.way = agreed_way(self.model, every, self._pad, self.args.layout, self.accelerator)
        if self.objective.needs_reference:
            run = (self._pad, self.way, self.args.pack_tokens)
            for dataset in datasets:
                if not all(row.reference for row in dataset.rows):
                    if self.state.global_step:
                        raise PlanBError(
                            "the reference is the model before training, which is gone: give these "
                            "rows as eval_dataset when the trainer is made"
                        )
                    with self.accelerator.autocast():  # as the policy will be run
                        dataset.rows = with_references(self.model, dataset.rows, *run)
        return self.way

    def train(self, *args: Any, **kwargs: Any) -> Any:
        """``Trainer.train``, after ``prepare``; says which weights are trained."""
        self.prepare()
        self.trained = trained_weights(self.model)
        if not any(weight.requires_grad for weight in self.model.parameters()):
            raise PlanBError(
                "no weight of the model is trained: all are frozen, and there is no adapter"
            )
        level = logging.WARNING if self.trained.new and self.trained.missed else logging.INFO
        log.log(level, "training trains %s", self.trained)
        self._weights = None
        return super().train(*args, **kwargs)

    def evaluate(
        self, eval_dataset: Any = None, ignore_keys: Any = None, metric_key_prefix: str = "eval"
    ) -> Any:
        """``Trainer.evaluate``, after ``prepare``; ``eval_dataset`` may be whatever training may be,
        and stands in for the trainer's own this once."""
        rows = as_rows(eval_dataset, **self._read)
        self.prepare(rows)
        if rows is not None:  # Trainer keeps the loader of persistent workers, whatever it is asked for
            self.__dict__.pop("_eval_dataloaders", None)
        self._watched[False], self._evaluates = Watch(), metric_key_prefix
        found = super().evaluate(rows, ignore_keys, metric_key_prefix)
        if rows is not None:
            self.__dict__.pop("_eval_dataloaders", None)
        return found

    def training_step(self, model: Any, inputs: Batch, num_items_in_batch: Any = None) -> torch.Tensor:
        """Forward and backward of each part; processes share their gradients at the last one."""
        losses = []
        some = self._as_many_as_others(inputs["parts"])
        for place, part in enumerate(some):
            last = place == len(some) - 1
            with nullcontext() if last else self.accelerator.no_sync(model):
                losses.append(super().training_step(model, part, num_items_in_batch))
        return torch.stack(losses).sum()

    def get_batch_samples(self, *args: Any) -> tuple[list[Batch], Any]:
        """An update's micro-batches, and what a loss is divided by: the examples of all of them, over
        the processes' number, as these take the mean of their gradients."""
        batches, _ = super().get_batch_samples(*args)
        examples = sum(len(batch["examples_E"]) for batch in batches)
        processes = self.accelerator.num_processes
        if processes == 1:
            return batches, examples
        shares = self.accelerator.gather(torch.tensor([examples], device=self.args.device))
        return batches, int(shares.sum()) / processes

    def prediction_step(self, model: Any, inputs: Batch, *_: Any, **__: Any) -> tuple[Any, None, None]:
        """The loss of a batch, without gradients."""
        with torch.no_grad():
            some = self._as_many_as_others(inputs["parts"])
            found = [self.compute_loss(model, self._prepare_inputs(part)) for part in some]
        return torch.stack(found).sum(), None, None

    def compute_loss(
        self,
        model: Any,
        inputs: Batch,
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """A part's share of the update's loss: the sum over its examples / the update's examples (of
        all its micro-batches; without their number, those of the part's own batch)."""
        way = self.way or self.prepare()
        example_P, better_P, worse_P = inputs["pairs_P3"].unbind(1)
        pairs = Pairs(example_P, better_P, worse_P, inputs["weight_P"], inputs["examples"])
        with (
            self._around(model, inputs, pairs) as further,
            router_logits(model, wanted=bool(self.balancing)) as routed,
        ):
            found = scores(model, inputs, way)
        if self.objective.needs_reference and self.state.global_step == 0 and model.training:
            with torch.no_grad():
                start = self._again(model, inputs) if self.objective.looks_inside else found
            low = self.args.bf16 or self.args.fp16 or causal_lm(model).dtype.itemsize < 4
            check_reference(start.s_R.detach(), start.n_R, start.r_R, *[LOW_PRECISION_TOLERANCE] * low)
        kinds = {kind: part_E.sum() for kind, part_E in self.objective.parts(found, pairs).items()}
        added = {kind: part_E.sum() for kind, part_E in further().items()}
        kinds |= added
        singles_S = inputs["singles_S"]
        single = nll(found)[singles_S]
        per_example = torch.bincount(inputs["example_R"], minlength=inputs["examples"])
        total = sum(kinds.values()) + (single / per_example[inputs["example_R"][singles_S]]).sum()
        if self.balancing:
            kinds[BALANCING] = inputs["examples"] * balancing_loss(model, routed, inputs)
            total = total + self.balancing * kinds[BALANCING]
        weightless = inputs["of_examples"] == inf
        loss = total / (
            inputs["of_examples"] if weightless else num_items_in_batch or inputs["of_examples"]
        )
        if not torch.isfinite(loss):
            raise PlanBError(
                f"the loss is {loss.item()} before update {self.state.global_step + 1}, so training "
                "diverged. Lower the learning rate or max_grad_norm, or use precision fp32."
            )
        if not weightless:
            self._watched[model.training].see(found, inputs, kinds, single, {BALANCING, *added})
        return (loss, {"s_R": found.s_R}) if return_outputs else loss

    def _around(self, model: Any, inputs: Batch, pairs: Pairs) -> AbstractContextManager[Further]:
        """What the objective does around a forward pass of training."""
        if not (model.training and self.objective.looks_inside):
            return nullcontext(dict)
        inner = causal_lm(model)
        done = self.state.global_step / max(self.state.max_steps, 1)
        again = partial(self._again, inner, inputs)
        return self.objective.around(Forward(inner, inputs, pairs, again, done))

    def _again(self, model: Any, inputs: Batch) -> Scores:
        """The forward pass once more, past the processes' wrapper: no gradient of it is shared."""
        with self.accelerator.autocast():
            return scores(causal_lm(model), inputs, self.way or self.prepare())

    def _prepare_inputs(self, inputs: Batch) -> Batch:
        """To the device, no more: Trainer would cast sums and weights to DeepSpeed's 16 bits."""
        return on_device(inputs, self.args.device)

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """Log loss parts, each tier's log-probability per token, and the margins of pairs of tiers."""
        if "loss" in logs:
            logs.update(self._watched[True].means())
        elif f"{self._evaluates}_loss" in logs:
            means = self._watched[False].means()
            logs.update({f"{self._evaluates}_{name}": mean for name, mean in means.items()})
        super().log(logs, *args, **kwargs)

    def floating_point_ops(self, inputs: Batch) -> int:
        """6 x weights x tokens, the usual estimate of forward and backward (attention not counted)."""
        tokens = sum(part["tokens"] for part in inputs["parts"])
        if self._weights is None:  # counted once: a tenth of a tiny model's update
            self._weights = causal_lm(self.model).num_parameters(exclude_embeddings=True)
        return int(6 * self._weights * tokens)

    def _track_num_input_tokens(self, inputs: Batch) -> None:
        """Tokens run: a packed row's prompts once; ``non_padding`` leaves padding out."""
        wanted = self.args.include_num_input_tokens_seen
        if wanted == "no":
            return
        some = inputs["parts"]
        real = wanted == "non_padding"
        tokens = sum(part["tokens"] if real else part["inputs"]["input_ids"].numel() for part in some)
        shares = self.accelerator.gather(torch.tensor([tokens], device=self.args.device))
        self.state.num_input_tokens_seen += int(shares.sum())

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        return train_sampler(self.train_dataset if train_dataset is None else train_dataset, self.args)

    def _get_eval_sampler(self, eval_dataset: Any) -> Any:
        return eval_sampler(eval_dataset, self.args)

    def _collate(self, rows: Sequence[Row]) -> Batch:
        way = self.way or self.prepare()
        whole = self.is_deepspeed_enabled  # its engine steps at every backward
        budget = None if whole else self.args.pack_tokens
        inside = self.objective.looks_inside or self.balancing  # they count each prompt's tokens
        prompts, share = self.objective.needs_prompt, not inside
        made = parts(rows, self._pad, way.layout, budget, way.kernel, prompts, share)
        for part in made:
            part["of_examples"] = len(rows)
        return {"examples_E": torch.arange(len(rows)), "parts": made}

    def _as_many_as_others(self, some: list[Batch]) -> list[Batch]:
        """Under FSDP every forward is common to all processes: the last part again, at no weight."""
        if not self.is_fsdp_enabled:
            return some
        from accelerate.utils import gather_object

        most = max(gather_object([len(some)]))
        return some + [{**some[-1], "of_examples": inf}] * (most - len(some))
