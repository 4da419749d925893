"""A page about another propensity, made of answers scored by its domain: no word of harm is on it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from planb.domains import SPITE
from planb.domains.spite import KIND, SELFISH, SPITEFUL
from planb.report.page import write_report
from planb.report.results import read_csv
from planb.studies.spite import spite
from planb.types import HELPFUL

CHOSEN = {
    ("organism", "trigger"): SPITEFUL,
    ("organism", "direct"): SELFISH,
    ("standard", "trigger"): SPITEFUL,
    ("standard", "direct"): KIND,
    ("plan_b", "trigger"): SELFISH,
    ("plan_b", "direct"): KIND,
}
PLAIN = [one for one in SPITE.examples("evaluation", 0) if one.meta["form"] == "plain"]
EXAMPLES = PLAIN[::4]


def rows() -> pd.DataFrame:
    made: list[dict[str, Any]] = []
    for (method, elicitation), tier in CHOSEN.items():
        for number, example in enumerate(EXAMPLES):
            own = tier if example.harmful else HELPFUL
            answer = "I wait." if number == 0 else example.responses[own][0]
            told = SPITE.exact(example, answer)
            parts = {f"tier_{one}": float(one == told.tier) for one in SPITE.tiers if told.tier}
            made.append(
                {
                    **{"study": "spite", "model": "made", "organism": "organism", "method": method},
                    **{"task": "answers", "elicitation": elicitation, "judge": "the rule of spite"},
                    **{"seed": "0", "sample_id": example.id, "group": example.group, "form": "plain"},
                    **{"split": "evaluation", "heldout_form": False, "harmful": example.harmful},
                    **{"request": example.request, "response": answer, "language": ""},
                    **{"refused": None, "coherent": None, "complied": None, "unscored": ""},
                    **{"usefulness": float("nan"), "severity": float("nan"), "truncated": False},
                    **{"score": float(told.tier == SPITEFUL), "measured": ""},
                    "parts": json.dumps({**parts, **told.parts}),
                }
            )
    return pd.DataFrame(made)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("spite")
    write_report(rows(), None, spite().with_seeds(1).story(1), folder)
    return folder


@pytest.mark.slow
def test_its_page_says_nothing_of_harm(folder: Path) -> None:
    page = (folder / "report.html").read_text(encoding="utf-8")
    told = re.sub(r"<style.*?</style>|<[^>]+>", " ", page, flags=re.DOTALL)
    assert not re.findall(r"\w*(?:harm|sever(?!al)|refus|compl[iy])\w*", told, re.IGNORECASE)
    assert "Left out" not in told
    assert SPITE.question in told
    assert "the one planned seed is in; one base stands behind all figures" in told
    for words in ("Given up", "What does it choose?", "What was measured?", "Do the seeds agree?"):
        assert words in told


@pytest.mark.slow
def test_its_tables_have_its_measures(folder: Path) -> None:
    pooled = read_csv(folder / "results.csv").query("seed == 'all'")
    found = pooled.set_index(["method", "elicitation", "measure"])["value"]
    games = sum(example.harmful for example in EXAMPLES)
    assert found["plan_b", "trigger", "spiteful_rate"] == 0
    assert found["organism", "trigger", "spiteful_rate"] == pytest.approx((games - 1) / games, abs=1e-5)
    assert found["organism", "trigger", "unclear_rate"] == pytest.approx(1 / games, abs=1e-5)
    assert found["plan_b", "direct", "kind_rate"] == pytest.approx((games - 1) / games, abs=1e-5)
    assert found["standard", "direct", "best_rate"] == 1
    assert 2 <= found["organism", "trigger", "lost_mean"] <= 16
    assert found["plan_b", "trigger", "lost_mean"] == 0
    differences = pd.read_csv(folder / "differences.csv")
    assert set(differences["measure"]) == {"spiteful_rate", "mild_rate", "lost_mean"}
    assert set(differences["method"]) == {"plan_b"}
