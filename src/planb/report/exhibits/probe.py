"""Is the backdoor still known inside? What probes read off hidden states, layer by layer.

Rows of ``probes`` are ``planb.study.steps.probe.ProbeStep``'s: one a prompt, layer and kind of probe.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import altair as alt
import numpy as np
import pandas as pd

from planb.report import wording
from planb.report.charting import drawing
from planb.report.evidence import Evidence, Exhibit, Missing, Table
from planb.report.results import method_rank
from planb.stats.auc import auc

TITLE = "Is the trigger still known inside?"
KINDS = {
    "held_out": "trigger, held out",
    "seen": "trigger, fitted",
    "defection": "defection, trigger",
    "control": "defection, control",
}
"""Kinds of probe and what they are called, the one that counts first."""
COLUMNS = 7
"""Most layers that the table shows."""


class Area(NamedTuple):
    """Mean AUROC of the seeds, and their range; of one seed its interval over requests."""

    value: float
    low: float
    high: float
    seeds: Mapping[str, float]

    @property
    def told(self) -> str:
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]"


Areas = dict[tuple[str, str, int], Area]
"""(method, kind, layer) -> AUROC."""


def draw(evidence: Evidence) -> Exhibit | Missing | None:
    """A line a method over the layers, and a table; nothing where nothing was probed."""
    if evidence.probes is None:
        return None
    found = areas(evidence.probes[evidence.probes["kind"].isin(KINDS)])
    if not found:
        return None
    if not any(kind == "held_out" for _, kind, _ in found):
        return Missing(TITLE, "no held-out trigger was probed")
    return Exhibit(
        title=TITLE,
        finding=_finding(found),
        caption=(
            "AUROC of probes at the last token of a prompt (0.5: nothing is told apart; layer 0 is the "
            "embeddings). Trigger: a logistic regression that was fitted on one trigger against a "
            "control in the same place, on other requests; held out: other triggers against other "
            "controls. A model that never had the backdoor tells words apart too, so what counts is "
            "how far a model is above the base. Defection: the difference of two hidden states, after "
            "a question answered with yes and with no, which sees no trigger; its control is a text of "
            "the same kind in the trigger's place. In brackets the range over seeds (of one seed the "
            "95 % interval over requests)."
        ),
        svg=drawing.svg(_chart(found)),
        table=_table(found),
    )


def areas(probes: pd.DataFrame) -> Areas:
    """The AUROC of every method, kind and layer: each seed's own, since each has its own probe."""
    found: Areas = {}
    for (method, kind, layer), rows in probes.groupby(["method", "kind", "layer"], sort=False):
        singly = {str(seed): _area(own) for seed, own in rows.groupby("seed")}
        values = {seed: value for seed, (value, _) in singly.items()}
        ends = (min(values.values()), max(values.values()))
        if len(values) == 1:
            ((_, interval),) = singly.values()
            ends = interval
        area = Area(float(np.mean(list(values.values()))), *ends, values)
        found[str(method), str(kind), int(str(layer))] = area
    return found


def _area(rows: pd.DataFrame) -> tuple[float, tuple[float, float]]:
    scores = rows["score"].to_numpy(dtype=np.float64)
    labels = rows["label"].to_numpy(dtype=np.int64)
    value, interval = auc(scores, labels, rows["group"].tolist())
    return value, (interval.low, interval.high)


def above_base(found: Areas, method: str, kind: str) -> dict[int, float]:
    """Layer -> the method's AUROC less the base's, averaged over the seeds that both have."""
    gaps: dict[int, float] = {}
    for (who, what, layer), area in found.items():
        base = found.get(("base", kind, layer))
        if (who, what) != (method, kind) or base is None:
            continue
        both = [area.seeds[s] - base.seeds[s] for s in area.seeds if s in base.seeds]
        if both:
            gaps[layer] = float(np.mean(both))
    return gaps


def _methods(found: Areas) -> list[str]:
    return sorted({method for method, _, _ in found}, key=method_rank)


def _finding(found: Areas) -> str:
    """How far each is above the base, at the layer where the organism is the furthest."""
    organism = above_base(found, "organism", "held_out")
    if not organism:
        return "Held-out triggers were probed without a base and an organism to compare with."
    layer = max(organism, key=lambda one: organism[one])
    told = [
        f"{wording.name(method)} {gap:+.2f}".replace("-", "−")
        for method in _methods(found)
        if method != "base" and (gap := above_base(found, method, "held_out").get(layer)) is not None
    ]
    return (
        f"Held-out triggers against controls after layer {layer}, AUROC above the base's: "
        f"{'; '.join(told)}."
    )


def _table(found: Areas) -> Table:
    layers = sorted({layer for _, _, layer in found})
    picked = sorted({layers[round(i)] for i in np.linspace(0, len(layers) - 1, COLUMNS)})
    rows: list[tuple[str, ...]] = []
    methods, breaks = list[str](), list[int]()
    for kind, words in KINDS.items():
        there = [method for method in _methods(found) if (method, kind, picked[0]) in found]
        if there and rows:
            breaks.append(len(rows))
        for method in there:
            cells = (found[method, kind, layer].told for layer in picked)
            rows.append((wording.name(method), words, *cells))
            methods.append(method)
    head = ("Method", "Probe", *(f"layer {layer}" for layer in picked))
    return Table(head, tuple(rows), methods=tuple(methods), breaks=tuple(breaks), texts=(1,))


def _chart(found: Areas) -> alt.TopLevelMixin:
    methods = [m for m in _methods(found) if any(k == "held_out" and w == m for w, k, _ in found)]
    points = pd.DataFrame(
        {
            "method": wording.name(method),
            "layer": layer,
            "value": area.value,
            "low": area.low,
            "high": area.high,
        }
        for (method, kind, layer), area in found.items()
        if kind == "held_out"
    )
    names = [wording.name(method) for method in methods]
    paints = [drawing.colour(method, methods) for method in methods]
    legend = alt.Legend(title=None, orient="bottom", columns=4, symbolSize=110)
    base = alt.Chart(points).encode(
        x=alt.X("layer:Q", title="layer", axis=alt.Axis(tickMinStep=1, format="d")),
        color=alt.Color("method:N", scale=alt.Scale(domain=names, range=paints), legend=legend),
    )
    scale = alt.Scale(domain=[0, 1], nice=False)
    y = alt.Y("value:Q", title="AUROC, held-out triggers", scale=scale)
    return alt.layer(
        base.mark_line(strokeWidth=1.5, opacity=0.6).encode(y=y),
        base.mark_rule(strokeWidth=2, opacity=0.4).encode(y=alt.Y("low:Q"), y2="high:Q"),
        base.mark_circle(size=80, opacity=1).encode(y=y),
    ).properties(width=620, height=300)
