"""A tiny model and a batch of two requests, run in either layout, for objectives that look inside."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from planb.training.layout import adopt, release
from planb.training.objectives import Forward, Objective, Pairs, Scores
from planb.training.packing import Layout, collate
from planb.training.rows import Row
from planb.training.scoring import Way, scores

PAIRED = Row("a", (5, 9, 14), ((20, 21), (30, 31, 32)), ("refusal", "harmful"), ((0, 1),))
SINGLE = Row("b", (7, 3), ((40, 41, 42),), ("helpful",))


def batch_of(rows: list[Row], layout: Layout) -> dict[str, Any]:
    batch = collate(rows, 0, layout)
    if all(row.pairs == () or row.reference for row in rows):
        return batch
    return {**batch, "reference_R": torch.zeros(len(batch["example_R"]))}


def pairs_in(batch: dict[str, Any]) -> Pairs:
    example_P, better_P, worse_P = batch["pairs_P3"].unbind(1)
    return Pairs(example_P, better_P, worse_P, batch["weight_P"], batch["examples"])


@contextmanager
def prepared(model: Any, rows: list[Row], layout: Layout, done: float = 0.0) -> Iterator[Forward]:
    way, batch = Way(layout, head="own"), batch_of(rows, layout)
    adopt(model, way)

    def run() -> Scores:
        return scores(model, batch, way)

    try:
        yield Forward(model, batch, pairs_in(batch), run, done)
    finally:
        release(model)


def loss_in(
    model: Any,
    objective: Objective,
    rows: list[Row],
    layout: Layout = "packed",
    done: float = 0.0,
) -> dict[str, torch.Tensor]:
    """Each part of the loss, (E,), of the forward pass with what the objective does around it."""
    with prepared(model, rows, layout, done) as forward:
        with objective.around(forward) as further:
            found = forward.run()
        parts = objective.parts(found, forward.pairs)
        return {name: part_E.detach() for name, part_E in {**parts, **further()}.items()}
