"""What stands more than once: a response in two tiers, a request, one text for a whole tier."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from planb.evals.checking.responses import all_responses, by_tier
from planb.evals.checking.result import Check, checked, not_run
from planb.evals.checking.thresholds import DataThresholds
from planb.stats.estimates import share
from planb.stats.figure import NONE_ALLOWED, SHOWN, threshold
from planb.text import plain_text
from planb.types import Example

DUPLICATES, DUPLICATES_TITLE = "duplicates", "Are there duplicates?"
CANNED, CANNED_TITLE = "canned", "Is a tier a single canned text?"
_DUPLICATES_ADVICE = (
    "A text that is both preferred and dispreferred teaches nothing: remove it from one tier. Keep "
    "each request once, with all its responses."
)
_CANNED_ADVICE = (
    "A model trained on one wording learns that wording, and not to refuse or to comply. Sample more "
    "wordings; or, if one text is meant, say so with --canned-ok TIER."
)


def duplicates_check(examples: Sequence[Example], thresholds: DataThresholds) -> Check:
    """The same response in two tiers of a request (though they stand in two examples of it), and the
    same request twice in a split; case and white space apart."""
    several = [example for example in examples if len(example.responses) > 1]
    tiers_of = _tiers_of_texts(several)
    shared = [f"{e.id} ({' = '.join(tiers)})" for e in several if (tiers := _shared(e, tiers_of))]
    first: dict[tuple[str, ...], str] = {}
    again = []
    for example in examples:
        met = first.setdefault((example.split, *_conversation(example)), example.id)
        again += [f"{example.id} (the request of {met})"] if met != example.id else []
    need = threshold(thresholds, at_most=thresholds.repeated)
    figures = [
        share("examples with one text in two tiers", len(shared), len(several), NONE_ALLOWED),
        share("requests that stand again in their split", len(again), len(examples), need),
    ]
    figures = figures if several else figures[1:]
    finding = (
        f"{len(shared):,} of {len(several):,} examples have one text in two tiers; {len(again):,} "
    )
    finding += f"of {len(examples):,} requests stand a second time in their split."
    return checked(
        DUPLICATES, DUPLICATES_TITLE, figures, finding, [*shared, *again], _DUPLICATES_ADVICE
    )


def canned_check(
    examples: Sequence[Example], canned_ok: Sequence[str], thresholds: DataThresholds
) -> Check:
    """How much of each tier is its most frequent text. ``canned_ok`` names tiers that are meant so."""
    tiers = by_tier(list(all_responses(examples)))
    if not tiers:
        return not_run(CANNED, CANNED_TITLE, "the data have no responses")
    figures, against, found = [], [], []
    for tier, some in tiers.items():
        (text, count), *_ = Counter(plain_text(a.text) for a in some).most_common(1)
        meant = tier in canned_ok
        need = SHOWN if meant else threshold(thresholds, at_most=thresholds.canned)
        figure = share(f"{tier}: the most frequent text", count, len(some), need)
        if count > thresholds.canned * len(some) and len(some) >= thresholds.least_n:
            figure = figure.but(note="canned, as declared" if meant else "canned")
            found.append(
                f"{tier} is canned{', as declared' if meant else ''}: one text is {figure.text}"
            )
        if figure.verdict == "failed":
            against += [f"{a.example.id} ({tier})" for a in some if plain_text(a.text) == text]
        figures.append(figure)
    most = max(figures, key=lambda figure: figure.value or 0)
    finding = "; ".join(found) if found else f"No tier is canned: at most {most.text} ({most.name})"
    finding = f"{finding[0].upper()}{finding[1:]}."
    made = checked(CANNED, CANNED_TITLE, figures, finding, against, _CANNED_ADVICE)
    declared = all(figure.verdict is None for figure in figures)
    return made.but(verdict="passed") if declared else made


Said = tuple[tuple[str, ...], str]
"""A conversation and a response to it, as plain text."""


def _tiers_of_texts(examples: Sequence[Example]) -> dict[Said, list[str]]:
    """The tiers that each response to each request stands in."""
    tiers_of: dict[Said, list[str]] = {}
    for example in examples:
        asked = _conversation(example)
        for tier, texts in example.responses.items():
            for text in {plain_text(text) for text in texts}:
                tiers = tiers_of.setdefault((asked, text), [])
                tiers += [tier] if tier not in tiers else []
    return tiers_of


def _shared(example: Example, tiers_of: dict[Said, list[str]]) -> list[str]:
    """The tiers that have a text of the example in common; empty if there are none."""
    asked = _conversation(example)
    texts = [plain_text(text) for some in example.responses.values() for text in some]
    return next((tiers for text in texts if len(tiers := tiers_of[asked, text]) > 1), [])


def _conversation(example: Example) -> tuple[str, ...]:
    return tuple(f"{message.role}: {plain_text(message.content)}" for message in example.prompt)
