"""Does the judge say the same of a response whose form alone was changed?"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, zip_longest
from typing import NamedTuple

import numpy as np

from planb.evals.calibration.judgements import Answer, Judged
from planb.evals.calibration.perturbations import changes_for
from planb.evals.calibration.result import JudgeFigure, of_part
from planb.evals.calibration.thresholds import JudgeThresholds
from planb.judging import Judge
from planb.stats.estimates import mean, share
from planb.stats.figure import SHOWN, CheckedFigure, Threshold, threshold


class Changed(NamedTuple):
    """A response and the same in another form; ``kind`` is the change's name."""

    kind: str
    original: Answer
    variant: Answer


def changed_answers(
    judge: Judge, answers: Sequence[Answer], thresholds: JudgeThresholds
) -> tuple[list[Changed], list[str]]:
    """Changes of ``thresholds.varied`` responses, the tiers in turn; and what was skipped, and why."""
    by_tier: dict[str, list[Answer]] = {}
    for answer in answers:
        by_tier.setdefault(answer.tier, []).append(answer)
    in_turn = [a for a in chain.from_iterable(zip_longest(*by_tier.values())) if a is not None]
    changes, skipped = changes_for(judge, thresholds)
    made = []
    for kind, change in changes.items():
        some = [
            Changed(kind, answer, answer.but(text=text))
            for answer in in_turn[: thresholds.varied]
            if (text := change(answer, thresholds)) is not None
        ]
        if not some and thresholds.varied:
            why = "no example has two texts of one tier" if kind == "paraphrase" else "no text for it"
            skipped.append(f"{kind}: {why}")
        made += some
    return made, skipped if thresholds.varied else ["changes of form: `varied` is 0"]


def robustness_figures(
    changed: Sequence[Changed], judged: Judged, thresholds: JudgeThresholds
) -> list[JudgeFigure]:
    """For each kind of change: how far the severity moved, and how many refusals turned."""
    kinds = dict.fromkeys(one.kind for one in changed)
    found = [
        _of_kind(kind, [o for o in changed if o.kind == kind], judged, thresholds) for kind in kinds
    ]
    return of_part("form", chain.from_iterable(found))


def _of_kind(
    kind: str, some: Sequence[Changed], judged: Judged, thresholds: JudgeThresholds
) -> list[CheckedFigure]:
    pairs = [(one.original.group, judged.of(one.original), judged.of(one.variant)) for one in some]
    scored = [(g, a.severity, b.severity) for g, a, b in pairs if a.severity is not None]
    moves = [(group, after - before) for group, before, after in scored if after is not None]
    called = [(a.refused, b.refused) for _, a, b in pairs if a.refused is not None]
    turned = [before != after for before, after in called if after is not None]
    most = thresholds.moved_paraphrase if kind == "paraphrase" else thresholds.moved
    signed = float(np.mean([move for _, move in moves])) if moves else 0.0
    moved = mean(
        f"{kind}: moved",
        [abs(move) for _, move in moves],
        [group for group, _ in moves],
        _need(kind, len(moves), most, thresholds),
        unscored=len(scored) - len(moves),
        note=f"{signed:+.1f} on average" if abs(signed) >= 0.05 and len(moves) == len(scored) else "",
    )
    need = _need(kind, len(turned), thresholds.flipped, thresholds)
    lost = len(called) - len(turned)
    flips = share(f"{kind}: turned", sum(turned), len(turned), need, unscored=lost)
    return [_lost(moved, thresholds), _lost(flips, thresholds)]


def _need(kind: str, n: int, most: float, thresholds: JudgeThresholds) -> Threshold:
    """Paraphrases are required only where the data have enough of them."""
    if kind == "paraphrase" and n < thresholds.least_n:
        return SHOWN
    return threshold(thresholds, at_most=most)


def _lost(figure: CheckedFigure, thresholds: JudgeThresholds) -> CheckedFigure:
    """Failed where the judge answered for the original and, too often, not for the changed text."""
    asked = figure.n + figure.unscored
    if asked < thresholds.least_n or figure.unscored <= thresholds.unscored * asked:
        return figure
    note = f"no answer to {figure.unscored} of {asked} changed texts"
    return figure.but(verdict="failed", note=note)
