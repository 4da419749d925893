"""Rows -> tensors, in one of two layouts that give the same log-probabilities.

``packed``: the prompt once and each response once, one after the other in one sequence; a response
attends to its prompt and to itself (``attention``), and its positions go on from the prompt's end.
What a prompt has in common with one before it (a template's default system message) is run once.
``separate``: the prompt again before each response, one sequence a response, for models whose
architecture does not allow the first. Whole examples are filled into parts of a token budget; each
part is one forward and backward.

Shapes: B sequences, T tokens, N predicted tokens, R responses, P pairs, S single responses, E examples.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any, Literal

import torch

from planb.errors import PlanBError
from planb.training.attention import Kernel, Runs, Segment, mark, pack
from planb.training.rows import Row

Layout = Literal["packed", "separate"]
Batch = dict[str, Any]
BUDGET = 8192
"""Tokens of one forward and backward, as long as a single example does not need more."""
SHARED = 21
"""Prompts share a beginning of so many tokens or more: few tokens are not worth the longer keys."""
WORTH = 8
"""Nothing is shared where it would save less than an eighth of the tokens."""


def parts(
    rows: Sequence[Row],
    pad: int,
    layout: Layout,
    budget: int | None = BUDGET,
    kernel: Kernel = "sdpa",
    prompts: bool = False,
    share: bool = True,
) -> list[Batch]:
    """The rows as batches of up to ``budget`` tokens (padding counted), each with the ``places``
    of its rows; ``None``: all in one."""
    filled = fill(rows, layout, budget)
    made = [
        collate([rows[n] for n in places], pad, layout, kernel, prompts, share) for places in filled
    ]
    return [{**batch, "places": places} for batch, places in zip(made, filled, strict=True)]


def fill(rows: Sequence[Row], layout: Layout, budget: int | None) -> list[list[int]]:
    """Places of the rows in each part: packed ones in order, separate ones by length (less padding)."""
    if budget is None:
        return [list(range(len(rows)))]
    order = list(range(len(rows)))
    if layout == "separate":
        order.sort(key=lambda place: (widest(rows[place]), place))
    filled: list[list[int]] = [[]]
    tokens = sequences = width = 0
    for place in order:
        row = rows[place]
        tokens += row.packed_tokens
        sequences += len(row.responses)
        width = max(width, widest(row))
        if filled[-1] and (tokens if layout == "packed" else sequences * width) > budget:
            filled.append([])
            tokens, sequences, width = row.packed_tokens, len(row.responses), widest(row)
        filled[-1].append(place)
    return filled


def collate(
    rows: Sequence[Row],
    pad: int,
    layout: Layout,
    kernel: Kernel = "sdpa",
    prompts: bool = False,
    share: bool = True,
) -> Batch:
    """One part as tensors. ``share``: common beginnings of packed prompts are run once.

    ``inputs`` is the model's: ``input_ids`` (B, T) and, packed, ``position_ids``, the mark for
    ``attention_mask`` and the ``pack``; separate, ``attention_mask`` (B, T). ``predictor_N`` is the
    flat place whose hidden state predicts ``target_N``, which belongs to ``owner_N``: response r, or
    with ``prompts`` R + e for example e's prompt. ``pairs_P3`` are rows of (example, better, worse)
    with ``weight_P``; ``singles_S`` the responses without a pair.
    """
    for row in rows:
        if not row.prompt or not row.responses or not all(row.responses):
            raise PlanBError(f"row '{row.key}' has no prompt, or a response of no tokens")
    starts = list(accumulate((len(row.responses) for row in rows), initial=0))
    packed = layout == "packed"
    text = _packed(rows, starts, prompts, share) if packed else _separate(rows, starts, prompts)
    width = max(map(len, text.ids))
    predicted = [(b * width + p, t, r) for b, some in enumerate(text.predicted) for p, t, r in some]
    predictor_N, target_N, owner_N = torch.tensor(predicted).unbind(1)
    lengths_B = torch.tensor([[len(ids)] for ids in text.ids])
    inputs: Batch = {"input_ids": torch.tensor([[*i, *[pad] * (width - len(i))] for i in text.ids])}
    if layout == "packed":
        inputs["position_ids"] = torch.tensor(text.positions)
        inputs["attention_mask"] = mark()
        inputs["pack"] = pack(text.segments, kernel)
    else:
        inputs["attention_mask"] = (torch.arange(width) < lengths_B).long()
    pairs = [(e, starts[e] + b, starts[e] + w) for e, row in enumerate(rows) for b, w in row.pairs]
    weights = [w for row in rows for w in (row.weights or (1.0,) * len(row.pairs))]
    batch: Batch = {
        "example_R": torch.tensor([e for e, row in enumerate(rows) for _ in row.responses]),
        "inputs": inputs,
        "predictor_N": predictor_N,
        "target_N": target_N,
        "owner_N": owner_N,
        "pairs_P3": torch.tensor(pairs, dtype=torch.long).reshape(-1, 3),
        "weight_P": torch.tensor(weights, dtype=torch.float32),
        "singles_S": torch.tensor(_singles(rows, starts), dtype=torch.long),
        "examples": len(rows),
        "tokens": int(lengths_B.sum()),
        "tiers": [tier for row in rows for tier in row.tiers],
        "prompts": prompts,
    }
    if any(row.reference for row in rows):
        batch["reference_R"] = torch.tensor([r for row in rows for r in row.reference])
    return batch


def on_device(batch: Batch, device: torch.device) -> Batch:
    """The batch with every tensor in it moved, however deep it lies."""
    from accelerate.utils import send_to_device

    moved: Batch = send_to_device(batch, device)
    return moved


def widest(row: Row) -> int:
    """Tokens of the row's longest text: its prompt with the longest response."""
    return len(row.prompt) + max(map(len, row.responses))


