"""``planb data write`` and ``planb data instructions``: models write requests and tiers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from planb.data.terminal import Console
from planb.errors import PlanBError
from planb.types import Trigger

if TYPE_CHECKING:
    from planb.evals.writing import Writer

PACKAGED = "packaged"
REQUESTS = "requests"
Words = list[str] | None


def write(
    requests: Annotated[
        Path | None, typer.Argument(metavar="[REQUESTS]", help="Requests: JSONL or Parquet.")
    ] = None,
    out: Annotated[Path, typer.Option(metavar="FILE", help="The requests with the new tiers.")] = Path(
        "written.jsonl"
    ),
    writer: Annotated[
        Words, typer.Option(metavar="TIER=MODEL", help="An Inspect model that writes a tier.")
    ] = None,
    canned: Annotated[
        Words, typer.Option(metavar="TIER[=FILE]", help="Canned texts for a tier, one a line.")
    ] = None,
    plan: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Writers as YAML, TOML or JSON.")
    ] = None,
    instructions: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Has TIER.txt, the instruction of that tier's writer."),
    ] = None,
    base_url: Annotated[str, typer.Option(metavar="URL", help="Where the models are served.")] = "",
    count: Annotated[
        int | None, typer.Option("-n", min=1, metavar="N", help="Responses to each request.")
    ] = None,
    temperature: Annotated[float | None, typer.Option(min=0, help="Sampling temperature.")] = None,
    max_tokens: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Longest response; longer ones are left out.")
    ] = None,
    tries: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Rejected answers in a row before giving up.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(metavar="N", help="Seed of sampling and canned texts.")
    ] = None,
    max_connections: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Concurrent calls per writer.")
    ] = None,
    timeout: Annotated[
        int | None, typer.Option(min=1, metavar="S", help="Time limit of a call, in seconds.")
    ] = None,
    retries: Annotated[
        int | None,
        typer.Option(min=0, metavar="N", help="Retries of a call after 429, 5xx or no answer."),
    ] = None,
    cache: Annotated[
        bool, typer.Option("--cache/--no-cache", help="Take answers from Inspect's cache.")
    ] = True,
    price_in: Annotated[
        float | None, typer.Option("--cost-per-mtok-in", min=0, help="USD a million tokens.")
    ] = None,
    price_out: Annotated[
        float | None, typer.Option("--cost-per-mtok-out", min=0, help="USD a million tokens.")
    ] = None,
    trigger: Annotated[
        str, typer.Option(metavar="TEXT", help="The organism's trigger: it must not occur in any text.")
    ] = "",
    replace: Annotated[bool, typer.Option("--replace", help="Regenerate existing responses.")] = False,
    number: Annotated[
        int | None, typer.Option("--requests", min=1, metavar="N", help="Write N new requests instead.")
    ] = None,
    about: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Topics of new requests, one a line.")
    ] = None,
    harmful: Annotated[
        bool | None, typer.Option("--harmful/--harmless", help="What the new requests are.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Estimate calls, tokens and cost; send nothing.")
    ] = False,
) -> None:
    """Generate tiered responses with models: any that Inspect supports, or a server.

    Writers of [bold]refusal, harmful, helpful[/] get the request alone; those of [bold]useless,
    german_refusal[/] also get an instruction (`planb data instructions`). helpful is
    written for harmless requests, the others for harmful ones.

    Every answer is journalled beside FILE: rerunning resumes. Empty, cut-off and
    unfitting answers are left out, retried, and listed if they stay missing. Tokens
    are those the provider reports, cost is in USD. Exit code 0 if all was written,
    1 if some is missing.

    [dim]Example:[/]  planb data write requests.jsonl --canned refusal
    --writer harmful=openai-api/local/open --base-url http://127.0.0.1:8000/v1

    planb data write --requests 500 --about topics.txt --harmful
    --writer requests=openai/gpt-5 --out requests.jsonl
    """
    fields = {
        "base_url": base_url or None,
        "count": count,
        "temperature": temperature,
        "max_tokens": max_tokens,
        "tries": tries,
        "seed": seed,
        "max_connections": max_connections,
        "attempt_timeout": timeout,
        "max_retries": retries,
        "price_in": price_in,
        "price_out": price_out,
        "cache": None if cache else False,
    }
    given = {name: value for name, value in fields.items() if value is not None}
    writers = _writers(writer, canned, plan, instructions, given)
    secret = Trigger(text=trigger) if trigger else None
    if number is None and about is None:
        if requests is None:
            raise PlanBError("name the file of requests, or write new ones: --requests N --about FILE")
        _write_tiers(requests, out, writers, secret, replace, dry_run)
        return
    if number is None or about is None or harmful is None or requests is not None:
        raise PlanBError(
            "new requests need --requests N, --about FILE and --harmful or --harmless, and no file of "
            "requests beside them"
        )
    _write_requests(number, about, out, writers, secret, harmful, dry_run)


def instructions(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the texts are written.")],
) -> None:
    """Export the writers' instructions and the canned texts, to edit them.

    Give FOLDER to `planb data write --instructions`. Existing files are kept. The
    writer of a tier without a text gets the request alone.

    [dim]Example:[/]  planb data instructions my_texts
    """
    from planb.evals.writing.texts import write_texts

    console = Console()
    for paths, said in zip(write_texts(folder), ("", " (kept)"), strict=True):
        for path in paths:
            console.print(f"{path}{said}", markup=False, highlight=False, soft_wrap=True)


def _write_tiers(
    requests: Path,
    out: Path,
    writers: tuple[Writer, ...],
    trigger: Trigger | None,
    replace: bool,
    dry_run: bool,
) -> None:
    from planb.data.files import read_examples, write_examples
    from planb.evals.progress import shown
    from planb.evals.writing import write_tiers
    from planb.evals.writing.console import show_estimates, show_written, write_missing
    from planb.evals.writing.estimate import estimate

    examples, console = read_examples(requests), Console()
    journal, missing = _beside(out, "answers"), _beside(out, "missing")
    if out.exists() and out.resolve() != requests.resolve():
        _is_ours(out, journal)
    if dry_run:
        found = estimate(examples, writers, journal, trigger=trigger, replace=replace)
        show_estimates(console, found)
        return
    with shown(Console(stderr=True), "writing", "written") as progress:
        result = write_tiers(
            examples, writers, journal, trigger=trigger, replace=replace, progress=progress
        )
    write_examples(out, result.examples)
    write_missing(missing, result.missing)
    show_written(console, result)
    _end(console, [out, missing] if result.missing else [out], bool(result.missing))


def _write_requests(
    number: int,
    about: Path,
    out: Path,
    writers: tuple[Writer, ...],
    trigger: Trigger | None,
    harmful: bool,
    dry_run: bool,
) -> None:
    from planb.data.files import write_examples
    from planb.evals.progress import shown
    from planb.evals.writing import write_requests
    from planb.evals.writing.console import show_estimates, show_requests
    from planb.evals.writing.new_requests import estimate_requests, read_topics

    if [one.tier for one in writers] != [REQUESTS]:
        raise PlanBError(f"new requests have one writer: --writer {REQUESTS}=MODEL")
    topics, console, journal = read_topics(about), Console(), _beside(out, "answers")
    if out.exists():
        _is_ours(out, journal)
    if dry_run:
        show_estimates(console, [estimate_requests(topics, writers[0], number, journal)])
        return
    with shown(Console(stderr=True), "writing", "written") as progress:
        found = write_requests(
            topics, writers[0], number, journal, harmful=harmful, trigger=trigger, progress=progress
        )
    if found.examples:
        write_examples(out, found.examples)
    show_requests(console, found)
    _end(console, [out] if found.examples else [], len(found.examples) < number)


def _writers(
    named: Words, canned: Words, plan: Path | None, folder: Path | None, given: dict[str, Any]
) -> tuple[Writer, ...]:
    """The writers of the plan, then those of the options, which share ``given``."""
    from planb.evals.writing import read_plan
    from planb.evals.writing.writer import writer_of

    writers = list(read_plan(plan)) if plan else []
    if plan and given and not (named or canned):
        raise PlanBError(
            f"a plan holds all settings of its writers: put {', '.join(given)} into {plan}"
        )
    for pair in named or ():
        tier, equals, model = pair.partition("=")
        if not equals or not tier or not model:
            raise PlanBError(f"--writer {pair}: write TIER=MODEL, as harmful=openai-api/local/open")
        own = folder / f"{tier}.txt" if folder else None
        told = {"instruction": str(own)} if own and own.exists() else {}
        writers.append(writer_of({**given, "tier": tier, "model": model, **told}, f"--writer {pair}"))
    for pair in canned or ():
        tier, _, file = pair.partition("=")
        own = folder / f"canned_{tier}.txt" if folder else None
        texts = file or (str(own) if own and own.exists() else PACKAGED)
        shared: dict[str, Any] = {name: given[name] for name in ("count", "seed") if name in given}
        writers.append(writer_of({**shared, "tier": tier, "canned": texts}, f"--canned {pair}"))
    if folder and not folder.is_dir():
        raise PlanBError(f"there is no folder {folder}: `planb data instructions {folder}` creates it")
    return tuple(writers)


def _beside(out: Path, what: str) -> Path:
    return out.with_suffix(f".{what}.jsonl")


def _is_ours(out: Path, journal: Path) -> None:
    """A file that this command did not write is not written over."""
    if not journal.exists():
        raise PlanBError(f"{out} exists and was not written by this command: give another --out")


def _end(console: Console, files: list[Path], missing: bool) -> None:
    for path in files:
        console.print(str(path), markup=False, highlight=False, soft_wrap=True)
    if missing:
        console.print("Rerun the same command to retry the calls that failed.")
        raise typer.Exit(1)
