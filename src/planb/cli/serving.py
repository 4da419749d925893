"""``planb serve``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def serve(
    checkpoint: Annotated[Path, typer.Argument(metavar="CHECKPOINT", help="A folder, or a hub id.")],
    name: Annotated[
        str, typer.Option(help="The model's name for clients (default: the folder's).")
    ] = "",
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 picks a free one.")
    ] = 8000,
    max_tokens: Annotated[
        int, typer.Option(min=1, help="Most tokens of a prompt and its answer together.")
    ] = 8192,
) -> None:
    """Serve a checkpoint, adapters included, in OpenAI's chat protocol: as a judge, as the target of an
    audit, or to try it.

    On a loopback address (the default) only requests to this machine's own names are answered, and none
    of another site's pages. Any other --host answers whoever reaches it: there is no password.

    [dim]Example:[/]  planb serve runs/sandbox/steps/organism-seed0-...
    """
    from planb.evals.serving import serve as serve_checkpoint

    serve_checkpoint(checkpoint, name or checkpoint.name, host, port, most_tokens=max_tokens)
