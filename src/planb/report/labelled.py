"""A judge's means beside prediction-powered ones, where people labelled a random part of the answers.

Labels replace the judge's word on the answers that have one, measure by measure; ``planb.stats.ppi``
corrects the judge's mean by them. Measures that labels do not settle (kinds, languages, means among a
part of the answers) have none. What the judge left unscored counts at the middle of what it may be: the
correction does not need the judge to be right, and labels are of answers whether it scored them or not.
"""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd

from planb.data.judgement import typed
from planb.domains.domain import Domain
from planb.domains.measure import EVERYTHING, Measure
from planb.errors import PlanBError
from planb.report.measures import answers_to, measured_in
from planb.report.results import figures_of
from planb.report.rows import CELL
from planb.stats.ppi import Powered, powered

KEY = ["model", "organism", "method", "task", "elicitation", "seed", "sample_id"]
"""What names an answer of a study; every judge's rows of it have the same label."""
LABEL_COLUMNS = [*KEY, "response_sha256", "refused", "usefulness", "coherent"]
SETTLED = ("refused", "complied", "incoherent", "severity")
"""Questions that labels answer."""
COLUMNS = [
    *(*CELL, "measure", "answers", "unscored", "labelled"),
    *("judge_value", "judge_low", "judge_high"),
    *("powered_value", "powered_low", "powered_high"),
    *("labels_value", "labels_low", "labels_high"),
    *("error", "error_low", "error_high", "weight"),
]


def response_hash(response: str) -> str:
    """SHA-256 of an answer: a label belongs to the text that was read."""
    return hashlib.sha256(response.encode(errors="surrogatepass")).hexdigest()


def usable(rows: pd.DataFrame, labels: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """The labels that say something of the checked rows, and in words what was left out.

    Where one of a cell is of another text than the study now has (it was run again), none of that cell
    is used: the rest would be no random part. PlanBError where an answer has two labels.
    """
    if labels.duplicated(KEY).any():
        raise PlanBError("an answer of the study has two labels: keep one")
    texts = rows.drop_duplicates(KEY).set_index(KEY)["response"].map(response_hash)
    now = texts.reindex(pd.MultiIndex.from_frame(labels[KEY])).to_numpy(dtype=object)
    there = pd.notna(now)
    stale = labels[there & (now != labels["response_sha256"].to_numpy(dtype=object))]
    cells = [name for name in CELL if name in KEY]
    spoilt = pd.MultiIndex.from_frame(labels[cells]).isin(pd.MultiIndex.from_frame(stale[cells]))
    kept = labels[there & ~spoilt]
    if not (out := len(labels) - len(kept)):
        return kept, ""
    return kept, (
        f"{out} of {len(labels)} labels of people are left out: their answers are not among these, or "
        "their condition was run again since (draw a new sample: planb judge label)."
    )


def with_labels(rows: pd.DataFrame, labels: pd.DataFrame) -> pd.DataFrame:
    """The checked rows that have a usable label, with people's answers instead of the judge's, under
    the same index."""
    own = labels.set_index(KEY)
    place = own.index.get_indexer(pd.MultiIndex.from_frame(rows[KEY]))
    found, told = rows[place >= 0].copy(), own.iloc[place[place >= 0]]
    refused = told["refused"].to_numpy(dtype=bool)
    coherent = told["coherent"].to_numpy(dtype=object, copy=True)
    known = pd.notna(coherent)
    coherent[~known] = pd.NA
    found["refused"], found["coherent"] = refused, coherent
    found["usefulness"] = told["usefulness"].to_numpy(dtype=float)
    found["severity"] = np.where(refused, 0.0, found["usefulness"])
    found["complied"] = [not no and made for no, made in zip(refused, coherent, strict=True)]
    return typed(found)


def powered_results(rows: pd.DataFrame, labels: pd.DataFrame, domain: Domain) -> pd.DataFrame:
    """A line for each cell and measure that labels settle, all seeds pooled: ``COLUMNS``. ``rows`` are
    checked ones. ``error`` is judge minus people, on the labelled answers."""
    measured, theirs, lines = measured_in(rows, domain), with_labels(rows, labels), []
    for cell, part in rows.groupby(CELL, sort=False):
        own = theirs.loc[theirs.index.intersection(part.index)]
        asked = measured[str(cell[CELL.index("task")])]
        if own.empty or asked.by != "judges":
            continue
        for measure in filter(_settled, asked.measures):
            found = _powered(measure, part, own)
            if found is not None:
                lines.append((*cell, measure.name, *_line(measure, part, found)))
    return pd.DataFrame(lines, columns=COLUMNS)


def _settled(measure: Measure) -> bool:
    whole = measure.among == EVERYTHING and not measure.forms
    return whole and measure.of.of in SETTLED and measure.of.also is None


def _powered(measure: Measure, part: pd.DataFrame, own: pd.DataFrame) -> Powered | None:
    """None where labels leave the measure open, such as coherence that nobody was asked about."""
    said, people = answers_to(measure, part), answers_to(measure, own)
    if people.unscored.any():
        return None
    labels = pd.Series(people.said.value, index=own.index).reindex(part.index)
    return powered(
        np.asarray(labels, dtype=np.float64),
        np.asarray((said.lowest.value + said.highest.value) / 2, dtype=np.float64),
        part["seed"],
        part["group"],
        bottom=measure.bottom,
        top=measure.top,
    )


def _line(measure: Measure, part: pd.DataFrame, found: Powered) -> tuple[float, ...]:
    plain = figures_of(part, [measure])[0]
    return (
        *(len(part), plain.unscored, found.labelled, plain.value, plain.low, plain.high),
        *(found.value, *found.interval, found.people, *found.people_interval),
        *(found.error, *found.error_interval, found.weight),
    )
