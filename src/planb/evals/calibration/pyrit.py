"""PyRIT's human-graded answers, read out of its wheel; no text of it is printed, logged or kept.

``pyrit/datasets/scorer_evals/harm``: answers graded by one to three people in five steps, from no use
to complete and actionable (0 to 1), which are a usefulness of 0-10 here. ``refusal_scorer``: answers
that people called refusals or not. PyRIT (MIT licence) counts an answer to another question among the
refusals, which planb calls useless: figures are given for both readings.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from pydantic import ValidationError

from planb.data.cards.requests import PYRIT
from planb.data.files import file_hash
from planb.errors import PlanBError
from planb.evals.calibration.judgements import Answer
from planb.evals.calibration.labels import Label, Labels
from planb.stats.numbers import plural
from planb.types import Example, Message
from planb.values import digest_of
from planb.wheels import BROKEN

VERSION, SHA256 = PYRIT.version, PYRIT.sha256
FETCH = f"pip download --no-deps {PYRIT.requirement}"
FOLDER = "pyrit/datasets/scorer_evals"
STEPS = (0.0, 0.25, 0.5, 0.75, 1.0)
LABELLED = (0.0, 1.0)
"""No refusal, and a refusal."""
NEEDED = ("objective", "assistant_response", "data_type")
MAPPING = (
    "PyRIT's five steps of harm (0, 0.25, 0.5, 0.75, 1) are a usefulness of 0, 2.5, 5, 7.5 and 10. Its "
    "raters there were not asked whether an answer refuses."
)
PUBLISHED = (
    "Published on PyRIT's rows: a judge with gpt-4o-mini agrees with a person 0.762 [0.738, 0.786], "
    "person with person 0.839 [0.818, 0.860] (PyRIT issue 2475); ordinal alpha of the raters 0.766 "
    "(violence) and 0.861 (hate speech) (issue 2628)."
)


class Row(NamedTuple):
    """An answer with its people's scores: steps of 0-1, or 0 and 1 for no refusal and refusal."""

    source: str
    objective: str
    response: str
    scores: tuple[float, ...]

    @property
    def graded(self) -> bool:
        """Graded in steps; else labelled a refusal or not."""
        return self.source.startswith("harm/")


def read_pyrit(path: Path, *, any_version: bool = False) -> Labels:
    """The labels of a PyRIT wheel; requests are its objectives, which are also the groups.

    Raises PlanBError if the wheel is not the pinned one (unless ``any_version``), or lacks the files or
    columns, or has a row that cannot be read. Rows that copy another are counted once, rows of other
    things than text, or without any, left out; all are told in ``notes``.
    """
    sha256 = file_hash(path)
    if sha256 != SHA256 and not any_version:
        raise PlanBError(_another(path, sha256))
    everything = list(pyrit_rows(path))
    rows = [row for row in everything if row.response]
    first = {(row.graded, *row[1:]): row for row in reversed(rows)}
    kept = [row for row in rows if first[row.graded, *row[1:]] is row]
    graded = [label for row in kept if row.graded for label in _graded(row)]
    refusals = [_refusal(row) for row in kept if not row.graded]
    notes = [MAPPING]
    if copies := len(rows) - len(kept):
        notes.append(f"{copies} rows are copies of others (the same answer and scores): counted once.")
    if left_out := len(everything) - len(rows):
        notes.append(f"Left out, since their answer is no text: {plural(left_out, 'row')}.")
    notes.append(PUBLISHED if sha256 == SHA256 else f"Another wheel than pyrit {VERSION} as published.")
    return Labels(
        labels=tuple(graded),
        refusals=tuple(refusals),
        sha256=sha256,
        synthetic=False,
        notes=tuple(notes),
        published=True,
    )


def pyrit_rows(path: Path) -> Iterator[Row]:
    """All rows in ``harm`` and ``refusal_scorer``, as they stand; one whose answer is no text, or an
    empty one, has an empty ``response``. PlanBError, naming the file and the row and never its text,
    where one cannot be read."""
    try:
        with zipfile.ZipFile(path) as wheel:
            found = [n for n in sorted(wheel.namelist()) if _wanted(n)]
            if not found:
                raise PlanBError(f"{path} has no CSV files in {FOLDER}/harm: {FETCH}")
            for name in found:
                yield from _rows(name, wheel.read(name).decode("utf-8-sig"))
    except (OSError, *BROKEN, UnicodeDecodeError, csv.Error) as error:
        why = type(error).__name__
        raise PlanBError(f"{path} cannot be read as a wheel ({why}): {FETCH}") from error


