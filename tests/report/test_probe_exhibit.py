"""Probes on the page, worked by hand: an AUROC a seed, its mean, and the distance from the base."""

from __future__ import annotations

import pandas as pd
import pytest
from synthetic_rows import row

from planb.report.evidence import Exhibit, Missing, panels
from planb.report.exhibits import probe
from planb.report.results import results_of
from planb.report.rows import checked_rows
from planb.report.story import Story

SCORES = {
    ("base", "0"): ([1, 2, 3, 4], [1, 2, 3, 4]),
    ("base", "1"): ([1, 2, 3, 4], [1, 2, 3, 4]),
    ("organism", "0"): ([5, 6, 7, 8], [1, 2, 3, 4]),
    ("organism", "1"): ([5, 6, 7, 8], [1, 2, 3, 9]),
}
"""With a trigger and with a control: half of the pairs of the base are in order, all of the organism's
first seed, and 12 of 16 of its second."""


def table(kind: str = "held_out") -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                **{"model": "synthetic", "organism": "none" if method == "base" else "backdoor"},
                **{"method": method, "seed": seed, "layer": 1, "kind": kind, "label": 1 - side},
                **{"group": f"g{place}", "score": float(score)},
            }
            for (method, seed), sides in SCORES.items()
            for side, scores in enumerate(sides)
            for place, score in enumerate(scores)
        ]
    )


def test_each_seed_has_its_own_area() -> None:
    found = probe.areas(table())
    organism = found["organism", "held_out", 1]
    assert dict(organism.seeds) == {"0": 1.0, "1": 0.75}
    assert (organism.value, organism.low, organism.high) == (0.875, 0.75, 1.0)
    assert found["base", "held_out", 1].value == 0.5
    assert probe.above_base(found, "organism", "held_out") == {1: pytest.approx(0.375)}
    one = probe.areas(table()[table()["seed"] == "0"])["organism", "held_out", 1]
    assert one.low <= one.value == 1.0 <= one.high


def test_the_exhibit_says_how_far_above_the_base(story: Story) -> None:
    rows = [row(method=method) for method in ("organism", "plan_b")]
    rows.append(row(method="base", organism="none"))
    checked = checked_rows(pd.DataFrame(rows))
    results = results_of(checked)
    (evidence,) = panels(checked, results, None, story, probes=table())
    shown = probe.draw(evidence)
    assert isinstance(shown, Exhibit)
    assert "Organism +0.38" in shown.finding
    assert shown.table is not None
    assert [line[:2] for line in shown.table.rows] == [
        ("Base model", "trigger, held out"),
        ("Organism", "trigger, held out"),
    ]
    assert shown.svg.count("<svg") == 1
    (other,) = panels(checked, results, None, story, probes=table("seen"))
    assert isinstance(probe.draw(other), Missing)
    (none,) = panels(checked, results, None, story)
    assert probe.draw(none) is None
