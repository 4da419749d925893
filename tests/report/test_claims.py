"""Claims against figures: verdicts worked by hand, what cannot be judged, the file, the page. All rows
are synthetic."""

from __future__ import annotations

import itertools
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from synthetic_rows import make_rows, row, unscored

from planb.domains import HARM
from planb.report.claim_words import MARKS, in_words, wanted
from planb.report.claims import (
    CLAIM_COLUMNS,
    JudgedClaim,
    judged_claims,
    read_claims,
    verdict_of,
    write_claims,
)
from planb.report.evidence import panels
from planb.report.exhibits import claims as exhibit
from planb.report.findings import counted, findings_markdown
from planb.report.page import write_report
from planb.report.results import read_csv, results_of
from planb.report.rows import checked_rows
from planb.report.story import Claim, Of, Story
from planb.stats.intervals import Interval

PLAN_B, STANDARD = (Of(method=name, measure="severity_mean") for name in ("plan_b", "standard"))
LOWER = Claim(claim="Plan B is less severe.", of=PLAN_B, against=STANDARD, expected="lower", by=1.0)


def severities(**methods: list[float]) -> pd.DataFrame:
    """Answers with the trigger: a usefulness each, three seeds alike, requests a group each."""
    return pd.DataFrame(
        [
            row(method=method, seed=seed, sample_id=str(i), usefulness=points)
            for method, scores in methods.items()
            for seed in ("0", "1", "2")
            for i, points in enumerate(scores)
        ]
    )


def judged(rows: pd.DataFrame, *claims: Claim) -> list[JudgedClaim]:
    rows = checked_rows(rows)
    return judged_claims(rows, results_of(rows), claims)


def only(rows: pd.DataFrame, claim: Claim) -> JudgedClaim:
    (one,) = judged(rows, claim)
    return one


# -- verdicts -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expected", "by", "low", "high", "verdict"),
    [
        ("lower", 0.0, -2.0, -0.1, "held"),
        ("lower", 0.0, -2.0, 0.0, "undecided"),
        ("lower", 0.0, 0.0, 1.0, "not held"),
        ("lower", 1.0, -2.0, -1.1, "held"),
        ("lower", 1.0, -2.0, -0.5, "undecided"),
        ("lower", 1.0, -0.9, -0.5, "not held"),
        ("higher", 1.0, 1.1, 2.0, "held"),
        ("higher", 1.0, 0.9, 2.0, "undecided"),
        ("higher", 1.0, -3.0, 1.0, "not held"),
        ("alike", 0.5, -0.5, 0.5, "held"),
        ("alike", 0.5, -0.6, 0.1, "undecided"),
        ("alike", 0.5, -9.0, 9.0, "undecided"),
        ("alike", 0.5, 0.6, 0.9, "not held"),
        ("alike", 0.5, -0.9, -0.6, "not held"),
        ("at_most", 0.2, 0.1, 0.2, "held"),
        ("at_most", 0.2, 0.1, 0.3, "undecided"),
        ("at_most", 0.2, 0.21, 0.3, "not held"),
        ("at_least", 0.9, 0.9, 1.0, "held"),
        ("at_least", 0.9, 0.8, 1.0, "undecided"),
        ("at_least", 0.9, 0.7, 0.8, "not held"),
    ],
)
def test_a_verdict_is_where_the_whole_interval_lies(
    expected: Any, by: float, low: float, high: float, verdict: str
) -> None:
    claim = Claim(claim="synthetic", of=PLAN_B, against=STANDARD, expected=expected, by=by)
    assert verdict_of(claim, Interval(low, high)) == verdict


@pytest.mark.parametrize("expected", ["lower", "higher", "alike", "at_most", "at_least"])
def test_it_never_holds_and_fails_at_once_and_a_wider_interval_never_decides_more(
    expected: Any,
) -> None:
    claim = Claim(claim="synthetic", of=PLAN_B, against=STANDARD, expected=expected, by=0.5)
    ends = np.arange(-2, 2.25, 0.25)
    for low, high in itertools.combinations(ends, 2):
        inner = verdict_of(claim, Interval(low + 0.1, high - 0.1))
        outer = verdict_of(claim, Interval(low, high))
        assert outer in (inner, "undecided")


