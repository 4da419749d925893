"""Attention over a packed row: every response attends to its prompt and to itself, nothing else.

A packed row is cut into *segments*: an example's prompt with its first response (plain causal), and
each further response, whose keys are the prompt's and its own, in their logical order. What a prompt
has in common with an earlier one is not there again: its keys come first. So a sliding
window or a causal mask means in a segment what it means in a sequence of its own, and no work is done
between responses. Segments of like size run together as one batch of SDPA; on a GPU that has it, all
of them run in one call of flash attention for variable lengths.

The function is registered with transformers' ``AttentionInterface`` and gets the pack as a forward
keyword. A call without a pack is ordinary SDPA, so the model stays usable as it is.

Values may be narrower than keys (latent attention, MLA). Attention sinks are one more key, after all
others, whose value is zero and whose score is the head's sink: the same softmax, in any kernel that
takes a mask.

Shapes: T tokens of the row, S segments of a group, Q queries, K keys, H heads, D head size of queries
and keys, W of values.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from itertools import zip_longest
from typing import Any, Literal, NamedTuple

import torch
from torch.nn.functional import pad, scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from planb.errors import PlanBError
from planb.training.sinks import alike, attend_with_sinks, with_sinks

NAME = "planb_packed"
Kernel = Literal["sdpa", "varlen"]
Pack = dict[str, Any]
HARMLESS = frozenset(
    {"is_causal", "position_ids", "use_cache", "cache_position", "past_key_values", "return_dict"}
    | {"output_attentions", "output_hidden_states", "output_router_logits", "layer_idx"}
)
"""Keywords that change nothing in what attention computes over a whole row. Others, such as a soft cap
or sinks, are refused: leaving them out would be silently wrong."""
MARK_SHAPE = (1, 1, 1, 1)
MOST_VARLEN = 256
"""The largest head that flash attention for variable lengths takes."""
_LIKE = math.log(1.5)
"""Lengths within this factor (as a logarithm) run together, padded to the longest of them."""


Runs = tuple[tuple[int, int], ...]
"""(place, tokens) of neighbours, in the order of the text that they make up."""


class Segment(NamedTuple):
    """``queries`` tokens from place ``start``; they also see the keys ``before``."""

    start: int
    queries: int
    before: Runs = ()

    @property
    def prefix(self) -> int:
        """How many keys stand before its own."""
        return sum(count for _, count in self.before)


class UnpackableError(PlanBError):
    """The model's attention is not what a packed row can be run with."""


def mark() -> torch.Tensor:
    """A stand-in for the attention mask: a 4D tensor, which transformers hands on to attention as it
    is."""
    return torch.ones(MARK_SHAPE, dtype=torch.bool)


def pack(segments: Sequence[Segment], kernel: Kernel) -> Pack:
    """What the kernel must know of a row's segments, as tensors. Segments cover the row in order."""
    return _varlen_pack(segments) if kernel == "varlen" else _grouped_pack(segments)


def packed_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    sliding_window: int | None = None,
    pack: Pack | None = None,
    s_aux: torch.Tensor | None = None,
    **others: Any,
) -> tuple[torch.Tensor, None]:
    """transformers' attention function: query (1, H, T, D), key (1, H_kv, T, D), value (1, H_kv, T, W)
    and the heads' sinks ``s_aux`` (H,); gives (1, T, H, W). Raises UnpackableError on what it would
    have to leave out."""
    if pack is None:
        if attention_mask is not None and attention_mask.shape == MARK_SHAPE and query.shape[2] > 1:
            raise UnpackableError("the model does not hand its keywords on to attention")
        keywords = {"dropout": dropout, "scaling": scaling, **others}
        if s_aux is not None:
            return attend_with_sinks(module, query, key, value, attention_mask, s_aux, keywords)
        found: tuple[torch.Tensor, None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, **keywords
        )
        return found
    if attention_mask is not None and attention_mask.shape != MARK_SHAPE:
        raise UnpackableError("its layers make a mask of their own, which packed rows do not know")
    unknown = sorted(k for k, v in others.items() if v is not None and k not in HARMLESS)
    if unknown:
        raise UnpackableError(f"attention takes {', '.join(unknown)}, which packed rows do not know")
    if dropout:
        raise UnpackableError("attention dropout would be shared by responses: set it to 0")
    if getattr(module, "is_causal", True) is False:
        raise UnpackableError("attention looks ahead (it is not causal)")
    scale = scaling if scaling is not None else query.shape[-1] ** -0.5
    q, k, v = alike(query, key, value)
    if "cu_queries" in pack:
        if s_aux is not None:
            raise UnpackableError("flash attention for variable lengths knows no sinks")
        out = _varlen(q, k, v, scale, sliding_window, pack)
    else:
        out = _grouped(q, k, v, scale, sliding_window, pack, s_aux)
    return out[..., : value.shape[-1]], None


