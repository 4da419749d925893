"""A study in a notebook: run, its results as a data frame, and exhibits that show themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from planb.data.terminal import Console
from planb.errors import PlanBError
from planb.study.running.progress import watcher_for
from planb.study.steps.step import Step

if TYPE_CHECKING:
    import pandas as pd

    from planb.report.evidence import Exhibit

RUNS = "runs"
MOST_TOLD = 5


@dataclass(frozen=True)
class Finished:
    """What a finished study shows: its page (a file beside its tables), and the page's exhibits by
    their keys, which are the names of their files."""

    page: Path
    exhibits: Mapping[str, Exhibit]

    @property
    def results(self) -> pd.DataFrame:
        """``results.csv``: a row for each measure, cell and seed (``all``: pooled)."""
        return results_in(self.page.parent)

    def _repr_html_(self) -> str:
        return "".join(exhibit._repr_html_() for exhibit in self.exhibits.values())


def results_in(folder: Path) -> pd.DataFrame:
    """The results of the study in this folder. Raises PlanBError where there are none yet."""
    from planb.report.results import read_csv

    if not (folder / "results.csv").is_file():
        raise PlanBError(f"{folder} has no results yet: run the study first")
    return read_csv(folder / "results.csv")


def carry_out(steps: Sequence[Step], folder: Path, jobs: int | None) -> None:
    """Run the steps into a folder among those of other studies. Raises PlanBError where one failed."""
    from planb.study.running.scheduler import run

    outcome = run(steps, folder, jobs, watcher_for(Console()), studies=folder.parent)
    if outcome.interrupted:
        raise KeyboardInterrupt
    if outcome.exit_code:
        told = [f"{one.step.slug}: {one.message}" for one in outcome.failed]
        more = f"\n  and {len(told) - MOST_TOLD} more" if len(told) > MOST_TOLD else ""
        raise PlanBError(
            "\n  ".join([f"{len(told)} steps failed; all others are kept:", *told[:MOST_TOLD]]) + more
        )
