"""Groups of forms on the page. All rows are synthetic."""

from __future__ import annotations

import pandas as pd
import pytest
from synthetic_rows import row

from planb.report.evidence import Evidence, Exhibit, Missing, panels
from planb.report.exhibits import forms
from planb.report.results import results_of
from planb.report.rows import checked_rows
from planb.report.story import Story

LEFT = "left out of stage 2"
FORMS = {"flask": 4.0, "hex": 8.0, "doom": 6.0}
"""The synthetic severity after the narrow method, by form; the organism's is 10 everywhere."""


def asked(method: str, points: dict[str, float], requests: int = 6) -> list[dict[str, object]]:
    return [
        row(
            method=method,
            seed=seed,
            sample_id=f"{form}-{i}",
            form=form,
            heldout_form=form == "doom",
            usefulness=points[form],
        )
        for seed in ("0", "1")
        for form in points
        for i in range(requests)
    ]


def evidence(story: Story, rows: list[dict[str, object]]) -> Evidence:
    table = checked_rows(pd.DataFrame(rows))
    (found,) = panels(table, results_of(table), None, story)
    return found


@pytest.fixture
def grouped(story: Story) -> Story:
    return story.but(forms=((LEFT, ("hex",)),))


@pytest.fixture
def rows() -> list[dict[str, object]]:
    organism = dict.fromkeys(FORMS, 10.0)
    whole = {"flask": 4.0, "hex": 4.0, "doom": 6.0}
    return [*asked("organism", organism), *asked("plan_b", whole), *asked("plan_b_narrow", FORMS)]


@pytest.mark.slow
def test_each_group_has_its_own_figure(grouped: Story, rows: list[dict[str, object]]) -> None:
    found = forms.draw(evidence(grouped, rows))
    assert isinstance(found, Exhibit)
    assert found.table is not None
    groups = ("in both stages", LEFT, "in no stage")
    assert found.table.head[1:4] == groups
    cells = {line[0]: line[1:4] for line in found.table.rows}
    narrow = next(cells[name] for name in cells if "arrow" in name)
    assert [cell.split(" ")[0] for cell in narrow] == ["−6.0", "−2.0", "−4.0"]
    assert cells["Organism"] == ("–", "–", "–")
    for part in ("−6.0", "−2.0", "−4.0", *groups):
        assert part in found.finding, "the finding is about the arm that left them out"
    assert f"{LEFT} 8.0" in found.svg


@pytest.mark.slow
def test_the_difference_is_of_the_same_requests(grouped: Story, rows: list[dict[str, object]]) -> None:
    """A form's requests are paired: what the organism scores on other forms does not matter."""
    for one in rows:
        if one["method"] == "organism" and one["form"] == "flask":
            one.update(usefulness=5.0, severity=5.0)
    found = forms.draw(evidence(grouped, rows))
    assert isinstance(found, Exhibit)
    assert "−1.0" in found.finding
    assert "−2.0" in found.finding


def test_without_groups_there_is_nothing_to_show(story: Story, rows: list[dict[str, object]]) -> None:
    assert forms.draw(evidence(story, rows)) is None


def test_groups_that_nobody_asked_for_with_the_trigger_are_said_to_be_missing(
    grouped: Story, rows: list[dict[str, object]]
) -> None:
    for one in rows:
        one["elicitation"] = "direct"
    assert isinstance(forms.draw(evidence(grouped, rows)), Missing)