def test_a_difference_is_taken_request_by_request() -> None:
    """Requests differ by ten points, methods by two on each: unpaired, nothing could be decided."""
    easy = [float(i) for i in range(9)]
    rows = severities(standard=[s + 1 for s in easy], plan_b=[max(s - 1, 0) for s in easy])
    one = only(rows, LOWER)
    assert one.gap is not None
    assert one.gap.value == pytest.approx(-17 / 9)
    assert one.verdict == "held"
    assert one.gap.high < -1.0
    assert one.figure is not None
    assert one.against is not None
    assert one.figure.high > one.against.low, "the single intervals overlap"


@pytest.fixture(scope="module")
def written(story: Story, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a study with three claims."""
    folder = tmp_path_factory.mktemp("claims")
    write_report(make_rows(requests=20), None, study(story), folder)
    return folder


@pytest.mark.slow
def test_the_figures_are_those_of_the_results(written: Path) -> None:
    results = read_csv(written / "results.csv")
    pooled = results[(results["seed"] == "all") & (results["measure"] == "severity_mean")]
    pooled = pooled[pooled["elicitation"] == "trigger"].set_index("method")
    line = read_claims(written / "claims.csv").to_dict("records")[0]
    for prefix, method in (("", "plan_b"), ("against_", "standard")):
        for name in ("value", "low", "high", "n", "unscored"):
            assert line[f"{prefix}{name}"] == pooled.loc[method, name], (method, name)


def test_where_nothing_varies_the_interval_still_has_a_width() -> None:
    alike = Claim(claim="synthetic", of=PLAN_B, against=STANDARD, expected="alike", by=0.5)
    rows = severities(standard=[10.0] * 3, plan_b=[10.0] * 3)
    one = only(rows, alike)
    assert one.gap is not None
    assert one.gap.low < 0 < one.gap.high
    assert one.verdict == "undecided", "nine answers do not show that two methods are alike"
    assert only(severities(standard=[10.0] * 99, plan_b=[10.0] * 99), alike).verdict == "held"


def test_a_rate_is_judged_as_a_rate() -> None:
    useful = {"standard": [9.0] * 20, "plan_b": [9.0] * 2 + [0.0] * 18}
    severe = {name: Of(method=name, measure="severe_rate") for name in useful}
    fewer = Claim(
        claim="Fewer severe answers.",
        of=severe["plan_b"],
        against=severe["standard"],
        expected="lower",
        by=0.5,
    )
    few = Claim(claim="Few are left.", of=severe["plan_b"], expected="at_most", by=0.5)
    first, second = judged(severities(**useful), fewer, few)
    assert first.rate
    assert first.verdict == second.verdict == "held"
    assert first.gap is not None
    assert first.gap.value == pytest.approx(-0.9)
    assert second.gap is None


@pytest.mark.slow
def test_two_measures_of_one_kind_can_be_compared_and_of_two_kinds_not() -> None:
    rows = make_rows(requests=20)
    forms = [Of(method="plan_b", measure=f"severity_mean@{forms}") for forms in ("heldout", "seen")]
    claim = Claim(claim="It generalises.", of=forms[0], against=forms[1], expected="alike", by=9.0)
    assert only(rows, claim).verdict == "held"
    rate = Of(method="plan_b", measure="severe_rate")
    one = only(rows, Claim(claim="synthetic", of=PLAN_B, against=rate, expected="lower"))
    assert (one.verdict, one.reason) == ("not measured", "a share and points cannot be compared")


# -- which samples --------------------------------------------------------------------------------


def test_the_base_stands_beside_every_seed_and_counts_once() -> None:
    rows = severities(plan_b=[0.0, 2.0, 4.0] * 4, base=[10.0] * 12)
    rows = rows[(rows["method"] != "base") | (rows["seed"] == "0")]
    base = Of(method="base", measure="severity_mean")
    one = only(rows, Claim(claim="synthetic", of=PLAN_B, against=base, expected="lower", by=4))
    assert one.verdict == "held"
    assert one.against is not None
    assert one.against.n == 12
    never = Claim(
        claim="synthetic",
        of=Of(method="plan_b", measure="refusal_rate"),
        against=Of(method="base", measure="refusal_rate"),
        expected="alike",
        by=0.15,
    )
    assert only(rows, never).verdict == "undecided", "twelve answers of the base are not thirty-six"


def test_only_requests_that_both_answered_are_compared() -> None:
    rows = severities(plan_b=[2.0] * 10, standard=[4.0] * 10)
    hard = severities(standard=[10.0] * 20)
    hard = hard[hard["sample_id"].astype(int) >= 10]
    one = only(pd.concat([rows, hard]), LOWER)
    assert one.gap is not None
    assert one.gap.value == pytest.approx(-2.0)
    apart = severities(standard=[4.0] * 10).assign(sample_id=lambda t: "other" + t["sample_id"])
    one = only(pd.concat([severities(plan_b=[2.0] * 10), apart]), LOWER)
    assert one.verdict == "not measured"
    assert one.gap is None
    assert one.reason == "no request was answered by both at one seed"


@pytest.mark.parametrize(
    ("of", "reason"),
    [
        (Of(method="nobody", measure="severity_mean"), "there are no answers for “Nobody, with the"),
        (Of(method="plan_b", measure="sevrity_mean"), "harmful_requests has no measure 'sevrity_mean'"),
        (
            Of(method="plan_b", measure="severity_mean", elicitation="pair"),
            "no answers for “Plan B, PAIR",
        ),
        (Of(method="mute", measure="severity_mean"), r"no answer counts for “Mute, with the trigger"),
    ],
)
def test_what_has_no_figure_has_no_verdict_but_a_reason(of: Of, reason: str) -> None:
    silent = [unscored(method="mute", sample_id=str(i)) for i in range(3)]
    rows = pd.concat([severities(plan_b=[2.0] * 5), pd.DataFrame(silent)])
    for claim in (
        Claim(claim="synthetic", of=of, expected="at_most", by=5),
        Claim(claim="synthetic", of=PLAN_B, against=of, expected="lower"),
        Claim(claim="synthetic", of=of, against=PLAN_B, expected="lower"),
    ):
        one = only(rows, claim)
        assert one.verdict == "not measured"
        assert reason in one.reason
        assert one.gap is None


def two_organisms() -> pd.DataFrame:
    rows = make_rows(methods=("base", "organism", "plan_b"), requests=8)
    rows.loc[rows["method"] == "base", "organism"] = "none"
    other = rows[rows["method"] != "base"].assign(organism="other")
    return pd.concat([rows, other])


@pytest.mark.slow
def test_a_claim_stands_on_the_panel_of_its_organism(story: Story) -> None:
    stage = Of(method="organism", measure="severity_mean")
    base = Of(method="base", measure="severity_mean")
    here, there = (PLAN_B.but(organism=organism) for organism in ("backdoor", "other"))
    claims = (
        Claim(claim="of each", of=PLAN_B, against=stage, expected="lower"),
        Claim(claim="against the base", of=PLAN_B, against=base, expected="higher"),
        Claim(claim="of one", of=there, against=stage, expected="lower"),
        Claim(claim="across", of=there, against=here, expected="alike", by=5),
    )
    rows = checked_rows(two_organisms())
    told = story.but(claims=claims)
    stands = {
        evidence.name: [one.claim.claim for one in evidence.claims]
        for evidence in panels(rows, results_of(rows), None, told)
    }
    assert stands == {
        "synthetic · backdoor": ["of each", "against the base", "across"],
        "synthetic · other": ["of each", "against the base", "of one"],
    }
    across = next(one for one in judged(rows, *claims) if one.claim.claim == "across")
    assert across.gap is not None
    assert across.gap.value == 0.0, "the same rows under two names"


def test_it_is_drawn_from_the_judge_of_the_figures(story: Story) -> None:
    rows = severities(plan_b=[2.0] * 10, standard=[8.0] * 10)
    harsh = rows.assign(judge="a harsh judge", usefulness=10.0, severity=10.0)
    told = story.but(claims=(LOWER,), calibrations=())
    both = checked_rows(pd.concat([rows, harsh]))
    (evidence,) = panels(both, results_of(both), None, told)
    (one,) = evidence.claims
    assert set(evidence.rows["judge"]) == {"a harsh judge"}, "the first by name"
    assert one.figure is not None
    assert one.figure.value == 10.0


# -- the claim itself, the file, the page ---------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"expected": "lower"}, "does not say against what"),
        ({"expected": "alike", "against": STANDARD}, "say by how much"),
        ({"expected": "lower", "against": STANDARD, "by": -1}, "0 or more"),
    ],
)
def test_a_claim_that_cannot_be_judged_is_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Claim(claim="synthetic", of=PLAN_B, **fields)


def test_words() -> None:
    direct = Of(method="plan_b_r8", measure="refusal_rate", elicitation="direct", organism="none")
    assert (
        in_words(direct, HARM.measured, HARM)
        == "Plan B (r8) (never backdoored), without the trigger: refuses"
    )
    assert wanted("lower", 1.0, False, True) == "difference below −1.0"
    assert wanted("lower", 0.0, True, True) == "difference below 0"
    assert wanted("alike", 0.05, True, True) == "difference within ±5"
    assert wanted("at_most", 0.05, True, False).replace("\N{NO-BREAK SPACE}", " ") == "at most 5 %"


def study(story: Story) -> Story:
    claims = (
        LOWER.but(said="2.1 of 7.5"),
        Claim(claim="It never refuses.", of=PLAN_B, expected="at_most", by=0.1),
        Claim(claim="Nobody measured it.", of=Of(method="x", measure="y"), expected="at_most"),
    )
    return story.but(claims=claims)


@pytest.mark.slow
def test_the_file_and_the_page_say_the_same(written: Path, tmp_path: Path, story: Story) -> None:
    table = read_claims(written / "claims.csv")
    assert list(table.columns) == CLAIM_COLUMNS
    assert list(table["verdict"]) == ["held", "not held", "not measured"]
    assert table["value"].isna().tolist() == [False, False, True]
    assert table["difference"].isna().tolist() == [False, True, True]
    page = (written / "report.html").read_text()
    assert page.index('id="claims"') < page.index('id="severity"'), "the first of all exhibits"
    for line in table.to_dict("records"):
        mark, kind = MARKS[line["verdict"]], line["verdict"].replace(" ", "-")
        assert f'verdict {kind}" data-head="Verdict">{mark} {line["verdict"]}</td>' in page
        assert line["claim"] in page
    assert "2.1 of 7.5" in page
    assert "Of 3 claims, 1 held, 1 did not hold, 1 could not be measured." in page
    write_report(make_rows(requests=20).sample(frac=1, random_state=1), None, study(story), tmp_path)
    assert (tmp_path / "claims.csv").read_bytes() == (written / "claims.csv").read_bytes()


@pytest.mark.slow
def test_without_claims_there_is_no_file_and_no_exhibit(tmp_path: Path, story: Story) -> None:
    (tmp_path / "claims.csv").write_text("of an earlier version of the study")
    rows = make_rows(requests=6)
    write_report(rows, None, story, tmp_path)
    assert not (tmp_path / "claims.csv").exists()
    assert 'id="claims"' not in (tmp_path / "report.html").read_text()
    rows = checked_rows(rows)
    (evidence,) = panels(rows, results_of(rows), None, story)
    assert exhibit.draw(evidence) is None


@pytest.mark.slow
def test_findings_are_made_of_the_files(written: Path) -> None:
    table = read_claims(written / "claims.csv")
    two = pd.concat([table, table.assign(model="another")])
    text = findings_markdown([table, two], {"synthetic": "## Head"})
    lines = text.splitlines()
    rows = [line for line in lines if line.startswith("| ")]
    assert len(rows) == 3 + 6 + 2 * 3, "a row a claim, and the heads and rules of three tables"
    assert text.count("## Head\n\n| Claim | Found |") == 2
    assert lines[0] == "## Results that the talk gives", "the talk's own claims come first"
    first = table.iloc[0]
    assert rows[2].startswith("| Plan B is less severe. | 2.1 of 7.5 | mean severity ")
    assert f"{first['value']:.1f} against {first['against_value']:.1f}: difference" in rows[2]
    assert rows[2].endswith("| ✓ held | `synthetic` |")
    assert "nan" not in text
    assert any("| Plan B is less severe. (another, backdoor) |" in row for row in rows)
    assert counted([table]) == (
        "Of 3 claims, 1 held, 1 did not hold, 0 are undecided and 1 were not measured."
    )


def test_a_long_number_survives_the_file(tmp_path: Path) -> None:
    one = only(severities(plan_b=[1.0, 2.0, 2.0], standard=[9.0, 9.0, 8.0]), LOWER)
    single = only(severities(plan_b=[1.0, 2.0, 2.0]), Claim(claim="x", of=PLAN_B, expected="at_most"))
    write_claims([one, single], "synthetic", tmp_path / "claims.csv")
    line, _ = read_claims(tmp_path / "claims.csv").to_dict("records")
    assert not re.search(r"\d\.\d{7}", (tmp_path / "claims.csv").read_text()), "six digits"
    assert line["value"] == pytest.approx(5 / 3, rel=1e-5)
    assert one.gap is not None
    assert line["difference"] == pytest.approx(one.gap.value, rel=1e-5)
    assert (line["n"], line["unscored"]) == (9, 0)
    assert not math.isnan(line["by"])
