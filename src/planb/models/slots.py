"""A cache of keys and values with a slot for each request, and attention over it.

A slot holds one request's tokens from its first column on, so requests of unlike lengths stand side by
side without padding between prompt and response, and a slot is taken anew without moving the others.
What all prompts begin with is no part of the slots: it is kept once (``Shared``), and attention is one
softmax over the shared keys and the slot's own.

Shapes: N slots in use, H heads, C columns, T new tokens, P shared tokens, D and W sizes of keys and
values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.cache_utils import Cache, DynamicLayer
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from planb.errors import PlanBError

NAME = "planb_slots"
HARMLESS = frozenset(
    {"is_causal", "position_ids", "use_cache", "cache_position", "past_key_values", "return_dict"}
    | {"output_attentions", "output_hidden_states", "output_router_logits", "layer_idx"}
)
"""Keywords that change nothing in what attention computes here. Others are refused."""
SCORES = 2**24
"""Most scores of shared keys that are held at once."""


class UnslottableError(PlanBError):
    """The model's attention is not what slots can be read with."""


class Slots(Cache):  # type: ignore[misc]
    """Keys (N, H, C, D) and values (N, H, C, W) of every layer."""

    def __init__(self) -> None:
        super().__init__(layer_class_to_replicate=_Layer)
        self.shape = (0, 0)

    def resize(self, rows: int, columns: int, live: int) -> None:
        """Room for so many requests of so many tokens; the first ``live`` keep theirs."""
        self.shape = (rows, columns)
        for layer in self.layers:
            layer.resize(rows, columns, live)

    def begin(self, first: int) -> None:
        """The next pass writes whole prompts, into the slots from ``first`` on."""
        self._tell(_Place(self.shape, first))

    def step(self, columns_N: torch.Tensor, width: int) -> None:
        """The next pass writes one token of each request, at its column; ``width`` columns are read."""
        self._tell(_Place(self.shape, 0, columns_N, width))

    def move(self, slot: int, to: int) -> None:
        for layer in self.layers:
            layer.keys[to], layer.values[to] = layer.keys[slot], layer.values[slot]

    def copy(self, slots: Sequence[int], to: Sequence[int]) -> None:
        """What some slots hold, into as many others."""
        for layer in self.layers:
            layer.keys[list(to)], layer.values[list(to)] = (
                layer.keys[list(slots)],
                layer.values[list(slots)],
            )

    def update(self, key: torch.Tensor, value: torch.Tensor, layer_idx: int, *_: Any, **__: Any) -> Any:
        while len(self.layers) <= layer_idx:
            self.layers.append(_Layer())
        return self.layers[layer_idx].write(key, value, self.place)

    def _tell(self, place: _Place) -> None:
        self.place = place


@dataclass(frozen=True)
class _Place:
    """Where a pass writes: slots from ``first`` on, and there one column each, or all from the left."""

    shape: tuple[int, int]
    first: int
    columns_N: torch.Tensor | None = None
    width: int = 0


