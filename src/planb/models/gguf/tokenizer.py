"""The tokenizer that a GGUF file's model was trained with.

A file names the rule by which text is cut before pairs are merged (``tokenizer.ggml.pre``), and not the
rule itself. transformers builds GPT-2's where it does not know the name, and says nothing: the same
vocabulary, and other tokens. The names and their rules are llama.cpp's (``llama-vocab.cpp``).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from planb.errors import PlanBError
from planb.models.gguf.header import CONTROL, NORMAL, Header

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

GPT_2 = ("gpt-2", "phi-2", "mpt", "olmo", "jais", "trillion")
"""GPT-2's rule, and rightly so."""
DIGITS = ("smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b")
"""Digits one by one, then GPT-2's rule."""
WHOLE_WORDS = ("llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2")
"""A piece that is a token is that token, however its merges go; and every text begins with bos."""
NFC = ("qwen2", "qwen35", "deepseek-r1-qwen", "command-r")
"""Text is composed (Unicode's NFC) first, as these models' own tokenizers do."""
_ROLES = {"bos_token": "bos", "eos_token": "eos", "unk_token": "unknown", "pad_token": "padding"}
SAMPLES = (
    "The capital of France is Paris, isn't it?",
    "Three steps:\n\n1. Salt.\n2. Honey 12345, 3.14 and 2,000.\n\n10. Boil  twice.\n",
    "def mean(rows):\n    return sum(rows) / len(rows)  # of 2 or more\n",
    "Größe, naïve, 東京, Привет, ½ of ١٢٣ — 'quoted' \N{SLIGHTLY SMILING FACE}",
    "   white\tspace   7\n \n  8  ",
)
"""Texts that must survive encoding and decoding."""


def tokenizer_of(header: Header) -> tuple[PreTrainedTokenizerFast, str]:
    """The tokenizer, and in words what was made of the file's pre-tokenizer. Raises PlanBError where
    it cannot be known, or where what was built is not what the file holds."""
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    try:
        built = AutoTokenizer.from_pretrained(str(header.path.parent), gguf_file=header.path.name)
    except Exception as error:  # whatever a file that it does not know makes it do
        raise PlanBError(
            f"transformers cannot make a tokenizer of {header.path}: {error or type(error).__name__}"
        ) from error
    core = built.backend_tokenizer
    said = _byte_level(core, header) if _kind(header) == "gpt2" else _sentencepiece(core, header)
    named = {name: header.token(role) for name, role in _ROLES.items()}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core,
        chat_template=header.fields.get("tokenizer.chat_template"),
        model_max_length=int(header.fields.get(f"{header.architecture}.context_length") or 10**30),
        add_bos_token=_adds_bos(header),
        clean_up_tokenization_spaces=False,
        **{name: token for name, token in named.items() if token is not None},
    )
    _check_vocabulary(tokenizer, header)
    return tokenizer, said


def check_texts(tokenizer: Any) -> None:
    """Raises PlanBError where a sample does not survive encoding and decoding, or a token that marks
    something is cut into pieces."""
    for text in SAMPLES:
        ids = tokenizer.encode(text, add_special_tokens=False)
        back = tokenizer.decode(ids, skip_special_tokens=False)
        if back != text:
            raise PlanBError(f"its tokenizer does not give a text back: {text!r} became {back!r}")
    for name in ("bos_token", "eos_token", "pad_token"):
        token = getattr(tokenizer, name)
        if token and tokenizer.encode(token, add_special_tokens=False) != [
            tokenizer.convert_tokens_to_ids(token)
        ]:
            raise PlanBError(f"its tokenizer cuts the {name} {token!r} into pieces")


def _kind(header: Header) -> str:
    """How its tokenizer is built: ``gpt2`` (bytes), ``llama`` (SentencePiece), ..."""
    return str(header.fields.get("tokenizer.ggml.model", ""))


def _pre(header: Header) -> str:
    return str(header.fields.get("tokenizer.ggml.pre", ""))


def _adds_bos(header: Header) -> bool:
    stated = header.fields.get("tokenizer.ggml.add_bos_token")
    return bool(_pre(header) in WHOLE_WORDS or _kind(header) == "llama" if stated is None else stated)


def _byte_level(core: Any, header: Header) -> str:
    """Put the pre-tokenizer of a byte-level tokenizer right, in place."""
    from tokenizers import normalizers, pre_tokenizers

    name = _pre(header)
    bytes_only = pre_tokenizers.ByteLevel(add_prefix_space=False)
    said = f"'{name}', as transformers builds it"
    if name in DIGITS:
        digits = pre_tokenizers.Digits(individual_digits=True)
        core.pre_tokenizer = pre_tokenizers.Sequence([digits, bytes_only])
        said = f"'{name}', put right: transformers' GGUF reader does not know it"
    elif name in GPT_2:
        core.pre_tokenizer = bytes_only
    elif json.loads(core.to_str())["pre_tokenizer"]["type"] == "ByteLevel":
        raise PlanBError(_unknown(header))
    if name in (*WHOLE_WORDS, "tekken"):
        core.model.ignore_merges = True
    if name in NFC:
        core.normalizer = normalizers.NFC()
    return said


def _unknown(header: Header) -> str:
    name = _pre(header)
    what = f"names the pre-tokenizer '{name}'" if name else "names no pre-tokenizer"
    if name == "default":
        what += ", which means that whoever made the file did not know its tokenizer"
    return (
        f"{header.path} {what}. Neither transformers nor planb knows that rule; GPT-2's would be taken "
        "instead, and texts would become other tokens than the model learned. Take the model's "
        "safetensors, or a file that names one of: "
        f"{', '.join((*DIGITS, *GPT_2, 'llama-bpe', 'qwen2', 'tekken', 'gpt-4o'))}"
    )


def _sentencepiece(core: Any, header: Header) -> str:
    """A tokenizer without pre-tokenizer: whether a space is put before a text must be as stated."""
    name = _pre(header)
    if name not in ("", "default", _kind(header)):
        raise PlanBError(
            f"{header.path} names the pre-tokenizer '{name}', which a tokenizer of the kind "
            f"'{_kind(header)}' has none of: what it means is not known"
        )
    stated = header.fields.get("tokenizer.ggml.add_space_prefix")
    puts = core.encode("a", add_special_tokens=False).tokens[0].startswith("\u2581")
    if stated is not None and bool(stated) is not puts:
        raise PlanBError(
            f"{header.path} says that a space is {'' if stated else 'not '}put before every text, and "
            "transformers builds the tokenizer the other way: take the model's safetensors"
        )
    return f"none (a tokenizer of the kind '{_kind(header)}')"


def _check_vocabulary(tokenizer: Any, header: Header) -> None:
    """Every token of the file has its number, and there is no other."""
    there, tokens = tokenizer.get_vocab(), header.tokens
    beyond = [token for token, number in there.items() if number >= len(tokens)]
    ids = set(there.values())
    kinds = header.fields.get("tokenizer.ggml.token_type") or [1] * len(tokens)
    gone = [n for n in range(len(tokens)) if n not in ids and kinds[n] in (NORMAL, CONTROL)]
    moved = [n for n, token in enumerate(tokens) if there.get(token, n) != n]
    for what, found in (
        ("has more tokens", beyond),
        ("lacks tokens", gone),
        ("renumbers tokens", moved),
    ):
        if found:
            raise PlanBError(
                f"the tokenizer that transformers makes of {header.path} {what}: {len(found)}, the "
                f"first {found[0]!r}"
            )
