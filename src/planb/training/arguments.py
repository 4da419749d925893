"""Every argument of transformers' ``Trainer`` and of TRL's trainers: what this trainer does with it.

Each field of ``TrainingArguments`` stands in one of three tables: it works as in ``Trainer``, it can
mean nothing here and does no harm, or it is refused in words. None is taken and ignored;
``tests/training/test_arguments.py`` fails for a field that is in no table.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

from transformers import TrainingArguments

from planb.errors import PlanBError

WORKS = frozenset(
    {"output_dir", "per_device_train_batch_size", "num_train_epochs", "max_steps", "learning_rate"}
    | {"lr_scheduler_type", "lr_scheduler_kwargs", "warmup_steps", "optim", "optim_args"}
    | {"weight_decay", "adam_beta1", "adam_beta2", "adam_epsilon", "optim_target_modules"}
    | {"gradient_accumulation_steps", "max_grad_norm", "bf16", "fp16", "tf32"}
    | {"activation_checkpointing", "activation_checkpointing_kwargs"}
    | {"gradient_checkpointing", "gradient_checkpointing_kwargs"}
    | {"torch_compile", "torch_compile_backend", "torch_compile_mode", "torch_empty_cache_steps"}
    | {"logging_strategy", "logging_steps", "logging_first_step", "log_on_each_node"}
    | {"include_num_input_tokens_seen", "log_level", "log_level_replica", "disable_tqdm"}
    | {"report_to", "run_name", "project", "trackio_space_id", "trackio_bucket_id"}
    | {"trackio_static_space_id", "eval_strategy", "eval_steps", "eval_delay", "eval_on_start"}
    | {"per_device_eval_batch_size", "eval_accumulation_steps", "save_only_model", "save_strategy"}
    | {"save_steps", "save_on_each_node", "save_total_limit", "enable_jit_checkpoint"}
    | {"push_to_hub", "hub_token", "hub_private_repo", "hub_model_id", "hub_strategy"}
    | {"hub_always_push", "hub_revision", "load_best_model_at_end", "metric_for_best_model"}
    | {"greater_is_better", "ignore_data_skip", "restore_callback_states_from_checkpoint"}
    | {"full_determinism", "seed", "data_seed", "use_cpu", "accelerator_config"}
    | {"dataloader_drop_last", "dataloader_num_workers", "dataloader_pin_memory"}
    | {"dataloader_persistent_workers", "dataloader_prefetch_factor", "dataloader_in_order"}
    | {"train_sampling_strategy", "ddp_find_unused_parameters", "ddp_bucket_cap_mb"}
    | {"ddp_broadcast_buffers", "ddp_static_graph", "ddp_backend", "ddp_timeout", "fsdp"}
    | {"fsdp_config", "deepspeed", "debug", "skip_memory_metrics"}
)
"""As in ``Trainer``; a few of their values are refused (``refuse_arguments``)."""

HARMLESS = {
    "average_tokens_across_devices": "a loss is a mean over examples, of all processes",
    "logging_nan_inf_filter": "a loss that is no number ends the run",
    "use_cache": "a forward pass of training never keeps its keys",
    "prediction_loss_only": "an evaluation gives losses and means alone",
    "eval_do_concat_batches": "predictions are not kept",
    "eval_use_gather_object": "predictions are not kept",
    "remove_unused_columns": "rows are read before they are batched",
    "label_names": "rows have no columns of labels",
    "length_column_name": "the rows' own tokens are counted",
    "liger_kernel_config": "use_liger_kernel is refused",
    "do_train": "for scripts: Trainer does not read it",
    "do_eval": "for scripts: Trainer does not read it",
    "do_predict": "for scripts: Trainer does not read it",
    "resume_from_checkpoint": "for scripts: the argument of train() counts",
    "local_rank": "the launcher's environment counts",
}
"""They can mean nothing here, for this reason."""

REFUSED = {
    "label_smoothing_factor": "labels of log-probabilities are not smoothed here: leave it at 0",
    "neftune_noise_alpha": (
        "NEFTune's noise is scaled by a sequence's length, which a packed row has not, and the "
        "responses of a prompt would share it: leave it out"
    ),
    "use_liger_kernel": (
        "Trainer exchanges the kernels after the model was checked: give the trainer a model that has "
        "them (liger_kernel.transformers.AutoLigerKernelForCausalLM), and they are checked with it"
    ),
    "bf16_full_eval": "the model would stay in 16 bits after it: load the model in bf16, or set bf16",
    "fp16_full_eval": "the model would stay in 16 bits after it: load the model in fp16, or set fp16",
    "auto_find_batch_size": (
        "a smaller batch is another training: pack_tokens bounds the memory of a forward and backward "
        "pass and changes no gradient"
    ),
    "include_for_metrics": "it is for compute_metrics, which gets no predictions here: leave it out",
    "batch_eval_metrics": "it is for compute_metrics, which gets no predictions here: leave it out",
    "parallelism_config": (
        "rows are not cut across processes (tensor, context or sequence parallelism): take DDP, FSDP2 "
        "or DeepSpeed ZeRO, and pack_tokens for memory"
    ),
    "dataloader_multiprocessing_context": "the rows live in the trainer, so workers are forked",
}
"""Field -> why any value but its default is refused, and what to do."""

FINE = {"dataloader_multiprocessing_context": ("fork",)}
"""Other values of refused fields that do what they say."""

STEPPING = ("lomo", "adalomo")
"""Optimizers that update weights within the backward pass; names that end in ``_layerwise`` do too."""

MOVED = {
    "beta": "it belongs to the objective: objective=DPO(beta=...), from planb.training.objectives",
    "loss_type": "objective='dpo', 'ipo', 'orpo', 'simpo', ... (trainer.md says which is which)",
    "loss_weights": "one objective is trained; an objective of your own can add losses up",
    "label_smoothing": "no objective here smooths preferences",
    "ld_alpha": "no objective here has it; objective='dpo_norm' is DPO over mean log-probabilities",
    "f_divergence_type": "objective='dpo' is of the reverse KL, TRL's default",
    "f_alpha_divergence_coef": "objective='dpo' is of the reverse KL, TRL's default",
    "use_weighting": "no objective here is weighted by the policy (WPO)",
    "discopop_tau": "there is no DiscoPOP here",
    "cpo_alpha": "objective=CPO(alpha=...), from planb.training.objectives",
    "simpo_gamma": "objective=SimPO(gamma=...), from planb.training.objectives",
    "alpha": "there is no AlphaPO here; CPO's and ORPO's weights are fields of the objective",
    "rpo_alpha": "no objective here adds an NLL to DPO; ORPO and CPO have one",
    "reference_free": "take an objective without a reference: orpo, simpo, cpo, sft",
    "ref_model": (
        "the reference is the model as training starts: leave it out. (Another model's numbers would "
        "be no start of this policy.)"
    ),
    "ref_model_init_kwargs": "the reference is the model as training starts",
    "model_adapter_name": "the newest adapter is trained, on all that was there",
    "ref_adapter_name": "the reference is the model as training starts",
    "force_use_ref_model": "the reference is the model as training starts",
    "precompute_ref_log_probs": "it is always so: the reference's numbers are found once, at the start",
    "precompute_ref_batch_size": "pack_tokens bounds the reference's forward passes too",
    "sync_ref_model": "the reference stays the model that training starts from",
    "ref_model_mixup_alpha": "the reference stays the model that training starts from",
    "ref_model_sync_steps": "the reference stays the model that training starts from",
    "max_prompt_length": "its name is max_prompt, and when_longer says what is done",
    "max_completion_length": "its name is max_response, and when_longer says what is done",
    "truncation_mode": "when_longer='refuse', 'truncate' or 'leave_out'",
    "padding_free": "it is always so in packed rows; layout='separate' pads",
    "packing": "rows are always packed where the model allows it",
    "packing_strategy": "rows are always packed where the model allows it",
    "eval_packing": "rows are always packed where the model allows it",
    "pad_to_multiple_of": "packed rows are not padded",
    "pad_token": "set it on the tokenizer, processing_class",
    "padding_value": "set pad_token on the tokenizer, processing_class",
    "label_pad_token_id": "there are no padded labels",
    "eos_token": "set it on the tokenizer, processing_class",
    "chat_template_path": "set chat_template on the tokenizer, processing_class",
    "disable_dropout": "it is always off: policy and reference must start the same",
    "model_init_kwargs": "load the model yourself and pass it",
    "trust_remote_code": "a model's own code is never run",
    "quantization_config": "load the model with it (from_pretrained) and pass the model",
    "is_encoder_decoder": "causal language models are trained",
    "generate_during_eval": "generate from the model after training",
    "activation_offloading": "activation_checkpointing_kwargs={'offload': True} does it",
    "dataset_num_proc": "rows are read in this process",
    "dataset_kwargs": "map the dataset to rows that are understood first",
    "dataset_text_field": "plain text has no prompt: make rows of 'prompt' and 'completion'",
    "shuffle_dataset": "training shuffles; train_sampling_strategy='sequential' does not",
    "formatting_func": "map the dataset to rows that are understood first: dataset.map(...)",
    "completion_only_loss": "only responses are trained",
    "assistant_only_loss": "of a conversation the last assistant message is trained",
    "tools": "messages have a role and a text only: write what tools say into the messages",
    "tokenizer": "its name is processing_class",
    "use_liger_loss": "the head is computed in chunks without it",
    "use_logits_to_keep": "logits are only computed where a response is predicted",
    "evaluation_strategy": "its name is eval_strategy",
    "group_by_length": "train_sampling_strategy='group_by_length'",
    "warmup_ratio": "warmup_steps below 1 is a share of the steps",
    "no_cuda": "its name is use_cpu",
    "data_collator": "the trainer lays rows out itself: map the dataset instead",
    "model_init": "pass the model; one trainer trains one model once (no hyperparameter search)",
    "compute_loss_func": "give an objective (planb.training.objectives), which sees log-probabilities",
    "compute_metrics": (
        "logits are never built whole, so there are no predictions to give it; evaluate() gives the "
        "loss and each tier's log-probability and margins, and a callback's on_evaluate sees them"
    ),
    "preprocess_logits_for_metrics": "logits are never built whole: see compute_metrics",
}
"""Arguments of ``Trainer`` and of TRL's configs and trainers, old ones too -> where they went."""

