"""``planb hosted``: cost of fine-tuning jobs at a host, and how to cancel them."""

from __future__ import annotations

from pathlib import Path

import typer
from rich.text import Text

from planb.cli.options import Out, Seeds, StudyName, found_study
from planb.data.terminal import Console, Table

hosted_app = typer.Typer(
    no_args_is_help=True, help="Cost and cancel fine-tuning jobs at a host (OpenAI's API)."
)


@hosted_app.command()
def cost(study: StudyName, seeds: Seeds = None, out: Out = Path("runs")) -> None:
    """Show the cost of the study's fine-tuning jobs, estimated and spent. Nothing is sent.

    Tokens are estimated (four characters each) until a job is done; then they
    are the host's count. USD need a price: HostedBase(...,
    usd_per_million=25.0).

    [dim]Example:[/]  planb hosted cost my_study.py
    """
    from planb.study.planning.hosted_jobs import costs

    declared, folder = found_study(study, seeds, out)
    found = costs(declared.steps(), folder)
    table = Table()
    table.add_column("job")
    for name in ("rows", "tokens", "USD"):
        table.add_column(name, justify="right")
    spent = sum(job.spend.usd or 0.0 for job in found if job.done)
    to_come = sum(job.about_usd or 0.0 for job in found if not job.done)
    for job in found:
        tokens, dollars = job.spend.trained_tokens, job.spend.usd
        shown = f"{tokens:,}" if tokens is not None else f"about {job.spend.about_tokens:,}"
        price = dollars if job.done else job.about_usd
        money = "?" if price is None else f"{price:.2f}" if job.done else f"about {price:.2f}"
        table.add_row(Text(job.step.slug), f"{job.spend.rows:,}", shown, money)
    priced = any(job.about_usd is not None for job in found)
    table.caption = (
        f"{spent:.2f} USD spent, about {to_come:.2f} to come" if priced else "no price given"
    )
    Console().print(table if found else "This study trains nothing at a host.")


@hosted_app.command()
def stop(study: StudyName, seeds: Seeds = None, out: Out = Path("runs")) -> None:
    """Cancel the jobs that an interrupted run left running at its hosts.

    Ctrl-C does not cancel them: without `stop`, `planb run` picks them up
    again. After `stop` it starts them from the beginning, and pays again.

    [dim]Example:[/]  planb hosted stop my_study.py
    """
    from planb.study.planning.hosted_jobs import stop_jobs

    declared, folder = found_study(study, seeds, out)
    stopped = stop_jobs(declared.steps(), folder)
    for step, job in stopped:
        Console().print(f"{step.slug}: {job} cancelled", highlight=False)
    if not stopped:
        Console().print("No job of this study is running at a host.")
