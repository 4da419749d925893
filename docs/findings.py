"""Write the tables of docs/findings.md from the claims of finished studies: part of ``make readme``.

What a study's run has is copied to docs/results, and the tables are made of the copies, so that it can
be checked where nothing was run; a study that was not run here keeps the copies that it has.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd

from planb.report.claims import read_claims
from planb.report.findings import counted as tally
from planb.report.findings import findings_markdown
from planb.report.readme_table import put_between
from planb.report.results import read_csv, write_csv
from planb.studies import STUDIES

ROOT = Path(__file__).resolve().parent.parent
RUNS, RESULTS, PAGE = ROOT / "runs", ROOT / "docs" / "results", ROOT / "docs" / "findings.md"
BEGIN, END = (
    "<!-- findings: written by `make readme` from the runs' claims.csv -->",
    "<!-- /findings -->",
)


def main() -> None:
    """Copy what was found, and replace what stands between the marks."""
    for study in STUDIES:
        keep(study)
    put_between(PAGE, BEGIN, END, shown(tables()))


def keep(study: str) -> None:
    """A finished run's claims, and those of its results that are of anything, beside the page."""
    run = RUNS / study
    if not (run / "claims.csv").exists():
        print(f"{run / 'claims.csv'} is not there: planb run {study}")
        return
    RESULTS.mkdir(exist_ok=True)
    shutil.copyfile(run / "claims.csv", RESULTS / f"{study}-claims.csv")
    results = read_csv(run / "results.csv")
    counted = (results["n"] > 0) | (results["unscored"] > 0)
    write_csv(results[counted], RESULTS / f"{study}.csv")


def tables() -> list[pd.DataFrame]:
    """The claims that are kept, in the order of the studies."""
    paths = [RESULTS / f"{study}-claims.csv" for study in STUDIES]
    return [read_claims(path) for path in paths if path.exists()]


def shown(found: list[pd.DataFrame]) -> str:
    """What stands between the marks."""
    if not found:
        return "No study with claims has been run yet."
    return f"{tally(found)}\n\n{findings_markdown(found, heads()).strip()}"


def heads() -> dict[str, str]:
    """What stands above each study's table: its title, the command and its page."""
    found = {}
    for name, declare in STUDIES.items():
        page = f", [page]({name}.md)" if (PAGE.parent / f"{name}.md").exists() else ""
        found[name] = f"## {declare().title}\n\n`planb run {name}`{page}"
    return found


if __name__ == "__main__":
    main()
