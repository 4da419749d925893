"""P-values: Fisher's randomisation test by group of requests, corrected by Holm."""

from __future__ import annotations

import math

import numpy as np

from planb.stats.intervals import Floats
from planb.values import seed_of

FLIPS = 9999


def sign_flip(totals_G: Floats) -> float:
    """The two-sided p-value of differences summed by group, against none (Fisher's randomisation test).

    If two methods were the same, each group's difference might as well have the other sign. Groups are
    flipped whole, so seeds that answer one request count once. All 2^G flips are tried where they are
    at most FLIPS, else FLIPS of them are drawn (p is then at least 2 / (FLIPS + 1)). It speaks of these
    trained models on requests like these; that other training runs might differ, only the interval
    says. NaN where there is no group.
    """
    if len(totals_G) == 0:
        return math.nan
    from scipy.stats import permutation_test  # slow to load

    # Sums in another order differ in their last digits; rounded, a tie with what was seen is a tie.
    # scipy asks for two groups: a zero beside a single one changes no sum.
    tested = permutation_test(
        (totals_G if len(totals_G) > 1 else np.append(totals_G, 0.0),),
        lambda flipped, axis: np.round(flipped.sum(axis=axis), 9),
        permutation_type="samples",
        vectorized=True,
        n_resamples=FLIPS,
        batch=1000,
        rng=np.random.default_rng(seed_of("flips")),
    )
    return float(tested.pvalue)


def holm(p_values: Floats) -> Floats:
    """P-values corrected for their number (Holm 1979); a NaN is no test and stays NaN."""
    corrected = np.full(len(p_values), math.nan)
    tested = ~np.isnan(p_values)
    if tested.any():
        from statsmodels.stats.multitest import multipletests  # type: ignore[import-untyped]

        corrected[tested] = multipletests(p_values[tested], method="holm")[1]
    return corrected
