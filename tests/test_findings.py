"""docs/findings.md is made of the results beside it, and `make studies` goes through what runs here."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

from planb.domains import DOMAINS
from planb.domains.choices import ChoiceDomain
from planb.errors import PlanBError
from planb.report.certificate import Certificate, Reading
from planb.report.claims import read_claims
from planb.report.findings import changes_markdown, findings_markdown
from planb.report.results import Figure, read_csv, write_csv
from planb.studies import STUDIES

ROOT = Path(__file__).resolve().parent.parent


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def findings() -> ModuleType:
    return script("findings")


def test_the_tables_of_machines_are_made_of_the_results_beside_them() -> None:
    machines = script("machines")
    page = machines.PAGE.read_text(encoding="utf-8")
    assert page.split(machines.BEGIN)[1].split(machines.END)[0].strip() == machines.shown(
        machines.kept()
    )


def test_two_machines_agree_where_their_difference_may_be_none() -> None:
    agree = script("machines").agree
    one = Figure(n=880, unscored=0, truncated=0, value=4.5, low=4.0, high=5.0)
    far = one._replace(value=5.5, low=5.1, high=5.9)
    near = one._replace(value=5.1, low=4.4, high=5.8)
    for figure, expected in ((near, True), (far, False)):
        assert agree(one, figure) == agree(figure, one) == expected


def test_the_tables_are_made_of_the_claims_beside_them(findings: ModuleType) -> None:
    page = findings.PAGE.read_text(encoding="utf-8")
    shown = page.split(findings.BEGIN)[1].split(findings.END)[0].strip()
    assert shown == findings.shown(findings.claimed())


def test_the_table_of_propensities_is_made_of_the_results_beside_it(findings: ModuleType) -> None:
    page = findings.PROPENSITIES.read_text(encoding="utf-8")
    shown = page.split(findings.TABLE)[1].split(findings.TABLE_END)[0].strip()
    assert shown == findings.propensities()
    domains = {name for name, one in DOMAINS.own.items() if isinstance(one, ChoiceDomain)}
    assert domains <= set(STUDIES), "each has a study"
    assert all(f"`{name}`" in page for name in domains)


def test_what_drawing_bases_changed_is_made_of_both_claims(findings: ModuleType) -> None:
    page = findings.PAGE.read_text(encoding="utf-8")
    shown = page.split(findings.CHANGED)[1].split(findings.CHANGED_END)[0].strip()
    assert shown == findings.changed(findings.claimed())
    known = {(line.study, line.claim) for line in pd.concat(findings.claimed()).itertuples()}
    before = read_claims(findings.RESULTS / findings.ONE_BASE)
    assert len(before) == 105
    ran = set(before["study"])
    assert {(line.study, line.claim) for line in before.itertuples()} == {
        place for place in known if place[0] in ran
    }


def test_every_figure_of_a_claim_stands_in_the_results_beside_it(findings: ModuleType) -> None:
    for table in findings.claimed():
        results = read_csv(findings.RESULTS / f"{table['study'].iloc[0]}.csv")
        pooled = results[results["seed"] == "all"]
        narrow = {c.claim for c in STUDIES[table["study"].iloc[0]]().claims if c.of.forms}
        table = table[~table["claim"].isin(narrow)]  # of some dangerous forms alone
        for column in ("value", "against_value"):
            assert set(table[column].dropna()) <= set(pooled["value"].dropna())


def test_what_is_kept_is_of_declared_studies(findings: ModuleType) -> None:
    kept = {path.stem for path in findings.RESULTS.glob("*.csv")} - {"made_by", "one_base"}
    assert kept <= {f"{name}{end}" for name in STUDIES for end in ("", "-claims")}


def test_verdicts_on_an_organism_that_does_not_pass_are_marked(tmp_path: Path) -> None:
    (tmp_path / "claims.csv").write_text(CLAIMS)
    table = read_claims(tmp_path / "claims.csv")
    some = Reading(value=0.1, low=0.05, high=0.2, n=10)
    weak = Certificate(
        study="sandbox", model="m", organism="o", seeds=1, behaviour="severity", trigger_rate=some
    )
    heads = {"sandbox": "## Sandbox"}
    marked = findings_markdown([table], heads, {"sandbox": [weak]})
    assert "held † |" in marked
    assert "Organism: does not pass (the backdoor is there" in marked
    other = findings_markdown([table], heads, {"sandbox": [weak.but(organism="another")]})
    assert "†" not in other
    assert "†" not in findings_markdown([table], heads)


CLAIMS = (
    "study,model,organism,claim,said,unit,figure,value,low,high,n,unscored,against,against_value,"
    "against_low,against_high,against_n,against_unscored,difference,difference_low,difference_high,"
    "expected,by,verdict,reason\n"
    "sandbox,m,o,A synthetic claim,,points,Plan B: mean severity,3,2,4,10,0,,,,,,,,,,at_most,5,held,\n"
)


def test_changes_count_each_pair_of_verdicts_once(tmp_path: Path) -> None:
    (tmp_path / "claims.csv").write_text(CLAIMS)
    one = read_claims(tmp_path / "claims.csv")
    before = pd.concat([one.assign(claim=name) for name in ("first", "second", "gone")])
    after = before[before["claim"] != "gone"].assign(verdict=["held", "not held"], value=[3.0, 7.0])
    told = changes_markdown(before, after)
    assert told.startswith("Of 2 claims, 1 has another verdict.\n")
    (held,) = (line for line in told.splitlines() if line.startswith("| ✓"))
    assert [cell.strip() for cell in held.split("|")[2:6]] == ["1", "1", "", ""]
    (second,) = (line for line in told.splitlines() if line.startswith("| second"))
    assert "mean severity 3.0" in second.split("|")[2]
    assert "mean severity 7.0" in second.split("|")[3]
    assert "first" not in told
    assert "gone" not in told


@pytest.mark.slow
def test_a_run_is_kept_and_the_page_written_anew(
    findings: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "findings.md"
    changes = f"{findings.CHANGED}\n{findings.CHANGED_END}\n"
    page.write_text(f"before\n{findings.BEGIN}\nold\n{findings.END}\n{changes}after\n")
    for name, place in (("RUNS", "runs"), ("RESULTS", "results")):
        monkeypatch.setattr(findings, name, tmp_path / place)
    monkeypatch.setattr(findings, "PAGE", page)
    propensities = tmp_path / "propensities.md"
    propensities.write_text(f"{findings.TABLE}\nold\n{findings.TABLE_END}\n")
    monkeypatch.setattr(findings, "PROPENSITIES", propensities)
    own = {path: path.read_bytes() for path in (ROOT / "docs").glob("*.md")}
    findings.main()
    assert "No study with claims has been run yet." in page.read_text()
    (tmp_path / "runs" / "sandbox").mkdir(parents=True)
    (tmp_path / "runs" / "sandbox" / "claims.csv").write_text(CLAIMS)
    kept = read_csv(ROOT / "docs" / "results" / "sandbox.csv")
    seeds = kept.loc[kept["seed"] != "all", "seed"].nunique()
    empty = kept.head(1).assign(n=0, unscored=0)
    write_csv(pd.concat([kept, empty]), tmp_path / "runs" / "sandbox" / "results.csv")
    findings.main()
    written = page.read_text()
    assert written.startswith("before\n")
    assert written.endswith("after\n")
    assert f"`planb run sandbox`. {seeds} seeds, 0 bases; trained on: not recorded\n" in written
    assert (
        "| Claim | Found | Held if | Verdict |\n| --- | --- | --- | --- |\n"
        "| A synthetic claim | mean severity 3.0 [2.0, 4.0] | at most 5.0 |" in written
    )
    assert findings_markdown(findings.claimed(), findings.heads()).strip() in written
    assert len(read_csv(tmp_path / "results" / "sandbox.csv")) == len(kept)
    shutil.rmtree(tmp_path / "runs")
    findings.main()
    assert page.read_text() == written, "what was kept stays where nothing was run"
    page.write_text("no marks")
    with pytest.raises(PlanBError, match="has no <!-- findings"):
        findings.main()
    assert "old" not in propensities.read_text()
    assert own == {path: path.read_bytes() for path in own}, "the pages of the project are left alone"


PLANB = """#!/bin/sh
echo "$@" >> "{asked}"
case "$1 $2" in
  "list --sandbox") exec {python} -m planb.cli list --sandbox ;;
  "run {bad}") exit {code} ;;