def _grouped_pack(segments: Sequence[Segment]) -> Pack:
    alike: dict[tuple[int, int, bool], list[Segment]] = defaultdict(list)
    for segment in segments:
        keys = segment.prefix + segment.queries
        alike[_level(segment.queries), _level(keys), segment.prefix == 0].append(segment)
    groups = [_group(some) for some in alike.values()]
    where = torch.cat([group["query_SQ"][group["real_SQ"]] for group in groups])
    padded = torch.cat([group.pop("real_SQ").flatten() for group in groups])
    place_T = torch.empty_like(where)
    place_T[where] = padded.nonzero()[:, 0]
    return {"groups": groups, "place_T": place_T}


def _level(length: int) -> int:
    return round(math.log(length) / _LIKE)


def _group(segments: Sequence[Segment]) -> dict[str, Any]:
    sizes = [(segment.start, segment.queries, segment.prefix) for segment in segments]
    start_S, queries_S, prefix_S = torch.tensor(sizes).unbind(1)
    query_Q = torch.arange(int(queries_S.max()))
    key_K = torch.arange(int((prefix_S + queries_S).max()))
    key_SK = start_S[:, None] + key_K - prefix_S[:, None]
    first_S1 = torch.zeros_like(start_S)[:, None]
    for runs in zip_longest(*(segment.before for segment in segments), fillvalue=(0, 0)):
        place_S1, count_S1 = torch.tensor(runs)[:, :, None].unbind(1)
        inside_SK = (key_K >= first_S1) & (key_K < first_S1 + count_S1)
        key_SK = torch.where(inside_SK, place_S1 + key_K - first_S1, key_SK)
        first_S1 = first_S1 + count_S1
    real_SK = key_K < (prefix_S + queries_S)[:, None]
    inside_SQ = torch.minimum(query_Q[None], queries_S[:, None] - 1)
    return {
        "query_SQ": start_S[:, None] + inside_SQ,
        "real_SQ": query_Q < queries_S[:, None],
        "key_SK": torch.where(real_SK, key_SK, start_S[:, None]),
        "logical_SQ": prefix_S[:, None] + inside_SQ,
        "causal": int(prefix_S.max()) == 0,
        "masks": {},
    }


def _grouped(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    scale: float,
    window: int | None,
    pack: Pack,
    s_aux: torch.Tensor | None = None,
) -> torch.Tensor:
    T = query.shape[2]
    sinks = s_aux is not None
    if s_aux is not None:
        query, key, value = alike(*with_sinks(query, key, value, s_aux, scale))
    D = query.shape[-1]
    query_TX, key_TX, value_TX = (x.transpose(1, 2).flatten(2)[0] for x in (query, key, value))
    grouped_query = key.shape[1] != query.shape[1]
    found = []
    for group in pack["groups"]:
        mask_SQK = _mask(group, window, sinks)
        key_SK = pad(group["key_SK"], (0, 1), value=T) if sinks else group["key_SK"]
        out_SHQD = scaled_dot_product_attention(
            _rows(query_TX, group["query_SQ"], D),
            _rows(key_TX, key_SK, D),
            _rows(value_TX, key_SK, D),
            attn_mask=None if mask_SQK is None else mask_SQK[:, None],
            is_causal=mask_SQK is None,
            scale=scale,
            enable_gqa=grouped_query,
        )
        found.append(out_SHQD.transpose(1, 2).flatten(0, 1).flatten(1))
    out_TX = torch.cat(found).index_select(0, pack["place_T"])
    return out_TX.view(1, T, -1, D)


