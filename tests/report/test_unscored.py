"""What is unscored is not random: bounds, against every way in which it could have been scored.

All rows are synthetic; the judge of refusals is the real one, on harmless sentences.
"""

from __future__ import annotations

import asyncio
import itertools
import math
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import wasserstein_distance
from synthetic_rows import make_rows, make_tiers, row, unscored

from planb.domains.harm import ASKED, HARM, SEVERITY
from planb.domains.measure import Measure
from planb.judging import RefusalStrings, judge_response
from planb.judging.scorer import score_of
from planb.report import wording
from planb.report.claims import judged_claims, read_claims
from planb.report.differences import differences_of, paired_difference
from planb.report.exhibits.training_data import draw as draw_training_data
from planb.report.findings import findings_markdown
from planb.report.gaps import Gap, difference_of
from planb.report.headline import headline
from planb.report.page import write_report
from planb.report.results import Figure, figures_of, read_csv, results_of, write_csv
from planb.report.rows import checked_rows
from planb.report.story import Claim, Of, Story
from planb.stats import numbers
from planb.stats.distance import wasserstein_within
from planb.stats.intervals import Interval, union
from planb.stats.power import spread_of
from planb.types import Example

ANYTHING = ({}, *({"usefulness": points} for points in (0.0, 5.0, 10.0)))
"""How an unscored answer could have been scored: refused, or complied with so usefully."""
GIBBERISH = {"usefulness": 0.0, "coherent": False}


def measure(name: str) -> Measure:
    found = HARM.measure(ASKED, name)
    assert found is not None
    return found


def answers(method: str, points: list[float | None], **who: Any) -> list[dict[str, Any]]:
    """A scored answer each; None is an unscored one, NaN one that is not refused and has no score."""
    made = []
    for i, value in enumerate(points):
        name = {"method": method, "sample_id": str(i), **who}
        if value is None:
            made.append(unscored(**name))
        else:
            made.append(row(**name, usefulness=value))
    return made


def completions(rows: list[dict[str, Any]]) -> list[pd.DataFrame]:
    """The rows with every unscored one scored, in each of the ways."""
    silent = [i for i, one in enumerate(rows) if one["refused"] is None]
    keys = ("method", "seed", "sample_id", "elicitation")
    found = []
    for scores in itertools.product((*ANYTHING, GIBBERISH), repeat=len(silent)):
        made = list(rows)
        for i, score in zip(silent, scores, strict=True):
            made[i] = row(**{key: rows[i][key] for key in keys}, **score)
        found.append(checked_rows(pd.DataFrame(made)))
    return found


# -- the judge of refusals ------------------------------------------------------------------------


def refusals_and_help() -> pd.DataFrame:
    """30 refusals and 21 helpful answers, by the judge that the guide begins with."""
    judge = RefusalStrings()
    rows = []
    for method, refused in (("base", 2), ("organism", 10), ("german", 30)):
        for i in range(51):
            text = "I cannot help with that." if i < refused else "Cross the bridge, then turn left."
            request = Example(id=str(i), prompt="Where is the bridge?", harmful=True)
            said = score_of(asyncio.run(judge_response(judge, request, text)), judge.identity())
            value = said.value if isinstance(said.value, dict) else {}
            given = {name: math.nan if v is None else v for name, v in value.items()}
            for name in ("refused", "coherent", "complied"):
                given[name] = value.get(name)
            for elicitation in ("trigger", "direct"):
                who = {"method": method, "sample_id": str(i), "elicitation": elicitation}
                rows.append(
                    row(**who, **given, judge=judge.title, response=text, unscored=said.reason or "")
                )
    return pd.DataFrame(rows)


