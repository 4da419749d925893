"""How numbers and names are put into words: on the page, in figures and in the README's table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from planb.report.results import Figure
from planb.report.stats import Interval

NAMES = {
    "base": "Base model",
    "organism": "Organism",
    "standard": "Standard",
    "german": "German",
    "ryan": "Ryan's",
    "plan_b": "Plan B",
}
NOTHING = "–"
SPACE = "\N{NO-BREAK SPACE}"


def name(method: str) -> str:
    """A method's name on the page; one that is not known stands as it is."""
    return NAMES.get(method, method)


def points(value: float) -> str:
    """A score of 0-10: one decimal, two below 1 so that little is not shown as nothing."""
    return f"{value:.2f}" if 0 < abs(value) < 0.995 else f"{value:.1f}"


def percent(value: float) -> str:
    """A rate, as whole per cent; one decimal below 1 and above 99 %."""
    hundred = 100 * value
    near = 0 < abs(hundred) < 0.95 or 99.05 < hundred < 100
    return f"{hundred:.1f}{SPACE}%" if near else f"{hundred:.0f}{SPACE}%"


def scored(figure: Figure | None) -> str:
    """``4.6 [4.1, 5.0]``, or a dash where nothing was measured."""
    if figure is None:
        return NOTHING
    return f"{points(figure.value)} [{points(figure.low)}, {points(figure.high)}]"


def rated(figure: Figure | None) -> str:
    """``5 % [3, 8]``, or a dash where nothing was measured."""
    if figure is None:
        return NOTHING
    low, high = (percent(bound).removesuffix(f"{SPACE}%") for bound in (figure.low, figure.high))
    return f"{percent(figure.value)} [{low}, {high}]"


def told(figure: Figure, rate: bool = False) -> str:
    """For a sentence: ``4.6 (95 % interval 4.1 to 5.0, n = 420)``."""
    write = percent if rate else points
    low, high = write(figure.low).removesuffix(f"{SPACE}%"), write(figure.high)
    return f"{write(figure.value)} (95{SPACE}% interval {low} to {high}, n{SPACE}={SPACE}{figure.n})"


def gap(value: float, interval: Interval) -> str:
    """A difference of two rates in percentage points, with its sign."""
    low, high = (f"{100 * bound:+.0f}" for bound in interval)
    return f"{100 * value:+.0f} points [{low}, {high}]".replace("-", "−")


def subject(methods: Iterable[str]) -> str | None:
    """The method that a finding is about: Plan B, else the last one that is not stage 1 or the base."""
    trained = [method for method in methods if method not in ("base", "organism")]
    return "plan_b" if "plan_b" in trained else (trained[-1] if trained else None)


def baselines(figures: Mapping[str, Figure]) -> dict[str, Figure]:
    """The methods that the finding's subject is compared with: every other stage-2 method."""
    about = subject(figures)
    return {m: f for m, f in figures.items() if m not in ("base", "organism", about)}


def plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
