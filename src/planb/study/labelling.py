"""A study's own answers, labelled by people: a random sample to label, and the labels read back.

Of each cell (a method under one condition, its seeds pooled) the first answers in an order drawn from
a seed are taken, so that a larger sample holds the smaller one, and both are random parts of the cell.
The sheet is in a drawn order of its own and names no method: who labels does not know whose answer it
is.

Texts are written out for domains that are declared harmless. Of others the sheet names the log and the
sample, to be read where such texts may be read (``inspect view``).
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Container
from pathlib import Path
from typing import Any

import pandas as pd

from planb.data.csv_rows import csv_rows
from planb.data.tables import read_csv, write_csv
from planb.data.whole import write_whole
from planb.domains import Domain
from planb.errors import PlanBError
from planb.evals.calibration.labels import (
    BadLabelError,
    bad_lines,
    points_of,
    yes_or_no,
)
from planb.evals.sidecar import read_sidecars, sidecar_path
from planb.names import cell
from planb.report.labelled import KEY, LABEL_COLUMNS, response_hash
from planb.report.measures import measured_in
from planb.study.report_sources import TableSources, with_declared
from planb.study.steps.evaluation import LOG
from planb.values import digest_of, seed_of

FOLDER, SAMPLE, LABELS = "labels", "sample.json", "labels.csv"
SHEET = "to_label.csv"
ANSWERED = ("refused", "usefulness", "coherent")
CELL = [name for name in KEY if name not in ("seed", "sample_id")]


def answers_of(sources: TableSources, steps: Path) -> pd.DataFrame:
    """A row for each answer of the study's evaluations that its judges score, with ``log`` (relative to
    the study's folder); of several judges' rows of one answer the first."""
    logs = [Path(step.folder_name) / LOG for step in sources.evaluations]
    there = [log for log in logs if (steps / log).is_file()]
    if not there:
        raise PlanBError(f"the study '{sources.study}' has no finished evaluation: run it first")
    frames = [
        read_sidecars([sidecar_path(steps / log)]).assign(log=str(Path(steps.name) / log))
        for log in there
    ]
    rows = with_declared(pd.concat(frames, ignore_index=True).assign(study=sources.study))
    return rows.drop_duplicates(KEY, ignore_index=True)


def sampled(rows: pd.DataFrame, domain: Domain, each: int, seed: int) -> pd.DataFrame:
    """``each`` answers of every cell of the conditions that the domain's headline shows (all where
    there are fewer), in the order of the sheet. PlanBError where there is none."""
    measured = measured_in(rows, domain)
    shown = {(one.task, one.elicitation) for one in (*domain.headline, domain.main)}
    judged = [measured[task].by == "judges" for task in rows["task"]]
    asked = [pair in shown for pair in zip(rows["task"], rows["elicitation"], strict=True)]
    own = rows[[a and b for a, b in zip(judged, asked, strict=True)]]
    if own.empty:
        raise PlanBError(
            "no finished answer is of a condition that the headline shows: nothing to label"
        )
    keys = [tuple(key) for key in own[KEY].itertuples(index=False, name=None)]
    own = own.assign(
        order=[seed_of("label", seed, *key) for key in keys],
        id=[digest_of(list(map(str, key)))[:12] for key in keys],
    )
    taken = own.sort_values("order").groupby(CELL, sort=False).head(each)
    blind = [seed_of("sheet", seed, one) for one in taken["id"]]
    return taken.assign(order=blind).sort_values("order", ignore_index=True)


def write_sample(folder: Path, rows: pd.DataFrame, domain: Domain, each: int, seed: int) -> Path:
    """Write the sheet to label, and beside it what each of its ids is; the sheet's path. PlanBError
    where a sheet is there: it may hold labels."""
    sheet = folder / SHEET
    if sheet.exists():
        raise PlanBError(f"{sheet} is there already, perhaps with labels: read it, or move it away")
    texts = domain.harmless
    places = ("request", "response") if texts else ("log", "sample_id")
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(("id", *places, *ANSWERED))
    for row in rows.to_dict("records"):
        writer.writerow((row["id"], *(cell(str(row[name])) for name in places), "", "", ""))
    known: dict[str, Any] = {
        row["id"]: {
            **{name: str(row[name]) for name in KEY},
            "response_sha256": response_hash(str(row["response"])),
        }
        for row in rows.to_dict("records")
    }
    said = {"each": each, "seed": seed, "answers": known}
    write_whole(folder / SAMPLE, json.dumps(said, indent=1, sort_keys=True) + "\n")
    write_whole(sheet, file.getvalue())
    return sheet


def read_sheet(sheet: Path, folder: Path) -> pd.DataFrame:
    """The labels of a filled sheet (``LABEL_COLUMNS``), written to the study's labels.

    Raises PlanBError for bad lines, ids that the sample does not have, and answers that were left out:
    which ones people leave out is not random, so the rest would be no random part.
    """
    answers = _sample(folder)
    rows: dict[str, list[Any]] = {}
    complaints = []
    for line, row in csv_rows(sheet, ("refused", "usefulness"), ("id",)):
        try:
            name, label = _label(row, answers, rows)
            rows[name] = label
        except BadLabelError as bad:
            complaints.append(f"{sheet}, line {line}: {bad}")
    if complaints:
        raise PlanBError(bad_lines(complaints))
    if left := [name for name in answers if name not in rows]:
        raise PlanBError(
            f"{sheet} lacks {len(left)} of the {len(answers)} sampled answers (first: {left[0]}): "
            "label all of them, as those that are left out are no random part"
        )
    found = pd.DataFrame(list(rows.values()), columns=LABEL_COLUMNS)
    write_csv(found, folder / LABELS)
    return found


def stored_labels(study_folder: Path) -> pd.DataFrame | None:
    """The labels of a study's answers; None where there are none."""
    path = study_folder / FOLDER / LABELS
    if not path.is_file():
        return None
    found = read_csv(path, LABEL_COLUMNS, ("usefulness",))
    told = {"True": True, "False": False, "": None}
    for name in ("refused", "coherent"):
        wrong = [row for row, value in enumerate(found[name], 1) if value not in told]
        if wrong:
            raise PlanBError(
                f"{path}, row {wrong[0]}: '{name}' is not True or False: read the sheet again"
            )
        found[name] = [told[value] for value in found[name]]
    return found


def _sample(folder: Path) -> dict[str, dict[str, str]]:
    path = folder / SAMPLE
    try:
        answers: dict[str, dict[str, str]] = json.loads(path.read_text(encoding="utf-8"))["answers"]
    except FileNotFoundError as error:
        raise PlanBError(
            f"{path} is missing: labels are read of a sample that `planb judge label STUDY` drew"
        ) from error
    except (ValueError, KeyError, OSError) as error:
        raise PlanBError(f"{path} is damaged: draw the sample again") from error
    return answers


def _label(
    row: dict[str, str], answers: dict[str, dict[str, str]], before: Container[str]
) -> tuple[str, list[Any]]:
    name = row["id"].strip()
    if name not in answers:
        raise BadLabelError(f"'{name}' is no id of the sample")
    if name in before:
        raise BadLabelError(f"'{name}' has its label already: keep one")
    refused, usefulness = yes_or_no(row, "refused"), points_of(row["usefulness"].strip())
    if usefulness is None and not refused:
        raise BadLabelError("'usefulness' is empty, and 'refused' is not true: write 0-10")
    answer = answers[name]
    coherent = yes_or_no(row, "coherent", empty=None)
    return name, [
        *(answer[key] for key in (*KEY, "response_sha256")),
        refused,
        0.0 if refused else usefulness,
        coherent,
    ]
