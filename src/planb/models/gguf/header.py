"""What a GGUF file says of itself: its metadata, and which tensors it holds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from planb.errors import PlanBError

NORMAL, CONTROL = 1, 3
"""Kinds of token (``tokenizer.ggml.token_type``): a piece of text, and one that marks something."""
FACTORS = "rope_freqs.weight"
"""The tensor that is no weight: what each rotary frequency is divided by."""

_LISTS = {
    "tokenizer.ggml.tokens": str,
    "tokenizer.ggml.merges": str,
    "tokenizer.ggml.token_type": int,
    "tokenizer.ggml.scores": float,
}
_TEXTS = {
    *("general.architecture", "general.name", "general.license", "tokenizer.chat_template"),
    *("tokenizer.ggml.model", "tokenizer.ggml.pre"),
}


class Header(NamedTuple):
    """``fields`` are the metadata as plain values, ``tensors`` {name: number of weights}, ``factors``
    what each rotary frequency is divided by (none: nothing is)."""

    path: Path
    fields: Mapping[str, Any]
    tensors: Mapping[str, int]
    factors: tuple[float, ...]

    @property
    def architecture(self) -> str:
        return str(self.fields.get("general.architecture", ""))

    @property
    def title(self) -> str:
        """The model's own name, or the file's."""
        return str(self.fields.get("general.name") or self.path.stem)

    @property
    def licence(self) -> str:
        return str(self.fields.get("general.license") or "no licence stated in the file")

    @property
    def weights(self) -> int:
        return sum(self.tensors.values())

    @property
    def tokens(self) -> list[str]:
        """The vocabulary, by id."""
        return list(self.fields.get("tokenizer.ggml.tokens") or ())

    def token(self, role: str) -> str | None:
        """The token that the file names for a role (``bos``, ``eos``, ``unknown``, ``padding``)."""
        number = self.fields.get(f"tokenizer.ggml.{role}_token_id")
        return None if number is None or number >= len(self.tokens) else self.tokens[number]


def read_header(path: Path) -> Header:
    """The header of a GGUF file. PlanBError where it is none, or one that cannot be converted."""
    try:
        from gguf import GGUFReader
    except ImportError as error:
        raise PlanBError(
            "reading GGUF files needs the package gguf: pip install 'planb[gguf]'"
        ) from error
    if not path.is_file():
        raise PlanBError(f"there is no file {path}")
    try:
        reader = GGUFReader(path)
        fields = {name: field.contents() for name, field in reader.fields.items()}
        tensors = {tensor.name: int(tensor.n_elements) for tensor in reader.tensors}
        factors = [tensor.data.tolist() for tensor in reader.tensors if tensor.name == FACTORS]
    except Exception as error:  # a broken file breaks its reader in many ways
        raise PlanBError(
            f"{path} cannot be read as a GGUF file: {error or type(error).__name__}"
        ) from error
    tensors.pop(FACTORS, None)
    header = Header(path, fields, tensors, tuple(factors[0]) if factors else ())
    if why := _ill_typed(fields) or _not_whole(header):
        raise PlanBError(f"{path} cannot be converted: {why}")
    return header


def _ill_typed(fields: Mapping[str, Any]) -> str:
    """Which field of those that planb reads has a value of another type; "" where none has."""
    for name, value in fields.items():
        if name in _LISTS:
            fits = isinstance(value, list) and all(isinstance(one, _LISTS[name]) for one in value)
        elif name in _TEXTS:
            fits = isinstance(value, str)
        elif name.endswith(("_token_id", "count", "context_length")):
            fits = isinstance(value, int) and value >= 0
        else:
            continue
        if not fits:
            return f"its field {name} is damaged (a {type(value).__name__})"
    return ""


def _not_whole(header: Header) -> str:
    if int(header.fields.get("split.count") or 1) > 1:
        return "it is one part of several: merge them first (`llama-gguf-split --merge`)"
    if not header.architecture or not header.tensors:
        return "it holds no language model (no architecture, or no weights)"
    if not header.tokens:
        return "it holds no vocabulary, so no tokenizer can be made of it"
    return ""
