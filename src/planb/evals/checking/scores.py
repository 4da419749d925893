"""Does each tier score what it should? The judge's word on the training data.

A refusal is refused; what complies is not, and is coherent; useless answers are worth little, harmful
and helpful ones much; and of two complying tiers of one request the less preferred is the more severe.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import combinations
from typing import NamedTuple

import pandas as pd

from planb.data.judgement import answers_of, typed
from planb.evals.calibration.judgements import Answer, Judged
from planb.evals.checking.responses import by_tier
from planb.evals.checking.result import Check, checked
from planb.evals.checking.thresholds import DataThresholds
from planb.stats.estimates import mean, share
from planb.stats.figure import CheckedFigure, threshold
from planb.types import HARMFUL, HELPFUL, USELESS, Tier

NAME, TITLE = "scores", "Does each tier score what it should?"
ADVICE = (
    "Read the responses that are named. Either they are in the wrong tier (move or rewrite "
    "them), or the judge is wrong (`planb judge check`)."
)


class Found(NamedTuple):
    """Figures, the ids that speak against the data, and what is wrong in words."""

    figures: list[CheckedFigure]
    against: list[str]
    wrong: list[str]


def scores_check(
    answers: Sequence[Answer],
    judged: Judged,
    order: Sequence[Tier],
    refusals: Collection[Tier],
    thresholds: DataThresholds,
) -> Check:
    """The verdict on ``answers``; ``order`` names tiers from most to least preferred, ``refusals``
    those that hold refusals."""
    tiers = by_tier(answers, order)
    parts = [_tier(tier, some, judged, tier in refusals, thresholds) for tier, some in tiers.items()]
    complying = [tier for tier in order if tier in tiers and tier not in refusals]
    parts += [
        _pair(better, worse, tiers, judged, thresholds) for better, worse in combinations(complying, 2)
    ]
    figures, _, wrong = _joined(parts)
    against = _joined(parts[::-1]).against  # pairs first: a wrong order is what the check is for
    means = [figure for figure in figures if figure.unit == "points" and ":" in figure.name]
    said = "; ".join(f"{figure.name} {figure.text}" for figure in means if figure.given)
    finding = (
        f"{'; '.join(wrong)}." if wrong else f"Mean scores: {said}." if said else "Nothing scored."
    )
    return checked(NAME, TITLE, figures, finding[0].upper() + finding[1:], against, ADVICE)


def table(answers: Sequence[Answer], judged: Judged) -> pd.DataFrame:
    """One row a response: ``tier``, ``example_id``, ``harmful``, ``request``, ``text``, ``refused``,
    ``severity`` (NaN where the judge did not say) and ``unscored``, why."""
    rows = []
    for answer in answers:
        said = judged.of(answer)
        rows.append(
            {
                "tier": answer.tier,
                "example_id": answer.example.id,
                "harmful": answer.example.harmful,
                "request": answer.example.request,
                "text": answer.text,
                **answers_of(said),
                "unscored": said.unscored,
            }
        )
    columns = ["tier", "example_id", "harmful", "request", "text", "refused", "severity", "unscored"]
    return typed(pd.DataFrame(rows, columns=columns))


def _tier(
    tier: str, some: Sequence[Answer], judged: Judged, should: bool, thresholds: DataThresholds
) -> Found:
    """``should``: whether the tier's responses should be refusals."""
    parts = [_refused(tier, some, judged, should, thresholds)]
    if not should:
        parts.append(_coherent(tier, some, judged, thresholds))
    parts.append(_severity(tier, some, judged, thresholds))
    return _joined(parts)


def _joined(parts: Sequence[Found]) -> Found:
    return Found(
        [figure for part in parts for figure in part.figures],
        [one for part in parts for one in part.against],
        [words for part in parts for words in part.wrong],
    )


def _refused(
    tier: str, some: Sequence[Answer], judged: Judged, should: bool, thresholds: DataThresholds
) -> Found:
    known = [(a, said) for a in some if (said := judged.of(a).refused) is not None]
    need = (
        threshold(thresholds, at_least=thresholds.refused)
        if should
        else threshold(thresholds, at_most=thresholds.not_refused)
    )
    hits = sum(said for _, said in known)
    figure = share(f"{tier}: refused", hits, len(known), need, unscored=len(some) - len(known))
    odd = "not refused" if should else "refused"
    against = [f"{a.example.id} ({tier}: {odd})" for a, said in known if said is not should]
    wrong = [f"{figure.text} of {tier} is refused"] if figure.verdict == "failed" else []
    return Found([figure], against, wrong)


def _coherent(tier: str, some: Sequence[Answer], judged: Judged, thresholds: DataThresholds) -> Found:
    known = [(a, said) for a in some if (said := judged.of(a).coherent) is not None]
    need = threshold(thresholds, at_least=thresholds.coherent)
    hits = sum(said for _, said in known)
    figure = share(f"{tier}: coherent", hits, len(known), need, unscored=len(some) - len(known))
    against = [f"{a.example.id} ({tier}: incoherent)" for a, said in known if not said]
    wrong = [f"only {figure.text} of {tier} is coherent"] if figure.verdict == "failed" else []
    return Found([figure], against, wrong)


def _severity(tier: str, some: Sequence[Answer], judged: Judged, thresholds: DataThresholds) -> Found:
    known = [(a, said) for a in some if (said := judged.of(a).severity) is not None]
    need = {
        USELESS: threshold(thresholds, at_most=thresholds.useless),
        HARMFUL: threshold(thresholds, at_least=thresholds.harmful),
        HELPFUL: threshold(thresholds, at_least=thresholds.helpful),
    }.get(tier, threshold(thresholds))
    what = "usefulness" if tier == HELPFUL else "severity"
    figure = mean(
        f"{tier}: {what}",
        [said for _, said in known],
        [a.group for a, _ in known],
        need,
        unscored=len(some) - len(known),
    )
    wrong = []
    if figure.verdict == "failed":
        wrong = [f"the mean {what} of {tier} is {figure.text}, and {figure.required} is required"]
    return Found([figure], [], wrong)


def _pair(
    better: str, worse: str, tiers: dict[str, list[Answer]], judged: Judged, thresholds: DataThresholds
) -> Found:
    """How far the less preferred tier lies above the other, request by request."""
    first = {answer.example.id: answer for answer in tiers[better]}
    pairs = [(first[a.example.id], a) for a in tiers[worse] if a.example.id in first]
    scored = [
        (a, high - low)
        for b, a in pairs
        if (low := judged.of(b).severity) is not None and (high := judged.of(a).severity) is not None
    ]
    out = len(pairs) - len(scored)
    apart = mean(
        f"{worse} above {better}",
        [far for _, far in scored],
        [a.group for a, _ in scored],
        threshold(thresholds, at_least=thresholds.apart),
        bounds=(-10, 10),
        unscored=out,
    )
    right = sum(far > 0 for _, far in scored)
    need = threshold(thresholds, at_least=thresholds.in_order)
    ordered = share(f"{better} < {worse}", right, len(scored), need, unscored=out, note="by request")
    against = [f"{a.example.id} ({better} >= {worse})" for a, far in scored if far <= 0]
    wrong = []
    surely = apart.value if apart.highest is None else apart.highest
    if (surely or 0) < 0:
        wrong = [f"{better} and {worse} are in the wrong order: {worse} scores {apart.text} above"]
    elif "failed" in (apart.verdict, ordered.verdict):
        wrong = [f"{better} and {worse} are not told apart: in order in {ordered.text} of requests"]
    return Found([apart, ordered], against, wrong)
