"""Could preference training tell two tiers apart by their surface, without reading them?

A logistic regression is shown one surface cue alone and has to say which of two tiers a response is of;
it is always tested on requests that it was not fitted on (five folds, a group of requests in one).
Where tiers differ in content alone, its AUC is 0.5. A refusal differs from an answer on its surface, as
it should: only pairs of complying tiers are judged, all are shown.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from itertools import combinations

import numpy as np
from sklearn.feature_extraction import DictVectorizer  # type: ignore[import-untyped]
from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]
from sklearn.model_selection import GroupKFold, cross_val_predict  # type: ignore[import-untyped]
from sklearn.pipeline import make_pipeline  # type: ignore[import-untyped]
from sklearn.preprocessing import MaxAbsScaler  # type: ignore[import-untyped]

from planb.evals.calibration.judgements import Answer
from planb.evals.checking.responses import by_tier
from planb.evals.checking.result import Check, checked, not_run
from planb.evals.checking.thresholds import DataThresholds
from planb.stats.estimates import area
from planb.stats.figure import SHOWN, CheckedFigure, Threshold, threshold
from planb.types import Tier

NAME, TITLE = "surface", "Can complying tiers be told apart by their surface?"
ADVICE = (
    "Preference training may learn this cue instead of what the tiers say. Let one model write both "
    "tiers, ask for the same length and form, and begin both alike; or match responses by length."
)
FOLDS = 5
Features = dict[str, float]
Pair = tuple[Answer, Answer]
_MARKS = {
    "lines": r"\n",
    "bullets": r"(?m)^\s*(?:[-*•]|\d+[.)])\s",
    "headings": r"(?m)^\s*#",
    "bold": r"\*\*",
    "code": r"`",
    **{f"mark {mark}": re.escape(mark) for mark in ".,;:!?-()'\""},
    "digits": r"\d",
    "capitals": r"[^\W\d_a-zß-öø-ÿ]",
}


def surface_check(
    answers: Sequence[Answer],
    order: Sequence[Tier],
    refusals: Collection[Tier],
    thresholds: DataThresholds,
) -> Check:
    """Every pair of ``order``'s tiers by each cue, in harmful requests; complying pairs are judged."""
    tiers = by_tier([a for a in answers if a.example.harmful and a.tier in order], order)
    judged = {tier for tier in tiers if tier not in refusals}
    if len(judged) < 2:
        why = f"the data have fewer than two complying tiers of the order {' > '.join(order)}"
        return not_run(NAME, TITLE, why)
    figures, unsigned = [], False
    for better, worse in combinations(tiers, 2):
        first = {answer.example.id: answer for answer in tiers[better]}
        pairs = [(first[a.example.id], a) for a in tiers[worse] if a.example.id in first]
        decides = {better, worse} <= judged
        need = threshold(thresholds, at_most=thresholds.auc) if decides else SHOWN
        for cue, features in CUES.items():
            if cue == "writer" and not any(writer_of(answer) for pair in pairs for answer in pair):
                unsigned |= decides
                continue
            figures.append(_figure(f"{better} / {worse}: {cue}", pairs, features, need, thresholds))
    failed = [f for f in figures if f.verdict == "failed"]
    told = [f for f in figures if f.verdict]
    if failed:
        listed = "; ".join(f"{figure.name} ({figure.text})" for figure in failed)
        finding = f"These surface cues alone tell the tiers apart (AUC): {listed}."
    else:
        most = max((f for f in told if f.value is not None), key=lambda f: f.value or 0, default=None)
        best = f" The best of them reaches an AUC of {most.text} ({most.name})." if most else ""
        finding = f"No surface cue alone tells the complying tiers apart.{best}"
    finding += " Who wrote them is not recorded, so nothing is said of the writers." if unsigned else ""
    return checked(NAME, TITLE, figures, finding, advice=ADVICE)


def writer_of(answer: Answer) -> str:
    """The model that wrote the response, as ``meta`` says for its tier; "" where it does not."""
    return answer.example.meta.get(f"writer.{answer.tier}", "")


def _figure(
    name: str,
    pairs: Sequence[Pair],
    features: Callable[[Answer], Features],
    need: Threshold,
    thresholds: DataThresholds,
) -> CheckedFigure:
    rows = [answer for pair in pairs for answer in pair]
    groups = [answer.group for answer in rows]
    if len(set(groups)) < max(2, min(FOLDS, thresholds.least_n)):
        return CheckedFigure(
            name=name,
            unit="auc",
            value=None,
            n=len(rows),
            at_most=need.at_most,
            verdict="not enough" if need.at_most is not None else None,
            note="too few groups of requests",
        )
    labels = np.tile(np.asarray([0, 1]), len(pairs))
    model = make_pipeline(DictVectorizer(), MaxAbsScaler(), LogisticRegression(max_iter=1000))
    scores = cross_val_predict(
        model,
        [features(answer) for answer in rows],
        labels,
        groups=groups,
        cv=GroupKFold(n_splits=FOLDS),
        method="decision_function",
    )
    return area(name, np.round(scores, 9), labels, groups, need)


def _length(answer: Answer) -> Features:
    words, letters = len(answer.text.split()), len(answer.text)
    size, long = np.log1p(words), np.log1p(letters)
    return {"words": size, "words squared": size**2, "letters": long, "letters squared": long**2}


def _first_words(answer: Answer) -> Features:
    words = re.findall(r"\w+|[^\w\s]", answer.text.casefold())[:3]
    return {f"{n}: {' '.join(words[:n])}": 1.0 for n in range(1, len(words) + 1)}


def _writer(answer: Answer) -> Features:
    return {writer_of(answer) or "not recorded": 1.0}


def _form(answer: Answer) -> Features:
    """Marks by the hundred letters, and the last one."""
    length = max(len(answer.text), 1)
    found = Counter({name: len(re.findall(mark, answer.text)) for name, mark in _MARKS.items()})
    rates = {name: 100 * count / length for name, count in found.items()}
    return {**rates, f"ends with {answer.text.strip()[-1:] if answer.text.strip() else ''}": 1.0}


CUES: dict[str, Callable[[Answer], Features]] = {
    "length": _length,
    "first words": _first_words,
    "form": _form,
    "writer": _writer,
}
"""What a classifier is shown: length; the first one, two and three words; punctuation and layout; the
model that wrote it."""