TRAINERS_OWN = frozenset({"callbacks", "optimizers", "optimizer_cls_and_kwargs"})
"""Arguments of ``Trainer``'s constructor that it gets as they are."""


def refuse_arguments(args: TrainingArguments) -> None:
    """Raise PlanBError for a value that would be ignored, or do what it does not say."""
    kinds = {f.name: f for f in fields(TrainingArguments)}
    for name, why in REFUSED.items():
        if name in kinds and getattr(args, name) not in (
            _default(kinds[name]),
            None,
            *FINE.get(name, ()),
        ):
            raise PlanBError(f"{name}={getattr(args, name)!r} is not supported: {why}")
    optimizer = str(getattr(args.optim, "value", args.optim))
    if optimizer in STEPPING or optimizer.endswith("_layerwise"):
        raise PlanBError(
            f"optim={optimizer!r} updates weights within the backward pass, and a batch may have "
            "several (pack_tokens): use another optimizer"
        )
    if args.accelerator_config.dispatch_batches:
        raise PlanBError(
            "accelerator_config's dispatch_batches is not supported: one process would cut the packed "
            "rows of all apart. Leave it out"
        )
    if args.train_sampling_strategy == "batch_rebalance":
        raise PlanBError(
            "train_sampling_strategy='batch_rebalance' is not supported: it balances padding, which "
            "packed rows have not. Use 'random', 'sequential' or 'group_by_length'"
        )
    if args.fp16 and args.device.type == "cpu":
        raise PlanBError(
            "fp16 needs a GPU, and on a CPU it would be ignored: use bf16, or leave it out"
        )


