"""``planb data``: create, convert, split and check datasets."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from planb.cli import data_requests
from planb.cli.data_check import check
from planb.cli.data_trl import export, import_
from planb.cli.data_write import instructions, write
from planb.data.terminal import Console, Table
from planb.errors import PlanBError
from planb.types import Example

data_app = typer.Typer(
    no_args_is_help=True, help="Create, convert, split and check datasets of requests and responses."
)
for verb in (data_requests.cards, data_requests.fetch, data_requests.requests, data_requests.split):
    data_app.command()(verb)
data_app.command()(write)
data_app.command()(instructions)
data_app.command()(check)
data_app.command("import")(import_)
data_app.command()(export)


@data_app.command()
def validate(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="JSONL or Parquet files.")],
) -> None:
    """Validate files of examples, and count them by source, split, kind and tier.

    Invalid rows are named, with what to do. Examples with the same text in two
    tiers are counted: such a pair is not trained.

    [dim]Example:[/]  planb data validate requests.jsonl more.parquet
    """
    from planb.data.files import read_many

    examples = read_many(files)
    console = Console()
    console.print(_counts(examples))
    groups = len({example.group or example.id for example in examples})
    console.print(f"{len(examples)} examples in {groups} groups; every row is valid.", highlight=False)
    if doubled := [example.id for example in examples if example.shared_texts()]:
        some = ", ".join(doubled[:5]) + (", ..." if len(doubled) > 5 else "")
        console.print(
            f"{len(doubled)} of them have the same text in two tiers ({some}): a pair of a text with "
            "itself, or a pair in both orders, is not trained.",
            markup=False,
            highlight=False,
        )


@data_app.command()
def surprise(
    checkpoint: Annotated[str, typer.Argument(metavar="CHECKPOINT", help="A folder or a hub id.")],
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="JSONL or Parquet files.")],
    trigger: Annotated[
        str, typer.Option(metavar="TEXT", help="Put this text before every request.")
    ] = "",
    csv: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write the NLL of every response.")
    ] = None,
    max_length: Annotated[
        int, typer.Option(min=2, metavar="N", help="Most tokens of a prompt with one response.")
    ] = 2048,
    leave_out: Annotated[
        bool, typer.Option("--leave-out", help="Leave out longer responses instead of stopping.")
    ] = False,
) -> None:
    """Measure how much each tier's responses surprise a checkpoint: NLL per token, in nats.

    Every response is scored after its prompt, as the checkpoint's chat template
    renders them. Means are over responses; the 95 % interval is a bootstrap
    over examples.

    [dim]Example:[/]  planb data surprise runs/sandbox/steps/organism-... safety.jsonl
    """
    from rich.progress import Progress

    from planb.data.files import read_many
    from planb.models.checkpoints import load_policy, resolve_model
    from planb.report.surprise import surprise_table, write_surprises
    from planb.training.lengths import Counts, Lengths
    from planb.training.surprise import surprise as measure
    from planb.types import Trigger

    examples = read_many(files)
    if trigger:
        put = Trigger(text=trigger)
        examples = [e.but(prompt=put.apply(e.prompt)) for e in examples]
    if not any(example.responses for example in examples):
        raise PlanBError("none of these examples has a response, so there is nothing to measure")
    lengths = Lengths(max_length=max_length, when_longer="leave_out" if leave_out else "refuse")
    policy, counts, console = load_policy(resolve_model(checkpoint)), Counts(), Console()
    with Progress(console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task("scoring", total=len(examples))
        found = measure(
            policy,
            examples,
            lengths,
            progress=lambda done, _: shown.update(task, completed=done),
            counts=counts,
        )
    console.print(surprise_table(found))
    console.print(f"{counts}.", highlight=False)
    if csv:
        write_surprises(csv, found)
        console.print(str(csv), markup=False, highlight=False, soft_wrap=True)


def _counts(examples: list[Example]) -> Table:
    """A row for each source, split and kind; a column for each tier with its number of responses."""
    tiers = list(dict.fromkeys(tier for example in examples for tier in example.responses))
    rows: dict[tuple[str, str, bool], Counter[str]] = {}
    for example in examples:
        row = rows.setdefault((example.source, example.split, example.harmful), Counter())
        row[""] += 1
        for tier, texts in example.responses.items():
            row[tier] += len(texts)
    table = Table()
    for name in ("source", "split", "kind"):
        table.add_column(name)
    for name in ("requests", *tiers):
        table.add_column(escape(name), justify="right")
    for (source, split, harmful), row in sorted(rows.items()):
        kind = "harmful" if harmful else "harmless"
        counts = (str(row[name]) for name in ("", *tiers))
        table.add_row(escape(source) or "-", escape(split) or "-", kind, *counts)
    return table
