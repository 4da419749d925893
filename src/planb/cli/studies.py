"""Verbs on studies: run, plan, status, list, report."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from planb.cli.options import (
    Jobs,
    Json,
    On,
    Out,
    Quiet,
    Redact,
    Seeds,
    Steps,
    StudyName,
    Verify,
    found_study,
    print_json,
    uncollected,
)
from planb.data.terminal import Console, Table
from planb.errors import PlanBError
from planb.redaction import redacted

if TYPE_CHECKING:
    from planb.study.source import Declared
    from planb.study.steps.step import Step


def run(
    study: StudyName,
    seeds: Seeds = None,
    jobs: Jobs = None,
    out: Out = Path("runs"),
    on: On = "local",
    steps: Steps = "",
    redact: Redact = False,
    verify: Verify = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Run a study: train, attack, judge, report.

    Finished steps are not repeated. Stop it at any time: rerunning resumes from
    the last checkpoint. A finished step whose files have changed is run again.
    Exit code 1 if a step failed, 130 if the run was stopped. With --json the
    progress goes to stderr.

    [dim]Example:[/]  planb run sandbox --seeds 1
    [dim]On a cluster:[/]  planb run sandbox --on ray --out /shared/runs
    """
    from planb.cli import tables
    from planb.cli.as_json import outcome_as_json
    from planb.study.running import scheduler
    from planb.study.running.progress import Watcher, span, watcher_for
    from planb.study.study import Study

    console = Console(stderr=json)
    declared, folder = found_study(study, seeds, out)
    if isinstance(declared, Study):
        declared.check()
    if verify:
        scheduler.plan(declared.steps(), folder, url=steps, verify=True)
    watch = Watcher() if quiet else watcher_for(console)
    outcome = scheduler.run(declared.steps(), folder, jobs, watch, studies=out, on=on, url=steps)
    if outcome.exit_code:
        if json:
            print_json(outcome_as_json(declared.name, outcome, None))
        elif outcome.interrupted:
            console.print("\nStopped. Rerunning resumes from here.", style="yellow")
        else:
            console.print()
            console.print(tables.failure_table(outcome))
            console.print("\nAll other steps are kept; rerunning retries only these.")
        raise typer.Exit(outcome.exit_code)
    report = _report(None if json or quiet else console, declared, folder, redact, steps)
    if json:
        print_json(outcome_as_json(declared.name, outcome, report))
        return
    if quiet:
        _say(console, str(report))
        return
    again = "nothing was left to do" if not outcome.ran else f"done in {span(outcome.seconds)}"
    console.print(f"{declared.name}: {again}. Report: [bold]{escape(str(report))}[/]", soft_wrap=True)


def plan(
    study: StudyName,
    seeds: Seeds = None,
    jobs: Jobs = None,
    out: Out = Path("runs"),
    steps: Steps = "",
    singly: Annotated[
        bool, typer.Option("--all-steps", help="List every step, however many there are.")
    ] = False,
    graph: Annotated[
        bool,
        typer.Option("--graph", help="Only the kinds of step: how many of each, and made of what."),
    ] = False,
    json: Json = False,
) -> None:
    """Show what a run would do: every step, its state, and the remaining time.

    For published models also rows, tokens, GPU hours and memory, estimated
    before anything starts.

    [dim]Example:[/]  planb plan sandbox
    """
    from planb.cli import tables
    from planb.cli.as_json import plan_as_json
    from planb.cli.planned import planned
    from planb.study.planning.arrows import arrows
    from planb.study.planning.budget import without_card
    from planb.study.running import scheduler
    from planb.study.source import Budgeted
    from planb.study.steps.own_task import tried_later
    from planb.study.steps.step import identities_once
    from planb.study.study import Study

    declared, folder = found_study(study, seeds, out)
    console = Console()
    if isinstance(declared, Study):
        declared.check()
    with identities_once():
        if graph:
            console.print(tables.arrows_tree(arrows(declared.steps())))
            return
        states = scheduler.plan(declared.steps(), folder, studies=out, url=steps)
        cores = jobs or os.cpu_count() or 1
        if json:
            print_json(plan_as_json(declared.name, planned(states, folder, cores, steps)))
            return
        console.print(tables.plan_table(states, folder, cores, steps, singly))
        if isinstance(declared, Budgeted) and (lines := declared.budget()):
            console.print()
            console.print(tables.budget_table(lines))
        if names := without_card(declared.steps()):
            console.print(f"\n{tables.unknown_models(names)}", soft_wrap=True)
        if later := tried_later(step for step, state in states if state != "done"):
            console.print(f"\n{tables.untried_tasks(later)}", soft_wrap=True)
        if refused := _refused(states):
            console.print(
                f"\n[yellow]A run here would be refused:[/] {escape(refused)}", soft_wrap=True
            )


