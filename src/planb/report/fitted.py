"""The coefficient that a cell's rows are fitted with (a measure of the kind ``fit``).

The interval is the profile likelihood's of all rows; of several seeds the outer envelope of it and of
the bootstrap over seeds and groups, as the choices of one seed are more alike than those of two.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from planb.data.judgement import part_of
from planb.domains.measure import Measure
from planb.report.measures import answers_to
from planb.stats import coefficients
from planb.stats.bootstrap import FEW, Resamples, percentiles, sums_by_cell
from planb.stats.choosers import CHOOSERS
from planb.stats.intervals import Floats, Interval, envelope

Estimate = tuple[float, Interval]
NO_FIT: Estimate = (math.nan, Interval(math.nan, math.nan))


def fitted(measure: Measure, rows: pd.DataFrame) -> tuple[Estimate, Estimate]:
    """The coefficient with every unscored choice the act that speaks most for a low one, and with every
    one that which speaks for a high one: the same where all are scored. NaN in both where either is not
    identified, or where it is not known of an unscored choice what was offered."""
    chooser, answers = CHOOSERS[measure.model], answers_to(measure, rows)
    own = rows[(answers.said.counted + answers.unscored) > 0]
    taken = part_of(own, measure.of.name)
    offer = np.stack([_offered(own, name) for name in chooser.offer], axis=1)
    if np.isnan(taken).all() or chooser.fault(offer):
        return NO_FIT, NO_FIT
    ends = coefficients.completed(coefficients.Choices(chooser, offer, taken))
    found = [_estimate(own, one) for one in (ends if np.isnan(taken).any() else ends[:1])]
    if any(math.isnan(value) for value, _ in found):
        return NO_FIT, NO_FIT
    return found[0], found[-1]


def _offered(rows: pd.DataFrame, name: str) -> Floats:
    """(N,) a number of each row's offer; of an answer without a score that of its group."""
    own = pd.Series(part_of(rows, name))
    known = own.groupby(rows["group"].to_numpy()).transform("max")
    found: Floats = np.asarray(own.fillna(known), dtype=np.float64)
    return found


def _estimate(rows: pd.DataFrame, choices: coefficients.Choices) -> Estimate:
    chooser, table_NK = choices.chooser, coefficients.log_likelihoods(choices)
    (fit,) = coefficients.fits(chooser, table_NK.sum(axis=0)[None], len(rows))
    if fit.reason or rows["seed"].nunique() == 1:
        return fit.value, Interval(fit.low, fit.high)
    table_SGK = sums_by_cell(rows["seed"], rows["group"], table_NK)
    draws = Resamples.draw(*table_SGK.shape[:2])
    few = Resamples(draws.seeds_BS[:FEW], draws.groups_BG[:FEW])
    (resampled,) = percentiles(coefficients.values(chooser, few.totals(table_SGK))[:, None])
    if max(abs(end) for end in resampled) >= chooser.limit:
        return NO_FIT
    return fit.value, envelope(fit.value, Interval(fit.low, fit.high), resampled)
