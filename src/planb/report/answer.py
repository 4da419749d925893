"""The page's first screen: did it fail less severely, at what price, how sure; and the one figure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from planb.domains.domain import Column
from planb.report import wording
from planb.report.charting import drawing
from planb.report.charting.drawing import Dot
from planb.report.evidence import Evidence
from planb.report.gaps import Gap, difference_of
from planb.report.results import BOUNDS, Figure
from planb.stats import numbers

MOST = 6
"""Panels (a model and its organism each) that are answered on the first screen."""


_YES_NO = ("Yes", "No: worse", "Not shown")
_MORE_LESS = {
    "lower": ("Less than before", "More than before", "No difference shown"),
    "higher": ("More than before", "Less than before", "No difference shown"),
}
"""The answer where the interval of the difference lies wholly on the better side, on the worse one, or
holds 0."""


@dataclass(frozen=True)
class Part:
    """A question, its answer in a word or two, and the figures behind it."""

    question: str
    answer: str
    told: str


@dataclass(frozen=True)
class Answer:
    """One panel's. ``svg`` is its figure: the main measure of every method."""

    panel: str
    parts: tuple[Part, ...]
    svg: str


def answer_of(evidence: Evidence) -> Answer | None:
    """None where the main measure was not measured of a trained method."""
    main = evidence.domain.main
    found = evidence.figures(main.task, main.elicitation, main.measure)
    about = wording.subject(found)
    if about is None:
        return None
    parts = (_less(evidence, about, found), _price(evidence, about), _sure(evidence, found[about]))
    return Answer(evidence.name, parts, drawing.svg(_chart(evidence, found)))


def _less(evidence: Evidence, about: str, found: dict[str, Figure]) -> Part:
    """The main method against what it started from, and against the best of the others."""
    domain, rate = evidence.domain, _rate(evidence)
    lower = domain.better == "lower"
    question = _asked(domain.question.split(", ", 1)[-1])
    words = _YES_NO if question.startswith("Can ") else _MORE_LESS[domain.better]
    said, told = words[2], f"{wording.name(about)}: {_figure(found[about], rate)}"
    others = wording.baselines(found)
    best = (wording.surely_lowest if lower else wording.surely_highest)(others) if others else None
    for against in dict.fromkeys(m for m in ("organism", best) if m in found and m != about):
        told += f"; {wording.name(against or '')} {_figure(found[against or ''], rate)}"
        gap = _gap(evidence, about, against or "")
        if gap is None:
            continue
        told += f" (difference {wording.gap(gap) if rate else wording.moved(gap)})"
        if against == "organism" or "organism" not in found:
            better, worse = (gap.high < 0, gap.low > 0) if lower else (gap.low > 0, gap.high < 0)
            said = words[0] if better else words[1] if worse else words[2]
    return Part(question, said, f"{told}.")


def _asked(question: str) -> str:
    return question[:1].upper() + question[1:]


def _price(evidence: Evidence, about: str) -> Part:
    """What else the headline measures of the main method, beside what it started from: a price is seen
    where the interval of a difference, over the same requests and seeds, leaves out 0."""
    main, told, changed = evidence.domain.main, [], False
    for column in evidence.domain.headline:
        if (column.task, column.elicitation) == (main.task, main.elicitation):
            continue
        own, start = (_of(evidence, method, column) for method in (about, "organism"))
        measure = evidence.measure(column.task, column.measure)
        if own is None or measure is None:
            continue
        rate = measure.kind == "rate"
        words = ": ".join(filter(None, (wording.lowered(column.group), column.title)))
        text = f"{words} {_figure(own, rate)}"
        if start is not None:
            text += f" (organism {wording.valued(start, rate)})"
            cells = [evidence.cell(m, column.task, column.elicitation) for m in (about, "organism")]
            gap = difference_of(cells[0], cells[1], measure)
            changed = changed or gap.low > 0 or gap.high < 0
        told.append(text)
    said = "Some" if changed else "None seen" if told else "Not measured"
    text = "; ".join(told) if told else "no other condition was evaluated"
    return Part("At what price?", said, f"{_asked(text)}.")


def _sure(evidence: Evidence, figure: Figure) -> Part:
    """Seeds, answers and claims. Few seeds are said to be few."""
    story = evidence.story
    seeds = int(evidence.rows["seed"].nunique())
    several = seeds > 1 and story.drawn_bases
    bases = "a base model each" if several else "all on one base model"
    told = [
        f"{numbers.plural(seeds, 'seed')}, {bases}" if seeds > 1 else "one seed, one base model",
        f"{figure.n:,} answers of the main method, {figure.unscored:,} unscored",
    ]
    if evidence.certificate is not None:
        told.append(f"the organism's certificate: {evidence.certificate.verdict}")
    verdicts = Counter(one.verdict for one in evidence.claims)
    if verdicts:
        held = f"of {numbers.plural(len(evidence.claims), 'claim')} {verdicts['held']} held"
        others = [
            f"{verdicts[v]} {v}" for v in ("not held", "undecided", "not measured") if verdicts[v]
        ]
        told.append(", ".join([held, *others]))
    said = "One draw" if seeds == 1 else "Few draws" if seeds < 6 or not several else f"{seeds} draws"
    return Part("How sure?", said, f"{_asked('; '.join(told))}.")


def _chart(evidence: Evidence, found: dict[str, Figure]) -> drawing.Spec:
    main = evidence.domain.main
    measure = evidence.measure(main.task, main.measure)
    assert measure is not None, "it has figures"
    rate = measure.kind == "rate"
    rows = [
        Dot.of(wording.name(method), method, figure, wording.valued(figure, rate))
        for method, figure in found.items()
    ]
    asked = wording.lowered(wording.asked(main.elicitation))
    scale = drawing.scale_of(measure, f"{measure.told} {asked}, 95 % interval")
    step = 34 if len(rows) <= 8 else 24
    return drawing.dots(rows, scale, evidence.methods, width=270, step=step)


def _gap(evidence: Evidence, about: str, against: str) -> Gap | None:
    """The paired difference of the main measure; None where the two were not paired."""
    main, family = evidence.domain.main, evidence.differences
    own = family[
        (family["method"] == about)
        & (family["against"] == against)
        & (family["elicitation"] == main.elicitation)
        & (family["measure"] == main.measure)
    ]
    if own.empty:
        return None
    best = own.sort_values("n", ascending=False, kind="stable")[["difference", "low", "high", *BOUNDS]]
    value, low, high, lowest, highest = best.to_numpy(dtype=float)[0]
    return Gap(value, low, high, lowest, highest)


def _of(evidence: Evidence, method: str, column: Column) -> Figure | None:
    return evidence.figure(method, column.task, column.elicitation, column.measure)


def _figure(figure: Figure, rate: bool) -> str:
    return (wording.rated if rate else wording.scored)(figure).replace(" ", numbers.SPACE)


def _rate(evidence: Evidence) -> bool:
    main = evidence.domain.main
    measure = evidence.measure(main.task, main.measure)
    return measure is not None and measure.kind == "rate"