def _rows(values_TX: torch.Tensor, place_SN: torch.Tensor, size: int) -> torch.Tensor:
    """(S, H, N, D): the rows of the segments, head by head."""
    rows = values_TX.index_select(0, place_SN.flatten())
    return rows.view(*place_SN.shape, -1, size).transpose(1, 2)


def _mask(group: dict[str, Any], window: int | None, sinks: bool) -> torch.Tensor | None:
    """(S, Q, K), True where a query sees a key; None: plain causal. Made once for each window. With
    sinks there is one key more, which every query sees."""
    keys = group["key_SK"].shape[1]
    if window is not None and window >= keys:
        window = None
    if window is None and group["causal"] and not sinks:
        return None
    if (window, sinks) not in group["masks"]:
        key_K = torch.arange(keys, device=group["key_SK"].device)
        logical_SQ1 = group["logical_SQ"][:, :, None]
        seen = key_K <= logical_SQ1
        seen = seen if window is None else seen & (key_K > logical_SQ1 - window)
        group["masks"][window, sinks] = pad(seen, (0, 1), value=True) if sinks else seen
    found: torch.Tensor = group["masks"][window, sinks]
    return found


def varlen_runs(model: Any) -> bool:
    """Whether flash attention for variable lengths can run here: a GPU, 16 bits, no large heads, no
    sinks. Head sizes are the layers' own: a configuration may have several (Gemma 4), or none."""
    if model.device.type != "cuda" or model.dtype not in (torch.float16, torch.bfloat16):
        return False
    modules = list(model.modules())
    sizes = [size for m in modules if isinstance(size := vars(m).get("head_dim"), int)]
    sinks = any(hasattr(module, "sinks") for module in modules)
    return (
        not sinks
        and max(sizes, default=0) <= MOST_VARLEN
        and torch.cuda.get_device_capability() >= (8, 0)
    )


def _varlen_pack(segments: Sequence[Segment]) -> Pack:
    keys = [
        torch.cat(
            [
                *(torch.arange(place, place + count) for place, count in segment.before),
                torch.arange(segment.start, segment.start + segment.queries),
            ]
        )
        for segment in segments
    ]
    queries = torch.tensor([0, *(segment.queries for segment in segments)])
    lengths = torch.tensor([0, *map(len, keys)])
    return {
        "key_N": torch.cat(keys),
        "cu_queries": queries.cumsum(0).int(),
        "cu_keys": lengths.cumsum(0).int(),
        "max_queries": int(queries.max()),
        "max_keys": int(lengths.max()),
    }


def _varlen(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    scale: float,
    window: int | None,
    pack: Pack,
) -> torch.Tensor:
    """All segments in one call; the causal mask is aligned to the last key, as segments need it. Keys
    are laid out anew, the prompt's once for each response: memory of K and V, not of the body."""
    from torch.nn.attention import varlen

    query_THD, key_THD, value_THD = (x[0].transpose(0, 1) for x in (query, key, value))
    out_THD: torch.Tensor = varlen.varlen_attn(
        query_THD.contiguous(),
        key_THD.index_select(0, pack["key_N"]),
        value_THD.index_select(0, pack["key_N"]),
        pack["cu_queries"],
        pack["cu_keys"],
        pack["max_queries"],
        pack["max_keys"],
        scale=scale,
        window_size=(-1 if window is None else window - 1, 0),
        enable_gqa=key.shape[1] != query.shape[1],
    )
    return out_THD[None]


AttentionInterface.register(NAME, packed_attention)
AttentionMaskInterface.register(NAME, sdpa_mask)
