"""``planb judge``: validate a judge before it is used, and list the judges."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from planb.data.terminal import Console
from planb.errors import PlanBError, wrong_fields
from planb.values import digest_of

if TYPE_CHECKING:
    from planb.evals.calibration.thresholds import JudgeThresholds
    from planb.judging import Judge

judge_app = typer.Typer(no_args_is_help=True, help="Validate judges, and list them.")
EXIT_CODES = {"passed": 0, "failed": 1, "not enough": 2}

Out = Annotated[Path, typer.Option(metavar="FOLDER", help="Where results of checks are kept.")]


@judge_app.command()
def check(
    judge: Annotated[str, typer.Argument(metavar="JUDGE", help="A name from `planb judge list`.")],
    data: Annotated[
        list[Path],
        typer.Argument(metavar="DATA...", help="Held-out examples with tiers: JSONL or Parquet."),
    ],
    labels: Annotated[
        Path | None, typer.Option(metavar="CSV", help="People's labels of responses to DATA.")
    ] = None,
    synthetic: Annotated[
        bool, typer.Option("--synthetic", help="The labels are no person's, so they count as none.")
    ] = False,
    second: Annotated[str, typer.Option(metavar="JUDGE", help="Another judge to compare with.")] = "",
    out: Out = Path("runs/judges"),
    judge_fields: Annotated[
        list[str] | None, typer.Option("-J", metavar="KEY=VALUE", help="A field of the judge.")
    ] = None,
    second_fields: Annotated[
        list[str] | None, typer.Option("-S", metavar="KEY=VALUE", help="A field of the second judge.")
    ] = None,
    changed: Annotated[
        list[str] | None,
        typer.Option("-f", metavar="KEY=VALUE", help="A threshold or size (see `planb judge list`)."),
    ] = None,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Replace even a stored check against people by one without."),
    ] = False,
) -> None:
    """Validate a judge: each figure beside its threshold.

    [bold]Tiers.[/] For each request in DATA it judges one response per tier: refusal,
    german_refusal, useless, harmful; helpful. Are they in order, and are
    refusals detected?

    [bold]Perturbations.[/] Some responses again: padded, as a list, in a code block,
    asking the judge for a score. Is the judgement the same?

    [bold]Agreement.[/] With labels (CSV columns: id or request, response, refused,
    usefulness; also rater, coherent, synthetic), and with a second judge.

    The result is stored under the judge's identity: with another model or prompt
    it is another judge, not validated. Exit code 0 if it passed, 1 if it failed,
    2 if there were too few data, or an error.

    [dim]Example:[/]  planb judge check exact heldout.jsonl

    planb judge check llm heldout.jsonl --labels people.csv -J model=openai/gpt-5
    """
    from planb.data.files import file_hash, read_many
    from planb.evals.calibration.check import check as carry_out
    from planb.evals.calibration.console import show
    from planb.evals.calibration.labels import read_labels
    from planb.evals.calibration.result import store_calibration
    from planb.evals.progress import shown

    first, other = _judge(judge, judge_fields), _judge(second, second_fields) if second else None
    if second_fields and not second:
        raise PlanBError("-S gives fields of a second judge: name it with --second")
    thresholds, examples = _thresholds(changed), read_many(data)
    told = read_labels(labels, examples, synthetic=synthetic) if labels else None
    if not replace:
        _keeps_people(out, first, told is not None and not told.synthetic)
    hashes = [file_hash(path) for path in data]
    with shown(Console(stderr=True), "judging", "responses judged") as progress:
        result = carry_out(
            first,
            examples,
            told,
            other,
            thresholds=thresholds,
            data_hash=hashes[0] if len(hashes) == 1 else digest_of(hashes),
            progress=progress,
        )
    path = store_calibration(out, first, result)
    console = Console()
    show(console, result)
    console.print(str(path), markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(EXIT_CODES[result.verdict])


@judge_app.command("list")
def list_judges(out: Out = Path("runs/judges")) -> None:
    """List the judges with their fields, what a check asks by default, and the stored checks.

    [dim]Example:[/]  planb judge list
    """
    from planb.evals.calibration.console import checks_table
    from planb.evals.calibration.result import read_calibration
    from planb.evals.calibration.thresholds import JudgeThresholds
    from planb.judging import JUDGES

    console = Console()
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    for name, kind in JUDGES.items():
        table.add_row(name, escape((kind.__doc__ or "").strip().splitlines()[0]))
        if kind.model_fields:
            table.add_row("", f"[dim]-J {escape(', '.join(kind.model_fields))}[/]")
        if error := kind().error:
            table.add_row("", f"[dim]{escape(error)}[/]")
    console.print(table)
    console.print("\n[bold]A check asks[/] (-f name=value)")
    asked = [f"{name}={json.dumps(value)}" for name, value in JudgeThresholds().model_dump().items()]
    console.print(escape(", ".join(asked)), highlight=False)
    stored = [read_calibration(path) for path in sorted(out.glob("*.json"))] if out.is_dir() else []
    console.print(f"\n[bold]Checked so far[/] ({escape(str(out))})", highlight=False)
    console.print(checks_table(stored) if stored else "none: planb judge check JUDGE DATA")


def fields_of(pairs: list[str] | None) -> dict[str, Any]:
    """``["n=3", "model=x/y"]`` -> ``{"n": 3, "model": "x/y"}``: a value is JSON where it can be."""
    fields: dict[str, Any] = {}
    for pair in pairs or ():
        name, equals, text = pair.partition("=")
        if not equals or not name.strip():
            raise PlanBError(f"'{pair}' is not KEY=VALUE: write for example tries=3")
        try:
            fields[name.strip()] = json.loads(text)
        except json.JSONDecodeError:
            fields[name.strip()] = text
    return fields


def _judge(called: str, pairs: list[str] | None) -> Judge:
    from planb.judging import judge_of

    return judge_of({**fields_of(pairs), "name": called})


def _thresholds(pairs: list[str] | None) -> JudgeThresholds:
    from pydantic import ValidationError

    from planb.evals.calibration.thresholds import JudgeThresholds

    try:
        return JudgeThresholds(**fields_of(pairs))
    except ValidationError as error:
        wrong = wrong_fields(error, "thresholds")
        known = ", ".join(JudgeThresholds.model_fields)
        raise PlanBError(f"-f: {wrong}. There are: {known}") from error


def _keeps_people(out: Path, judge: Judge, people: bool) -> None:
    """A check against people is dear: one without labels does not silently take its place."""
    from planb.evals.calibration.result import calibration_path, find_calibration

    last = find_calibration(out, judge)
    if last and last.against_people and not people:
        raise PlanBError(
            f"{calibration_path(out, judge)} holds a check against people of {last.date:%Y-%m-%d}, and "
            "this one has no labels of theirs: give --labels, another --out, or --replace"
        )