def _wanted(name: str) -> bool:
    place = PurePosixPath(name)
    folders = (f"{FOLDER}/harm", f"{FOLDER}/refusal_scorer")
    return place.suffix == ".csv" and str(place.parent) in folders


def _rows(name: str, text: str) -> Iterator[Row]:
    source = str(PurePosixPath(name).relative_to(FOLDER).with_suffix(""))
    comments = re.match(r"(?:#.*\n)*", text)
    body = text[comments.end() :] if comments else text
    reader = csv.DictReader(io.StringIO(body, newline=""))
    columns = reader.fieldnames or []
    scored = [column for column in columns if re.fullmatch(r"human_score(_\d+)?", column)]
    if missing := [*(c for c in NEEDED if c not in columns), *([] if scored else ["human_score"])]:
        raise PlanBError(f"{name} has no column {', '.join(missing)}: is it pyrit {VERSION}? {FETCH}")
    graded = source.startswith("harm/")
    if not graded and len(scored) > 1:
        raise PlanBError(f"{name} has several raters of a refusal, which are not read: {FETCH}")
    for number, row in _numbered(name, reader):
        where = f"{name}, row {number}"
        if None in row or None in row.values():
            raise PlanBError(
                f"{where}: it has not as many fields as there are columns ({len(columns)})"
            )
        scores = tuple(_score(row[column], where, STEPS if graded else LABELLED) for column in scored)
        response = row["assistant_response"].strip() and row["assistant_response"]
        yield Row(source, row["objective"], response if row["data_type"] == "text" else "", scores)


def _numbered(name: str, reader: csv.DictReader[str]) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        yield from enumerate(reader, 1)
    except csv.Error as error:
        raise PlanBError(f"{name}, line {reader.line_num}: it is not CSV ({error})") from error


def _score(text: str, where: str, steps: tuple[float, ...]) -> float:
    try:
        score = float(text)
    except ValueError:
        score = -1.0
    if score not in steps:
        raise PlanBError(f"{where}: a score is none of {', '.join(map('{:g}'.format, steps))}")
    return score


def _graded(row: Row) -> list[Label]:
    answer = _answer(row)
    return [
        Label(
            answer=answer,
            refused=None,
            usefulness=10 * score,
            coherent=None,
            rater=str(rater),
            source=row.source,
        )
        for rater, score in enumerate(row.scores, 1)
    ]


def _refusal(row: Row) -> Label:
    refused = row.scores[0] == 1
    return Label(
        answer=_answer(row),
        refused=refused,
        usefulness=None,
        coherent=None,
        rater="1",
        source=row.source,
    )


def _answer(row: Row) -> Answer:
    called = f"pyrit {digest_of(row.objective)[:16]}"
    try:
        asked = Message(role="user", content=row.objective)
        example = Example(id=called, prompt=(asked,), harmful=True)
    except ValidationError:  # whose message quotes the text
        raise PlanBError(f"{row.source}: an objective is no request (empty, or no text)") from None
    return Answer(example=example, text=row.response)


def _another(path: Path, sha256: str) -> str:
    """Why a file is not the pinned wheel, in words."""
    name, version = _called(path)
    if name != "pyrit":
        what = f"is no wheel of pyrit{f' but of {name}' if name else ''}"
    elif version != VERSION:
        what = f"is pyrit {version}, whose rows may be others, so that figures would not compare"
    else:
        what = f"calls itself pyrit {VERSION} but is not the published file (its SHA-256 is {sha256})"
    return (
        f"{path} {what}. Labels are read from pyrit {VERSION} (SHA-256 {SHA256[:12]}...): {FETCH}. To "
        "read this file all the same, give --any-version"
    )


def _called(path: Path) -> tuple[str, str]:
    """(name, version) that a wheel gives itself; empty where it gives none."""
    try:
        with zipfile.ZipFile(path) as wheel:
            names = [n for n in wheel.namelist() if n.endswith(".dist-info/METADATA")]
            text = wheel.read(names[0]).decode() if names else ""
    except (OSError, *BROKEN, UnicodeDecodeError):
        text = ""
    fields = dict(re.findall(r"^(Name|Version): *(\S+)", text, re.M))
    return fields.get("Name", "").lower(), fields.get("Version", "")
