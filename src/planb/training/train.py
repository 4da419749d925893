"""Run one training: load a checkpoint, attach an adapter if set, train, save. Resumable."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from math import gcd
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback
from transformers.trainer_callback import PrinterCallback

from planb.data.whole import write_whole
from planb.errors import PlanBError
from planb.models.cards import Card
from planb.models.checkpoints import Policy, load_policy, save_policy
from planb.models.quantized import is_quantized
from planb.training.config import RankedPreferenceConfig
from planb.training.launch import launch, processes_here
from planb.training.layout import release
from planb.training.lengths import Counts, Lengths
from planb.training.muon import MuonAndAdamW
from planb.training.precision import BF16, ran_in, uses_bf16
from planb.training.processor import processor
from planb.training.recipe import Recipe
from planb.training.rows import schedule
from planb.training.saving import Looks, Summed, last_checkpoint, whole_weights
from planb.training.settings import RAN, LoRA, Training
from planb.training.trainer import RankedPreferenceTrainer, Rows

Progress = Callable[[float, float, str], None]
SCRATCH, BEGUN_IN, HISTORY = "training", "precision.txt", "history.json"


def train(policy: Policy, recipe: Recipe, out: Path, progress: Progress | None = None) -> None:
    """Train ``policy`` by the recipe and write a checkpoint folder into ``out``.

    What a killed run left in ``out`` is taken up from its last checkpoint, and gives the same weights
    as a run that was not killed (same machine, same number of threads). This is what each process does:
    ``retrain`` and ``in_processes`` start as many as ``training.processes`` says.
    """
    training, seed = recipe.training, recipe.seed
    refuse_what_cannot_be(policy, training)
    counts = Counts()
    lengths = Lengths(max_length=training.max_length, when_longer=training.when_longer)
    steps, batch = training.steps, training.batch
    rows = schedule(recipe.rankings, policy.tokenizer, steps, batch, seed, lengths, counts)
    torch.manual_seed(seed)
    trainer = RankedPreferenceTrainer(
        policy.model,
        arguments(training, out / SCRATCH, seed),
        Rows(rows, ordered=True),
        policy.tokenizer,
        lora_config(training.adapter),
        objective=recipe.objective,
        callbacks=[_Reporter(training.steps, progress)],
    )
    carry_out(trainer, policy, recipe.training, recipe.card, out, {"rows": str(counts)})


def refuse_what_cannot_be(policy: Policy, training: Training) -> None:
    """Raise PlanBError for settings that do not fit the processes that train, or the policy."""
    if training.processes not in (1, processes_here()):
        raise PlanBError(
            f"training.processes is {training.processes}, and {processes_here()} train here: leave it "
            "at 1 under torchrun, or start through in_processes"
        )
    if training.adapter is None and (
        is_quantized(policy.model) or hasattr(policy.model, "get_base_model")
    ):
        raise PlanBError("a quantized base, or one under stacked adapters, is trained with an adapter")


def carry_out(
    trainer: RankedPreferenceTrainer,
    policy: Policy,
    training: Training,
    card: Card,
    out: Path,
    said: dict[str, str],
) -> None:
    """Train to the end, from the last checkpoint in ``out`` if there is one, and write the checkpoint
    with its history. ``said``: what is to be told of the rows, by name, in ``training.json``."""
    if training.adapter is None:
        _train_all_weights(trainer.model, training.embeddings)
    if training.optimizer == "muon":
        trainer.optimizer = _muon(trainer, training)
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(Summed(trainer.accelerator.wait_for_everyone))
    if training.look_every:
        trainer.add_callback(Looks(training.look_every, trainer, policy, card, out))
    with trainer.accelerator.main_process_first():  # it alone puts away what was cut short
        last = last_checkpoint(out / SCRATCH)
    trainer.train(resume_from_checkpoint=last)
    weights = whole_weights(trainer)
    if not trainer.is_world_process_zero():
        return
    history = [entry for entry in trainer.state.log_history if "loss" in entry]
    told = json.dumps(history, indent=1, sort_keys=True)  # a checkpoint's state has them sorted
    (out / HISTORY).write_text(told, encoding="utf-8")
    how = {
        **said,
        "run": str(trainer.way),
        "trained": str(trainer.trained),
        "processes": _together(training),
        "precision": ran_in(trainer.args.bf16),
        "processor": processor(),
    }
    (out / RAN).write_text(json.dumps(how, indent=1), encoding="utf-8")
    release(trainer.model)
    save_policy(trainer.model, policy.tokenizer, out, card, policy.folder, weights)
    shutil.rmtree(out / SCRATCH, ignore_errors=True)


def _muon(trainer: RankedPreferenceTrainer, training: Training) -> MuonAndAdamW:
    if trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled:
        raise PlanBError("Muon needs whole matrices: use optimizer='adamw' where weights are sharded")
    betas = (trainer.args.adam_beta1, training.adam_beta2)
    rates = (training.muon_rate, training.learning_rate)
    return MuonAndAdamW(trainer.model, *rates, betas, training.weight_decay)


def retrain(folder: Path, recipe: Recipe, out: Path, progress: Progress | None = None) -> None:
    """``train`` on the checkpoint in ``folder``, in as many processes as the recipe's training says, as
    it says what becomes of adapters there. With several, each unpickles the arguments."""
    in_processes(recipe.training, _retrain, (folder, recipe, out), progress)


def in_processes(
    training: Training,
    function: Callable[..., None],
    args: tuple[Any, ...],
    progress: Progress | None = None,
) -> None:
    """Call ``function(*args, progress)``, which ends in ``train``: here, or in each of the processes
    that ``training`` sets (``launch`` says what they need, and raise)."""
    if training.processes == 1 or processes_here() > 1:
        function(*args, progress)
    else:
        launch(function, args, training.processes, training.parallel, progress)


def _retrain(folder: Path, recipe: Recipe, out: Path, progress: Progress | None) -> None:
    training = recipe.training
    quantized = training.quantize != "none"
    policy = load_policy(
        folder,
        "float32" if quantized else "auto",  # norms and head: the policy must start as its reference
        adapters=training.older_adapters,
        quantize=training.quantize,
    )
    train(policy, recipe, out, progress)


def _together(training: Training) -> str:
    together = processes_here()
    return f"{together} ({training.parallel})" if training.processes > 1 else str(together)


def lora_config(adapter: LoRA | None) -> Any:
    """PEFT's configuration of the adapter; None: all weights are trained."""
    if adapter is None:
        return None
    from peft import LoraConfig

    targets = adapter.targets if isinstance(adapter.targets, str) else list(adapter.targets)
    return LoraConfig(
        r=adapter.rank,
        lora_alpha=adapter.alpha,
        use_rslora=adapter.rslora,
        target_modules=targets,
        target_parameters=list(adapter.target_parameters) or None,
        lora_dropout=0.0,
        task_type="CAUSAL_LM",
    )


