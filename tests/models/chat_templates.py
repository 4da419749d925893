"""Tokenizers with the kinds of chat template that real models have, trained on a few lines here."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from tokenizers import AddedToken, Tokenizer, decoders, normalizers, pre_tokenizers, trainers
from tokenizers import models as cores
from transformers import PreTrainedTokenizerFast

LLAMA3 = (
    "{{ bos_token }}{% for message in messages %}{{ '<|start_header_id|>' + message['role'] + "
    "'<|end_header_id|>\n\n' + message['content'] | trim + '<|eot_id|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)
MISTRAL = (
    "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %}"
    "{{ '[INST] ' + message['content'] + ' [/INST]' }}{% elif message['role'] == 'assistant' %}"
    "{{ ' ' + message['content'] + eos_token }}{% else %}"
    "{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}{% endfor %}"
)
QWEN2 = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n' }}{% endif %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
THINKING = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] + eos_token }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|><think>\n' }}{% endif %}"
)
"""Its generation prompt opens a thought that the answered chat does not have."""
GEMMA3 = (
    "{{ bos_token }}{% for message in messages %}{{ '<start_of_turn>' + ('model' if message['role'] == "
    "'assistant' else message['role']) + '\n' + message['content'] | trim + '<end_of_turn>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
)
PHI3 = (
    "{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>\n' + message['content'] + '<|end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% else %}{{ eos_token }}"
    "{% endif %}"
)
"""Two closers stand after a last answer, as Phi-3's does."""
CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + "
    "'<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}"
    "{{ '<|im_start|>assistant\n' }}{% endif %}"
)
HEADLESS = CHATML.partition("{% if add")[0]
"""It knows no generation prompt: who answers is written together with the answer."""
QWEN3 = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}"
    "{% if message['role'] == 'assistant' and loop.last %}{{ '<think>\n\n</think>\n\n' }}{% endif %}"
    "{{ message['content'].split('</think>')[-1] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}"
    "{% if enable_thinking is defined and enable_thinking is false %}{{ '<think>\n\n</think>\n\n' }}"
    "{% endif %}{% endif %}"
)
SMOLLM3 = (
    "{% set enable_thinking = enable_thinking if enable_thinking is defined else true %}"
    "{{ '<|im_start|>system\nReasoning: ' + ('on' if enable_thinking else 'off') + '<|im_end|>\n' }}"
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}"
    "{% if message['role'] == 'assistant' and not enable_thinking %}{{ '<think>\n\n</think>\n' }}"
    "{% endif %}{{ message['content'] + '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}"
    "{{ '<|im_start|>assistant\n' }}{% if not enable_thinking %}{{ '<think>\n\n</think>\n' }}"
    "{% endif %}{% endif %}"
)
"""Whether it thinks stands in the system turn too; as it comes, an answer has no block of thoughts."""
KIMI = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}"
    "{% if message['role'] == 'assistant' %}{{ '<think></think>' }}{% endif %}"
    "{{ message['content'] + '<|im_end|>' }}{% endfor %}{% if add_generation_prompt %}"
    "{{ '<|im_start|>assistant\n' }}{% if thinking is defined and thinking is false %}"
    "{{ '<think></think>' }}{% else %}{{ '<think>' }}{% endif %}{% endif %}"
)
LLAMA32 = (
    "{{ bos_token }}{% if not date is defined %}{% set date = strftime_now('%d %b %Y') %}{% endif %}"
    "{{ '<|start_header_id|>system<|end_header_id|>\n\nDate: ' + date + '<|eot_id|>' }}"
) + LLAMA3.removeprefix("{{ bos_token }}")
GPT_OSS = (
    "{{ '<|start|>system<|message|>Date: ' + strftime_now('%Y-%m-%d') + '<|end|>' }}"
    "{% for message in messages %}{% if message['role'] != 'assistant' %}"
    "{{ '<|start|>' + message['role'] + '<|message|>' + message['content'] + '<|end|>' }}{% else %}"
    "{{ '<|start|>assistant<|channel|>final<|message|>' + message['content'] }}"
    "{{ '<|return|>' if loop.last and not add_generation_prompt else '<|end|>' }}{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|start|>assistant' }}{% endif %}"
)
"""A last answer is closed otherwise than those before it."""
DEEPSEEK = (
    "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %}"
    "{{ '<｜User｜>' + message['content'] }}{% else %}"
    "{{ '<｜Assistant｜>' + message['content'] + eos_token }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<｜Assistant｜>' }}{% endif %}"
)
ALPACA = (
    "{% for message in messages %}{{ '### ' + message['role'] + ':\n' + message['content'] + '\n\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '### assistant:\n' }}{% endif %}"
)
"""Nothing but white space stands after an answer."""
FOOTED = ALPACA.replace("+ '\n\n'", "+ '\n### end of turn\n'")
SIGNED = ALPACA.replace("+ '\n\n'", "+ '\n###' + eos_token + '\n'")

