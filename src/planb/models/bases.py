"""Base models as cards: what a study needs to know of a published chat model before fetching it.

To add one: a ``ModelCard`` in ``MODELS``. Sizes are those of the model's own ``config.json``, and a
test counts the weights that they make. No revision is pinned where no commit is known to be good: a
study records the weights' hash (``planb.models.cards``), so what was read is known afterwards. Memory
is arithmetic, to choose a machine by; it was not measured.
"""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field

from planb.values import Value

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

    def adapter(self, rank: int) -> int:
        """Weights of a LoRA of that rank on every linear map of the body (``all-linear``)."""
        return self.num_hidden_layers * sum(rank * (a + b) for a, b in self.linears)


class ModelCard(Value):
    """One published chat model. ``family`` is transformers' ``model_type``; ``context`` in tokens;
    ``precision`` is that of the published weights, and what they are loaded in. Its chat template comes
    with its tokenizer; what is peculiar of it stands in ``notes``, and ``shows_date`` says that it asks
    the clock (``models.template`` answers)."""

    name: str
    hub: str
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


def _sizes(
    hidden: int, inner: int, layers: int, heads: int, keys: int, vocabulary: int, **more: int
) -> Sizes:
    return Sizes(
        hidden_size=hidden,
        intermediate_size=inner,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=keys,
        head_dim=more.get("head_dim", hidden // heads),
        vocab_size=vocabulary,
        tie_word_embeddings=bool(more.get("tied", 0)),
    )


_LLAMA_3 = "Llama 3 community licence"
_CARDS = (
    ModelCard(
        name="llama-3-8b",
        hub="meta-llama/Meta-Llama-3-8B-Instruct",
        family="llama",
        sizes=_sizes(4096, 14336, 32, 32, 8, 128256),
        context=8192,
        licence=_LLAMA_3,
        gated=True,
        in_the_talk=True,
    ),
    ModelCard(
        name="mistral-small-22b",
        hub="mistralai/Mistral-Small-Instruct-2409",
        family="mistral",
        sizes=_sizes(6144, 16384, 56, 48, 8, 32768),
        context=32768,
        licence="Mistral research licence",
        gated=True,
        non_commercial=True,
        in_the_talk=True,
        notes="roles must alternate; a system message is put before the last user message",
    ),
    ModelCard(
        name="qwen2.5-32b",
        hub="Qwen/Qwen2.5-32B-Instruct",
        family="qwen2",
        sizes=_sizes(5120, 27648, 64, 40, 8, 152064),
        context=32768,
        licence="Apache-2.0",
        in_the_talk=True,
        notes="without a system message the template puts its own",
    ),
    ModelCard(
        name="llama-3.1-8b",
        hub="meta-llama/Llama-3.1-8B-Instruct",
        family="llama",
        sizes=_sizes(4096, 14336, 32, 32, 8, 128256),
        context=131072,
        licence="Llama 3.1 community licence",
        gated=True,
        notes="the template writes a date into the system turn, always the same",
    ),
    ModelCard(
        name="llama-3.2-3b",
        hub="meta-llama/Llama-3.2-3B-Instruct",
        family="llama",
        sizes=_sizes(3072, 8192, 28, 24, 8, 128256, tied=1),
        context=131072,
        licence="Llama 3.2 community licence",
        gated=True,
        shows_date=True,
        notes="the template writes today's date into the system turn",
    ),
    ModelCard(
        name="qwen3-8b",
        hub="Qwen/Qwen3-8B",
        family="qwen3",
        sizes=_sizes(4096, 12288, 36, 32, 8, 151936),
        context=32768,
        licence="Apache-2.0",
        notes="a thinking model: planb turns thinking off in its template (models.template)",
    ),
    ModelCard(
        name="qwen3-14b",
        hub="Qwen/Qwen3-14B",
        family="qwen3",
        sizes=_sizes(5120, 17408, 40, 40, 8, 151936),
        context=32768,
        licence="Apache-2.0",
        notes="a thinking model: planb turns thinking off in its template (models.template)",
    ),
    ModelCard(
        name="qwen3-32b",
        hub="Qwen/Qwen3-32B",
        family="qwen3",
        sizes=_sizes(5120, 25600, 64, 64, 8, 151936, head_dim=128),
        context=32768,
        licence="Apache-2.0",
        notes="a thinking model: planb turns thinking off in its template (models.template)",
    ),
    ModelCard(
        name="gemma-2-9b",
        hub="google/gemma-2-9b-it",
        family="gemma2",
        sizes=_sizes(3584, 14336, 42, 16, 8, 256000, head_dim=256, tied=1),
        context=8192,
        licence="Gemma terms of use",
        gated=True,
        notes="no system role; soft-capped attention: rows are trained one response at a time",
    ),
    ModelCard(
        name="gemma-3-12b",
        hub="google/gemma-3-12b-it",
        family="gemma3_text",
        sizes=_sizes(3840, 15360, 48, 16, 8, 262208, head_dim=256, tied=1),
        context=131072,
        licence="Gemma terms of use",
        gated=True,
        notes="the text part of a model that also sees; its system message goes into the user's turn",
    ),
    ModelCard(
        name="mistral-nemo-12b",
        hub="mistralai/Mistral-Nemo-Instruct-2407",
        family="mistral",
        sizes=_sizes(5120, 14336, 40, 32, 8, 131072, head_dim=128),
        context=131072,
        licence="Apache-2.0",
        gated=True,
        notes="roles must alternate",
    ),
    ModelCard(
        name="mistral-small-24b",
        hub="mistralai/Mistral-Small-24B-Instruct-2501",
        family="mistral",
        sizes=_sizes(5120, 32768, 40, 32, 8, 131072, head_dim=128),
        context=32768,
        licence="Apache-2.0",
        gated=True,
        shows_date=True,
        notes="without a system message the template puts its own, with today's date",
    ),
    ModelCard(
        name="olmo-2-7b",
        hub="allenai/OLMo-2-1124-7B-Instruct",
        family="olmo2",
        sizes=_sizes(4096, 11008, 32, 32, 32, 100352),
        context=4096,
        licence="Apache-2.0",
    ),
    ModelCard(
        name="olmo-3-7b",
        hub="allenai/Olmo-3-7B-Instruct",
        family="olmo3",
        sizes=_sizes(4096, 11008, 32, 32, 32, 100278),
        context=65536,
        licence="Apache-2.0",
    ),
)
MODELS: dict[str, ModelCard] = {card.name: card for card in _CARDS}


def card_of(hub: str) -> ModelCard | None:
    """The card of a hub id, if there is one."""
    return next((card for card in _CARDS if card.hub == hub), None)