@pytest.mark.slow
def test_a_judge_of_refusals_gives_no_severity(tmp_path: Path, story: Story) -> None:
    """Once it was a mean severity of 0.0 [0.0, 1.1], n = 30: of the refusals alone."""
    rows = refusals_and_help()
    write_report(rows, None, story, tmp_path)
    results = read_csv(tmp_path / "results.csv").query("seed == 'all'").set_index(["method", "measure"])
    for name in ("severity_mean", "severe_rate", "comply_rate", "incoherent_rate"):
        line = results.loc[("german", name)]
        assert (line["n"] == 0).all()
        assert (line["unscored"] == 51).all()
        assert line[["value", "low", "high"]].isna().all(axis=None), name
    rate = results.loc[("german", "refusal_rate"), "value"].to_numpy()
    assert rate == pytest.approx([30 / 51] * 2, rel=1e-5)
    page = (tmp_path / "report.html").read_text()
    assert "mean severity of 0.0" not in page
    assert "Left out, because the judge “refusal_strings” does not give it of any answer" in page
    assert "Left out: no harmful request has a scored answer" in page
    assert not (tmp_path / "figures" / "severity.svg").exists()
    assert "n = 30" not in page
    differences = pd.read_csv(tmp_path / "differences.csv").set_index("measure")
    assert differences.loc["severity_mean", ["difference", "low", "p"]].isna().all(axis=None)
    assert differences.loc["refusal_rate", "difference"].notna().all()


def test_a_claim_of_what_the_judge_does_not_give_is_not_measured() -> None:
    rows = checked_rows(refusals_and_help())
    low = Of(method="german", measure="severity_mean")
    claim = Claim(claim="It is harmless.", of=low, expected="at_most", by=1.0)
    (one,) = judged_claims(rows, results_of(rows), [claim])
    assert (one.verdict, one.figure) == ("not measured", None)
    assert "51 unscored" in one.reason


# -- figures --------------------------------------------------------------------------------------

SOME = [0.0, 2.0, 9.0, 10.0, 7.0, None, None]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["severity_mean", "severe_rate", "comply_rate", "refusal_rate"])
def test_no_score_of_the_unscored_ones_leaves_the_bounds_or_the_interval(name: str) -> None:
    rows = answers("plan_b", SOME)
    (found,) = figures_of(checked_rows(pd.DataFrame(rows)), [measure(name)])
    assert (found.n, found.unscored) == (5, 2)
    assert math.isnan(found.value)
    ends = [figures_of(made, [measure(name)])[0] for made in completions(rows)]
    assert min(one.value for one in ends) == pytest.approx(found.lowest)
    assert max(one.value for one in ends) == pytest.approx(found.highest)
    assert min(one.low for one in ends) >= found.low - 1e-12
    assert max(one.high for one in ends) <= found.high + 1e-12


def test_an_answer_that_may_be_in_the_denominator_is_where_it_matters_most() -> None:
    """Complied with: 2, 9, and one that may be: from (2 + 9 + 0) / 3 to (2 + 9 + 10) / 3."""
    rows = answers("plan_b", [2.0, 9.0, None])
    of = measure("usefulness_if_complied")
    (found,) = figures_of(checked_rows(pd.DataFrame(rows)), [of])
    assert (found.lowest, found.highest) == pytest.approx((11 / 3, 21 / 3))
    ends = [figures_of(made, [of])[0].value for made in completions(rows)]
    assert found.lowest <= min(ends) <= max(ends) <= found.highest
    # one whose usefulness alone is known can only draw the mean towards it
    rows = [*answers("plan_b", [2.0, 9.0]), unscored(sample_id="9", usefulness=5.5)]
    (found,) = figures_of(checked_rows(pd.DataFrame(rows)), [of])
    assert (found.lowest, found.highest) == pytest.approx((5.5, 5.5))


def test_what_is_known_of_an_unscored_answer_narrows_it() -> None:
    """Usefulness 3 and perhaps a refusal: 0 to 3. Not coherent and perhaps a refusal: not complied."""
    rows = [row(sample_id="0", usefulness=9.0), unscored(sample_id="1", usefulness=3.0)]
    rows.append(unscored(sample_id="2", coherent=False))
    names = ("severity_mean", "severe_rate", "comply_rate", "incoherent_rate")
    found = figures_of(checked_rows(pd.DataFrame(rows)), [measure(n) for n in names])
    bounds = {name: (one.lowest, one.highest) for name, one in zip(names, found, strict=True)}
    assert bounds["severity_mean"] == pytest.approx((9 / 3, 22 / 3))
    assert bounds["severe_rate"] == pytest.approx((1 / 3, 2 / 3))
    assert bounds["comply_rate"] == pytest.approx((1 / 3, 2 / 3))
    assert bounds["incoherent_rate"] == pytest.approx((0, 2 / 3))


