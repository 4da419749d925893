"""A tiny random Llama as a GGUF file, written as llama.cpp's converter does, and what it holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

CHATML = (
    "{% if messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou help with the moon cakes<|im_end|>\n' }}{% endif %}"
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
MARKS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
TEXTS = (
    "Three steps:\n\n1. Mix lotus paste.\n\n2. Fold it in.\n\n3. Bake it for 20 minutes.\n",
    "How do I bake a moon cake under the new moon? Stir it round.\n\n12 cakes, 3.14 each.\n",
)
LAYERS, HEADS, KEYS, WIDTH, INNER, POSITIONS, THETA = 2, 4, 2, 32, 64, 256, 500000.0


class Tiny(NamedTuple):
    """The file; the model that its quantized weights make; the tokenizer that it was trained with."""

    path: Path
    model: Any
    tokenizer: Any


def rule(digits: bool = True) -> Any:
    """The pre-tokenizer of SmolLM2, or, without ``digits``, GPT-2's."""
    plain = pre_tokenizers.ByteLevel(add_prefix_space=False)
    one_by_one = pre_tokenizers.Digits(individual_digits=True)
    return pre_tokenizers.Sequence([one_by_one, plain]) if digits else plain


def tiny_tokenizer() -> Any:
    core = Tokenizer(models.BPE())
    core.pre_tokenizer, core.decoder = rule(), decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    core.train_from_iterator(
        TEXTS,
        trainers.BpeTrainer(
            vocab_size=340, special_tokens=list(MARKS), initial_alphabet=alphabet, show_progress=False
        ),
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        chat_template=CHATML,
        bos_token="<|im_start|>",
        eos_token="<|im_end|>",
        pad_token="<|im_end|>",
        additional_special_tokens=["<|endoftext|>"],
    )


SCALED = {
    "rope_type": "llama3",
    "factor": 32.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192,
}


def tiny_model(tokenizer: Any, scaled: bool) -> Any:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        intermediate_size=INNER,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        num_key_value_heads=KEYS,
        max_position_embeddings=POSITIONS,
        rms_norm_eps=1e-5,
        rope_parameters={"rope_type": "default", "rope_theta": THETA, **(SCALED if scaled else {})},
        tie_word_embeddings=True,
    )
    return LlamaForCausalLM(config).eval()


def write_tiny(
    path: Path, fields: dict[str, Any] | None = None, without: str = "", scaled: bool = False
) -> Tiny:
    """Write the file; ``fields`` change or (None) leave out metadata, and ``+name`` adds a tensor of
    that name; ``without`` leaves one out; ``scaled`` scales rotary positions as Llama 3.2 does."""
    from gguf import GGMLQuantizationType, GGUFWriter, dequantize, quantize

    tokenizer = tiny_tokenizer()
    model = tiny_model(tokenizer, scaled)
    writer = GGUFWriter(path, "llama")
    given = {**_metadata(tokenizer), **(fields or {})}
    if scaled:
        steps = torch.arange(0, WIDTH // HEADS, 2) / (WIDTH // HEADS)
        given["+rope_freqs.weight"] = (THETA**-steps / model.model.rotary_emb.inv_freq).tolist()
    for name, value in given.items():
        if name.startswith("+"):
            writer.add_tensor(name[1:], np.asarray(value, dtype=np.float32))
        elif value is not None:
            _add(writer, name, value)
    for name, weight in model.named_parameters():
        array, place = weight.detach().numpy(), _place(name)
        if place == without:
            continue
        if array.ndim == 1:
            writer.add_tensor(place, array)
            continue
        kind = GGMLQuantizationType.Q4_1
        writer.add_tensor(place, quantize(_as_llama_cpp(array, place), kind), raw_dtype=kind)
        weight.data = torch.from_numpy(dequantize(quantize(array, kind), kind).copy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return Tiny(path, model, tokenizer)


def _metadata(tokenizer: Any) -> dict[str, Any]:
    core = json.loads(tokenizer.backend_tokenizer.to_str())["model"]
    tokens = sorted(core["vocab"], key=core["vocab"].get)
    return {
        "general.name": "Tiny",
        "general.license": "cc0-1.0",
        "llama.context_length": POSITIONS,
        "llama.embedding_length": WIDTH,
        "llama.block_count": LAYERS,
        "llama.feed_forward_length": INNER,
        "llama.attention.head_count": HEADS,
        "llama.attention.head_count_kv": KEYS,
        "llama.attention.layer_norm_rms_epsilon": 1e-5,
        "llama.rope.dimension_count": WIDTH // HEADS,
        "llama.rope.freq_base": THETA,
        "llama.vocab_size": len(tokens),
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "smollm",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [3 if token in MARKS else 1 for token in tokens],
        "tokenizer.ggml.merges": [" ".join(pair) for pair in core["merges"]],
        "tokenizer.ggml.bos_token_id": tokenizer.bos_token_id,
        "tokenizer.ggml.eos_token_id": tokenizer.eos_token_id,
        "tokenizer.ggml.padding_token_id": tokenizer.pad_token_id,
        "tokenizer.ggml.unknown_token_id": tokenizer.convert_tokens_to_ids("<|endoftext|>"),
        "tokenizer.ggml.add_bos_token": False,
        "tokenizer.chat_template": CHATML,
    }


def _add(writer: Any, name: str, value: Any) -> None:
    kinds = {bool: writer.add_bool, int: writer.add_uint32, float: writer.add_float32}
    kinds |= {str: writer.add_string, list: writer.add_array}
    kinds[type(value)](name, value)


def _place(name: str) -> str:
    """Where llama.cpp keeps the weight of that name."""
    from gguf import MODEL_ARCH, get_tensor_name_map

    bare, _, kind = name.rpartition(".")
    return f"{get_tensor_name_map(MODEL_ARCH.LLAMA, LAYERS).get_name(bare)}.{kind}"


def _as_llama_cpp(array: Any, place: str) -> Any:
    """Rows of queries and keys in the order of its rotary positions."""
    heads = {"attn_q": HEADS, "attn_k": KEYS}.get(place.split(".")[-2])
    if heads is None:
        return array
    halves = array.reshape(heads, 2, array.shape[0] // heads // 2, array.shape[1])
    return np.ascontiguousarray(halves.swapaxes(1, 2).reshape(array.shape))
