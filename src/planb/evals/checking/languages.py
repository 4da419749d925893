"""Are refusals in the language that their tier says? A German refusal is another tier than a refusal.

The language is found by lingua, which is made for short texts and gives the same answer every time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from functools import cache

from lingua import Language, LanguageDetector, LanguageDetectorBuilder

from planb.evals.checking.responses import all_responses, by_tier
from planb.evals.checking.result import Check, checked, not_run
from planb.evals.checking.thresholds import DataThresholds
from planb.stats.estimates import share
from planb.stats.figure import threshold
from planb.types import REFUSAL, Example, Tier

NAME, TITLE = "language", "Are refusals in their tier's language?"
ADVICE = "Write these refusals again in their tier's language, or move them to the tier of theirs."
PLAIN = "english"
"""The language of requests whose own cannot be detected."""
REQUESTS = 300
"""So many requests say which language the data are in."""
COMMON = ("english", "german", "french", "spanish", "italian", "portuguese", "dutch")
"""The languages that a text may turn out to be in; those that tiers name are added."""
SURE = 0.4
"""So likely a language must be, of all of these; below it the text's language is not known."""
SHORTEST = 10
"""Letters that a text needs: "No." is in many languages."""


def refusal_tiers(tiers: Iterable[Tier], declared: Collection[Tier] = ()) -> frozenset[Tier]:
    """The tiers that hold refusals: ``refusal``, ``<language>_refusal`` (``german_refusal``), and those
    that are ``declared``. A tier ``non_refusal`` is none."""
    return frozenset(t for t in tiers if t == REFUSAL or t in declared or _language_named(t))


def language_check(
    examples: Sequence[Example], refusals: Collection[Tier], thresholds: DataThresholds
) -> Check:
    """Every response of the tiers ``refusals``: in the language that the tier names
    (``german_refusal``), else in that of most requests."""
    tiers = {t: some for t, some in by_tier(list(all_responses(examples))).items() if t in refusals}
    if not tiers:
        return not_run(NAME, TITLE, "no tier holds refusals")
    plain = _language_of_requests(examples)
    asked = {tier: _language_named(tier) or plain for tier in tiers}
    languages = tuple(sorted({*COMMON, *asked.values()}))
    figures, against, wrong = [], [], []
    for tier, some in tiers.items():
        told = [(a, found) for a in some if (found := spoken(a.text, languages))]
        others = [(a, found) for a, found in told if found != asked[tier]]
        need = threshold(thresholds, at_least=thresholds.language, most_unscored=thresholds.unsure)
        figure = share(
            f"{tier}: in {asked[tier].capitalize()}",
            len(told) - len(others),
            len(told),
            need,
            unscored=len(some) - len(told),
            bounded=False,  # too short to tell, in whatever language
        )
        figures.append(figure)
        against += [f"{a.example.id} ({tier}: {found})" for a, found in others]
        if figure.verdict == "failed":
            most = Counter(found.capitalize() for _, found in others).most_common(1)[0]
            wrong.append(f"{most[1]:,} of {tier} are in {most[0]}, not in {asked[tier].capitalize()}")
    finding = "; ".join(f"{f.name} {f.text}" for f in figures)
    finding = f"{'; '.join(wrong)}." if wrong else f"{finding[0].upper()}{finding[1:]}."
    return checked(NAME, TITLE, figures, finding, against, ADVICE)


def _language_named(tier: Tier) -> str:
    """The language that a tier of refusals names (``german_refusal``), else ""."""
    named, _, kind = tier.rpartition("_")
    return named.casefold() if kind == REFUSAL and named.upper() in _all_languages() else ""


def _language_of_requests(examples: Sequence[Example]) -> str:
    """The language of most requests."""
    told = Counter(spoken(e.request, COMMON) for e in examples[:REQUESTS])
    del told[""]
    return told.most_common(1)[0][0] if told else PLAIN


@cache
def spoken(text: str, languages: tuple[str, ...]) -> str:
    """The language of ``text`` in lower case; "" where it is too short or too uncertain."""
    if sum(letter.isalpha() for letter in text) < SHORTEST:
        return ""
    found = _detector(languages).compute_language_confidence_values(text)
    best = max(found, key=lambda one: one.value, default=None)
    return best.language.name.lower() if best and best.value >= SURE else ""


@cache
def _detector(languages: tuple[str, ...]) -> LanguageDetector:
    return LanguageDetectorBuilder.from_languages(*_values(languages)).build()


def _values(languages: Iterable[str]) -> list[Language]:
    known = _all_languages()
    return [known[language.upper()] for language in languages]


@cache
def _all_languages() -> dict[str, Language]:
    return {language.name: language for language in Language.all()}