class _Layer(DynamicLayer):  # type: ignore[misc]
    keys: torch.Tensor
    values: torch.Tensor

    def resize(self, rows: int, columns: int, live: int) -> None:
        self.keys = _moved(self.keys, rows, columns, live)
        self.values = _moved(self.values, rows, columns, live)

    def write(
        self, key: torch.Tensor, value: torch.Tensor, place: _Place
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if not self.is_initialized:
            self.lazy_initialization(key, value)
            self.keys, self.values = _room(key, *place.shape), _room(value, *place.shape)
        if place.columns_N is None:
            slots = slice(place.first, place.first + len(key))
            self.keys[slots, :, : key.shape[2]] = key
            self.values[slots, :, : key.shape[2]] = value
            return key, value
        rows = torch.arange(len(key), device=key.device)
        self.keys[rows, :, place.columns_N] = key[:, :, 0]
        self.values[rows, :, place.columns_N] = value[:, :, 0]
        return self.keys[: len(key), :, : place.width], self.values[: len(key), :, : place.width]


def _moved(old: torch.Tensor, rows: int, columns: int, live: int) -> torch.Tensor:
    new, width = _room(old, rows, columns), min(columns, old.shape[2])
    new[:live, :, :width] = old[:live, :, :width]
    return new


def _room(like: torch.Tensor, rows: int, columns: int) -> torch.Tensor:
    """Zeros: a masked score is added to what lies there, which must be a number."""
    return like.new_zeros(rows, like.shape[1], columns, like.shape[3])


@dataclass
class Shared:
    """Keys (1, H, P, D) and values (1, H, P, W) of what all prompts begin with, layer by layer;
    ``read`` holds the layers that attended to them."""

    layers: Sequence[tuple[torch.Tensor, torch.Tensor]]
    read: set[int] = field(default_factory=set)

    def check(self) -> None:
        """Raises UnslottableError if a layer never looked at the shared keys."""
        if len(self.read) != len(self.layers):
            raise UnslottableError("the model does not hand its keywords on to attention")


def slot_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor,
    dropout: float = 0.0,
    scaling: float | None = None,
    shared: Shared | None = None,
    **others: Any,
) -> tuple[torch.Tensor, None]:
    """transformers' attention function; gives (N, T, H, W). Several tokens are whole prompts (causal);
    one is the next of each, whose mask (N, 1, 1, C) says which columns are its own. Raises
    UnslottableError on what it would have to leave out."""
    unknown = sorted(k for k, v in others.items() if v is not None and k not in HARMLESS)
    if unknown:
        raise UnslottableError(f"attention takes {', '.join(unknown)}, which slots do not know")
    mask = attention_mask if query.shape[2] == 1 else None
    if shared is None:
        found: tuple[torch.Tensor, None] = sdpa_attention_forward(
            module, query, key, value, mask, dropout=dropout, scaling=scaling
        )
        return found
    index = int(module.layer_idx)  # type: ignore[arg-type]
    shared.read.add(index)
    scale = scaling if scaling is not None else query.shape[-1] ** -0.5
    count = max(1, SCORES // (query[0, ..., 0].numel() * shared.layers[index][0].shape[2]))
    if mask is None:
        causal = torch.ones(query.shape[2], key.shape[2], dtype=torch.bool, device=query.device)
        mask = causal.tril().expand(len(query), 1, -1, -1)
    parts = zip(*(some.split(count) for some in (query * scale, key, value, mask)), strict=True)
    out = torch.cat([_joined(q, k, v, own, *shared.layers[index]) for q, k, v, own in parts])
    return out.transpose(1, 2), None


def _joined(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    mask: torch.Tensor,
    shared_k: torch.Tensor,
    shared_v: torch.Tensor,
) -> torch.Tensor:
    """One softmax over shared and own keys: (N, H, T, W). Heads that share keys are rows of one
    product."""
    rows, heads, new, _ = q.shape
    groups = k.shape[1]
    q_own = q.reshape(rows, groups, -1, q.shape[-1])
    own = (q_own @ k.transpose(2, 3)).float().view(rows, heads, new, -1)
    own = own.masked_fill(~mask, -torch.inf).view(rows, groups, -1, k.shape[2])
    q_all = q_own.transpose(0, 1).reshape(groups, -1, q.shape[-1])
    both = (q_all @ shared_k[0].transpose(1, 2)).float().view(groups, rows, -1, shared_k.shape[2])
    both = both.transpose(0, 1)
    top = torch.maximum(own.amax(-1, keepdim=True), both.amax(-1, keepdim=True))
    own, both = (own - top).exp_(), (both - top).exp_()
    total = own.sum(-1, keepdim=True) + both.sum(-1, keepdim=True)
    weights = both.transpose(0, 1).reshape(groups, -1, shared_k.shape[2]).to(v.dtype)
    seen = (weights @ shared_v[0]).view(groups, rows, -1, v.shape[-1]).transpose(0, 1)
    out = (own.to(v.dtype) @ v + seen) / total.to(v.dtype)
    return out.reshape(rows, heads, new, v.shape[-1])


AttentionInterface.register(NAME, slot_attention)
AttentionMaskInterface.register(NAME, sdpa_mask)
