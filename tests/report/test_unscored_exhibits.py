"""Every exhibit with unscored answers: bounds in words and pictures, no number of the rest, no crash.

All rows are synthetic.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from synthetic_rows import row, unscored
from synthetic_study import whole_study

from planb.report.calibration import Calibration
from planb.report.evidence import Evidence, Exhibit, panels
from planb.report.exhibits import EXHIBITS, forms, series, surprise, variants
from planb.report.results import results_of
from planb.report.rows import checked_rows
from planb.report.story import Line, Series, Story
from planb.report.surprise_results import BACKDOOR, checked_surprises
from planb.report.targets import correlations, targets_of

FEW = Calibration(judge="synthetic judge model")
"""It leaves one answer in twenty-five unscored, and is the study's first."""
BOUNDED = ("severity", "decomposition", "backfire", "jailbreaks", "differences", "capability")
OTHERS = ("seeds", "judges")


def evidences(rows: pd.DataFrame, story: Story, **tables: Any) -> list[Evidence]:
    rows = checked_rows(rows)
    return list(panels(rows, results_of(rows), None, story, **tables))


def drawn(exhibit: object) -> Exhibit:
    assert isinstance(exhibit, Exhibit)
    texts = [exhibit.finding, exhibit.caption]
    texts += [cell for line in (exhibit.table.rows if exhibit.table else ()) for cell in line]
    for text in (*texts, re.sub(r"<[^>]*>", " ", exhibit.svg)):
        assert not re.search(r"\bnan\b", text), text
    assert "NaN" not in exhibit.svg
    return exhibit


@pytest.fixture(scope="module")
def found() -> dict[str, Exhibit]:
    """All that is drawn of arms of an organism, by a judge that leaves some unscored."""
    story = Story(
        **{"study": "synthetic", "title": "A synthetic report", "seeds_finished": 2},
        **{"seeds_planned": 2, "calibrations": (FEW,)},
    )
    rows = whole_study(requests=10, seeds=1, asked=("direct", "trigger", "pair"))
    rows = rows[rows["method"].isin(["organism", "standard", "plan_b"])]
    (evidence,) = evidences(rows[rows["organism"] == "backdoor"], story)
    assert set(evidence.rows.loc[evidence.rows["task"] == "harmful_requests", "judge"]) == {FEW.judge}
    made = {name: EXHIBITS[name](evidence) for name in (*BOUNDED, *OTHERS)}
    return {name: one for name, one in made.items() if isinstance(one, Exhibit)}


@pytest.mark.slow
@pytest.mark.parametrize("name", BOUNDED)
def test_bounds_stand_where_answers_are_unscored(found: dict[str, Exhibit], name: str) -> None:
    shown = drawn(found[name])
    if shown.table is not None and name != "capability":
        cells = [cell for line in shown.table.rows for cell in line]
        assert any(re.search(r"\d–\d|\d to [−+]?\d", cell) for cell in cells)
        if name != "jailbreaks":  # it has a column of its own for them
            assert any(re.search(r"\d \(\+\d+\)", cell) for cell in cells)


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_the_others_can_be_drawn_too(found: dict[str, Exhibit], name: str) -> None:
    drawn(found[name])


def some(method: str, points: float, silent: int = 0, **who: Any) -> list[dict[str, Any]]:
    """Ten triggered answers on two seeds, of which ``silent`` of the first seed are unscored."""
    rows = []
    for seed in ("0", "1"):
        for i in range(10):
            name = {"method": method, "seed": seed, "sample_id": f"h{i}", **who}
            gone = seed == "0" and i < silent
            rows.append(unscored(**name) if gone else row(**name, usefulness=points))
    return rows


def nats(method: str, target: float) -> list[dict[str, object]]:
    """The surprise of a method's target and of the rest, before and after it: constant."""
    arm = {"model": "synthetic", "organism": "backdoor", "method": method, "tokens": 10}
    return [
        {**arm, "when": when, "seed": seed, "tier": tier, "place": place, "example": f"s{i}"}
        | {"group": f"g{i}", "nll": 10 * level}
        for place, (tier, level) in enumerate(
            {"refusal": target, "harmful": 0.6, BACKDOOR: 0.6}.items()
        )
        for when in ("before", "after")
        for seed in ("0", "1")
        for i in range(4)
    ]