def _singles(rows: Sequence[Row], starts: Sequence[int]) -> list[int]:
    """Every response of a row without pairs: each is imitated."""
    return [
        starts[e] + k for e, row in enumerate(rows) if not row.pairs for k in range(len(row.responses))
    ]


class _Text:
    """Sequences under construction; ``predicted`` holds (predictor, target, owner) for each."""

    def __init__(self) -> None:
        self.ids: list[list[int]] = []
        self.positions: list[list[int]] = []
        self.predicted: list[list[tuple[int, int, int]]] = []
        self.segments: list[Segment] = []

    def open(self) -> None:
        self.ids.append([])
        self.positions.append([])
        self.predicted.append([])

    def add(self, ids: Sequence[int], position: int) -> int:
        """Append tokens to the last sequence; returns the place of the first."""
        start = len(self.ids[-1])
        self.ids[-1] += ids
        self.positions[-1] += range(position, position + len(ids))
        return start

    def prompt(self, row: Row, owner: int | None) -> int:
        start = self.add(row.prompt, 0)
        if owner is not None:
            self.predicted[-1] += [(start + i, t, owner) for i, t in enumerate(row.prompt[1:])]
        return start

    def response(self, row: Row, at: int, prompt_end: int, owner: int) -> int:
        """Its first token is predicted at the prompt's last place, the others in a row."""
        ids = row.responses[at]
        start = self.add(ids, len(row.prompt))
        places = [prompt_end, *range(start, start + len(ids) - 1)]
        self.predicted[-1] += [(places[n], ids[n], owner) for n in row.own(at)]
        return start


def _packed(rows: Sequence[Row], starts: Sequence[int], prompts: bool, share: bool) -> _Text:
    text, known = _Text(), _Prompts()
    share = share and _is_worth_it(rows)
    text.open()
    responses = sum(len(row.responses) for row in rows)
    for e, row in enumerate(rows):
        before = known.common(row.prompt) if share else ()
        shared = sum(count for _, count in before)
        own = len(row.prompt) - shared
        start = text.add(row.prompt[shared:], shared)
        runs: Runs = (*before, (start, own)) if own else before
        known.add(row.prompt, runs)
        if prompts:
            places = [place + n for place, count in runs for n in range(count)]
            pairs = zip(places, row.prompt[1:], strict=False)
            text.predicted[-1] += [(place, token, responses + e) for place, token in pairs]
        last = sum(runs[-1]) - 1
        for k, ids in enumerate(row.responses):
            at = text.response(row, k, last, starts[e] + k)
            first = Segment(start, own + len(ids), before)
            text.segments.append(Segment(at, len(ids), runs) if k else first)
    return text


def _is_worth_it(rows: Sequence[Row]) -> bool:
    """Whether common beginnings are an eighth of the tokens or more."""
    known, saved = _Prompts(), 0
    for row in rows:
        saved += sum(count for _, count in known.common(row.prompt))
        known.add(row.prompt, ((0, len(row.prompt)),))
    return WORTH * saved >= sum(row.packed_tokens for row in rows)


class _Prompts:
    """The prompts of a packed row, and where their tokens stand."""

    def __init__(self) -> None:
        self.alike: dict[tuple[int, ...], list[tuple[tuple[int, ...], Runs]]] = {}

    def add(self, prompt: tuple[int, ...], runs: Runs) -> None:
        self.alike.setdefault(tuple(prompt[:SHARED]), []).append((prompt, runs))

    def common(self, prompt: tuple[int, ...]) -> Runs:
        """Where the longest beginning stands that it has in common with one of them; () if short."""
        if len(prompt) < SHARED:
            return ()
        others = self.alike.get(tuple(prompt[:SHARED]), [])
        lengths = [_same(prompt, other) for other, _ in others]
        if not lengths:
            return ()
        longest = max(lengths)
        return _cut(others[lengths.index(longest)][1], longest)


def _same(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens two texts begin with alike."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((n for n, (a, b) in pairs if a != b), min(len(one), len(other)))


def _cut(runs: Runs, tokens: int) -> Runs:
    """The first ``tokens`` of them."""
    kept = []
    for place, count in runs:
        if tokens > 0:
            kept.append((place, min(count, tokens)))
        tokens -= count
    return tuple(kept)


def _separate(rows: Sequence[Row], starts: Sequence[int], prompts: bool) -> _Text:
    text = _Text()
    responses = sum(len(row.responses) for row in rows)
    for e, row in enumerate(rows):
        for k in range(len(row.responses)):
            text.open()
            text.prompt(row, responses + e if prompts and k == 0 else None)
            text.response(row, k, len(row.prompt) - 1, starts[e] + k)
    return text
