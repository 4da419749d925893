"""What changes if people's labels correct the judge? Prediction-powered means beside the plain ones."""

from __future__ import annotations

import math
from typing import Any

from planb.domains.measure import Measure
from planb.report import wording
from planb.report.evidence import Evidence, Exhibit, Missing, Table
from planb.report.results import method_rank
from planb.stats.numbers import NOTHING, percentage, points
from planb.stats.ppi import LEAST

TITLE = "The judge's error in the interval"


def draw(evidence: Evidence) -> Exhibit | Missing | None:
    """Nothing without labels; else a row for each method and each labelled column of the headline."""
    if evidence.labelled is None:
        return None
    shown = list(dict.fromkeys(_shown(evidence)))
    found = evidence.labelled
    rows, methods = [], []
    told: list[str] = []
    for task, elicitation, name in shown:
        measure = evidence.measure(task, name)
        here = found[
            (found["task"] == task) & (found["elicitation"] == elicitation) & (found["measure"] == name)
        ]
        for line in sorted(here.to_dict("records"), key=lambda one: method_rank(one["method"])):
            if measure is None:
                continue
            rows.append(_row(line, measure, elicitation))
            methods.append(line["method"])
            if not told and not math.isnan(line["powered_value"]):
                told.append(_told(line, measure, elicitation))
    if not rows:
        return Missing(TITLE, "no labelled answer is of a condition that the headline shows")
    return Exhibit(
        title=TITLE,
        finding=told[0] if told else f"No method has {LEAST} labelled answers under one condition.",
        caption=(
            "People labelled a random part of the study's own answers (planb judge label). Judge "
            "alone: the plain mean of all other figures of this page, whose interval does not know "
            "that the judge errs. Judge and labels: the prediction-powered mean (arXiv:2301.09633, "
            "weight tuned as in arXiv:2311.01453), unbiased whatever the judge is like, with an "
            "interval that holds the judge's error. Labels alone: the labelled answers. Error: judge "
            "minus people on these. Weight: how far the judge is used, 0 (not at all) to 1. Intervals "
            "are 95 % over seeds and groups of requests."
        ),
        table=Table(
            (
                "Method",
                "Measure",
                "Judge alone (plain)",
                "Judge and labels (prediction-powered)",
                "Labels alone",
                "Judge's error",
                "Answers",
                "Labels",
                "Weight",
            ),
            tuple(rows),
            methods=tuple(methods),
        ),
    )


def _shown(evidence: Evidence) -> list[tuple[str, str, str]]:
    columns = (*evidence.domain.headline, evidence.domain.main)
    return [(column.task, column.elicitation, column.measure) for column in columns]


def _row(line: dict[Any, Any], measure: Measure, elicitation: str) -> tuple[str, ...]:
    condition = wording.lowered(wording.asked(elicitation))
    return (
        wording.name(str(line["method"])),
        f"{measure.told}, {condition}",
        _plain(line, measure),
        _ranged(line["powered_value"], line["powered_low"], line["powered_high"], measure),
        _ranged(line["labels_value"], line["labels_low"], line["labels_high"], measure),
        _ranged(line["error"], line["error_low"], line["error_high"], measure),
        f"{line['answers']:,.0f}",
        f"{line['labelled']:,.0f}",
        NOTHING if math.isnan(line["weight"]) else f"{line['weight']:.2f}",
    )


def _plain(line: dict[Any, Any], measure: Measure) -> str:
    """Where answers are unscored there is no value: the interval of its bounds."""
    if math.isnan(line["judge_value"]) and not math.isnan(line["judge_low"]):
        return f"[{_number(line['judge_low'], measure)}, {_number(line['judge_high'], measure)}]"
    return _ranged(line["judge_value"], line["judge_low"], line["judge_high"], measure)


def _ranged(value: float, low: float, high: float, measure: Measure) -> str:
    if math.isnan(value):
        return NOTHING
    unit = " %" if measure.kind == "rate" else ""
    return f"{_number(value, measure)}{unit} [{_number(low, measure)}, {_number(high, measure)}]"


def _number(value: float, measure: Measure) -> str:
    text = percentage(value) if measure.kind == "rate" else points(value)
    return text.replace("-", "−")


def _told(line: dict[Any, Any], measure: Measure, elicitation: str) -> str:
    powered = _ranged(line["powered_value"], line["powered_low"], line["powered_high"], measure)
    return (
        f"{wording.asked(elicitation)}, {measure.told} of {wording.name(str(line['method']))}: "
        f"{_plain(line, measure)} by the judge alone, {powered} with {line['labelled']:.0f} labels."
    )
