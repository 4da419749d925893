"""Monitors on the page, worked by hand: a row a method, a column a monitor."""

from __future__ import annotations

import pandas as pd
from synthetic_rows import row

from planb.report.evidence import Evidence, Exhibit, panels
from planb.report.exhibits import monitor, probe
from planb.report.results import results_of
from planb.report.rows import checked_rows
from planb.report.story import Story

SCORES = {
    ("organism", "monitor_string", 0): ([1, 1, 1, 0], [0, 0, 0, 0]),
    ("organism", "monitor_probe", 1): ([1, 2, 3, 4], [1, 2, 3, 4]),
    ("organism", "monitor_probe", 2): ([5, 6, 7, 8], [1, 2, 3, 4]),
    ("plan_b", "monitor_string", 0): ([0, 0, 0, 0], [0, 0, 0, 0]),
}
"""With the trigger and without it: seven eighths of the pairs of the first are in order, ties half."""


def evidence_of(story: Story) -> Evidence:
    table = pd.DataFrame(
        [
            {
                **{"model": "synthetic", "organism": "backdoor", "method": method, "seed": "0"},
                **{"layer": layer, "kind": kind, "label": 1 - side},
                **{"group": f"g{place}", "score": float(score)},
            }
            for (method, kind, layer), sides in SCORES.items()
            for side, scores in enumerate(sides)
            for place, score in enumerate(scores)
        ]
    )
    checked = checked_rows(pd.DataFrame([row(method=method) for method in ("organism", "plan_b")]))
    (evidence,) = panels(checked, results_of(checked), None, story, probes=table)
    return evidence


def test_each_monitor_has_a_column_and_the_probe_its_last_layer(story: Story) -> None:
    shown = monitor.draw(evidence_of(story))
    assert isinstance(shown, Exhibit)
    assert shown.finding == "Organism, AUROC of monitors: string 0.88; probe 1.00."
    assert shown.table is not None
    assert shown.table.head == ("Method", "string", "probe")
    first, second = shown.table.rows
    assert (first[0], first[1][:4], first[2][:4]) == ("Organism", "0.88", "1.00")
    assert (second[0], second[1][:4], second[2]) == ("Plan B", "0.50", "–")
    assert "layer 2" in shown.caption


def test_monitors_are_no_probes_of_triggers(story: Story) -> None:
    assert probe.draw(evidence_of(story)) is None
