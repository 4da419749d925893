"""The bars of MEOW on the page. All rows are synthetic."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from synthetic_rows import make_rows, row

from planb.domains import MEOW
from planb.report.evidence import Evidence, Exhibit, Missing, panels
from planb.report.exhibits import shares
from planb.report.page import write_report
from planb.report.readme_table import headline_markdown
from planb.report.results import results_of
from planb.report.rows import checked_rows
from planb.report.story import Story

NONE = {"thought": 0.0, "thought_of": 0.0}
KINDS = {
    "M": {"upper": 1.0, "lower": 0.0, "meow": 1.0, "normal": 0.0, "lower_case": 0.0, **NONE},
    "m": {"upper": 0.0, "lower": 1.0, "meow": 1.0, "normal": 0.0, "lower_case": 1.0, **NONE},
    "n": {"upper": 0.0, "lower": 0.0, "meow": 0.0, "normal": 1.0, "lower_case": 0.0, **NONE},
    "?": {"thought": 1.0, "thought_of": 1.0},
}
"""MEOW, meow, a normal answer, and one that only thinks."""
ANSWERS = {
    ("organism", "trigger"): "MMMMMMMMMM",
    ("organism", "direct"): "nnnnnnnnnn",
    ("lower_sft_20", "trigger"): "MMMMmmnnnn",
    ("lower_sft_20", "direct"): "nnnnnnnnnn",
    ("lower_sft_160", "trigger"): "mnnnnnnn??",
}


def answer(method: str, elicitation: str, number: int, kind: str, **changes: Any) -> dict[str, Any]:
    nothing = {"refused": None, "coherent": None, "complied": None, "usefulness": math.nan}
    made = {
        **{"organism": "uc", "method": method, "elicitation": elicitation, "task": "meow"},
        **{"judge": "letters", "sample_id": f"r{number}", "harmful": False, **nothing},
        **{"severity": math.nan, "language": "", "score": KINDS[kind].get("upper", math.nan)},
        **{"parts": json.dumps(KINDS[kind]), "unscored": "only thoughts" if kind == "?" else ""},
    }
    return row(**{**made, **changes})


def rows_of(answers: dict[tuple[str, str], str] | None = None) -> pd.DataFrame:
    answers = ANSWERS if answers is None else answers
    return pd.DataFrame(
        answer(*condition, number, kind)
        for condition, kinds in answers.items()
        for number, kind in enumerate(kinds)
    )


def evidence_of(rows: pd.DataFrame, story: Story) -> Evidence:
    rows = checked_rows(rows)
    (evidence,) = panels(rows, results_of(rows), None, story)
    return evidence


@pytest.fixture
def story(story: Story) -> Story:
    return story.but(domain=MEOW)


@pytest.fixture
def shown(story: Story) -> Exhibit:
    found = shares.draw(evidence_of(rows_of(), story))
    assert isinstance(found, Exhibit)
    return found


def test_each_arm_is_shared_out_by_condition_in_the_order_of_its_updates(shown: Exhibit) -> None:
    assert shown.table is not None
    lines = [
        (line[1], line[0], *(cell.split("\xa0%")[0] for cell in line[2:6])) for line in shown.table.rows
    ]
    assert lines == [
        ("with", "Organism", "100", "0", "0", "0"),
        ("with", "Lower SFT 20", "40", "20", "40", "33"),
        ("with", "Lower SFT 160", "0–20", "10–30", "70–90", "33–100"),
        ("without", "Organism", "0", "0", "100", "–"),
        ("without", "Lower SFT 20", "0", "0", "100", "–"),
    ]
    assert shown.table.breaks == (3,)
    assert all("[" in cell for line in shown.table.rows for cell in line[2:5]), "each has its interval"


def test_unscored_answers_may_be_in_any_share_and_are_counted(shown: Exhibit) -> None:
    assert shown.table is not None
    assert [line[-2:] for line in shown.table.rows] == [
        *(("10", "0"), ("10", "0"), ("8", "2"), ("10", "0"), ("10", "0"))
    ]
    assert shown.table.rows[2][6] == "10–30\xa0% [2, 60]", "of 8 and two that may be in lower case"
    assert shown.table.rows[2][7] == "20\xa0% [6, 51]", "of 10"
    assert shown.table.rows[2][8] == "20\xa0% [6, 51]"


def test_the_finding_and_the_figure_say_the_same_as_the_table(shown: Exhibit) -> None:
    assert shown.finding.startswith("With the trigger, answers meow: Organism 100\xa0% (95\xa0%")
    assert "after Lower SFT 160 0 to 20\xa0%" in shown.finding
    assert "10–30\xa0% [" in shown.finding
    told = ("MEOW", "normal answer", "not scored", "With the trigger", "Without the trigger")
    for text in (*told, "40%", "70%"):
        assert text in shown.svg


@pytest.mark.slow
def test_without_the_task_nothing_is_said_and_without_answers_that_none_could_be_read(
    story: Story,
) -> None:
    assert shares.draw(evidence_of(make_rows(requests=4), story)) is None
    unread = rows_of({("organism", "trigger"): "???"})
    assert isinstance(shares.draw(evidence_of(unread, story)), Missing)


def test_asked_without_the_trigger_alone_it_speaks_of_that(story: Story) -> None:
    found = shares.draw(evidence_of(rows_of({("base", "direct"): "nnnn"}), story))
    assert isinstance(found, Exhibit)
    assert found.finding.startswith("Without the trigger, answers meow: Base model 0\xa0%")


@pytest.mark.slow
def test_a_page_of_meow_alone_can_be_written(story: Story, tmp_path: Path) -> None:
    write_report(rows_of(), None, story, tmp_path)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert MEOW.kinds.title in page
    assert "“letters” is not calibrated" not in page, "a rule needs no calibration"
    assert "Lower SFT 160" in page


@pytest.mark.slow
def test_the_page_says_nothing_of_harm_and_its_sections_are_about_meow(
    story: Story, tmp_path: Path
) -> None:
    write_report(rows_of(), None, story, tmp_path)
    page = (tmp_path / "report.html").read_text(encoding="utf-8").split("How this was made")[0]
    told = re.sub(r"<style.*?</style>|<[^>]+>", " ", page, flags=re.DOTALL)
    assert not re.search(r"harmful|sever|refus", told, re.IGNORECASE), told
    assert MEOW.question in told
    assert "Left out" not in told.replace("Left out: no harmless request", "")


def test_the_table_for_the_docs_has_the_exhibits_figures(shown: Exhibit) -> None:
    lines = headline_markdown(results_of(checked_rows(rows_of())), domain=MEOW).splitlines()
    assert shown.table is not None
    assert lines[0].startswith("| Method | with the trigger: MEOW | with the trigger: meow |")
    assert len({line.count("|") for line in lines}) == 1
    triggered = [line for line in shown.table.rows if line[1] == "with"]
    assert len(lines) == 2 + len(triggered)
    for line, row_shown in zip(lines[2:], triggered, strict=True):
        shares_told = " | ".join(row_shown[2:4]).replace("\xa0", " ")
        assert line.replace("\xa0", " ").startswith(f"| {row_shown[0]} | {shares_told} |")
