"""The figure over a dial: its places, its points, its words. All rows are synthetic."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pydantic import ValidationError
from synthetic_rows import row, unscored

from planb.domains.domain import Shown
from planb.errors import PlanBError
from planb.report.charting.dial import Dial, shifts
from planb.report.charting.drawing import line_colours
from planb.report.evidence import Evidence, Exhibit, Missing, panels
from planb.report.exhibits import series as exhibit
from planb.report.page import write_report
from planb.report.results import results_of
from planb.report.rows import checked_rows
from planb.report.story import Line, Series, Story

RANKS = (1.0, 4.0, 16.0, 64.0)
FULL = 256.0
SEVERITIES = {"plan_b": (9.0, 7.0, 4.0, 2.0, 3.0), "standard": (9.0, 9.0, 9.0, 9.0, 8.0)}


def arms() -> pd.DataFrame:
    """A method a rank, two seeds that lie half a point below and above the given severity."""
    rows: list[dict[str, Any]] = []
    for name, severities in SEVERITIES.items():
        for rank, points in zip((*RANKS, FULL), severities, strict=True):
            for seed, off in (("0", -0.5), ("1", 0.5)):
                who = {"method": f"{name}_r{rank:g}", "seed": seed}
                for i in range(10):
                    rows.append(row(**who, sample_id=str(i), usefulness=points + off))
                    rows.append(row(**who, sample_id=str(i), elicitation="direct"))
    return pd.DataFrame(rows)


def dialled(**changes: Any) -> Series:
    lines = tuple(
        Line(name=said, points=tuple((f"{name}_r{rank:g}", rank) for rank in (*RANKS, FULL)))
        for name, said in (("plan_b", "Plan B, ORPO"), ("standard", "Refusal training"))
    )
    told = Series(
        title="Does the rank matter?",
        x_title="LoRA rank",
        lines=lines,
        log=True,
        labels=((FULL, "full weights"),),
    )
    return told.but(**changes)


def evidence_of(rows: pd.DataFrame, story: Story, series: Series | None) -> Evidence:
    rows = checked_rows(rows)
    told = story.but(series=series)
    (evidence,) = panels(rows, results_of(rows), None, told)
    return evidence


def drawn(rows: pd.DataFrame, story: Story, series: Series) -> Exhibit:
    found = exhibit.draw(evidence_of(rows, story, series))
    assert isinstance(found, Exhibit)
    return found


def marks(svg: str, role: str) -> list[tuple[float, float]]:
    """Where the symbols or rules of a picture stand, in pixels of their panel."""
    group = re.findall(rf'<g class="mark-{role} role-mark[^"]*"[^>]*>(.*?)</g>', svg, re.DOTALL)
    places = re.findall(r'transform="translate\(([\d.-]+),([\d.-]+)\)"', "".join(group))
    return [(float(x), float(y)) for x, y in places]


@pytest.mark.slow
def test_every_point_has_its_place_its_interval_and_its_seeds(story: Story) -> None:
    made = drawn(arms(), story, dialled())
    points = marks(made.svg, "symbol")
    singly = 2 * 5 * 2
    assert len(points) == 2 * (singly + 2 * 5), "two panels: helpfulness was not asked for"
    assert len(marks(made.svg, "rule")) >= 2 * 2 * 5
    heights = [10 * (1 - y / 230) for _, y in points]
    for points_of in SEVERITIES.values():
        for value in points_of:
            assert any(abs(height - value) < 0.02 for height in heights)
            assert any(abs(height - value - 0.5) < 0.02 for height in heights), "a seed"


@pytest.mark.slow
def test_the_table_holds_the_figures_and_the_finding_says_them(story: Story) -> None:
    evidence = evidence_of(arms(), story, dialled())
    made = exhibit.draw(evidence)
    assert isinstance(made, Exhibit)
    assert made.table is not None
    assert len(made.table.rows) == 10
    assert made.table.breaks == (5,)
    panels_of = ("Severity with the trigger", "Refuses without the trigger")
    assert made.table.head == ("Line", "LoRA rank", *panels_of, "n")
    figure = evidence.figure("plan_b_r16", "harmful_requests", "trigger", "severity_mean")
    assert figure is not None
    written = f"4.0 [{figure.low:.1f}, {figure.high:.1f}]"
    (line,) = (r for r in made.table.rows if r[:2] == ("Plan B, ORPO", "16"))
    assert (line[2], line[-1]) == (written, "20")
    assert made.table.rows[4][1] == "full weights"
    assert "Plan B, ORPO has 9.0 [" in made.finding
    assert "] at 1 and 3.0 [" in made.finding
    assert "none hides another. Small dots are single seeds." in made.caption
    assert "at “full weights”, its lowest, 2.0 [" in made.finding
    assert "Refusal training has 9.0 [" in made.finding
    assert "its highest" not in made.finding, "it is where the line begins"


@pytest.mark.slow
def test_what_was_not_measured_is_left_out(story: Story) -> None:
    rows = arms()
    rows = rows[~rows["method"].isin(["plan_b_r16", "standard_r4"])]
    silent = [unscored(method="standard_r4", sample_id=str(i)) for i in range(10)]
    rows = pd.concat([rows, pd.DataFrame(silent)])
    made = drawn(rows, story, dialled())
    assert made.table is not None
    assert len(made.table.rows) == 8
    assert "nan" not in made.svg.lower()


@pytest.mark.slow
def test_a_panel_without_the_series_has_no_exhibit(story: Story) -> None:
    rows = arms()
    assert exhibit.draw(evidence_of(rows, story, None)) is None
    other = rows.assign(method="another")
    other = other.drop_duplicates(["seed", "elicitation", "sample_id"])
    assert exhibit.draw(evidence_of(other, story, dialled())) is None
    pair = dialled(shown=(Shown(measure="severity_mean", elicitation="pair"),))
    found = exhibit.draw(evidence_of(rows, story, pair))
    assert isinstance(found, Missing)


@pytest.mark.slow
def test_an_unknown_measure_is_said(story: Story) -> None:
    wrong = dialled(shown=(Shown(measure="sevrity_mean"),))
    with pytest.raises(PlanBError, match=r"shows 'sevrity_mean'.*its measures: .*severity_mean"):
        exhibit.draw(evidence_of(arms(), story, wrong))


@pytest.mark.slow
@pytest.mark.parametrize(("lines", "panels_shown"), [(1, 1), (2, 4), (5, 1)])
def test_it_is_drawn_with_any_number_of_lines_and_panels(
    story: Story, lines: int, panels_shown: int
) -> None:
    line = dialled().lines[0]
    more = tuple(line.but(name=f"line {i}") for i in range(lines))
    shown = tuple(Shown(measure="severity_mean", title=f"Panel {i}") for i in range(panels_shown))
    svg = drawn(arms(), story, dialled(lines=more, shown=shown)).svg
    for i in range(panels_shown):
        assert f"Panel {i}" in svg
    assert (">line 0<" in svg) == (lines > 1), "a single line needs no legend"
    shapes = {re.sub(r"[\d.,-]+", "", path) for path in re.findall(r' d="(M[^"]*)"', svg)}
    assert len(shapes) >= min(lines, 3), "told apart by shape too"


@pytest.mark.slow
def test_it_stands_on_the_page(story: Story, tmp_path: Path) -> None:
    write_report(arms(), None, story.but(series=dialled()), tmp_path)
    page = (tmp_path / "report.html").read_text()
    assert 'id="series"' in page
    assert "Does the rank matter?" in page
    assert (tmp_path / "figures" / "series.svg").stat().st_size > 1000


# -- the dial -------------------------------------------------------------------------------------


def test_nothing_stands_one_step_left_of_the_smallest() -> None:
    dial = Dial("examples", (0.0, 1.0, 4.0, 16.0, 64.0), log=True, labels=((0.0, "none"),))
    assert [dial.place(v) for v in dial.values] == [-2.0, 0.0, 2.0, 4.0, 6.0]
    assert [dial.label(v) for v in dial.values] == ["none", "1", "4", "16", "64"]
    plain = Dial("round", (0.0, 1.0, 2.0))
    assert [plain.place(v) for v in plain.values] == [0.0, 1.0, 2.0]
    assert Dial("one", (0.0,), log=True).axis(200)["scale"].domain == [-1.5, -0.5]


def test_labels_that_have_no_room_are_left_out_but_never_words() -> None:
    values = (*(float(i) for i in range(1, 101)), 1000.0)
    dial = Dial("updates", values, labels=((99.0, "ninety-nine"), (1000.0, "all")))
    for width in (60, 200, 500):
        low, high = dial.axis(width)["scale"].domain
        places = dial.axis(width)["axis"].values
        assert {99.0, 1000.0} <= set(places)
        drawn_at = sorted((place - low) * width / (high - low) for place in places)
        gaps = [b - a for a, b in pairwise(drawn_at)]
        assert min(gaps) >= 13, "a figure is about eight pixels wide"
    assert len(dial.axis(500)["axis"].values) < 30
    assert len(Dial("rank", RANKS, log=True).axis(186)["axis"].values) == 4


def test_lines_stand_beside_each_other_around_their_place() -> None:
    assert shifts(1, 7) == [0.0]
    assert shifts(2, 6) == [-3.0, 3.0]
    assert sum(shifts(5, 4)) == 0.0


def test_lines_have_colours_of_their_own() -> None:
    same = [["plan_b_r1", "plan_b_r4"], ["plan_b_sft_r1"], ["standard_r1"], ["mine"], ["organism"]]
    colours = line_colours(same)
    assert len(set(colours)) == len(colours)
    assert colours[0] == line_colours([["organism", "plan_b"]])[0], "the known method's"
    assert len(set(line_colours([[f"m{i}"] for i in range(12)]))) == 12


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"labels": ((5.0, "five"),)}, "there is no point at 5, called 'five'"),
        ({"lines": dialled().lines[:1] * 2}, "two lines have one name"),
        ({"lines": (Line(name="a", points=(("x", -1.0),)),), "labels": ()}, "no place for -1"),
    ],
)
def test_a_series_that_cannot_be_drawn_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Series(**{**dict(dialled()), **changes})