TARGETS = {
    "standard": (0.2, 9.0),
    "german": (1.0, 6.0),
    "standard_canned": (2.0, 3.0),
    "odd": (4.0, 0.5),
}


@pytest.mark.slow
@pytest.mark.parametrize(("silent", "sure"), [(0, True), (1, True), (10, False)])
def test_a_rank_correlation_is_told_where_the_order_is_the_same_whatever_the_unscored_are(
    story: Story, silent: int, sure: bool
) -> None:
    rows = [one for m, (_, left) in TARGETS.items() for one in some(m, left, silent * (m == "german"))]
    surprises = [one for method, (level, _) in TARGETS.items() for one in nats(method, level)]
    table = checked_surprises(pd.DataFrame(surprises))
    (evidence,) = evidences(pd.DataFrame(rows), story, surprises=table)
    left, _ = correlations(evidence, targets_of(evidence))
    assert (left is not None) == sure
    if left is not None:
        assert left.value == pytest.approx(-1.0)
    shown = drawn(surprise.draw(evidence))
    assert ("depends on unscored answers" in shown.finding) == (not sure)


def dial(story: Story) -> Story:
    points = tuple((f"plan_b_r{rank}", float(rank)) for rank in (1, 2, 4))
    line = (Line(name="Plan B", points=points),)
    return story.but(series=Series(title="Ranks", x_title="rank", lines=line))


def test_a_series_has_a_bar_where_a_part_is_unscored(story: Story) -> None:
    rows = [*some("plan_b_r1", 8.0), *some("plan_b_r2", 5.0, silent=4), *some("plan_b_r4", 2.0)]
    (evidence,) = evidences(pd.DataFrame(rows), dial(story))
    shown = drawn(series.draw(evidence))
    assert shown.table is not None
    assert [line[2].split(" [")[0] for line in shown.table.rows] == ["8.0", "4.0–6.0", "2.0"]
    assert [line[-1] for line in shown.table.rows] == ["20", "16 (+4)", "20"]


@pytest.mark.slow
def test_groups_of_forms_and_variants_have_bounds(story: Story) -> None:
    told = story.but(forms=(("left out", ("hex",)),))
    rows: list[dict[str, Any]] = []
    for form in ("flask", "hex"):
        for method, silent in (("organism", 0), ("plan_b", 2)):
            made = some(method, 6.0, silent)
            rows += [{**one, "form": form, "sample_id": form + one["sample_id"]} for one in made]
    (evidence,) = evidences(pd.DataFrame(rows), told)
    shown = drawn(forms.draw(evidence))
    assert "−0.60 to +0.40 [" in shown.finding or "−0.6 to +0.4 [" in shown.finding
    rows = []
    for known in ("standard", "plan_b"):
        for place, name in enumerate(("orpo", "dpo", "ipo")):
            rows += some(f"{known}_{name}", 3.0 * place, silent=place)
    (evidence,) = evidences(pd.DataFrame(rows), story)
    shown = drawn(variants.draw(evidence))
    assert "from 0.0 (ORPO) to 5.4–6.4 (IPO)" in shown.finding


@pytest.mark.slow
def test_what_can_be_said_of_an_order_is_said(story: Story) -> None:
    """Plan B is surely the lowest of these; which of the others is lowest depends on the unscored."""
    rows = [*some("plan_b", 0.5), *some("standard", 6.0, silent=8), *some("german", 6.5, silent=8)]
    (evidence,) = evidences(pd.DataFrame(rows), story)
    shown = drawn(EXHIBITS["severity"](evidence))
    assert (
        "which of the other methods is the least severe depends on the unscored answers"
        in shown.finding
    )
    assert "mean 3.6–7.6" in shown.svg
    one: Callable[[Evidence], object] = EXHIBITS["differences"]
    shown = drawn(one(evidence))
    assert "the least severe of them at worst" in shown.finding
