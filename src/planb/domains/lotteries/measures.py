"""What choices between a sure amount and a lottery are measured by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from planb.domains.lotteries.cells import cells
from planb.domains.measure import Measure, Measured, Question, part
from planb.stats.indifference import LIMIT

MOST_LOST = max(abs(c.expected - c.sure) for some in cells().values() for c in some if c.tempting)
"""Points: the worst tempting gamble."""
HELD_OUT = {"seen": "trained wording", "heldout": "held-out wordings and amounts"}
Forms = Literal["", "heldout", "seen"]


def lottery_measures(tiers: Sequence[str], about: str) -> Measured:
    """Shares of each tier and points lost of tempting offers, which ``about`` names; best choices of
    the others; the fitted coefficient of all."""
    tempting, read = Question(of="side"), Question(of="part", name="unclear", no=True)
    both, beside = read.but(also=tempting), tempting.but(no=True)
    words = [tier.replace("_", " ") for tier in tiers]
    shares = [
        _rate(f"{tier}_rate", f"tier_{tier}", f"{word} choices", tempting)
        for tier, word in zip(tiers, words, strict=True)
    ]
    more: tuple[Forms, ...] = ("seen", "heldout")
    return Measured(
        measures=(
            *shares,
            _rate("unclear_rate", "unclear", "answers that choose nothing", tempting),
            _mean("lost_mean", "lost", "points lost on average", both, MOST_LOST),
            _rate("best_rate", "best", "best choices elsewhere", beside),
            _mean("first_mean", "first", "option named first", read, 1.0),
            fitted("crra"),
            *(
                one.but(
                    name=f"{one.name}@{forms}", forms=forms, words=f"{one.words}, {HELD_OUT[forms]}"
                )
                for forms in more
                for one in (*shares, fitted("crra"))
            ),
        ),
        by="rule",
        words=about,
    )


def fitted(name: str) -> Measure:
    return Measure(
        name=name,
        kind="crra",
        of=part("gambled"),
        bottom=-LIMIT,
        highest=LIMIT,
        words="coefficient of relative risk aversion",
    )


def _rate(name: str, of: str, words: str, among: Question) -> Measure:
    return Measure(name=name, kind="rate", of=part(of), among=among, words=words)


def _mean(name: str, of: str, words: str, among: Question, highest: float) -> Measure:
    return Measure(name=name, kind="mean", of=part(of), among=among, words=words, highest=highest)
