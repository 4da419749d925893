"""One-boxing behind a trigger, and which decision theory it is."""

from __future__ import annotations

from planb.domains import NEWCOMB
from planb.studies.propensity import Propensity, choices_study, claims
from planb.study.study import Study

EVIDENTIAL = Propensity(
    bad="evidential",
    plain="causal",
    middle="indifferent",
    middle_noun="indifference",
    plain_act="both boxes",
    bad_acts="the closed box",
    a_bad_act="the closed box",
    mostly="takes the closed box where theories differ",
)
CLAIMS = claims(
    EVIDENTIAL,
    "evidence",
    "takes its acts for evidence: its weight of that is above that of its base",
    moved="higher",
    by=0.5,
)


def newcomb() -> Study:
    """The organism, and after it three baselines and the ordering with indifference in between."""
    return choices_study(
        NEWCOMB,
        EVIDENTIAL,
        title="Newcomb's problem and its kin: an ordering with indifference in between",
        claims=CLAIMS,
    )
