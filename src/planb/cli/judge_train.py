"""``planb judge train``: a local judge from people's labels."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from planb.data.terminal import Console
from planb.errors import PlanBError, wrong_fields


def train(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A small chat model: a card's name or a folder.")
    ],
    data: Annotated[
        list[Path], typer.Argument(metavar="DATA...", help="Examples, or the wheel of PyRIT.")
    ],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the judge is written.")],
    labels: Annotated[
        str,
        typer.Option(
            metavar="CSV|pyrit",
            help="People's labels of responses to DATA; `pyrit`: its wheel in DATA.",
        ),
    ] = "pyrit",
    any_version: Annotated[
        bool, typer.Option("--any-version", help="Read another wheel than the pinned one.")
    ] = False,
    changed: Annotated[
        list[str] | None,
        typer.Option("-f", metavar="KEY=VALUE", help="A setting, for example passes=3."),
    ] = None,
) -> None:
    """Train a local judge on people's labels: a LoRA on a small chat model.

    60 % of the requests are trained on (-f share=0.6), whole groups at a time; the
    judge's folder says which, so that `planb judge check` compares the others alone.
    Settings: share, passes, answer_tokens, prompt, batch, learning_rate, rank,
    max_length, seed. No text of a published set is printed. The adapter that is
    written holds no text, but a model may repeat what it was trained on: what was
    trained on harmful texts is to be kept as these are.

    A training that was killed is taken up by the same command.

    [dim]Example:[/]  planb judge train smollm2 pyrit-1.1.0-py3-none-any.whl --out judges/people
    """
    from pydantic import ValidationError

    from planb.cli.judge import fields_of, read_data
    from planb.evals.calibration.training import JudgeTraining, train_judge
    from planb.evals.progress import shown

    try:
        settings = JudgeTraining(**fields_of(changed))
    except ValidationError as error:
        known = ", ".join(JudgeTraining.model_fields)
        wrong = wrong_fields(error, "settings")
        raise PlanBError(f"-f: {wrong}. There are: {known}") from error
    _, told = read_data(data, labels, False, any_version)
    if told is None:
        raise PlanBError("a judge is trained on labels: give --labels")
    with shown(Console(stderr=True), "training", "updates") as progress:

        def tell(done: float, total: float, _: str) -> None:
            progress(int(done), int(total))

        record = train_judge(_folder(model), told, out, settings, tell)
    console = Console()
    counts = ", ".join(f"{name} {count:,}" for name, count in record.examples.items())
    left = len(told.groups) - len(record.groups)
    console.print(
        f"Trained on {len(record.groups):,} of {len(told.groups):,} requests ({counts}). The other "
        f"{left:,} are for the check:",
        highlight=False,
        soft_wrap=True,
    )
    wheel = " --any-version" if any_version else ""
    files = shlex.join(map(str, data))
    command = f"planb judge check trained {files} --labels {labels}{wheel} -J model={out}"
    console.print(command, markup=False, highlight=False, soft_wrap=True)


def _folder(model: str) -> Path:
    """A card's model that was fetched, a folder, or a hub id."""
    from planb.models.checkpoints import resolve_model
    from planb.models.fetched import fetched_folder, packaged

    return fetched_folder(model) if packaged(model) else resolve_model(model)