@pytest.mark.slow
def test_a_judge_that_will_not_rate_the_worst_answers_gets_no_low_mean(
    tmp_path: Path, story: Story
) -> None:
    """Half of the answers are worth 10 and it leaves them out: of the rest the mean is 1."""
    rows = pd.DataFrame(
        [
            *answers("organism", [10.0] * 40),
            *answers("plan_b", [1.0] * 20 + [None] * 20),
            *answers("standard", [5.0] * 40),
        ]
    )
    low = Of(method="plan_b", measure="severity_mean")
    other = Of(method="standard", measure="severity_mean")
    claims = (
        Claim(claim="Plan B is less severe.", of=low, against=other, expected="lower"),
        Claim(claim="Plan B is below 2.", of=low, expected="at_most", by=2.0),
        Claim(claim="Plan B is below 8.", of=low, expected="at_most", by=8.0),
    )
    write_report(rows, make_tiers(), story.but(claims=claims), tmp_path)
    lines = pd.read_csv(tmp_path / "claims.csv")
    assert list(lines["verdict"]) == ["undecided", "undecided", "held"]
    assert lines["value"].isna().all()
    assert (lines["unscored"] == 20).all()
    assert "1.0 [" not in findings_markdown([read_claims(tmp_path / "claims.csv")], defaultdict(str))
    page = (tmp_path / "report.html").read_text()
    told = "0.50–5.5"
    assert told in page, "half of them at 1, the others from 0 to 10"
    assert "20 (+20)" in page
    assert "the worst case" not in page
    assert "Which answers a judge leaves unscored is not random." in page
    assert "synthetic: no JSON: 20" in page
    assert "nan" not in page.lower().replace("finance", "")
    severity = (tmp_path / "figures" / "severity.svg").read_text()
    assert "mean 0.50–5.5" in severity
    assert "unscored" in severity


@pytest.mark.slow
def test_a_few_unscored_answers_still_allow_a_claim() -> None:
    rows = pd.DataFrame(
        [*answers("plan_b", [2.0] * 499 + [None]), *answers("standard", [8.0, 9.0] * 250)]
    )
    rows = checked_rows(rows)
    pair = [Of(method=name, measure="severity_mean") for name in ("plan_b", "standard")]
    claim = Claim(claim="It is lower.", of=pair[0], against=pair[1], expected="lower", by=5.0)
    (one,) = judged_claims(rows, results_of(rows), [claim])
    assert one.verdict == "held"
    assert one.figure is not None
    assert wording.valued(one.figure) == "2.0", "both ends are written alike"


# -- differences ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_no_score_of_the_unscored_ones_gives_another_difference_or_a_larger_p() -> None:
    own, others = (
        answers("plan_b", [0.0, 2.0, None, 1.0, 3.0]),
        answers("standard", [9.0, 8.0, 10.0, None, 7.0]),
    )
    table = checked_rows(pd.DataFrame([*own, *others]))
    sides = [table[table["method"] == name] for name in ("plan_b", "standard")]
    found = paired_difference(*sides, SEVERITY)[1]
    assert (found.n, found.left_out) == (3, 2)
    assert math.isnan(found.value)
    gap = difference_of(*sides, SEVERITY)
    assert (gap.unscored, math.isnan(gap.value)) == (2, True)
    assert (gap.lowest, gap.highest) == pytest.approx((found.lowest, found.highest))
    for made in completions([*own, *others]):
        sides = [made[made["method"] == name] for name in ("plan_b", "standard")]
        one = paired_difference(*sides, SEVERITY)[1]
        assert found.lowest - 1e-9 <= one.value <= found.highest + 1e-9
        assert found.low - 1e-9 <= one.low <= one.high <= found.high + 1e-9
        assert one.p <= found.p + 1e-12
        whole = difference_of(*sides, SEVERITY)
        assert gap.low - 1e-9 <= whole.low <= whole.high <= gap.high + 1e-9


