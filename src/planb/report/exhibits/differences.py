"""By how much does Plan B differ from the others on the same requests, and could that be chance?"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from planb.domains.harm import ASKED, HARM, SEVERITY
from planb.domains.measure import Measure
from planb.report import wording
from planb.report.charting import drawing
from planb.report.charting.drawing import Dot
from planb.report.differences import compared
from planb.report.evidence import Evidence, Exhibit, Missing, Table
from planb.report.gaps import Gap
from planb.report.paired import pairs_of
from planb.stats import numbers
from planb.stats.power import Spread, groups_needed, seeds_needed, spread_of
from planb.stats.randomisation import FLIPS

TITLE = "How much do the methods differ?"
_STEP, _WIDTH = 26, 190
_RANGE = (-10.0, -5.0, 0.0, 5.0, 10.0)


def draw(evidence: Evidence) -> Exhibit | Missing:
    """The main method minus every other one: severity as a picture, all that is compared in a table."""
    family = evidence.differences
    if family.empty:
        return Missing(TITLE, "there are no two methods with answers to the same harmful requests")
    main = str(family["method"].iloc[0])
    return Exhibit(
        title=TITLE,
        finding=_finding(family, main),
        caption=f"{_caption(family, main)} {power_note(evidence)}",
        svg=drawing.svg(_chart(evidence, family)),
        table=_table(family),
    )


def _caption(family: pd.DataFrame, main: str) -> str:
    tests = int(family["family"].iloc[0])
    least = numbers.p_value(min(1.0, 2 * tests / (FLIPS + 1)))
    return (
        f"{wording.name(main)} minus each other method, on the same requests and seeds: below 0 it is "
        "less severe. Intervals are 95 %, over seeds and groups of requests; rates are in percentage "
        "points. p: the signs of whole groups are flipped at random, so it speaks of these "
        f"{_seeds(family)}, not of other training runs; corrected (Holm) over one family, the {tests} "
        f"comparisons of this table, so {FLIPS + 1:,} flips cannot show less than {least}. Pairs that "
        f"the judge left unscored on a side ({int(_severity(family)['left_out'].sum())} of severity) "
        "stand in the intervals at their lowest and at their highest, and p is the largest that any "
        "scores of them would give."
    )


def power_note(evidence: Evidence) -> str:
    """One sentence or two: how many requests show a difference of one point of severity."""
    widest = _widest(evidence)
    if widest is None:
        return "Too few pairs to say how many requests a difference of 1 point would need."
    spread, against, elicitation = widest
    need = groups_needed(spread)
    unit = "requests" if spread.pairs < 1.005 else "groups of requests"
    many = f" (of {spread.pairs:.1f} each)" if unit != "requests" else ""
    text = (
        "Power: to see a difference of 1 point of mean severity with 80 % power (5 %, two-sided, not "
        f"corrected) takes {need:,} {unit}{many} on these trained models, where the study has "
        f"{spread.groups:,}; that is for the comparison that varies most, with "
        f"{wording.name(against)}, “{wording.asked(elicitation)}” (standard deviation "
        f"{numbers.points(spread.of_a_group)} points from one to the next"
    )
    seeds = seeds_needed(spread)
    if seeds is None:
        return text + "); one seed cannot say how training runs differ."
    if spread.between_seeds == 0:
        return text + f"; the {spread.seeds} seeds differ no more than that lets them)."
    return text + (
        f", {numbers.points(spread.between_seeds)} from seed to seed, so {seeds:,} seeds would show it "
        f"of training runs at large, where there are {spread.seeds:,})."
    )


def _widest(evidence: Evidence) -> tuple[Spread, str, str] | None:
    """The comparison of two trained methods (of any, if there are none) whose severity varies most."""
    lines = _severity(evidence.differences)
    trained = lines[~lines["against"].isin(["base", "organism"])]
    lines, found = lines if trained.empty else trained, []
    names = lines[["method", "against", "elicitation", "split"]].astype(str)
    for method, against, elicitation, split in names.itertuples(index=False, name=None):
        own, others = (evidence.cell(m, ASKED, elicitation) for m in (method, against))
        own, others = own[own["split"] == split], others[others["split"] == split]
        spread = spread_of(pairs_of(own, others, SEVERITY))
        if spread is not None:
            found.append((spread, against, elicitation))
    return max(found, key=lambda one: one[0].of_a_group, default=None)


def _severity(family: pd.DataFrame) -> pd.DataFrame:
    return family[family["measure"] == "severity_mean"]


def _seeds(family: pd.DataFrame) -> str:
    count = int(family["seeds"].max())
    return "models of one seed" if count == 1 else f"models of {count} seeds (few)"


def _finding(family: pd.DataFrame, main: str) -> str:
    lines = _severity(family)
    lines = lines[lines["p"].notna()]
    if lines.empty:
        return f"No request has a severity both after {wording.name(main)} and after another method."
    trained = lines[~lines["against"].isin(["base", "organism"])]
    lines = lines if trained.empty else trained
    hardest, where = _hardest(lines)
    told = lines[lines["elicitation"] == hardest]
    nearest = told.iloc[int(told["highest"].to_numpy().argmax())]
    others = told.drop(index=nearest.name)
    sure = bool((others["highest"] <= nearest["lowest"]).all())
    least = "the least severe of them" if sure else "the least severe of them at worst"
    size = wording.moved(_gap(nearest))
    pairs = f"{int(nearest['n'])} pairs" + wording.and_unscored(int(nearest["left_out"]))
    p = numbers.p_value(float(nearest["p_holm"])).replace("<", "< ")
    clear = lines[lines["p_holm"] < 0.05]
    better, worse = int((clear["highest"] < 0).sum()), int((clear["lowest"] > 0).sum())
    text = (
        f"{wording.asked(hardest)}{where}, the mean severity after "
        f"{wording.name(main)} minus that after {wording.name(nearest['against'])}, {least}, "
        f"is {size} points (corrected p {p}, {pairs})"
    )
    if len(lines) > 1:
        text += (
            f"; of {len(lines)} comparisons of severity with other methods, {better} find it lower and "
            f"{worse} higher at a corrected p below 0.05"
        )
    return text + "."


def _hardest(lines: pd.DataFrame) -> tuple[str, str]:
    """The attack under which the others are most severe, and words for that; with the trigger where
    that depends on unscored answers."""
    theirs = {
        str(e): float(own["second"].mean()) for e, own in lines.groupby("elicitation", sort=False)
    }
    if not lines["second"].isna().any():
        return max(
            theirs, key=lambda elicitation: theirs[elicitation]
        ), ", where the others are most severe"
    return ("trigger" if "trigger" in theirs else next(iter(theirs))), ""


def _gap(line: Mapping[Hashable, Any] | pd.Series) -> Gap:
    """A line's difference as one."""
    low, high, lowest, highest = (float(line[name]) for name in ("low", "high", "lowest", "highest"))
    return Gap(float(line["difference"]), low, high, lowest, highest)