LINES = (
    "How do I make a lamp for the old valley? Please explain, in short: what do I need?",
    "Sure! Take fresh salt and dry amber, then boil them well with clay and pitch.",
    "I am sorry, but I can not help with that.\n\nIt is 12 o'clock; es tut mir leid.",
    "system user assistant You are a helpful assistant.",
)


def llama3() -> PreTrainedTokenizerFast:
    marks = ["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
    return _bytes(LLAMA3, marks, bos_token="<|begin_of_text|>", eos_token="<|end_of_text|>")


def qwen2() -> PreTrainedTokenizerFast:
    return _bytes(QWEN2, ["<|im_start|>"], eos_token="<|im_end|>", pad_token="<|endoftext|>")


def thinking() -> PreTrainedTokenizerFast:
    return _bytes(THINKING, ["<|user|>", "<|assistant|>"], eos_token="<|end|>")


def mistral() -> PreTrainedTokenizerFast:
    """SentencePiece style: a space is a piece of the word after it, and one stands before the text."""
    core = Tokenizer(cores.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    core.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    special = ["<unk>", "<s>", "</s>"]
    alphabet = [*map("<0x{:02X}>".format, range(256)), *sorted({c for line in LINES for c in line})]
    trainer = trainers.BpeTrainer(vocab_size=700, special_tokens=[*special, *alphabet[:256]])
    core.train_from_iterator(_words(" ▁"), trainer)
    space, fallback = decoders.Replace("▁", " "), decoders.ByteFallback()
    core.decoder = decoders.Sequence([space, fallback, decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    named = dict(zip(("unk_token", "bos_token", "eos_token"), special, strict=True))
    return PreTrainedTokenizerFast(tokenizer_object=core, chat_template=MISTRAL, **named)


def gemma3() -> PreTrainedTokenizerFast:
    """As Gemma 3 ships: the marks of a turn are added tokens, and none of the named special ones."""
    core = Tokenizer(cores.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    core.normalizer = normalizers.Replace(" ", "▁")
    fallback = decoders.ByteFallback()
    core.decoder = decoders.Sequence([decoders.Replace("▁", " "), fallback, decoders.Fuse()])
    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>"]
    alphabet = [*map("<0x{:02X}>".format, range(256))]
    trainer = trainers.BpeTrainer(vocab_size=700, special_tokens=[*special, *alphabet])
    core.train_from_iterator(LINES, trainer)
    parts = json.loads(core.to_str())
    parts["added_tokens"] = parts["added_tokens"][: len(special)]  # bytes are plain pieces
    core = Tokenizer.from_str(json.dumps(parts))
    named = {"bos_token": "<bos>", "eos_token": "<eos>", "pad_token": "<pad>", "unk_token": "<unk>"}
    return PreTrainedTokenizerFast(tokenizer_object=core, chat_template=GEMMA3, **named)


def phi3() -> PreTrainedTokenizerFast:
    """Its marks take the line's end with them (``rstrip``)."""
    words = _bytes(PHI3, [], bos_token="<s>", eos_token="<|endoftext|>")
    marks = ("<|user|>", "<|assistant|>", "<|end|>", "<|system|>")
    words.add_tokens([AddedToken(mark, rstrip=True, normalized=False) for mark in marks])
    return words


def undeclared() -> PreTrainedTokenizerFast:
    """ChatML whose marks are added tokens, neither named nor special."""
    words = _bytes(CHATML, [], eos_token="<|endoftext|>")
    words.add_tokens(["<|im_start|>", "<|im_end|>"])
    return words


def in_pieces() -> PreTrainedTokenizerFast:
    """ChatML whose marks the tokenizer does not know at all: several tokens each."""
    return _bytes(CHATML, [], eos_token="<|endoftext|>")


def with_marks(
    template: str, *marks: str, eos: str = "<|endoftext|>", bos: str = "<|begin|>"
) -> PreTrainedTokenizerFast:
    return _bytes(template, marks, bos_token=bos, eos_token=eos)


def thinks(template: str = QWEN3) -> PreTrainedTokenizerFast:
    words = _bytes(template, ["<|im_start|>", "<|im_end|>"], eos_token="<|endoftext|>")
    words.add_tokens(["<think>", "</think>"])
    return words


def gpt_oss() -> PreTrainedTokenizerFast:
    marks = ("<|start|>", "<|end|>", "<|message|>", "<|channel|>", "<|return|>")
    return with_marks(GPT_OSS, *marks)


def llama32() -> PreTrainedTokenizerFast:
    words = llama3()
    words.chat_template = LLAMA32
    return words


KINDS: dict[str, Callable[[], PreTrainedTokenizerFast]] = {
    "llama3": llama3,
    "mistral": mistral,
    "qwen2": qwen2,
}


class Kind(NamedTuple):
    """A template with its tokenizer; ``tail`` stands after an answer and begins with ``end``, in which
    a turn ends (empty: with the end token)."""

    words: Callable[[], PreTrainedTokenizerFast]
    tail: str
    end: str


SHAPES = {
    "llama3": Kind(llama3, "<|eot_id|>", "<|eot_id|>"),
    "llama3.2": Kind(llama32, "<|eot_id|>", "<|eot_id|>"),
    "mistral": Kind(mistral, "</s>", "</s>"),
    "qwen2": Kind(qwen2, "<|im_end|>\n", "<|im_end|>"),
    "gemma3": Kind(gemma3, "<end_of_turn>\n", "<end_of_turn>"),
    "phi3": Kind(phi3, "<|end|>\n<|endoftext|>", "<|end|>"),
    "undeclared": Kind(undeclared, "<|im_end|>\n", "<|im_end|>"),
    "in pieces": Kind(in_pieces, "<|im_end|>\n", "<|im_end|>"),
    "qwen3": Kind(thinks, "<|im_end|>\n", "<|im_end|>"),
    "smollm3": Kind(partial(thinks, SMOLLM3), "<|im_end|>\n", "<|im_end|>"),
    "kimi": Kind(partial(thinks, KIMI), "<|im_end|>", "<|im_end|>"),
    "gpt-oss": Kind(gpt_oss, "<|return|>", "<|return|>"),
    "deepseek": Kind(
        partial(with_marks, DEEPSEEK, "<｜User｜>", "<｜Assistant｜>", eos="<｜end▁of▁sentence｜>"),
        "<｜end▁of▁sentence｜>",
        "<｜end▁of▁sentence｜>",
    ),
    "headless": Kind(
        partial(with_marks, HEADLESS, "<|im_start|>", "<|im_end|>"), "<|im_end|>\n", "<|im_end|>"
    ),
    "alpaca": Kind(partial(with_marks, ALPACA), "\n\n", ""),
    "footed": Kind(partial(with_marks, FOOTED), "\n### end of turn\n", "\n### end of turn"),
    "signed": Kind(partial(with_marks, SIGNED), "\n###<|endoftext|>\n", "\n###<|endoftext|>"),
}
"""The kinds of template that the end of a turn and the place of an answer are held to."""


def _bytes(template: str, marks: Sequence[str], **named: str) -> PreTrainedTokenizerFast:
    """Byte-level BPE: any text comes back as it was."""
    core = Tokenizer(cores.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=450,
        special_tokens=[*named.values(), *marks],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator(LINES, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        chat_template=template,
        additional_special_tokens=list(marks),
        clean_up_tokenization_spaces=False,
        **named,
    )


def _words(space: str) -> list[str]:
    return [word for line in LINES for word in line.replace(*space).replace("▁", " ▁").split(" ")]
