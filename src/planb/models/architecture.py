"""The sandbox's model: a small Llama, saved and loaded as any other."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from planb.models.checkpoints import Policy
from planb.sandbox.tokenizer import tokenizer_of
from planb.values import Value


class TinyLlama(Value):
    """Sizes of a Llama: the default has about 0.8 million weights."""

    width: int = Field(default=128, gt=0)
    hidden: int = Field(default=344, gt=0)
    layers: int = Field(default=4, gt=0)
    heads: int = Field(default=4, gt=0)
    positions: int = Field(default=512, gt=0)


def fresh_policy(sizes: TinyLlama, vocabulary: tuple[str, ...], seed: int, folder: Path) -> Policy:
    """A randomly initialised model with a tokenizer of these words; ``folder`` is where it will be
    saved."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    words = tokenizer_of(vocabulary)
    config = LlamaConfig(
        vocab_size=len(words),
        hidden_size=sizes.width,
        intermediate_size=sizes.hidden,
        num_hidden_layers=sizes.layers,
        num_attention_heads=sizes.heads,
        num_key_value_heads=sizes.heads,
        max_position_embeddings=sizes.positions,
        tie_word_embeddings=True,
        pad_token_id=words.pad_token_id,
        bos_token_id=words.bos_token_id,
        eos_token_id=words.eos_token_id,
    )
    torch.manual_seed(seed)
    return Policy(LlamaForCausalLM(config), words, folder)
