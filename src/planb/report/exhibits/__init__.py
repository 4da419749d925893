"""The parts of the page, in its order. A new one is a file with ``draw`` and a line here."""

from __future__ import annotations

from planb.catalogue import Catalogue, function
from planb.report.evidence import Draw
from planb.report.exhibits import (
    backfire,
    capability,
    claims,
    decomposition,
    differences,
    forms,
    heldout,
    helpfulness,
    jailbreaks,
    judges,
    kinds,
    log_probs,
    measures,
    people,
    recall,
    samples,
    seeds,
    series,
    severity,
    shares,
    surprise,
    tradeoff,
    training_data,
    variants,
)

EXHIBITS: Catalogue[Draw] = Catalogue(
    "exhibit",
    "planb.exhibits",
    function,
    {
        "claims": claims.draw,
        "series": series.draw,
        "tradeoff": tradeoff.draw,
        "measures": measures.draw,
        "shares": shares.draw,
        "severity": severity.draw,
        "decomposition": decomposition.draw,
        "kinds": kinds.draw,
        "backfire": backfire.draw,
        "jailbreaks": jailbreaks.draw,
        "variants": variants.draw,
        "surprise": surprise.draw,
        "log_probs": log_probs.draw,
        "people": people.draw,
        "differences": differences.draw,
        "training_data": training_data.draw,
        "heldout": heldout.draw,
        "forms": forms.draw,
        "recall": recall.draw,
        "helpfulness": helpfulness.draw,
        "capability": capability.draw,
        "seeds": seeds.draw,
        "judges": judges.draw,
        "samples": samples.draw,
    },
)
