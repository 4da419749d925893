"""``planb data import`` and ``planb data export``: examples from and to the rows that TRL trains on."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from planb.cli.data_check import tiers_of
from planb.data.terminal import Console
from planb.errors import PlanBError


class Form(StrEnum):
    """The rows that are understood."""

    PREFERENCE = "trl-preference"
    SCORED = "trl-scored"


class Pairs(StrEnum):
    """Which pairs of an order are trained."""

    ALL = "all"
    ADJACENT = "adjacent"


def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSONL, JSON or Parquet.")],
    form: Annotated[Form, typer.Option("--format", help="The format of its rows.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Examples: JSONL or Parquet.")],
    chosen: Annotated[str, typer.Option(metavar="TIER", help="The tier of chosen responses.")] = "",
    rejected: Annotated[str, typer.Option(metavar="TIER", help="The tier of rejected responses.")] = "",
    order: Annotated[
        str,
        typer.Option(metavar="TIER>TIER...", help="Scored rows: a tier for each score, best first."),
    ] = "",
    harmful: Annotated[
        bool | None, typer.Option("--harmful/--harmless", help="What the requests are.")
    ] = None,
    ignore: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", help="A column without meaning for training."),
    ] = None,
) -> None:
    """Convert TRL's preference or scored rows to examples with tiers.

    trl-preference: prompt, chosen, rejected, as text or messages; the prompt may
    be the first messages of the other two. trl-scored: prompt, responses (or
    completions), scores (numbers; equal ones are of one tier). Rows of one id, or of
    one prompt, become one example. A `system` becomes the first message. Columns
    that `planb data export` wrote need no options; any other must be known to be
    harmless, or is an error unless --ignore names it. Pairs of a text with itself are
    left out and counted.

    [dim]Example:[/]  planb data import pairs.jsonl --format trl-preference
      --chosen refusal --rejected harmful --harmful --out examples.jsonl
    """
    from planb.data.files import write_examples
    from planb.data.preferences import Imported, read_preferences, read_scored

    read = Imported(ignore=ignore or ())
    if form is Form.PREFERENCE:
        examples = read_preferences(file, chosen=chosen, rejected=rejected, harmful=harmful, told=read)
    else:
        tiers = tiers_of(order) if order else ()
        examples = read_scored(file, order=tiers, harmful=harmful, told=read)
    write_examples(out, examples)
    texts = sum(len(texts) for example in examples for texts in example.responses.values())
    told = f"{out}: {len(examples):,} examples with {texts:,} responses"
    told += f"; {read}" if str(read) else ""
    Console().print(told, markup=False, highlight=False, soft_wrap=True)


def export(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="JSONL or Parquet files.")],
    form: Annotated[Form, typer.Option("--format", help="The format of the rows.")],
    order: Annotated[
        str, typer.Option(metavar="TIER>TIER...", help="Tiers from most to least preferred.")
    ],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Rows: JSONL or Parquet.")],
    pairs: Annotated[Pairs, typer.Option(help="Which pairs of the order become rows.")] = Pairs.ALL,
) -> None:
    """Convert examples to TRL's rows: conversational, with an explicit prompt.

    trl-preference: a row per trained pair, every text of a tier over every text of a
    worse one. trl-scored: a row per example, the best tier scored highest, the worst
    1. planb's own columns (id, harmful, the tiers' names, ...) are kept: TRL ignores
    them, and `planb data import` reads the same examples back.

    [dim]Example:[/]  planb data export safety.jsonl --format trl-preference
      --order "refusal>useless>harmful" --out pairs.jsonl
    """
    from planb.data.files import read_many
    from planb.data.trl_rows import preference_rows, scored_rows, write_rows
    from planb.types import Ordering

    ordering = Ordering(tiers=tiers_of(order), pairs=pairs.value)
    if form is Form.PREFERENCE and len(ordering.tiers) < 2:
        raise PlanBError(f"--order {order}: a pair needs two tiers, written 'refusal>harmful'")
    make = preference_rows if form is Form.PREFERENCE else scored_rows
    made = make(read_many(files), ordering)
    write_rows(out, made.rows)
    told = f"{out}: {len(made.rows):,} rows"
    if made.left_out:
        told += f"; {made.left_out:,} examples have no tier of {ordering} and are left out"
    Console().print(told, markup=False, highlight=False, soft_wrap=True)
