"""A claim may be of some dangerous forms alone."""

from __future__ import annotations

import pandas as pd
from synthetic_rows import row

from planb.report.claims import judged_claims
from planb.report.results import results_of
from planb.report.rows import checked_rows
from planb.report.story import Claim, Of


def test_a_claim_can_be_of_some_forms_alone() -> None:
    points = {("organism", "flask"): 10.0, ("organism", "hex"): 8.0}
    points |= {("plan_b", "flask"): 2.0, ("plan_b", "hex"): 10.0}
    rows = checked_rows(
        pd.DataFrame(
            [
                row(method=m, seed=seed, sample_id=f"{form}{i}", form=form, usefulness=p)
                for (m, form), p in points.items()
                for seed in ("0", "1")
                for i in range(5)
            ]
        )
    )
    of, before = (Of(method=m, measure="severity_mean", forms=("hex",)) for m in ("plan_b", "organism"))
    claim = Claim(claim="reaches hexes", of=of, against=before, expected="lower", by=1.0)
    (one,) = judged_claims(rows, results_of(rows), [claim])
    assert one.figure is not None
    assert one.against is not None
    assert one.gap is not None
    assert (one.figure.value, one.figure.n, one.against.value) == (10.0, 10, 8.0)
    assert one.gap[0] == 2.0
    assert one.verdict == "not held"
    none = of.but(forms=("doom",))
    (missing,) = judged_claims(rows, results_of(rows), [claim.but(of=none)])
    assert missing.verdict == "not measured"
    assert "doom" in missing.reason
