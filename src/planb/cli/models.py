"""``planb models``."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from planb.data.terminal import Console

TOKENS = 8192
"""Tokens of one forward and backward, for the memory that is shown."""


def models(
    rank: Annotated[
        int, typer.Option(min=1, metavar="R", help="LoRA rank, for the memory of training.")
    ] = 64,
) -> None:
    """List known base models: hub id, licence, and the memory that training needs.

    Memory is estimated for one update of 8,192 tokens with LoRA on all linear
    layers and gradient checkpointing, with a 16-bit and with a 4-bit base;
    beside it the number of 80 GB GPUs. A study takes any model by its hub id or
    folder; these cards only serve planning.

    [dim]Example:[/]  planb models --rank 512
    """
    from planb.models.bases import MODELS

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("model", "hub id", "terms"):
        table.add_column(name, overflow="fold")
    for name in ("weights", "LoRA", "GPUs", "4-bit", "GPUs", "context"):
        table.add_column(name, justify="right", no_wrap=True)
    for card in MODELS.values():
        memory = [card.training_gib(rank, TOKENS, four_bit) for four_bit in (False, True)]
        shown = (text for gib in memory for text in (f"{gib:,.0f} GiB", str(card.gpus(gib))))
        size = f"{card.sizes.weights / 1e9:.1f} B"
        table.add_row(card.name, card.hub, card.terms, size, *shown, f"{card.context:,}")
    Console().print(table)
