"""The study's main method against each other one, on the same requests: ``differences.csv``.

One line a condition (task, elicitation, split), other method and measure: how much higher the measure
is after ``method`` than after ``against``. All lines of one model and organism are one *family*: they
stand together in the report, so their p-values are corrected together (Holm).

Columns, besides those of a result's cell (judge and elicitation included):
``method``, ``against``  the main method (Plan B, else the last) and the other
``split``                of the requests
``n``                    pairs that were scored on both sides
``left_out``             pairs that were not scored on one side or both: with any of them ``first``,
                         ``second`` and ``difference`` are empty, and the interval and ``p`` are those
                         of the worst case (``paired.Difference``)
``unpaired``             answers of either whose request the other was not given
``groups``, ``seeds``    that the pairs come from
``first``, ``second``    the measure after ``method`` and after ``against``, over the pairs
``difference``, ``low``, ``high``   first minus second; 95 % interval over seeds and groups
``p``, ``p_holm``        of no difference between these trained models; corrected over the family
``family``               how many tests the correction is over
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from planb.data.tables import write_csv
from planb.domains import HARM, Domain
from planb.domains.measure import Measure
from planb.report.paired import pairs_of
from planb.report.results import BOUNDS, method_rank
from planb.report.wording import elicitation_rank, subject
from planb.stats.paired import Difference, Pairs, difference
from planb.stats.randomisation import holm

_PLACE = ["study", "model", "organism", "task", "elicitation", "split", "judge"]
_NUMBERS = ["first", "second", "difference", "low", "high", "p", "p_holm"]
DIFFERENCE_COLUMNS = [
    *(*_PLACE, "method", "against", "measure", "n", "left_out", "unpaired", "groups", "seeds"),
    *(*_NUMBERS, "family"),
]


def differences_of(rows: pd.DataFrame, domain: Domain = HARM) -> pd.DataFrame:
    """The family of one panel's checked rows (one model, one organism, one judge a task): the columns
    ``DIFFERENCE_COLUMNS``, and the ``BOUNDS`` of the difference, which are not written."""
    asked = rows[rows["task"] == domain.main.task]
    main = subject(sorted(asked["method"].unique(), key=method_rank))
    lines: list[tuple[object, ...]] = []
    measures = compared(domain)
    if main is not None:
        for place, cell in asked.groupby(["elicitation", "split", "judge"], sort=True):
            own = cell[cell["method"] == main]
            others = sorted(set(cell["method"]) - {main}, key=method_rank) if len(own) else []
            for against in others:
                theirs = cell[cell["method"] == against]
                lines += _lines(own, theirs, measures, domain.main.task, *map(str, place))
    columns = [*(c for c in DIFFERENCE_COLUMNS if c not in _FAMILY), *BOUNDS]
    table = pd.DataFrame(lines, columns=columns)
    table["p_holm"] = holm(table["p"].to_numpy(dtype=float))
    table["family"] = int(table["p"].notna().sum())
    return _ordered(table, domain)[[*DIFFERENCE_COLUMNS, *BOUNDS]]


_FAMILY = ("p_holm", "family")


def compared(domain: Domain) -> list[Measure]:
    """The measures that are compared: those that every answer has, so that answers can be paired."""
    measured = domain.of_task(domain.main.task)
    return [one for name in domain.compared if (one := measured.named(name)) is not None]


def paired_difference(
    own: pd.DataFrame, others: pd.DataFrame, measure: Measure
) -> tuple[Pairs, Difference]:
    """Two cells of checked rows, paired and compared. Swapped, the difference and its interval have the
    other sign and p is the same."""
    pairs = pairs_of(own, others, measure)
    return pairs, difference(pairs, measure.top)


def _lines(
    own: pd.DataFrame, others: pd.DataFrame, measures: Sequence[Measure], *place: str
) -> list[tuple[object, ...]]:
    task, elicitation, split, judge = place
    first = own.iloc[0]
    lines: list[tuple[object, ...]] = []
    for measure in measures:
        found = paired_difference(own, others, measure)[1]
        where = (first["study"], first["model"], first["organism"], task, elicitation, split, judge)
        lines.append((*where, first["method"], others.iloc[0]["method"], measure.name, *found))
    return lines


def write_differences(table: pd.DataFrame, path: Path, domain: Domain = HARM) -> None:
    """Write the lines in their fixed order (measures in the domain's), numbers to six significant
    digits, empty for no value."""
    write_csv(_ordered(table, domain)[DIFFERENCE_COLUMNS], path)


def _ordered(table: pd.DataFrame, domain: Domain) -> pd.DataFrame:
    ranks: dict[str, Callable[[str], object]] = {
        "elicitation": elicitation_rank,
        "method": method_rank,
        "against": method_rank,
    }
    ranks["measure"] = domain.compared.index

    def key(column: pd.Series) -> pd.Series:
        return column.map(ranks[str(column.name)]) if column.name in ranks else column

    by = [*_PLACE, "method", "against", "measure"]
    return table.sort_values(by, key=key, kind="stable", ignore_index=True)
