"""Tokenizers with the kinds of chat template that real models have, trained on a few lines here."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tokenizers import Tokenizer, decoders, normalizers, pre_tokenizers, trainers
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


KINDS: dict[str, Callable[[], PreTrainedTokenizerFast]] = {
    "llama3": llama3,
    "mistral": mistral,
    "qwen2": qwen2,
}


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
