"""``planb judge``: validate a judge before it is used, and list the judges."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from planb.cli.judge_label import label
from planb.cli.judge_train import train
from planb.data.terminal import Console, Table
from planb.errors import PlanBError, wrong_fields
from planb.values import digest_of

if TYPE_CHECKING:
    from planb.evals.calibration.labels import Labels
    from planb.evals.calibration.result import CalibrationResult
    from planb.evals.calibration.thresholds import JudgeThresholds
    from planb.judging import Judge
    from planb.types import Example

judge_app = typer.Typer(no_args_is_help=True, help="Validate judges, and list them.")
PYRIT = "pyrit"
judge_app.command()(label)
judge_app.command()(train)
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
        str,
        typer.Option(
            metavar="CSV|pyrit",
            help="People's labels of responses to DATA; `pyrit`: its wheel in DATA.",
        ),
    ] = "",
    any_version: Annotated[
        bool, typer.Option("--any-version", help="Read another wheel than the pinned one.")
    ] = False,
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
        typer.Option("--replace", help="Replace a stored check even by one of less."),
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
    [bold]--labels pyrit[/] reads answers that people graded out of PyRIT's wheel (pip
    download --no-deps pyrit==1.1.0); DATA may then be the wheel alone. Its texts are
    harmful: none is printed or stored, and a judge model's cache is off.

    Writes JSON, CSV and a page. The result is stored under the judge's identity:
    with another model or prompt it is another judge, not validated. Exit code 0 if
    it passed, 1 if it failed, 2 if there were too few data, or an error.

    [dim]Example:[/]  planb judge check exact heldout.jsonl

    planb judge check llm heldout.jsonl --labels people.csv -J model=openai/gpt-5

    planb judge check refusal_strings pyrit-1.1.0-py3-none-any.whl --labels pyrit
    """
    from planb.data.files import file_hash
    from planb.evals.calibration.check import check as carry_out
    from planb.evals.calibration.console import show
    from planb.evals.calibration.result import store_calibration
    from planb.evals.progress import shown

    first, other = _judge(judge, judge_fields), _judge(second, second_fields) if second else None
    if second_fields and not second:
        raise PlanBError("-S gives fields of a second judge: name it with --second")
    thresholds = _thresholds(changed)
    examples, told = read_data(data, labels, synthetic, any_version)
    if told and told.published:
        first, other = _uncached(first), _uncached(other) if other else None
    if not replace:
        _keeps_more(out, first, told is not None and not told.synthetic, bool(examples))
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
    page = _write_shown(path, result)
    console = Console()
    show(console, result)
    for written in (path, page):
        console.print(str(written), markup=False, highlight=False, soft_wrap=True)
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
    table = Table(show_header=False)
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


def read_data(
    data: list[Path], labels: str, synthetic: bool, any_version: bool
) -> tuple[list[Example], Labels | None]:
    """The examples and the labels: those of a CSV are of responses to the examples, those of a
    published set are in the one wheel among the files. PlanBError says what is missing."""
    from planb.data.files import read_many
    from planb.evals.calibration.labels import read_labels
    from planb.evals.calibration.pyrit import FETCH, read_pyrit

    wheels = [path for path in data if path.suffix == ".whl"]
    if labels == PYRIT and len(wheels) != 1:
        raise PlanBError(f"--labels pyrit reads one wheel of PyRIT among DATA: {FETCH}")
    if wheels and labels != PYRIT:
        raise PlanBError(f"{wheels[0]} is a wheel: --labels pyrit reads the labels in it")
    examples = read_many([path for path in data if path not in wheels])
    if wheels:
        return examples, read_pyrit(wheels[0], any_version=any_version)
    return examples, read_labels(labels, examples, synthetic=synthetic) if labels else None


def _uncached(judge: Judge) -> Judge:
    """The judge without a cache of what it was asked, which would keep the texts on disk."""
    return judge.but(cache=False) if "cache" in type(judge).model_fields else judge


def _write_shown(stored: Path, result: CalibrationResult) -> Path:
    """The result's figures as a CSV and as a page beside the stored file; the page's path."""
    from planb.evals.calibration.console import meaning, part_titles
    from planb.evals.calibration.result import write_figures
    from planb.report.checks.judge_page import ShownPart, write_judge_page

    write_figures(stored.with_suffix(".csv"), result)
    parts = [
        ShownPart(part, title, [figure for figure in result.figures if figure.part == part])
        for part, title in part_titles(result).items()
    ]
    facts = {
        "Model": result.model,
        "Rubric": result.rubric,
        "Labels (SHA-256)": result.labels_hash,
        "Data (SHA-256)": result.data_hash,
        "Responses judged": f"{result.n:,}, of {result.unscored:,} of which it said nothing",
        "Date": f"{result.date:%Y-%m-%d}",
    }
    silent = [f"It said nothing of {number:,}: {why}" for why, number in result.reasons.items()]
    page = stored.with_suffix(".html")
    write_judge_page(
        page,
        title=result.title,
        verdict=result.verdict,
        meaning=meaning(result),
        parts=parts,
        notes=[*result.notes, *silent, *(f"Not measured: {why}" for why in result.skipped)],
        facts=[(name, value) for name, value in facts.items() if value],
    )
    return page


def _keeps_more(out: Path, judge: Judge, people: bool, tiers: bool) -> None:
    """What a check found against people, and on tiers, is dear: one without does not silently take its
    place."""
    from planb.evals.calibration.result import calibration_path, find_calibration

    last = find_calibration(out, judge)
    if last is None:
        return
    had = {
        "against people": last.against_people and not people,
        "on tiers": any(figure.part == "tiers" for figure in last.figures) and not tiers,
    }
    if lost := [what for what, gone in had.items() if gone]:
        raise PlanBError(
            f"{calibration_path(out, judge)} holds a check {' and '.join(lost)} of "
            f"{last.date:%Y-%m-%d}, and this one has none: give --labels (data with tiers), another "
            "--out, or --replace"
        )