def refuse_names(given: Mapping[str, Any], known: Iterable[str], what: str) -> None:
    """Raise PlanBError, saying where it went, for a name that ``what`` does not have."""
    known = set(known)
    for name in given:
        if name in known:
            continue
        if name in MOVED:
            raise PlanBError(f"{what} does not take {name}: {MOVED[name]}")
        near = difflib.get_close_matches(name, known, n=1)
        hint = f" (is it '{near[0]}'?)" if near else ""
        raise PlanBError(f"{what} has no argument '{name}'{hint}")


def for_trainer(others: Mapping[str, Any]) -> dict[str, Any]:
    """The constructor's further arguments that ``Trainer`` gets; ``None`` was not given. Raises
    PlanBError for one that neither has."""
    given = {name: value for name, value in others.items() if value is not None}
    refuse_names(given, TRAINERS_OWN, "RankedPreferenceTrainer")
    return given


def _default(kind: Any) -> Any:
    return kind.default_factory() if callable(kind.default_factory) else kind.default


class NoPredictions:
    """The methods of ``Trainer`` that are refused."""

    def predict(self, *_: Any, **__: Any) -> Any:
        """Logits are never built whole."""
        raise PlanBError(
            "predict() would give logits, which are never built whole: evaluate(dataset) gives the "
            "loss and each tier's log-probability, planb.surprise() each response's"
        )

    def get_test_dataloader(self, *_: Any, **__: Any) -> Any:
        """It is for ``predict``."""
        raise PlanBError("get_test_dataloader() is for predict(), which is refused: call evaluate()")

    def hyperparameter_search(self, *_: Any, **__: Any) -> Any:
        """A trainer trains one model once."""
        raise PlanBError(
            "hyperparameter_search() is not supported, as a trainer trains one model once: make a "
            "trainer for each setting"
        )