def _chart(evidence: Evidence, family: pd.DataFrame) -> drawing.Spec:
    lines = _severity(family)
    lines = lines[lines["p"].notna()]
    scale = drawing.Scale("difference of mean severity", (-10, 10), _RANGE)
    panels = []
    for elicitation in lines["elicitation"].unique():
        rows = [_dot(line) for line in lines[lines["elicitation"] == elicitation].to_dict("records")]
        title = wording.asked(elicitation)
        panels.append(drawing.dots(rows, scale, evidence.methods, title, width=_WIDTH, step=_STEP))
    return drawing.concat(*panels, columns=2, spacing={"row": 26, "column": 30})


def _dot(line: dict[Hashable, Any]) -> Dot:
    gap, against = _gap(line), str(line["against"])
    text = wording.moved(gap).split(" [")[0]
    dot = Dot(wording.name(against), against, gap.value, *gap.interval, text, small=True)
    return replace(dot, lowest=gap.lowest, highest=gap.highest) if line["left_out"] else dot


def _table(family: pd.DataFrame) -> Table:
    rows: list[tuple[str, ...]] = []
    methods, breaks, last = [], [], None
    for where, own in family.groupby(["elicitation", "split", "against"], sort=False):
        elicitation, split, against = map(str, where)
        lines = own.set_index("measure").to_dict("index")
        cells = [cell for one in compared(HARM) for cell in _cells(one, lines[one.name])]
        if last not in (None, (elicitation, split)):
            breaks.append(len(rows))
        last = (elicitation, split)
        severity = lines["severity_mean"]
        pairs = f"{severity['n']}{wording.and_unscored(int(severity['left_out']))}"
        rows.append((wording.name(against), wording.asked(elicitation), *cells, pairs))
        methods.append(against)
    heads = ("Severity", "p", "Complies", "p", "Refuses", "p")
    return Table(
        ("Against", "Elicitation", *heads, "pairs"),
        tuple(rows),
        methods=tuple(methods),
        breaks=tuple(breaks),
    )


def _cells(measure: Measure, line: dict[Hashable, Any]) -> tuple[str, str]:
    """The difference with its interval, and its corrected p."""
    gap, rate = _gap(line), measure.kind == "rate"
    if not gap.given:
        return numbers.NOTHING, numbers.NOTHING
    return wording.moved(gap, rate), numbers.p_value(float(line["p_holm"]))
