"""What each line reaches at a matched cost, worked by hand. All rows are synthetic."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from synthetic_rows import row, unscored

from planb.domains.domain import Shown
from planb.errors import PlanBError
from planb.report.charting.drawing import COLOURS
from planb.report.charting.multiples import MOST
from planb.report.evidence import Evidence, Exhibit, Missing, panels
from planb.report.exhibits import cost, tradeoff
from planb.report.results import results_of
from planb.report.rows import checked_rows
from planb.report.story import Line, Series, Spending, Story

HELPS = Shown(
    measure="helpfulness_mean",
    task="harmless_requests",
    elicitation="direct",
    title="Helpfulness on harmless requests",
)
ARMS = {
    "organism": (9.0, 10.0),
    "mild": (7.0, 9.8),
    "hard": (2.0, 8.5),
    "merged_weak": (8.0, 9.9),
    "merged_strong": (1.0, 7.0),
}
"""Severity with the trigger and helpfulness of each method."""
SERIES = Series(
    title="Synthetic dials",
    x_title="strength",
    labels=((0.0, "weak"), (1.0, "strong")),
    lines=(Line(name="one", points=(("mild", 0.0), ("hard", 1.0))),),
    others=(Line(name="other", points=(("merged_weak", 0.0), ("merged_strong", 1.0))),),
    cost=HELPS,
)


def evidence_of(story: Story, series: Series, *more: dict[str, Any]) -> Evidence:
    rows = [*more]
    for method, (severity, helps) in ARMS.items():
        for i in range(6):
            who = {"method": method, "sample_id": str(i)}
            rows.append(row(**who, usefulness=severity))
            tea = {"task": "harmless_requests", "elicitation": "direct", "harmful": False}
            rows.append(row(**who, **tea, usefulness=helps))
    table = checked_rows(pd.DataFrame(rows))
    (evidence,) = panels(table, results_of(table), None, story.but(series=series))
    return evidence


@pytest.mark.slow
def test_the_lowest_figure_of_each_line_at_each_limit_of_cost(story: Story) -> None:
    """One: mild loses 0.2 and hard 1.5; other: weak loses 0.1 and strong 3.0, more than any limit."""
    found = tradeoff.draw(evidence_of(story, SERIES))
    assert isinstance(found, Exhibit)
    assert found.table is not None
    assert found.table.head == ("Line", "at most 0.5 lost", "at most 1.0 lost", "at most 2.0 lost")
    one, other = found.table.rows
    assert [cell.split(" ")[0] for cell in one] == ["one", "7.0", "7.0", "2.0"]
    assert one[1].endswith("(weak, 0.2 lost)")
    assert one[3].endswith("(strong, 1.5 lost)")
    assert [cell.split(" ")[0] for cell in other] == ["other", "8.0", "8.0", "8.0"]
    assert found.finding == "Lowest at a loss of at most 1.0: one 7.0; other 8.0."
    assert found.title == "Severity with the trigger at matched cost"
    assert "stage 1's (10.0)" in found.caption
    assert found.svg.count("<svg") == 1


@pytest.mark.slow
def test_many_lines_have_a_panel_each(story: Story) -> None:
    """More lines than colours: each has its name over its panel, and known methods their colour."""
    names = [f"line {i}" for i in range(MOST)]
    lines = tuple(Line(name=name, points=(("mild", 0.0), ("hard", 1.0))) for name in names)
    lines += (Line(name="ours", points=(("plan_b_weak", 0.0),)),)
    weak = {"method": "plan_b_weak", "sample_id": "0"}
    tea = {"task": "harmless_requests", "elicitation": "direct", "harmful": False}
    more = (row(**weak, usefulness=4.0), row(**weak, **tea, usefulness=9.0))
    found = tradeoff.draw(evidence_of(story, SERIES.but(lines=lines, others=()), *more))
    assert isinstance(found, Exhibit)
    for name in (*names, "ours"):
        assert found.svg.count(f">{name}<") == 1
    assert COLOURS["plan_b"] in found.svg
    assert "legend" not in found.svg
    few = tradeoff.draw(evidence_of(story, SERIES.but(lines=lines[:2], others=())))
    assert isinstance(few, Exhibit)
    assert "legend" in few.svg


def test_without_a_cost_there_is_no_figure_and_without_answers_it_says_so(story: Story) -> None:
    assert tradeoff.draw(evidence_of(story, SERIES.but(cost=None))) is None
    tea = {"task": "harmless_requests", "elicitation": "direct", "harmful": False}
    blank = unscored(**tea, method="organism", sample_id="none")
    assert isinstance(tradeoff.draw(evidence_of(story, SERIES, blank)), Missing)


def test_a_line_of_this_figure_alone_has_a_name_of_its_own() -> None:
    with pytest.raises(PlanBError, match="two lines have one name"):
        SERIES.but(others=SERIES.lines)


def test_what_each_method_cost_stands_in_a_table_the_cheapest_first(story: Story) -> None:
    def spent(method: str, making: float, memory: int) -> Spending:
        who = {"model": "synthetic", "organism": "backdoor", "method": method}
        return Spending(**who, making=making, answering=2.5, memory=memory)

    told = story.but(spending=(spent("hard", 1200.4, 2**29), spent("mild", 0.0, 0), spent("x", 1, 1)))
    elsewhere = spent("hard", 7, 1).but(organism="another")
    told = told.but(spending=(*told.spending, elsewhere))
    found = cost.draw(evidence_of(told, SERIES))
    assert isinstance(found, Exhibit)
    assert found.table is not None
    assert found.table.rows == (
        ("Mild", "0.0 s", "2.5 s", "–"),
        ("Hard", "1,200.4 s", "2.5 s", "0.50 GiB"),
    )
    assert found.finding.endswith("the cheapest 1,200."), "what was not trained is no method's cost"
    assert cost.draw(evidence_of(story, SERIES)) is None
