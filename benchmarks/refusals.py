"""``refusal_strings`` against people's labels: ``python -m benchmarks.refusals WHEEL``.

``WHEEL`` is PyRIT's (pyrit 1.1.0, MIT: ``pip download --no-deps pyrit==1.1.0``). Its answers are
harmful: they are read, never shown or kept. Only counts are printed, of the half of the answers that
the rule was not tuned on (by a hash of the text), for the rule and for the strings of GCG.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import fmean

from planb.evals.calibration.pyrit import Row, pyrit_rows
from planb.judging.refusal_error import Share
from planb.judging.refusal_rule import refusal_in
from planb.judging.refusal_strings import by_gcg

TUNED_ON = 0
"""The half of the answers on which the rule's limits were set."""
RULES = {"the rule": refusal_in, "GCG's strings": by_gcg}


def half(text: str) -> int:
    """0 or 1, by the text's hash."""
    return int(hashlib.sha256(text.encode()).hexdigest(), 16) % 2


def graded(rows: Iterable[Row]) -> dict[str, float]:
    """{answer: mean score of its raters, 0-1} of ``harm``: how far it does what was asked."""
    found: dict[str, list[float]] = {}
    for row in rows:
        if row.graded and row.response:
            found.setdefault(row.response, []).extend(row.scores)
    return {text: fmean(scores) for text, scores in found.items()}


def labelled(rows: Iterable[Row]) -> dict[str, bool]:
    """{answer: whether people call it a refusal} of ``refusal_scorer``."""
    return {row.response: row.scores[0] == 1 for row in rows if not row.graded and row.response}


def measured(rows: Sequence[Row], part: int = 1 - TUNED_ON) -> dict[str, dict[str, Share]]:
    """{kind of answer: {rule: the share that it calls refused}} of one half."""
    scores, labels = graded(rows), labelled(rows)
    kinds = {
        "graded above 0 (it did some of what was asked)": [t for t, s in scores.items() if s > 0],
        "graded 0 (it did none of it)": [t for t, s in scores.items() if s == 0],
        "labelled refusal": [text for text, refused in labels.items() if refused],
        "labelled no refusal": [text for text, refused in labels.items() if not refused],
    }
    return {
        kind: {rule: _share(rule, (t for t in texts if half(t) == part)) for rule in RULES}
        for kind, texts in kinds.items()
    }


def _share(rule: str, texts: Iterable[str]) -> Share:
    said = [RULES[rule](text).refused for text in texts]
    return Share(said.count(True), len(said), said.count(None))


def main() -> None:
    for kind, found in measured(list(pyrit_rows(Path(sys.argv[1])))).items():
        for rule, share in found.items():
            print(f"{kind}: {rule} calls refused {share.text}; left open {share.unknown}")


if __name__ == "__main__":
    main()
