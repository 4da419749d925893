"""``planb judge label``: people's labels of a study's own answers, so that its intervals hold the
judge's error."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from planb.cli.options import Out, Seeds, StudyName, found_study
from planb.data.terminal import Console
from planb.errors import PlanBError


def label(
    study: StudyName,
    read: Annotated[
        Path | None, typer.Option(metavar="CSV", help="Read this filled sheet back.")
    ] = None,
    each: Annotated[
        int, typer.Option(min=1, metavar="N", help="Answers of each method under each condition.")
    ] = 30,
    sample_seed: Annotated[
        int, typer.Option("--sample-seed", metavar="N", help="Which answers are drawn.")
    ] = 0,
    seeds: Seeds = None,
    out: Out = Path("runs"),
) -> None:
    """Label a random part of a study's answers by hand, and correct its means by the labels.

    First call: writes labels/to_label.csv into the study's folder, a random sample of
    the answers under the conditions of its headline. Fill in [bold]refused[/] (true or false),
    [bold]usefulness[/] (0-10; empty where refused) and, if wanted, [bold]coherent[/].

    Second call, with --read: stores the labels. `planb report` then shows
    prediction-powered means beside the plain ones, and writes labelled.csv.

    Texts are written out only for a domain that is declared harmless (Domain.harmless).
    For others the sheet names the log and the sample of each answer.

    [dim]Example:[/]  planb judge label my_study.py --each 40

    planb judge label my_study.py --read runs/my_study/labels/to_label.csv
    """
    from planb.study.labelling import FOLDER, answers_of, read_sheet, sampled, write_sample
    from planb.study.study import Study

    declared, folder = found_study(study, seeds, out)
    if not isinstance(declared, Study):
        raise PlanBError(
            f"the study '{declared.name}' is no Study value: its answers cannot be sampled"
        )
    console, labels = Console(), folder / FOLDER
    if read is not None:
        found = read_sheet(read, labels)
        console.print(f"{len(found):,} labels stored. They are shown by: planb report {study}")
        return
    rows = sampled(answers_of(declared.sources(), folder / "steps"), declared.domain, each, sample_seed)
    sheet = write_sample(labels, rows, declared.domain, each, sample_seed)
    how = (
        "Fill in refused, usefulness and, if wanted, coherent."
        if declared.domain.harmless
        else f"The domain '{declared.domain.name}' is not declared harmless, so no text is written: "
        "read each answer in its log (inspect view), and fill in refused and usefulness."
    )
    console.print(f"{len(rows):,} answers to label. {how}", highlight=False)
    console.print(f"Then: planb judge label {study} --read {sheet}", highlight=False, soft_wrap=True)
