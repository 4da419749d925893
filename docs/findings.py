"""Write the tables of docs/findings.md from the claims of finished studies: part of ``make readme``.

What a study's run has is copied to docs/results, and the tables are made of the copies, so that it can
be checked where nothing was run; a study that was not run here keeps the copies that it has.
``made_by.csv`` says of each study how many seeds and bases stand behind it, and which processor.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd

from planb.data import tables
from planb.domains.choices import ChoiceDomain
from planb.report.certificate import FILE, read_certificates
from planb.report.claims import read_claims
from planb.report.findings import changes_markdown, findings_markdown
from planb.report.findings import counted as tally
from planb.report.readme_table import propensities_markdown, put_between
from planb.report.results import read_csv, write_csv
from planb.stats.numbers import plural
from planb.studies import STUDIES
from planb.study.made_by import made_by

ROOT = Path(__file__).resolve().parent.parent
RUNS, RESULTS, PAGE = ROOT / "runs", ROOT / "docs" / "results", ROOT / "docs" / "findings.md"
MADE_BY = "made_by.csv"
ONE_BASE = "one_base.csv"
"""The claims as they were found on one base for all seeds, with the settings of that time."""
BEGIN, END = (
    "<!-- findings: written by `make readme` from the runs' claims.csv -->",
    "<!-- /findings -->",
)
CHANGED, CHANGED_END = (
    "<!-- changes: written by `make readme` from the claims of one base and of several -->",
    "<!-- /changes -->",
)

PROPENSITIES = ROOT / "docs" / "propensities.md"
TABLE, TABLE_END = (
    "<!-- propensities: written by `make readme` from the runs' results.csv -->",
    "<!-- /propensities -->",
)


def main() -> None:
    """Copy what was found, and replace what stands between the marks."""
    for study in STUDIES:
        keep(study)
    found = claimed()
    put_between(PAGE, BEGIN, END, shown(found))
    put_between(PAGE, CHANGED, CHANGED_END, changed(found))
    put_between(PROPENSITIES, TABLE, TABLE_END, propensities())


def keep(study: str) -> None:
    """A finished run's claims, and those of its results that are of anything, beside the page."""
    run = RUNS / study
    if not (run / "claims.csv").exists():
        print(f"{run / 'claims.csv'} is not there: planb run {study}")
        return
    RESULTS.mkdir(exist_ok=True)
    shutil.copyfile(run / "claims.csv", RESULTS / f"{study}-claims.csv")
    if (run / FILE).exists():
        shutil.copyfile(run / FILE, RESULTS / f"{study}-{FILE}")
    results = read_csv(run / "results.csv")
    counted = (results["n"] > 0) | (results["unscored"] > 0)
    write_csv(results[counted], RESULTS / f"{study}.csv")
    lines = {**known(), study: behind(study, run, results)}
    ordered = [lines[name] for name in STUDIES if name in lines]
    tables.write_csv(pd.DataFrame(ordered), RESULTS / MADE_BY)


def known() -> dict[str, dict[str, object]]:
    """The lines of ``made_by.csv``, by study."""
    path = RESULTS / MADE_BY
    lines = pd.read_csv(path, keep_default_na=False).to_dict("records") if path.exists() else []
    return {str(line["study"]): {str(k): v for k, v in line.items()} for line in lines}


def behind(study: str, run: Path, results: pd.DataFrame) -> dict[str, object]:
    """How many seeds and bases stand behind a run's results, and which processors trained."""
    seeds = results.loc[results["seed"] != "all", "seed"].nunique()
    bases, used = made_by(STUDIES[study]().with_seeds(seeds), run)
    processor = "; ".join(used) or "not recorded"
    return {"study": study, "seeds": seeds, "bases": bases, "processor": processor}


def claimed() -> list[pd.DataFrame]:
    """The claims that are kept, in the order of the studies."""
    paths = [RESULTS / f"{study}-claims.csv" for study in STUDIES]
    return [read_claims(path) for path in paths if path.exists()]


def shown(found: list[pd.DataFrame]) -> str:
    """What stands between the marks."""
    if not found:
        return "No study with claims has been run yet."
    certificates = {study: read_certificates(RESULTS / f"{study}-{FILE}") for study in STUDIES}
    every = [one for some in certificates.values() for one in some if not one.taken_from]
    certificates = {
        study: [one.with_curves_of(every) for one in some] for study, some in certificates.items()
    }
    return f"{tally(found)}\n\n{findings_markdown(found, heads(), certificates).strip()}"


def changed(found: list[pd.DataFrame]) -> str:
    """What drawing bases changed, of the studies that have been run with several."""
    lines = known().values()
    several = {line["study"] for line in lines if int(str(line["bases"])) > 1}
    anew = [table for table in found if table["study"].iloc[0] in several]
    if not anew or not (RESULTS / ONE_BASE).exists():
        return "No study has been run anew yet."
    return changes_markdown(read_claims(RESULTS / ONE_BASE), pd.concat(anew)).strip()


def propensities() -> str:
    """The table of the domains of choices whose studies have been run, and how their claims fared."""
    known = [(name, STUDIES[name]().domain) for name in STUDIES]
    ran = [
        (name, domain)
        for name, domain in known
        if isinstance(domain, ChoiceDomain) and (RESULTS / f"{name}-claims.csv").exists()
    ]
    table = propensities_markdown([(own, read_csv(RESULTS / f"{name}.csv")) for name, own in ran])
    fared = [f"- `{name}`: {tally([read_claims(RESULTS / f'{name}-claims.csv')])}" for name, _ in ran]
    return "\n".join([table, *fared])


def heads() -> dict[str, str]:
    """What stands above each study's table: its title, the command and its page."""
    found = {}
    for name, declare in STUDIES.items():
        page = f", [page]({name}.md)" if (PAGE.parent / f"{name}.md").exists() else ""
        found[name] = f"## {declare().title}\n\n`planb run {name}`{page}{_behind(name)}"
    return found


def _behind(study: str) -> str:
    """``. 3 seeds, 3 bases; made on ...``"""
    line = known().get(study)
    if line is None:
        return ""
    counts = f"{plural(int(str(line['seeds'])), 'seed')}, {plural(int(str(line['bases'])), 'base')}"
    return f". {counts}; trained on: {line['processor']}"


if __name__ == "__main__":
    main()
