"""Run one training: load a checkpoint, attach an adapter if told, train, save. Resumable."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback, TrainingArguments
from transformers.trainer import TRAINER_STATE_NAME
from transformers.trainer_utils import get_last_checkpoint

from planb.models.checkpoints import Card, Policy, load_policy, save_policy
from planb.training.layout import choose_layout
from planb.training.objectives import Objective
from planb.training.packing import Layout, collate, log_probs
from planb.training.rows import Ranking, Row, schedule
from planb.training.settings import Training
from planb.training.trainer import RankedPreferenceTrainer, Rows
from planb.types import PlanBError

Progress = Callable[[float, float, str], None]
SCRATCH = "training"


def train(
    policy: Policy,
    rankings: Sequence[Ranking],
    objective: Objective,
    training: Training,
    seed: int,
    out: Path,
    card: Card,
    progress: Progress | None = None,
) -> None:
    """Train ``policy`` and write a checkpoint folder into ``out``.

    What a killed run left in ``out`` is taken up from its last checkpoint, and gives the same weights
    as a run that was not killed (same machine, same number of threads).
    """
    rows = schedule(
        rankings, policy.tokenizer, training.steps, training.batch, seed, training.max_length
    )
    layout = choose_layout(policy, rows)
    references = _references(policy, rows, layout) if objective.needs_reference else None
    torch.manual_seed(seed)
    model = _adapted(policy.model, training)
    trainer = RankedPreferenceTrainer(
        model,
        _arguments(training, out / SCRATCH, seed),
        Rows(rows, references),
        objective,
        policy.tokenizer,
        layout,
        training.pack_tokens,
        callbacks=[_Reporter(training.steps, progress)],
    )
    _quiet(trainer)
    trainer.train(resume_from_checkpoint=_last_checkpoint(out / SCRATCH))
    history = [entry for entry in trainer.state.log_history if "loss" in entry]
    (out / "history.json").write_text(json.dumps(history, indent=1), encoding="utf-8")
    save_policy(trainer.model, policy.tokenizer, out, card, base=policy.folder)
    shutil.rmtree(out / SCRATCH, ignore_errors=True)


def retrain(folder: Path, *args: Any, **kwargs: Any) -> None:
    """``train`` on the checkpoint in ``folder``: adapters there are merged in memory first."""
    train(load_policy(folder), *args, **kwargs)


def _adapted(model: Any, training: Training) -> Any:
    """The model with all weights trainable, or with a fresh adapter on frozen ones; dropout is off, as
    the policy must equal its reference before step 1 and responses share their prompt."""
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    adapter = training.adapter
    if adapter is None:
        model.requires_grad_(True)
        for part in (model.get_input_embeddings(), model.get_output_embeddings()):
            part.requires_grad_(training.embeddings)
        return model
    from peft import LoraConfig, get_peft_model

    targets = adapter.targets if isinstance(adapter.targets, str) else list(adapter.targets)
    config = LoraConfig(
        r=adapter.rank,
        lora_alpha=adapter.alpha,
        use_rslora=adapter.rslora,
        target_modules=targets,
        lora_dropout=0.0,
        task_type="CAUSAL_LM",
    )
    return get_peft_model(model, config)


def _arguments(training: Training, folder: Path, seed: int) -> TrainingArguments:
    micro = training.micro_batch or training.batch
    if training.batch % micro:
        raise PlanBError(
            f"batch {training.batch} is not a multiple of micro_batch {micro}: choose a divisor"
        )
    return TrainingArguments(
        output_dir=str(folder),
        max_steps=training.steps,
        per_device_train_batch_size=micro,
        gradient_accumulation_steps=training.batch // micro,
        learning_rate=training.learning_rate,
        lr_scheduler_type=training.schedule,
        warmup_steps=training.warmup,
        weight_decay=training.weight_decay,
        max_grad_norm=training.max_grad_norm,
        adam_beta2=training.adam_beta2,
        bf16=training.precision == "bf16",
        save_steps=training.save_every,
        save_total_limit=1,
        logging_steps=min(10, training.steps),
        logging_nan_inf_filter=False,
        report_to=[],
        disable_tqdm=True,
        remove_unused_columns=False,
        use_cpu=not torch.cuda.is_available(),
        seed=seed % 2**31,
        data_seed=seed % 2**31,
        dataloader_pin_memory=torch.cuda.is_available(),
    )


@torch.inference_mode()  # type: ignore[untyped-decorator]
def _references(policy: Policy, rows: Sequence[Row], layout: Layout) -> dict[Row, list[float]]:
    """Summed log-probabilities of each row's responses under the policy as it is before training."""
    found: dict[Row, list[float]] = {}
    distinct = sorted(dict.fromkeys(rows), key=lambda row: row.packed_tokens)
    for start in range(0, len(distinct), 16):
        chunk = distinct[start : start + 16]
        batch = collate([(row, None) for row in chunk], policy.tokenizer.pad_token_id, layout)
        batch = {k: v.to(policy.device) if isinstance(v, torch.Tensor) else v for k, v in batch.items()}
        sums = iter(log_probs(policy.model, batch)[0].tolist())
        found.update({row: [next(sums) for _ in row.responses] for row in chunk})
    return found


def _last_checkpoint(folder: Path) -> str | None:
    """The last checkpoint that was written to its end: the trainer writes its state last, so one that
    a kill cut short has none, and is put away."""
    for checkpoint in folder.glob("checkpoint-*"):
        state = checkpoint / TRAINER_STATE_NAME
        if not state.exists() or not state.read_text(encoding="utf-8").rstrip().endswith("}"):
            shutil.rmtree(checkpoint)
    return get_last_checkpoint(str(folder)) if folder.is_dir() else None


def _quiet(trainer: RankedPreferenceTrainer) -> None:
    from transformers.trainer_callback import PrinterCallback

    trainer.remove_callback(PrinterCallback)


class _Reporter(TrainerCallback):  # type: ignore[misc]
    """Tells the progress after every update."""

    def __init__(self, steps: int, progress: Progress | None) -> None:
        self.steps, self.progress, self.started = steps, progress, time.monotonic()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002
        if self.progress:
            last = state.log_history[-1].get("loss") if state.log_history else None
            note = f"loss {last:.3f}" if last is not None else ""
            self.progress(state.global_step, self.steps, note)
