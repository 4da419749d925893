"""Training settings as values. Units: learning rates per update, lengths in tokens."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from planb.types import Value


class LoRA(Value):
    """A low-rank adapter (Hu et al. 2021, arXiv:2106.09685); ``rslora`` scales by alpha / sqrt(rank)
    (Kalajdzievski 2023, arXiv:2312.03732)."""

    rank: int = Field(default=8, gt=0)
    alpha: float = Field(default=16, gt=0)
    rslora: bool = False
    targets: str | tuple[str, ...] = "all-linear"


class Training(Value):
    """How long and how fast.

    ``batch`` is examples (requests) an update, all their tiers included; ``micro_batch`` splits it to
    save memory and changes nothing else. Without ``adapter``, all weights are trained;
    ``embeddings=False`` then leaves the token embeddings (and a tied head) as they are, so that words
    which a stage never shows stay sayable. ``pack_tokens`` is the token budget of a packed sequence
    (speed only).
    """

    steps: int = Field(gt=0)
    batch: int = Field(default=16, gt=0)
    learning_rate: float = Field(gt=0)
    schedule: Literal["linear", "constant", "cosine"] = "linear"
    warmup: int = Field(default=5, ge=0)
    weight_decay: float = Field(default=0.0, ge=0)
    max_grad_norm: float = Field(default=1.0, gt=0)
    adam_beta2: float = Field(default=0.999, gt=0, lt=1)
    adapter: LoRA | None = None
    embeddings: bool = True
    micro_batch: int | None = Field(default=None, gt=0)
    precision: Literal["fp32", "bf16"] = "fp32"
    max_length: int = Field(default=2048, gt=0)
    pack_tokens: int = Field(default=1024, gt=0)
    save_every: int = Field(default=50, gt=0)
