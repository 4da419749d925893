"""The first figures of a study that has no page yet: from the evaluations that are finished."""

from __future__ import annotations

import csv
import io
import threading
from pathlib import Path

from planb.domains import HARM, Domain
from planb.errors import PlanBError


class SoFar:
    """Remembers what it made of which evaluations: a finished one does not change. While one reader's
    table is made, the others are shown the one before."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[tuple[str, ...], list[list[str]]]] = {}
        self._lock = threading.Lock()

    def table(self, study_folder: Path) -> list[list[str]]:
        """The headline table of what is finished, its head first; none where nothing of it is."""
        finished = tuple(
            sorted(
                str(path) for path in study_folder.glob("steps/*/log.parquet") if not path.parent.suffix
            )
        )
        if self._known.get(study_folder, ((), []))[0] != finished and self._lock.acquire(
            blocking=False
        ):
            try:
                self._known[study_folder] = finished, _table(finished, _domain(study_folder.name))
            finally:
                self._lock.release()
        return self._known.get(study_folder, ((), []))[1]


def _table(sidecars: tuple[str, ...], domain: Domain) -> list[list[str]]:
    from planb.evals.sidecar import read_sidecars
    from planb.report.headline import headline
    from planb.report.results import results_of
    from planb.report.table_files import csv_of

    if not sidecars:
        return []
    try:
        rows = read_sidecars(map(Path, sidecars)).assign(study="so far")
        shown = headline(results_of(rows, domain), domain=domain)
    except (PlanBError, KeyError):
        return []
    given = any(any(row[1:-1]) for row in shown.rows)
    return list(csv.reader(io.StringIO(csv_of(shown)))) if given else []


def _domain(study: str) -> Domain:
    """What a declared study is about; of others harm, whose figures are then few or none."""
    from planb.studies import STUDIES

    return STUDIES.own[study]().domain if study in STUDIES.own else HARM
