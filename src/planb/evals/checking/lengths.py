"""Are responses whole? Ones that say next to nothing, and ones that stop inside a sentence."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from planb.evals.checking.responses import all_responses, by_tier
from planb.evals.checking.result import Check, checked, not_run
from planb.evals.checking.thresholds import DataThresholds
from planb.stats.estimates import share
from planb.stats.figure import threshold
from planb.types import Example

NAME, TITLE = "lengths", "Are the responses whole?"
ADVICE = "Regenerate these responses, with more tokens where they are cut off."
_LIST_ITEM = re.compile(r"\s*(?:[-*•|#]|\d+[.)])\s*\S")
_ENDS = re.compile(r"[.!?…。！？:;)\]}\"'”’»`*_~>|]\W*$")


def lengths_check(examples: Sequence[Example], thresholds: DataThresholds) -> Check:
    """Each tier's share of too short and of cut-off responses; its words stand in the note."""
    tiers = by_tier(list(all_responses(examples)))
    if not tiers:
        return not_run(NAME, TITLE, "the data have no responses")
    figures, against, wrong = [], [], []
    for tier, some in tiers.items():
        words = [len(answer.text.split()) for answer in some]
        low, middle, high = (f"{x:.0f}" for x in np.quantile(words, [0.05, 0.5, 0.95]))
        short = [a for a, count in zip(some, words, strict=True) if count < thresholds.shortest]
        cut = [answer for answer in some if cut_off(answer.text)]
        made = [
            share(
                f"{tier}: fewer than {thresholds.shortest} words",
                len(short),
                len(some),
                threshold(thresholds, at_most=thresholds.too_short),
                note=f"{tier} has {middle} words in the middle, {low} to {high} for 90 %",
            ),
            share(
                f"{tier}: cut off",
                len(cut),
                len(some),
                threshold(thresholds, at_most=thresholds.cut_off),
            ),
        ]
        against += [f"{a.example.id} ({tier}: short)" for a in short]
        against += [f"{a.example.id} ({tier}: cut off)" for a in cut]
        wrong += [f"{figure.name} {figure.text}" for figure in made if figure.verdict == "failed"]
        figures += made
    finding = f"{'; '.join(wrong)}." if wrong else "Next to no response is too short or cut off."
    return checked(NAME, TITLE, figures, f"{finding[0].upper()}{finding[1:]}", against, ADVICE)


def cut_off(text: str) -> bool:
    """Whether a text ends in the middle of a sentence: no mark at its end, and no item of a list."""
    last = text.rstrip().rsplit("\n", 1)[-1]
    return not _ENDS.search(last) and not _LIST_ITEM.match(last)