def _train_all_weights(model: Any, embeddings: bool) -> None:
    model.requires_grad_(True)
    for part in (model.get_input_embeddings(), model.get_output_embeddings()):
        part.requires_grad_(embeddings)


def arguments(training: Training, folder: Path, seed: int) -> RankedPreferenceConfig:
    """The trainer's arguments; ``folder`` is for its checkpoints."""
    processes = processes_here()
    micro = training.micro_batch or max(training.batch // processes, 1)
    if training.batch % (micro * processes):
        raise PlanBError(
            f"batch {training.batch} is not a multiple of micro_batch {micro} x {processes} processes: "
            "choose a divisor"
        )
    return RankedPreferenceConfig(
        output_dir=str(folder),
        max_steps=training.steps,
        per_device_train_batch_size=micro,
        gradient_accumulation_steps=training.batch // (micro * processes),
        learning_rate=training.learning_rate,
        lr_scheduler_type=training.schedule,
        warmup_steps=training.warmup,
        weight_decay=training.weight_decay,
        max_grad_norm=training.max_grad_norm,
        adam_beta2=training.adam_beta2,
        bf16=_bf16(training, folder),
        gradient_checkpointing=training.checkpointing,
        pack_tokens=training.pack_tokens,
        router_aux_loss_coef=training.router_aux_loss_coef,
        save_steps=training.save_every,
        save_total_limit=1,
        logging_steps=_logged_every(training),
        logging_nan_inf_filter=False,
        report_to=[],
        disable_tqdm=True,
        use_cpu=not torch.cuda.is_available(),
        seed=seed % 2**31,
        data_seed=seed % 2**31,
        dataloader_pin_memory=torch.cuda.is_available(),
    )


def _logged_every(training: Training) -> int:
    """Updates that an entry of the history is the mean of: none reaches across a checkpoint, as a run
    that is taken up there knows of the updates before it nothing but the weights."""
    every = min(10, training.steps)
    return gcd(every, training.save_every) if training.save_every < training.steps else every


def _bf16(training: Training, folder: Path) -> bool:
    """Whether this training runs in bf16: a resumed one stays in the precision that it began in, also
    on another machine."""
    begun = folder / BEGUN_IN
    if begun.is_file():
        return begun.read_text(encoding="utf-8") == BF16
    bf16 = uses_bf16(training.precision)
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(begun, ran_in(bf16))
    return bf16


class _Reporter(TrainerCallback):  # type: ignore[misc]
    """Reports the progress after every update."""

    def __init__(self, steps: int, progress: Progress | None) -> None:
        self.steps, self.progress, self.started = steps, progress, time.monotonic()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002
        if self.progress:
            last = state.log_history[-1].get("loss") if state.log_history else None
            note = f"loss {last:.3f}" if last is not None else ""
            self.progress(state.global_step, self.steps, note)
