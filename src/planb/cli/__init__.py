"""The command line: verbs, no hyperparameters. A study holds everything that defines an experiment.

A file for each group of verbs: ``studies``, ``dashboard``, ``doctor``, ``serving``, ``data``.
"""

from __future__ import annotations

import sys

import typer
from rich.markup import escape

from planb.cli.certify import certify
from planb.cli.comparing import compare
from planb.cli.dashboard import dashboard
from planb.cli.data import data_app
from planb.cli.doctor import doctor
from planb.cli.hosted import hosted_app
from planb.cli.judge import judge_app
from planb.cli.models import models_app
from planb.cli.serving import serve
from planb.cli.studies import list_studies, plan, report, run, status
from planb.data.terminal import Console
from planb.errors import PlanBError
from planb.redaction import redacted

FIRST = """\
[bold]planb[/]: train language models to fail less severely

Type first, in this order:

  [bold]planb doctor[/]                    what this machine can run, how long it takes
  [bold]planb run sandbox --seeds 1[/]     a whole study: train, attack, judge, report
  [bold]planb dashboard[/]                 the run in a browser: steps, loss, figures
  [bold]planb list[/]                      the other studies
  [bold]planb plan my_study.py[/]          a study of your own: what would run

Stop a run at any time: the same command resumes it.
The results stand in runs/STUDY/report.html.

All commands: [bold]planb --help[/]
Completion by Tab: [bold]planb --install-completion[/]
"""
"""What ``planb`` alone prints."""

app = typer.Typer(
    name="planb",
    invoke_without_command=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help=(
        "Train language models to fail less severely: Plan B, its baselines, the studies around them."
        "\n\nA [bold]study[/] is a Python value: base models, model organisms, safety training, "
        "attacks, judges, seeds. `planb run` runs it step by step; rerunning resumes from the last "
        "checkpoint. A study is a name from `planb list`, or a .py file that defines `study`."
        "\n\n[bold]Start:[/]  planb run sandbox --seeds 1    [dim]a few minutes on two cores[/]"
        "\n\n[bold]Then:[/]  planb plan my_study.py    [dim]what would run, how long it takes[/]"
    ),
    epilog=(
        "[bold]Exit codes:[/]  0 done; 1 a step failed, or files are damaged, or a check says no; "
        "2 wrong input or nothing to do it with, with what to do; 130 stopped by Ctrl-C "
        "(rerunning resumes)."
    ),
)


@app.callback()
def first(asked: typer.Context) -> None:
    if asked.invoked_subcommand is None:
        Console().print(FIRST, highlight=False)


for verb in (run, plan, status, dashboard, doctor, serve):
    app.command()(verb)
app.command("list")(list_studies)
app.command()(report)
app.command()(compare)
app.command()(certify)
app.add_typer(models_app, name="models")
app.add_typer(data_app, name="data")
app.add_typer(judge_app, name="judge")
app.add_typer(hosted_app, name="hosted")


def main() -> None:
    """Run the command line. A user's error is printed with what to do, and ends with exit code 2."""
    try:
        app()
    except PlanBError as error:
        Console(stderr=True).print(
            f"[bold red]Error:[/] [red]{escape(redacted(str(error)))}[/]", soft_wrap=True
        )
        sys.exit(2)
