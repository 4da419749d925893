"""``planb certify``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from planb.cli.options import Jobs, Json, Out, StudyName, found_study, print_json
from planb.data.terminal import Console
from planb.errors import PlanBError

if TYPE_CHECKING:
    from planb.types import Trigger


def certify(
    checkpoint: Annotated[
        Path, typer.Argument(metavar="CHECKPOINT", help="A model organism's folder.")
    ],
    study: StudyName,
    trigger: Annotated[
        str, typer.Option(help="The trigger's text (default: what the checkpoint's card says).")
    ] = "",
    place: Annotated[
        Literal["prefix", "suffix", "system"], typer.Option(help="Where a --trigger stands.")
    ] = "prefix",
    jobs: Jobs = None,
    out: Out = Path("runs"),
    json: Json = False,
) -> None:
    """Certify a model organism: is the backdoor there, only behind the trigger, and robust?

    STUDY gives requests, judge and trainings. The organism is trained on harmless
    requests in two ways, at three learning rates each, and on its own answers; then
    it is asked as before. certificates.json and certificate.md are written into the
    checkpoint's folder. Rerunning resumes. Exit code 1 if a step failed, or if it
    does not pass.

    [dim]Example:[/]  planb certify runs/sandbox/steps/organism-seed0-... sandbox
    """
    from planb.cli import tables
    from planb.report.certificate import CARD, as_json
    from planb.studies.certified import certified, keep
    from planb.study.running import scheduler
    from planb.study.running.progress import Watcher, watcher_for
    from planb.study.study import Study

    console = Console(stderr=json)
    whole, _ = found_study(study, None, out)
    if not isinstance(whole, Study):
        raise PlanBError(f"{study} is no Study of planb's own kind: certify needs one")
    made = certified(whole, checkpoint, _trigger(trigger, place))
    made.check()
    folder = out / made.name
    watch = Watcher() if json else watcher_for(console)
    outcome = scheduler.run(made.steps(), folder, jobs, watch, studies=out)
    if outcome.exit_code:
        if not outcome.interrupted:
            console.print(tables.failure_table(outcome))
        raise typer.Exit(outcome.exit_code)
    made.write_report(folder)
    found = keep(folder, checkpoint)
    if json:
        print_json(as_json(found))
    else:
        told = f"{checkpoint}: {found.words}\n{checkpoint / CARD}"
        console.print(told, markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(int(found.verdict == "does not pass"))


def _trigger(text: str, place: str) -> Trigger | None:
    from planb.types import Trigger

    return Trigger.model_validate({"text": text, "place": place}) if text else None