@uncollected()
def status(
    study: StudyName,
    seeds: Seeds = None,
    out: Out = Path("runs"),
    steps: Steps = "",
    verify: Verify = False,
    json: Json = False,
) -> None:
    """Show the state of a study: steps done, running and failed, and where the results are.

    Exit code 1 if a finished step is damaged.

    [dim]Example:[/]  planb status sandbox
    """
    from planb.cli import tables
    from planb.cli.as_json import status_as_json
    from planb.study.planning.plan import plan as planned

    console = Console()
    declared, folder = found_study(study, seeds, out)
    states = planned(declared.steps(), folder, studies=out, url=steps, verify=verify)
    made = [
        folder / name for name in ("results.csv", "report.html", "logs") if (folder / name).exists()
    ]
    if json:
        print_json(status_as_json(declared.name, states, made))
    else:
        console.print(tables.status_table(states, folder, steps))
        for path in made:
            _say(console, str(path))
        if not made:
            _say(console, f"no results yet: planb run {study}")
    if any(state == "damaged" for _, state in states):
        raise typer.Exit(1)


def list_studies(
    sandbox: Annotated[
        bool,
        typer.Option(
            "--sandbox",
            help="Only the names of those that train their own tiny base: no download. One a line.",
        ),
    ] = False,
    json: Json = False,
) -> None:
    """List the declared studies.

    [dim]Example:[/]  planb list
    """
    from planb.studies import STUDIES, title_of

    if sandbox:
        from planb.study.steps.pretrain import PretrainedBase

        for name, declare in STUDIES.items():
            if all(isinstance(base, PretrainedBase) for base in declare().bases):
                print(name)
        return
    titles = {name: title_of(declare) for name, declare in STUDIES.items()}
    if json:
        print_json([{"name": name, "title": title} for name, title in titles.items()])
        return
    table = Table(show_header=False)
    for name, title in titles.items():
        table.add_row(f"[bold]{escape(name)}[/]", escape(title))
    Console().print(table)


def report(
    study: StudyName,
    seeds: Seeds = None,
    out: Out = Path("runs"),
    steps: Steps = "",
    redact: Redact = False,
    verify: Verify = False,
    quiet: Quiet = False,
) -> None:
    """Regenerate the report from the finished evaluation logs. No model is trained or called.

    Damaged steps are named and left out, with exit code 2.

    [dim]Example:[/]  planb report sandbox
    """
    from planb.study.running import scheduler

    declared, folder = found_study(study, seeds, out)
    if not folder.exists() and not steps:
        raise PlanBError(
            f"{folder} does not exist, so there is nothing to report: run `planb run {study}` first"
        )
    console = Console()
    if verify:
        scheduler.plan(declared.steps(), folder, url=steps, verify=True)
    _say(console, str(_report(None if quiet else console, declared, folder, redact, steps)))


def _refused(states: Iterable[tuple[Step, str]]) -> str:
    """Why a run of the steps that are not done would not begin on this machine; "" where it would."""
    for step, state in states:
        try:
            if state != "done":
                step.check()
        except PlanBError as error:
            return redacted(str(error))
    return ""


def _say(console: Console, line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)


def _report(console: Console | None, declared: Declared, folder: Path, redact: bool, url: str) -> Path:
    """Write the report, and print its headline table if there is a console, also where damaged steps
    are left out of it."""
    from planb.study.reporting import DamagedStepsError

    try:
        path = declared.write_report(folder, redact=redact, url=url)
    except DamagedStepsError as error:
        if error.page is not None and console:
            _print_results(console, declared, folder)
        raise
    if console:
        _print_results(console, declared, folder)
    return path


def _print_results(console: Console, declared: Declared, folder: Path) -> None:
    from planb.cli import tables
    from planb.domains import HARM
    from planb.study.study import Study

    domain = declared.domain if isinstance(declared, Study) else HARM
    if table := tables.results_table(folder / "results.csv", domain):
        console.print()
        console.print(table)
        console.print()
