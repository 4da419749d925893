"""A model card: what a study needs to know of a chat model before fetching it, to plan memory and time.

Memory is estimated, to choose a machine by; it was not measured.
"""

from __future__ import annotations

import math
from typing import Any, Literal

from pydantic import Field

from planb.values import Value
from planb.wheels import Packaged

GIB = 2**30
GPU_GIB = 80
"""Memory of the GPU that counts are given for (A100, H100)."""
ROOM = 0.9
"""The share of it that is counted on: the rest is fragmentation, kernels and the CUDA context."""
BF16, FP32 = 2, 4
NF4 = 0.5625
"""Bytes a weight: 4 bits, and 32 bits for each 64 of them (QLoRA, Dettmers et al. 2023, section 3)."""
ADAM = 3 * FP32
"""Bytes that a trained weight costs besides itself: its gradient and AdamW's two moments."""


class Sizes(Value):
    """The numbers of ``config.json`` that weights and memory follow from, under its names."""

    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    vocab_size: int
    tie_word_embeddings: bool = False

    @property
    def linears(self) -> tuple[tuple[int, int], ...]:
        """(in, out) of the linear maps of one layer: attention's four, the gated MLP's three."""
        width, heads = self.hidden_size, self.num_attention_heads * self.head_dim
        keys, inner = self.num_key_value_heads * self.head_dim, self.intermediate_size
        attention = ((width, heads), (width, keys), (width, keys), (heads, width))
        return (*attention, (width, inner), (width, inner), (inner, width))

    @property
    def body(self) -> int:
        """Weights of all layers' linear maps."""
        return self.num_hidden_layers * sum(a * b for a, b in self.linears)

    @property
    def embeddings(self) -> int:
        """Weights of the token embeddings and, where it is not tied to them, the head."""
        return self.vocab_size * self.hidden_size * (1 if self.tie_word_embeddings else 2)

    @property
    def weights(self) -> int:
        """All but norms and biases, which are under 0.1 %."""
        return self.body + self.embeddings

    def differing(self, config: dict[str, Any]) -> list[str]:
        """Where a model's ``config.json`` says otherwise; what it leaves out is not compared."""
        theirs = config.get("text_config", config)
        return [
            f"{name} {own} on the card, {theirs[name]} in config.json"
            for name, own in self
            if theirs.get(name) not in (None, own)
        ]

    def adapter(self, rank: int) -> int:
        """Weights of a LoRA of that rank on every linear map of the body (``all-linear``)."""
        return self.num_hidden_layers * sum(rank * (a + b) for a, b in self.linears)


class ModelCard(Value):
    """One chat model. ``hub`` is its id, "" where it has none; ``packaged`` the GGUF file in a package
    that it is made of, where it is fetched by its name; ``family`` transformers' ``model_type``;
    ``context`` in tokens; ``precision`` is that of the published weights, and what they are loaded in.
    Its chat template comes with its tokenizer; ``notes`` say what is peculiar to it, and ``shows_date``
    that it shows today's date (``models.template`` sets it)."""

    name: str
    hub: str = ""
    packaged: Packaged | None = None
    revision: str = "main"
    family: str
    sizes: Sizes
    context: int
    licence: str
    gated: bool = False
    non_commercial: bool = False
    precision: Literal["bf16", "fp16", "fp32"] = "bf16"
    in_the_talk: bool = False
    shows_date: bool = False
    notes: str = ""
    settings: dict[str, int] = Field(default_factory=dict)
    """Further numbers of ``config.json`` that its class needs (for the test that counts weights)."""

    @property
    def terms(self) -> str:
        """Licence and limits, on one line."""
        limits = [
            *(["not for commercial use"] if self.non_commercial else []),
            *(["gated: accept its terms on the hub first"] if self.gated else []),
        ]
        return "; ".join([self.licence, *limits])

    def training_gib(self, rank: int | None, tokens: int, four_bit: bool = False) -> float:
        """GiB to train with ``tokens`` in one forward and backward, activations computed again.

        ``rank=None`` trains all weights (in 16 bits, AdamW's moments in 32). Counted are weights,
        adapter, gradients, moments, what each layer keeps of its input, one layer's activations, and
        the head's part of 64 tokens (``training.head``).
        """
        sizes = self.sizes
        if rank is None:
            weights: float = sizes.weights * (BF16 + ADAM)
        else:
            body = sizes.body * (NF4 if four_bit else BF16)
            weights = body + sizes.embeddings * BF16 + sizes.adapter(rank) * (FP32 + ADAM)
        kept = sizes.num_hidden_layers * tokens * sizes.hidden_size * BF16
        inside = tokens * (8 * sizes.hidden_size + 4 * sizes.intermediate_size) * BF16
        head = 64 * sizes.vocab_size * FP32 * 2
        return (weights + kept + inside + head) / GIB

    def sampling_gib(self, sequences: int, tokens: int) -> float:
        """GiB to sample ``sequences`` at once, each up to ``tokens`` long: weights and cache."""
        sizes = self.sizes
        cache = sizes.num_hidden_layers * 2 * sizes.num_key_value_heads * sizes.head_dim * BF16
        return (sizes.weights * BF16 + sequences * tokens * cache) / GIB

    def gpus(self, gib: float) -> int:
        """How many GPUs of 80 GB share so much memory."""
        return max(1, math.ceil(gib / (GPU_GIB * ROOM)))
