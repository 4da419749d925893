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
        int, typer.Option(min=1, metavar="R", help="LoRA's rank, for the memory that training needs.")
    ] = 64,
) -> None:
    """List the cards of base models: where they are, on which terms, what training them needs.

    Memory is arithmetic for one update of 8,192 tokens with LoRA on all linear layers, activations
    computed again: with weights of 16 bits, and with a base of 4 bits; beside it how many GPUs of 80 GB
    share that. A study takes a model by its hub
    id, or by the path of a folder; a card is only there to plan by.

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
