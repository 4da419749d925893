"""``planb dashboard``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from planb.cli.options import Out
from planb.errors import PlanBError


def dashboard(
    out: Out = Path("runs"),
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 picks a free one.")
    ] = 8765,
) -> None:
    """Show all studies as a local site that follows a running study: steps, time left, loss, figures.

    Open the printed address in a browser, before a run or while it goes on. It reads the folder of
    results, changes nothing, and ends with Ctrl-C; no run depends on it. Only this machine is
    answered. From another one, tunnel: ssh -L 8765:localhost:8765 MACHINE.

    [dim]Example:[/]  planb dashboard
    """
    from planb.dashboard.app import app_of
    from planb.evals.guard import serve_guarded

    if out.exists() and not out.is_dir():
        raise PlanBError(f"{out} is a file: give the folder of the studies' results as --out")
    shown = f"studies of {out}"
    serve_guarded(
        app_of(out),
        "127.0.0.1",
        port,
        lambda url: print(f"{shown} at {url} (Ctrl-C stops it)", flush=True),
    )
