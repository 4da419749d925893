"""``planb compare``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from planb.cli.options import Out, Quiet
from planb.data.terminal import Console, Table
from planb.errors import PlanBError


def compare(
    studies: Annotated[
        list[Path],
        typer.Argument(metavar="STUDY...", help="Folders with a results.csv, or studies in --out."),
    ],
    page: Annotated[
        Path, typer.Option(metavar="FILE.html", help="The page to write; tables and figure beside it.")
    ] = Path("compare.html"),
    out: Out = Path("runs"),
    quiet: Quiet = False,
) -> None:
    """Put several studies, or one study from several machines, on one page.

    [dim]Example:[/]  planb compare sandbox lora_rank
    [dim]Machines:[/]  planb compare laptop/runs/sandbox server/runs/sandbox
    """
    from planb.report.compare import write_comparison

    if len(studies) < 2:
        raise PlanBError("name two studies or more to compare; one has its own page: planb report")
    if page.suffix != ".html":
        raise PlanBError(f"{page} is not the name of a page: end it with .html")
    folders = [one if one.is_dir() else out / one for one in studies]
    columns = write_comparison(folders, page)
    console = Console()
    if not quiet:
        first = columns[0].table
        table = Table(title=columns[0].title)
        for place, head in enumerate(first.head):
            table.add_column(Text(head), justify="right" if place else "left")
        for row in first.rows:
            table.add_row(*map(Text, row))
        console.print(table)
        console.print(columns[0].apart, markup=False, highlight=False)
    console.print(str(page), markup=False, highlight=False, soft_wrap=True)