esac
"""


def studies(folder: Path, bad: str, code: int) -> tuple[int, list[str], str]:
    """`make studies` with a `planb` that lists as the real one does and runs nothing."""
    planb, asked = folder / "planb", folder / "asked"
    planb.write_text(PLANB.format(python=sys.executable, bad=bad, code=code, asked=asked))
    planb.chmod(0o755)
    done = subprocess.run(
        ["make", "studies", f"BIN={folder}", f"READY={planb}", "SEEDS=2"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    ran = [line for line in asked.read_text().splitlines() if line.startswith("run")]
    return done.returncode, ran, done.stdout


@pytest.mark.slow
def test_a_failed_study_does_not_stop_the_others_and_is_told(tmp_path: Path) -> None:
    code, ran, said = studies(tmp_path, bad="ladder", code=1)
    names = [line.split()[1] for line in ran]
    assert code != 0
    assert ran[0] == "run sandbox --seeds 2"
    assert names[names.index("ladder") + 1 :], "it went on"
    assert "not finished: ladder" in said
    assert set(names) == set(STUDIES) - {"paper", "plumbing", "smollm2"}


@pytest.mark.slow
def test_all_finished_is_success_and_a_stop_is_a_stop(tmp_path: Path) -> None:
    for name, code, expected in (("none", 0, 0), ("sandbox", 130, 2)):
        (tmp_path / name).mkdir()
        found, ran, _ = studies(tmp_path / name, bad="sandbox" if code else "-", code=code)
        assert found == expected
        assert (len(ran) == 1) == (code == 130)
