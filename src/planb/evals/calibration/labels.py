"""Labels from a CSV: the scores that people (or, marked so, a program) gave responses.

Columns, in any order: ``id`` (of an example of the data) or ``request`` (its text), ``response``,
``refused`` (true or false), ``usefulness`` (0-10; may be empty where refused); and, if wanted,
``coherent`` (true or false), ``rater``, ``synthetic`` (true or false). Other columns are left alone.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from planb.data.csv_rows import csv_rows
from planb.data.files import MOST_BAD_ROWS, file_hash
from planb.errors import PlanBError
from planb.evals.calibration.judgements import Answer
from planb.types import Example
from planb.values import Value

NEEDED = ("response", "refused", "usefulness")
BY = ("id", "request")
KNOWN = (*BY, *NEEDED, "coherent", "rater", "synthetic")
BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


class BadLabelError(ValueError):
    """One line that is no label; the message says why. Collected, never shown alone."""


class Label(Value):
    """A rater's label of one response; None is what was not asked. ``severity`` is 0 for a refusal,
    else the usefulness. ``source`` is the file of a set of several, whose raters may be others."""

    answer: Answer
    refused: bool | None
    usefulness: float | None
    coherent: bool | None
    rater: str
    source: str = ""

    @property
    def severity(self) -> float | None:
        return 0.0 if self.refused else self.usefulness

    @property
    def whose(self) -> tuple[str, str]:
        """Raters of different files are different ones, whatever they are called."""
        return self.source, self.rater


def by_answer(labels: Sequence[Label]) -> list[list[Label]]:
    """The labels of each response."""
    found: dict[tuple[str, str], list[Label]] = {}
    for label in labels:
        found.setdefault(label.answer.key, []).append(label)
    return list(found.values())


class Labels(Value):
    """The labels of one file; ``synthetic`` ones are never taken for people's.

    ``refusals`` are of responses of which people said only whether they refuse. ``notes`` say how the
    labels were read. ``published``: it is a published set of harmful texts, none of which may be
    stored or shown, a judge's own words about them included.
    """

    labels: tuple[Label, ...]
    sha256: str
    synthetic: bool
    refusals: tuple[Label, ...] = ()
    notes: tuple[str, ...] = ()
    published: bool = False

    @property
    def raters(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(label.rater for label in self.labels))

    @property
    def groups(self) -> frozenset[str]:
        """The groups of all requests whose responses were labelled."""
        return frozenset(label.answer.group for label in (*self.labels, *self.refusals))

    def without(self, groups: Collection[str]) -> Labels:
        """The labels of all other groups of requests."""
        kept = [
            tuple(label for label in some if label.answer.group not in groups)
            for some in (self.labels, self.refusals)
        ]
        return self.but(labels=kept[0], refusals=kept[1])


def read_labels(path: str | Path, examples: Sequence[Example], *, synthetic: bool = False) -> Labels:
    """The labels of a CSV on requests of ``examples``; ``synthetic`` marks all of them so.

    Raises PlanBError naming the file, the lines and what to do: up to 10 bad lines at once.
    """
    path = Path(path)
    sha256 = file_hash(path)
    rows, complaints = [], []
    first: dict[tuple[str, str, str], int] = {}
    marked: dict[bool, int] = {}
    find = Finder(examples)
    for line, row in csv_rows(path, NEEDED, BY, KNOWN):
        try:
            label = _label(row, find)
            key = (*label.answer.key, label.rater)
            if key in first:
                who = f" by '{label.rater}'" if label.rater else ""
                raise BadLabelError(f"this response has its label{who} in line {first[key]} already")
            first[key] = line
            marked.setdefault(yes_or_no(row, "synthetic", empty=False) is True, line)
        except BadLabelError as bad:
            complaints.append(f"{path}, line {line}: {bad}")
            continue
        rows.append(label)
    if complaints:
        raise PlanBError(bad_lines(complaints))
    if not rows:
        raise PlanBError(f"{path} has no labels: it should have a line for each labelled response")
    if len(marked) == 2 and not synthetic:
        raise PlanBError(
            f"{path}, line {marked[True]} is marked synthetic and line {marked[False]} is not: "
            "keep people's labels and synthetic ones in two files"
        )
    return Labels(labels=tuple(rows), sha256=sha256, synthetic=synthetic or True in marked)


class Finder:
    """An example by its id or by its request's text."""

    def __init__(self, examples: Sequence[Example]) -> None:
        self.by_id = {example.id: example for example in examples}
        self.by_request: dict[str, list[Example]] = {}
        for example in examples:
            self.by_request.setdefault(example.request.strip(), []).append(example)

    def __call__(self, row: dict[str, str]) -> Example:
        called, request = row.get("id", "").strip(), row.get("request", "").strip()
        if called:
            if called not in self.by_id:
                raise BadLabelError(f"the data have no example with the id '{called}'")
            example = self.by_id[called]
            if request and request != example.request.strip():
                raise BadLabelError(f"'request' is not the request of the example '{called}'")
            return example
        found = self.by_request.get(request, [])
        if not request:
            raise BadLabelError("neither 'id' nor 'request' says which request was answered")
        if len(found) != 1:
            many = f"{len(found)} examples have this request: name one by 'id'"
            raise BadLabelError(many if found else "the data have no example with this request")
        return found[0]


def _label(row: dict[str, str], find: Finder) -> Label:
    example, response = find(row), row["response"]
    if not response.strip():
        raise BadLabelError("'response' is empty")
    refused = yes_or_no(row, "refused")
    usefulness = points_of(row["usefulness"].strip())
    if usefulness is None and not refused:
        raise BadLabelError("'usefulness' is empty, and 'refused' is not true: write 0-10")
    return Label(
        answer=Answer(example=example, text=response),
        refused=refused is True,
        usefulness=usefulness,
        coherent=yes_or_no(row, "coherent", empty=None),
        rater=row.get("rater", "").strip(),
    )


_REQUIRED = object()


def yes_or_no(row: dict[str, str], name: str, empty: object = _REQUIRED) -> bool | None:
    """A cell as true or false; ``empty`` where it is empty, if it may be. Raises BadLabelError."""
    text = row.get(name, "").strip().lower()
    if not text and empty is not _REQUIRED:
        return bool(empty) if empty is not None else None
    if text not in BOOLEANS:
        raise BadLabelError(f"'{name}' is '{row.get(name, '').strip()}': it must be true or false")
    return BOOLEANS[text]


def points_of(text: str) -> float | None:
    """A cell as a usefulness of 0-10; None where it is empty. Raises BadLabelError."""
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        raise BadLabelError(f"'usefulness' is '{text}': it must be a number of 0-10") from None
    if not 0 <= number <= 10:
        raise BadLabelError(f"'usefulness' is {text}: it must be in 0-10")
    return number


def bad_lines(complaints: list[str]) -> str:
    """The first complaints about a file, and how many there are."""
    shown = complaints[:MOST_BAD_ROWS]
    if len(complaints) > len(shown):
        shown.append(f"... and {len(complaints) - len(shown)} more")
    if len(complaints) == 1:
        return shown[0]
    return "\n  ".join([f"{len(complaints)} bad lines:", *shown])
