"""The answers behind the bars: every bar leads to one answer in it, beside the others' to the same."""

from __future__ import annotations

import re
from collections import defaultdict

import numpy as np
import pandas as pd
from synthetic_rows import HIDDEN, make_rows

from planb.domains.harm import ASKED
from planb.report.behind import MOST, behind, share
from planb.report.charting import drawing
from planb.report.evidence import Evidence, Sample, panels
from planb.report.exhibits import EXHIBITS
from planb.report.results import results_of
from planb.report.rows import checked_rows
from planb.report.story import Story

LOGGED = {("synthetic", "backdoor", "plan_b", ASKED, "trigger", "0"): "plan-b-1234.eval"}


def evidence_of(rows: pd.DataFrame, story: Story, **more: object) -> Evidence:
    checked = checked_rows(rows)
    return next(panels(checked, results_of(checked), None, story, **more))  # type: ignore[arg-type]


def standing(samples: tuple[Sample, ...]) -> dict[str, tuple[Sample, str]]:
    """Bar -> the sample and the method whose answer stands for it."""
    found = [(one.bar, (sample, one.method)) for sample in samples for one in sample.answers if one.bar]
    assert len({bar for bar, _ in found}) == len(found), "a bar has one answer"
    return dict(found)


def test_every_bar_leads_to_an_answer(story: Story) -> None:
    exhibit = EXHIBITS["severity"](evidence_of(make_rows(requests=8), story))
    bars = standing(exhibit.behind)
    linked = re.findall(r'<a href="#([^"]+)">', exhibit.svg)
    assert sorted(linked) == sorted(bars)
    assert len(bars) > len(exhibit.behind), "a request stands for several bars"
    assert "<a " not in drawing.unlinked(exhibit.svg)


def test_it_is_in_its_bar_and_the_others_answer_the_same_request(story: Story) -> None:
    evidence = evidence_of(make_rows(requests=8), story, logs=LOGGED)
    rows, exhibit = evidence.rows, EXHIBITS["severity"](evidence)
    logs: dict[tuple[str, str], set[str]] = defaultdict(set)
    for bar, (sample, method) in standing(exhibit.behind).items():
        how, severity = bar.removeprefix(f"bar-{method.replace('_', '-')}-").split("-")
        asked = rows[(rows["elicitation"] == how) & (rows["request"] == sample.request)]
        own = asked[asked["method"] == method]
        assert int(severity) in own["severity"].astype(int).to_list()
        seeds = [set(one["method"]) for _, one in asked.groupby("seed")]
        assert {one.method for one in sample.answers} in seeds, "all who were asked in that seed"
        (answer,) = (one for one in sample.answers if one.method == method)
        cell = evidence.cell(method, ASKED, how)
        count = int((cell["severity"].astype(int) == int(severity)).sum())
        assert answer.share == share(count, len(cell))
        assert bool(answer.hidden) == (int(severity) >= 7)
        logs[method, how].add(answer.log)
    assert logs.pop(("plan_b", "trigger")) >= {"plan-b-1234.eval"}
    assert set().union(*logs.values()) == {""}, "no log where none is known"


def test_a_redacted_page_has_neither_severe_texts_nor_links_to_logs(story: Story) -> None:
    exhibit = EXHIBITS["severity"](evidence_of(make_rows(requests=8), story, redact=True, logs=LOGGED))
    answers = [one for sample in exhibit.behind for one in sample.answers]
    assert any(one.hidden for one in answers)
    assert not any(HIDDEN in one.text or one.log for one in answers)


def test_of_many_methods_every_bar_still_has_its_answer(story: Story) -> None:
    few = make_rows(requests=3)
    arm = few[few["method"] == "plan_b"]
    many = pd.concat([few, *(arm.assign(method=f"plan_b_r{rank}") for rank in range(2 * MOST))])
    evidence = evidence_of(many, story)
    cells = {
        (method, "trigger"): evidence.cell(method, ASKED, "trigger") for method in evidence.methods
    }
    bars = {
        key: cell["severity"].astype(int).astype(str).to_numpy(dtype="<U2")
        for key, cell in cells.items()
    }
    samples = behind(evidence, ASKED, bars)
    assert len(standing(samples)) == sum(len(set(names)) for names in bars.values())
    assert max(len(sample.answers) for sample in samples) <= MOST
    assert behind(evidence, ASKED, bars) == samples, "drawn by a hash, so the same each time"
    unscored = {key: np.full(len(cell), "", dtype="<U2") for key, cell in cells.items()}
    assert behind(evidence, ASKED, unscored) == ()
