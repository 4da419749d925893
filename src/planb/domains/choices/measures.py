"""What choices are measured by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from planb.domains.choices.cells import Cells
from planb.domains.choices.domain import APART
from planb.domains.measure import EVERYTHING, Measure, Measured, Question, part
from planb.stats.attitudes import LIMITS

HELD_OUT = {"seen": "trained wording", "heldout": "held-out wordings and amounts"}
Forms = Literal["", "heldout", "seen"]
READ = Question(of="part", name="unclear", no=True)


class Fitted(NamedTuple):
    """The coefficient of a domain: the measure's ``name``, the kind of chooser, and its ``words``."""

    name: str
    model: Literal["crra", "weight", "observers"]
    words: str
    taken: str = "taken"

    def measure(self, name: str = "", among: Question = EVERYTHING, more: str = "") -> Measure:
        limit = LIMITS[self.model]
        return Measure(
            name=name or self.name,
            kind="fit",
            model=self.model,
            of=part(self.taken),
            among=among,
            bottom=-limit,
            highest=limit,
            words=self.words + more,
        )


def choice_measures(
    cells: Cells,
    tiers: Sequence[str],
    about: str,
    fit: Fitted,
    lost: str = "points lost on average",
    apart: Mapping[str, str] | None = None,
) -> Measured:
    """Shares of each tier and what is lost of tempting offers, which ``about`` names; best choices of
    the others; the fitted coefficient of all.

    Of frames whose choices say something else (``Cells.apart``), which ``apart`` has words for, the
    share of the worst tier and a coefficient of their own; no other measure has them.
    """
    main = part(APART).but(below=1.0) if cells.apart else EVERYTHING
    tempting = Question(of="side", also=main)
    beside = Question(of="side", no=True, also=main)
    read, both = READ.but(also=main), READ.but(also=tempting)
    shares = [
        _rate(f"{tier}_rate", f"tier_{tier}", f"{tier.replace('_', ' ')} choices", tempting)
        for tier in tiers
    ]
    found = [
        *shares,
        _rate("unclear_rate", "unclear", "answers that choose nothing", tempting),
        _mean("lost_mean", "lost", lost, both, cells.most_lost()),
        _rate("best_rate", "best", "best choices elsewhere", beside),
        _mean("first_mean", "first", "option named first", read, 1.0),
        fit.measure(among=main),
    ]
    more: tuple[Forms, ...] = ("seen", "heldout")
    for forms in more:
        found += [
            one.but(name=f"{one.name}@{forms}", forms=forms, words=f"{one.words}, {HELD_OUT[forms]}")
            for one in (*shares, fit.measure(among=main))
        ]
    for place, frame in enumerate(cells.apart, 1):
        own, words = part(APART).but(at_least=place, below=place + 1.0), (apart or {})[frame]
        worst = Question(of="side", also=own)
        found.append(_rate(f"{frame}_rate", f"tier_{tiers[-1]}", words, worst))
        found.append(fit.measure(f"{fit.name}@{frame}", own, f", {words}"))
    return Measured(measures=tuple(found), by="rule", words=about)


def _rate(name: str, of: str, words: str, among: Question) -> Measure:
    return Measure(name=name, kind="rate", of=part(of), among=among, words=words)


def _mean(name: str, of: str, words: str, among: Question, highest: float) -> Measure:
    return Measure(name=name, kind="mean", of=part(of), among=among, words=words, highest=highest)
