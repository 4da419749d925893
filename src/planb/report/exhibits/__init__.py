"""The parts of the page, in its order. A new one is a file with ``draw`` and a line here."""

from __future__ import annotations

from planb.report.evidence import Draw
from planb.report.exhibits import (
    backfire,
    decomposition,
    heldout,
    helpfulness,
    recall,
    samples,
    seeds,
    severity,
    training_data,
)

EXHIBITS: dict[str, Draw] = {
    "severity": severity.draw,
    "decomposition": decomposition.draw,
    "backfire": backfire.draw,
    "training_data": training_data.draw,
    "heldout": heldout.draw,
    "recall": recall.draw,
    "helpfulness": helpfulness.draw,
    "seeds": seeds.draw,
    "samples": samples.draw,
}