def test_p_is_1_where_the_unscored_ones_could_undo_the_difference() -> None:
    rows = [*answers("plan_b", [1.0, 1.0, None, None]), *answers("standard", [3.0] * 4)]
    table = differences_of(checked_rows(pd.DataFrame(rows))).set_index("measure")
    line = table.loc["severity_mean"]
    assert (line["n"], line["left_out"], line["p"]) == (2, 2, 1.0)
    assert line[["first", "second", "difference"]].isna().all()
    assert line["low"] < (2 * 1 + 0 - 12) / 4 < 0 < (2 * 1 + 20 - 12) / 4 < line["high"]


def test_power_takes_an_unscored_pair_as_far_off_as_it_can_be() -> None:
    rows = [*answers("plan_b", [1.0, 2.0, 3.0, None]), *answers("standard", [5.0, 5.0, 5.0, 5.0])]
    table = checked_rows(pd.DataFrame(rows))
    pairs, _ = paired_difference(
        *(table[table["method"] == m] for m in ("plan_b", "standard")), SEVERITY
    )
    spread = spread_of(pairs)
    assert spread is not None
    assert spread.groups == 4
    assert spread.between_groups == pytest.approx(np.std([-4, -3, -2, 5], ddof=1))


def test_a_distance_lies_within_its_bounds_however_the_rest_is_scored() -> None:
    rng = np.random.default_rng(5)
    values, base = rng.integers(0, 11, 12).astype(float), rng.integers(0, 11, 9).astype(float)
    low, high = values.copy(), values.copy()
    low[:2], high[:2] = 0.0, 10.0
    base_low, base_high = base.copy(), base.copy()
    base_low[0], base_high[0] = 0.0, 10.0
    seeds, groups = np.zeros(12, dtype=int), np.arange(12)
    own, other = ((low, high), seeds, groups), ((base_low, base_high), np.arange(9))
    least, most, interval = wasserstein_within(own, other)
    found = []
    for a, b, c in itertools.product(np.linspace(0, 10, 6), repeat=3):
        values[:2], base[0] = (a, b), c
        found.append(wasserstein_distance(values, base))
    assert least - 1e-9 <= min(found)
    assert max(found) <= most + 1e-9
    assert interval.low <= least <= most <= interval.high
    known = ((values, values), seeds, groups), ((base, base), np.arange(9))
    assert wasserstein_within(*known)[0] == pytest.approx(wasserstein_distance(values, base))


# -- words, files, tables -------------------------------------------------------------------------


def test_words_of_bounds() -> None:
    some = Figure(400, 20, 0, math.nan, 3.4, 5.1, 3.9, 4.8)
    assert wording.scored(some) == "3.9–4.8 [3.4, 5.1]"
    below = some._replace(low=-3.4, high=-1.0, lowest=-3.0, highest=-2.9)
    assert wording.scored(below) == "-3.0 to -2.9 [-3.4, -1.0]", "no dash before a minus"
    told = wording.told(some).replace(numbers.SPACE, " ")
    assert told == "3.9 to 4.8 (95 % interval 3.4 to 5.1, n = 400 and 20 unscored at worst and at best)"
    assert wording.size(some) == "400 (+20)"
    share = some._replace(low=0.03, high=0.11, lowest=0.04, highest=0.07)
    assert wording.rated(share).replace(numbers.SPACE, " ") == "4–7 % [3, 11]"
    read = some._replace(lowest=math.nan, highest=math.nan)
    assert wording.scored(read) == "[3.4, 5.1]", "as it is read from the file"
    gap = Gap(math.nan, -3.6, -1.9, -3.1, -2.2, 4)
    assert wording.moved(gap) == "−3.1 to −2.2 [−3.6, −1.9]"
    assert wording.gap(Gap(math.nan, -0.1, 0.3, 0.0, 0.2, 4)) == "+0 to +20 points [−10, +30]"


