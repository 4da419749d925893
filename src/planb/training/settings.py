"""Training settings as values. Units: learning rates per update, lengths in tokens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from planb.errors import PlanBError
from planb.values import LATER, Value


class LoRA(Value):
    """A low-rank adapter (Hu et al. 2021, arXiv:2106.09685); ``rslora`` scales by alpha / sqrt(rank)
    (Kalajdzievski 2023, arXiv:2312.03732).

    ``targets`` are names of linear layers. What stands in a tensor of its own, as the experts of
    gpt-oss, GraniteMoE and Jamba do, is reached by PEFT's ``target_parameters``:
    ``("experts.gate_up_proj", "experts.down_proj")``. A name that the model does not have is an error,
    and the checkpoint's ``training.json`` says what was trained and what was not."""

    rank: int = Field(default=8, gt=0)
    alpha: float = Field(default=16, gt=0)
    rslora: bool = False
    targets: str | tuple[str, ...] = "all-linear"
    target_parameters: tuple[str, ...] = Field(default=(), json_schema_extra=LATER)


Precision = Literal["fp32", "bf16", "auto"]

RAN = "training.json"
"""The file in which a finished training says how it ran: text by name."""
LOOKS = "looks"
"""The folder, in a training's own, with a checkpoint folder for each look, named by its update."""


def read_ran(folder: Path) -> dict[str, str]:
    """How the training that made ``folder`` ran; empty where none did. Raises PlanBError."""
    path = folder / RAN
    if not path.is_file():
        return {}
    try:
        told = json.loads(path.read_bytes())
        return {str(name): str(value) for name, value in told.items()}
    except (OSError, ValueError, AttributeError) as error:
        raise PlanBError(f"{path} cannot be read: {error}") from error


class Training(Value):
    """Training settings: steps, batch size, learning rate, optimizer, adapter, precision.

    ``batch`` is examples (requests) an update, all their tiers included; ``micro_batch`` splits it to
    save memory and changes nothing else. Without ``adapter``, all weights are trained;
    ``embeddings=False`` then leaves the token embeddings (and a tied head) as they are, so that words
    which a stage never shows stay sayable.

    ``optimizer="muon"`` gives the body's matrices to Muon at ``muon_rate``: for training from scratch.
    ``pack_tokens`` bounds the tokens of one forward and backward (memory and speed only).
    ``checkpointing`` computes activations again in the backward pass. ``bf16`` (autocast; the weights
    stay in 32 bits) is what it says on every device; ``auto`` is ``bf16`` on a GPU that has it, else
    ``fp32``. What a training really ran in stands in its step's manifest and on the page.
    ``older_adapters``: adapters of earlier stages are merged into the weights in memory, or kept
    beside them (``stack``: exact on a base of ``quantize='4bit'``). ``max_length`` is of a prompt
    with one response; ``when_longer`` says what is done with more.

    ``router_aux_loss_coef`` weighs the load-balancing loss of a mixture of experts; ``None``: as the
    model's configuration says (none, unless it sets ``output_router_logits``).

    ``look_every`` so many updates the checkpoint of that moment is kept (``looks/`` in the training's
    folder), for a ``Look`` to be asked. It changes nothing of the training, and costs the writing.

    ``processes`` train together on one machine, a GPU each, and share every batch: the weights are
    those of one process. With ``parallel="ddp"`` each holds the whole model; ``"fsdp"`` (FSDP2, GPUs
    only) shards weights, gradients and optimizer states after each has loaded the model whole.
    """

    steps: int = Field(gt=0)
    batch: int = Field(default=16, gt=0)
    learning_rate: float = Field(gt=0)
    schedule: Literal["linear", "constant", "cosine"] = "linear"
    warmup: int = Field(default=5, ge=0)
    weight_decay: float = Field(default=0.0, ge=0)
    max_grad_norm: float = Field(default=1.0, gt=0)
    adam_beta2: float = Field(default=0.999, gt=0, lt=1)
    optimizer: Literal["adamw", "muon"] = "adamw"
    muon_rate: float = Field(default=0.02, gt=0)
    adapter: LoRA | None = None
    embeddings: bool = True
    micro_batch: int | None = Field(default=None, gt=0)
    precision: Precision = "fp32"
    checkpointing: bool = False
    older_adapters: Literal["merge", "stack"] = "merge"
    quantize: Literal["none", "4bit"] = "none"
    max_length: int = Field(default=2048, gt=0)
    when_longer: Literal["refuse", "truncate", "leave_out"] = "refuse"
    pack_tokens: int = Field(default=8192, gt=0)
    save_every: int = Field(default=50, gt=0)
    processes: int = Field(default=1, gt=0)
    parallel: Literal["ddp", "fsdp"] = "ddp"
    router_aux_loss_coef: float | None = Field(default=None, ge=0, json_schema_extra=LATER)
    look_every: int | None = Field(default=None, gt=0, json_schema_extra=LATER)

    @model_validator(mode="after")
    def _looks_are_on_the_way(self) -> Training:
        if self.look_every and self.look_every >= self.steps:
            raise ValueError(
                f"look_every is {self.look_every} and the training has {self.steps} updates: nothing "
                "would be looked at before its end. Choose fewer"
            )
        return self

    @model_validator(mode="after")
    def _muon_trains_whole_matrices(self) -> Training:
        if self.optimizer == "muon" and self.adapter is not None:
            raise ValueError("Muon is for full weights: leave out the adapter, or use adamw")
        return self

    @model_validator(mode="after")
    def _processes_share_a_batch(self) -> Training:
        if self.processes > 1 and self.batch % (self.processes * (self.micro_batch or 1)):
            raise ValueError(
                f"{self.processes} processes cannot share batch {self.batch} in parts of "
                f"{self.micro_batch or 1}: choose a multiple"
            )
        return self

    @model_validator(mode="after")
    def _shards_are_of_plain_weights(self) -> Training:
        if self.parallel == "fsdp" and (self.optimizer == "muon" or self.quantize != "none"):
            raise ValueError(
                "parallel='fsdp' shards the weights: Muon needs whole matrices, and 4-bit weights are "
                "not sharded here. Use parallel='ddp'"
            )
        return self
