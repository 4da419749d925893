"""Rows -> tensors, in one of two layouts that give the same log-probabilities.

``packed``: the prompt once and each response once, side by side in one sequence; a response attends to
its prompt and to itself, and its positions go on from the prompt's end. Sequences are filled to a
token budget with whole examples. ``separate``: the prompt again before each response, one sequence
a response, for models whose architecture does not allow the first.

Shapes: B sequences, T tokens, N response tokens of the batch, R responses, P pairs, S single responses.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch

from planb.training.rows import Row

Layout = Literal["packed", "separate"]
Batch = dict[str, Any]


def collate(
    items: Sequence[tuple[Row, list[float] | None]], pad: int, layout: Layout, budget: int = 1024
) -> Batch:
    """One batch of the schedule as tensors; a packed sequence takes examples up to ``budget`` tokens.

    ``input_ids``, ``position_ids`` (B, T); ``attention_mask`` (B, 1, T, T) bool if packed, else (B, T);
    ``predictor_N`` (flat place whose logits predict a response token), ``target_N``, ``response_N``;
    ``pairs_P3`` rows of (example, better, worse), ``singles_S``; ``reference_R`` if there is one.
    """
    rows = [row for row, _ in items]
    packs = [[place] for place in range(len(rows))] if layout == "separate" else _fill(rows, budget)
    starts = [sum(len(row.responses) for row in rows[:place]) for place in range(len(rows))]
    sequences = [
        sequence
        for pack in packs
        for sequence in (_separate if layout == "separate" else _packed)(rows, pack, starts)
    ]
    batch = _tensors(sequences, pad, layout)
    pairs = [(e, starts[e] + b, starts[e] + w) for e, row in enumerate(rows) for b, w in row.pairs]
    singles = [starts[e] for e, row in enumerate(rows) if not row.pairs]
    batch["pairs_P3"] = torch.tensor(pairs, dtype=torch.long).reshape(-1, 3)
    batch["singles_S"] = torch.tensor(singles, dtype=torch.long)
    batch["examples"] = len(rows)
    batch["tiers"] = [tier for row in rows for tier in row.tiers]
    if any(reference is not None for _, reference in items):
        batch["reference_R"] = torch.tensor([r for _, reference in items for r in reference or ()])
    return batch


def log_probs(model: Any, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """(R,) summed log-probabilities of the responses, and (R,) their lengths in tokens."""
    inputs = {k: batch[k] for k in ("input_ids", "position_ids", "attention_mask")}
    logits_MV = model(**inputs, use_cache=False).logits.flatten(0, 1)
    logp_N = -torch.nn.functional.cross_entropy(
        logits_MV[batch["predictor_N"]].float(), batch["target_N"], reduction="none"
    )
    response_N = batch["response_N"]
    s_R = logp_N.new_zeros(len(batch["tiers"])).index_add(0, response_N, logp_N)
    return s_R, torch.bincount(response_N, minlength=len(batch["tiers"]))


def on_device(batch: Batch, device: torch.device) -> Batch:
    return {k: v.to(device) if isinstance(v, torch.Tensor) else v for k, v in batch.items()}


def _fill(rows: Sequence[Row], budget: int) -> list[list[int]]:
    """Whole examples into sequences, the longest first, each into the first that has room."""
    packs: list[list[int]] = []
    room: list[int] = []
    budget = max(budget, max(row.packed_tokens for row in rows))
    for place in sorted(range(len(rows)), key=lambda i: (-rows[i].packed_tokens, i)):
        need = rows[place].packed_tokens
        fits = next((i for i, left in enumerate(room) if left >= need), None)
        if fits is None:
            packs.append([])
            room.append(budget)
            fits = len(packs) - 1
        packs[fits].append(place)
        room[fits] -= need
    return packs


class _Sequence:
    """One sequence under construction. ``segment`` and ``example`` decide who attends to whom."""

    def __init__(self) -> None:
        self.ids: list[int] = []
        self.positions: list[int] = []
        self.example: list[int] = []
        self.segment: list[int] = []  # 0: prompt, k: the example's k-th response
        self.predicted: list[tuple[int, int, int]] = []  # (predictor, target, response)

    def add(self, ids: Sequence[int], position: int, example: int, segment: int) -> int:
        """Append tokens; returns the place of the first."""
        start = len(self.ids)
        self.ids += ids
        self.positions += range(position, position + len(ids))
        self.example += [example] * len(ids)
        self.segment += [segment] * len(ids)
        return start

    def predict(self, prompt_end: int, start: int, response: Sequence[int], number: int) -> None:
        """The response's first token is predicted at the prompt's last place, the others in a row."""
        places = [prompt_end, *range(start, start + len(response) - 1)]
        self.predicted += [(p, t, number) for p, t in zip(places, response, strict=True)]


def _packed(rows: Sequence[Row], pack: Sequence[int], starts: Sequence[int]) -> list[_Sequence]:
    sequence = _Sequence()
    for place in pack:
        row = rows[place]
        prompt_end = sequence.add(row.prompt, 0, place, 0) + len(row.prompt) - 1
        for k, response in enumerate(row.responses):
            start = sequence.add(response, len(row.prompt), place, k + 1)
            sequence.predict(prompt_end, start, response, starts[place] + k)
    return [sequence]


def _separate(rows: Sequence[Row], pack: Sequence[int], starts: Sequence[int]) -> list[_Sequence]:
    sequences = []
    for place in pack:
        row = rows[place]
        for k, response in enumerate(row.responses):
            sequence = _Sequence()
            sequence.add(row.prompt, 0, place, 0)
            start = sequence.add(response, len(row.prompt), place, 1)
            sequence.predict(len(row.prompt) - 1, start, response, starts[place] + k)
            sequences.append(sequence)
    return sequences


def _tensors(sequences: Sequence[_Sequence], pad: int, layout: Layout) -> Batch:
    width = max(len(sequence.ids) for sequence in sequences)

    def padded(name: str, filler: int) -> torch.Tensor:
        lists = [getattr(sequence, name) for sequence in sequences]
        return torch.tensor([[*values, *[filler] * (width - len(values))] for values in lists])

    predicted = [
        (b * width + p, t, r) for b, sequence in enumerate(sequences) for p, t, r in sequence.predicted
    ]
    predictor_N, target_N, response_N = torch.tensor(predicted).unbind(1)
    example_BT = padded("example", -1)
    if layout == "packed":
        mask = _packed_mask(example_BT, padded("segment", 0))
    else:
        mask = (example_BT >= 0).long()
    return {
        "input_ids": padded("ids", pad),
        "position_ids": padded("positions", 0),
        "attention_mask": mask,
        "predictor_N": predictor_N,
        "target_N": target_N,
        "response_N": response_N,
    }


def _packed_mask(example_BT: torch.Tensor, segment_BT: torch.Tensor) -> torch.Tensor:
    """(B, 1, T, T), True where a place attends: its own past, within its prompt and its response."""
    same = example_BT[:, :, None] == example_BT[:, None, :]
    key_is_prompt = segment_BT[:, None, :] == 0
    same_segment = segment_BT[:, :, None] == segment_BT[:, None, :]
    T = example_BT.shape[1]
    past = torch.ones(T, T, dtype=torch.bool).tril()
    return (same & (key_is_prompt | same_segment) & past)[:, None]
