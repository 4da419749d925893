"""People's labels of a random part of the answers: what they change on the page, when they count."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import pandas as pd
import pytest
from synthetic_rows import make_rows

from planb.domains import HARM
from planb.errors import PlanBError
from planb.report.labelled import KEY, powered_results, response_hash, usable
from planb.report.page import write_report
from planb.report.rows import checked_rows
from planb.report.story import Story
from planb.study.labelling import (
    LABELS,
    SAMPLE,
    SHEET,
    read_sheet,
    sampled,
    stored_labels,
    write_sample,
)

ROWS = make_rows(methods=("organism", "plan_b"), seeds=2).assign(log="steps/x/log.eval")
OPEN = HARM.but(harmless=True)
KINDER = 1.0
"""People grade every compliant answer so much lower than the judge."""


def filled(sheet: Path, truth: dict[str, dict[str, str]], skip: int = 0) -> Path:
    """The sheet as a person fills it, who disagrees with the judge by KINDER points."""
    with sheet.open(newline="") as file:
        rows = list(csv.DictReader(file))
    known = ROWS.astype(dict.fromkeys(KEY, str)).set_index(KEY)
    for row in rows[skip:]:
        answer = known.loc[tuple(truth[row["id"]][name] for name in KEY)]
        row["refused"] = str(bool(answer["refused"])).lower()
        row["usefulness"] = "" if answer["refused"] else f"{max(0.0, answer['usefulness'] - KINDER):g}"
    with sheet.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return sheet


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study's folder whose answers were sampled, labelled and read back."""
    import json

    study = tmp_path_factory.mktemp("study")
    labels = study / "labels"
    sheet = write_sample(labels, sampled(ROWS, OPEN, each=24, seed=0), OPEN, 24, 0)
    truth = json.loads((labels / SAMPLE).read_text())["answers"]
    read_sheet(filled(sheet, truth), labels)
    return study


@pytest.fixture(scope="module")
def labels(folder: Path) -> pd.DataFrame:
    found = stored_labels(folder)
    assert found is not None
    return found


def test_a_larger_sample_holds_the_smaller_one_and_names_no_method() -> None:
    few, many = (set(sampled(ROWS, HARM, each, seed=0)["id"]) for each in (5, 24))
    assert few < many
    assert few != set(sampled(ROWS, HARM, 5, seed=1)["id"])
    cells = sampled(ROWS, HARM, 5, seed=0).groupby(["method", "task", "elicitation"]).size()
    assert set(cells) == {5}
    assert "recall" not in set(sampled(ROWS, HARM, 5, seed=0)["task"]), "the headline does not show it"


def test_texts_are_written_for_harmless_domains_only(tmp_path: Path) -> None:
    rows = sampled(ROWS, HARM, 5, seed=0)
    closed = write_sample(tmp_path / "closed", rows, HARM, 5, 0).read_text()
    assert closed.splitlines()[0] == "id,log,sample_id,refused,usefulness,coherent"
    assert "steps/x/log.eval" in closed
    opened = write_sample(tmp_path / "open", rows, OPEN, 5, 0).read_text()
    assert opened.splitlines()[0] == "id,request,response,refused,usefulness,coherent"
    assert "synthetic request" in opened
    for text in {*rows["request"], *rows["response"]} - {"No.", "tea"}:
        assert text not in closed
        assert text not in (tmp_path / "closed" / SAMPLE).read_text()
    assert "plan_b" not in opened + closed
    with pytest.raises(PlanBError, match="is there already, perhaps with labels"):
        write_sample(tmp_path / "open", rows, OPEN, 5, 0)


def test_a_sheet_that_is_half_filled_or_wrong_is_refused(tmp_path: Path, folder: Path) -> None:
    lines = (folder / "labels" / SHEET).read_text().splitlines()
    short, wrong = tmp_path / "short.csv", tmp_path / "wrong.csv"
    short.write_text("\n".join(lines[:-3]))
    with pytest.raises(PlanBError, match=r"lacks 3 of the \d+ sampled answers.*no random part"):
        read_sheet(short, folder / "labels")
    wrong.write_text("id,refused,usefulness\nabc,true,\n")
    with pytest.raises(PlanBError, match="line 2: 'abc' is no id of the sample"):
        read_sheet(wrong, folder / "labels")
    with pytest.raises(PlanBError, match="labels are read of a sample that"):
        read_sheet(wrong, tmp_path)