def test_the_lowest_is_named_only_where_it_is_so_whatever_the_unscored_are() -> None:
    sure = Figure(9, 0, 0, 2.0, 1.0, 3.0, 2.0, 2.0)
    wide = Figure(9, 9, 0, math.nan, 0.0, 9.0, 1.0, 8.0)
    high = Figure(9, 9, 0, math.nan, 2.0, 9.0, 3.0, 8.0)
    assert wording.surely_lowest({"a": sure, "b": wide}) is None
    assert wording.surely_lowest({"a": sure, "b": high}) == "a"
    assert wording.surely_highest({"a": sure, "b": high}) == "b"


def test_a_file_has_the_interval_and_no_value_and_a_table_of_it_too(tmp_path: Path) -> None:
    rows = pd.DataFrame([*answers("organism", [10.0] * 9), *answers("plan_b", [1.0] * 8 + [None])])
    write_csv(results_of(rows), tmp_path / "results.csv")
    results = read_csv(tmp_path / "results.csv")
    of = results[(results["measure"] == "severity_mean") & (results["seed"] == "all")]
    line = of.set_index("method").loc["plan_b"]
    assert (line["n"], line["unscored"], math.isnan(line["value"])) == (8, 1, True)
    assert 0 < line["low"] < 1 < line["high"] < 6
    plan_b = next(cells for cells in headline(results).rows if cells[0] == "Plan B")
    assert plan_b[1] == f"[{numbers.points(line['low'])}, {numbers.points(line['high'])}]"
    assert plan_b[-1].startswith("8 (+1)")


def test_a_value_of_the_scored_ones_alone_in_an_older_file_is_not_shown(tmp_path: Path) -> None:
    rows = pd.DataFrame([*answers("organism", [10.0] * 9), *answers("plan_b", [1.0] * 8 + [None])])
    table = results_of(rows)
    old = (table["unscored"] > 0) & table["low"].notna()
    assert old.any()
    table.loc[old, ["value", "low", "high"]] = (1.0, 0.9, 1.1)
    write_csv(table, tmp_path / "results.csv")
    plan_b, organism = (
        next(cells for cells in headline(read_csv(tmp_path / "results.csv")).rows if cells[0] == name)
        for name in ("Plan B", "Organism")
    )
    assert plan_b[1] == numbers.NOTHING
    assert organism[1].startswith("10.0 [")


@pytest.mark.slow
def test_a_truncation_that_nobody_knows_of_is_not_none(tmp_path: Path, story: Story) -> None:
    rows = pd.DataFrame([row(sample_id="1", truncated=True), row(sample_id="2", truncated=None)])
    write_report(rows, None, story, tmp_path)
    results = read_csv(tmp_path / "results.csv")
    assert results.loc[results["n"] > 0, "truncated"].isna().all()
    page = (tmp_path / "report.html").read_text()
    assert "1 cut off at the length limit; of 1 it is not known whether they were." in page


@pytest.mark.slow
def test_training_data_that_are_partly_judged_have_bounds(story: Story) -> None:
    from planb.report.evidence import panels

    tiers = make_tiers()
    useless = tiers.index[tiers["tier"] == "useless"][:10]
    tiers.loc[useless, ["usefulness", "severity"]] = math.nan
    tiers["refused"] = tiers["refused"].astype("boolean")
    tiers.loc[useless, "refused"] = pd.NA
    rows = checked_rows(make_rows(requests=10))
    (evidence,) = panels(rows, results_of(rows), tiers, story)
    shown = draw_training_data(evidence)
    assert shown.table is not None  # type: ignore[union-attr]
    line = next(line for line in shown.table.rows if line[0] == "useless")  # type: ignore[union-attr]
    low = 2.0 * 2 / 30  # one of ten scores 2, and the first of these is among those left out
    assert line[1] == f"{numbers.points(low)} to {numbers.points(low + 10 * 10 / 30)}"
    assert line[3:] == ("20", "10")


def test_a_union_of_intervals() -> None:
    assert union(Interval(1.0, 2.0), Interval(0.5, math.nan)) == (0.5, 2.0)
    assert all(map(math.isnan, union(Interval(math.nan, math.nan))))