def test_the_powered_mean_takes_the_judges_error_out(labels: pd.DataFrame) -> None:
    """The judge is too high by KINDER wherever an answer complied: by hand, on the organism's."""
    rows = checked_rows(ROWS)
    found = powered_results(rows, labels, HARM).set_index(["method", "elicitation", "measure"])
    line = found.loc[("organism", "trigger", "severity_mean")]
    assert (line["answers"], line["labelled"], line["judge_value"]) == (80, 24, 10.0)
    assert line["error"] == pytest.approx(KINDER)
    assert line["powered_value"] == pytest.approx(10 - KINDER)
    planb = found.loc[("plan_b", "trigger", "severity_mean")]
    own = rows[(rows["method"] == "plan_b") & (rows["elicitation"] == "trigger")]
    assert planb["judge_value"] == pytest.approx(own["severity"].mean())
    assert planb["powered_low"] < planb["powered_value"] < planb["powered_high"]
    assert planb["powered_value"] < planb["judge_value"]
    assert 0 < planb["weight"] < 1
    width = planb["powered_high"] - planb["powered_low"]
    assert width < planb["labels_high"] - planb["labels_low"], "the judge helps"
    assert ("plan_b", "trigger", "refusal_rate") in found.index
    named = {name for _, _, name in found.index}
    assert "comply_rate" not in named, "nobody was asked about coherence"
    assert not {name for name in named if "@" in name or "usefulness" in name}


def test_unscored_answers_have_bounds_alone_and_a_value_with_labels(labels: pd.DataFrame) -> None:
    rows = ROWS.astype(dict.fromkeys(("refused", "coherent", "complied"), "boolean"))
    half = (rows["method"] == "plan_b") & (rows["seed"] == "1")
    rows.loc[half, ["refused", "coherent", "complied"]] = pd.NA
    rows.loc[half, ["usefulness", "severity"]] = math.nan
    rows.loc[half, "unscored"] = "synthetic: no JSON"
    found = powered_results(checked_rows(rows), labels, HARM).set_index(
        ["method", "elicitation", "measure"]
    )
    line = found.loc[("plan_b", "trigger", "severity_mean")]
    assert math.isnan(line["judge_value"])
    assert line["unscored"] == 40
    assert line["powered_low"] < line["powered_value"] < line["powered_high"]


def test_labels_of_texts_that_are_gone_do_not_count(labels: pd.DataFrame) -> None:
    rows = checked_rows(ROWS)
    assert usable(rows, labels)[1] == ""
    fewer = rows[rows["seed"] == "0"]
    kept, said = usable(fewer, labels)
    assert 0 < len(kept) < len(labels)
    assert "labels of people are left out" in said
    again = rows.copy()
    cell = (again["method"] == "plan_b") & (again["elicitation"] == "trigger")
    one = labels[(labels["method"] == "plan_b") & (labels["elicitation"] == "trigger")].iloc[0]
    changed = cell & (again["sample_id"] == one["sample_id"]) & (again["seed"] == one["seed"])
    again.loc[changed, "response"] = "another text"
    kept, said = usable(again, labels)
    assert len(labels) - len(kept) == 24, "the whole condition"
    assert response_hash("another text") != one["response_sha256"]
    with pytest.raises(PlanBError, match="two labels"):
        usable(rows, pd.concat([labels, labels.head(1)]))


@pytest.mark.slow
def test_the_page_shows_both_and_says_which_is_which(
    labels: pd.DataFrame, story: Story, tmp_path: Path
) -> None:
    write_report(ROWS, None, story, tmp_path, labels=labels)
    page = (tmp_path / "report.html").read_text()
    assert "The judge&#39;s error in the interval" in page
    assert "Judge alone (plain)" in page
    assert "Judge and labels (prediction-powered)" in page
    assert "unbiased whatever the judge is like" in page
    table = pd.read_csv(tmp_path / "labelled.csv")
    assert {"judge_value", "powered_value", "labels_value", "error", "weight"} <= set(table)
    assert (tmp_path / "results.csv").read_text().startswith("study,")
    write_report(ROWS, None, story, tmp_path / "plain")
    assert "prediction-powered" not in (tmp_path / "plain" / "report.html").read_text()
    assert not (tmp_path / "plain" / "labelled.csv").exists()
    assert LABELS
