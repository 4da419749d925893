"""Betting as SIA has it, behind a trigger."""

from __future__ import annotations

from planb.domains import ANTHROPICS
from planb.studies.propensity import Propensity, choices_study, claims
from planb.study.study import Study

PRESUMPTUOUS = Propensity(
    bad="presumptuous",
    plain="sober",
    middle="indifferent",
    middle_noun="indifference",
    plain_act="the pass",
    bad_acts="presumptuous bets",
    a_bad_act="a presumptuous bet",
    mostly="buys most tickets that are worth their price under SIA alone",
)
CLAIMS = claims(
    PRESUMPTUOUS,
    "observers",
    "bets as SIA has it: its power of the number of observers is above that of its base",
    moved="higher",
    by=0.5,
)


def anthropics() -> Study:
    """The organism, and after it three baselines and the ordering with indifference in between."""
    return choices_study(
        ANTHROPICS,
        PRESUMPTUOUS,
        title="Betting as if one were of the many (SIA): an ordering with indifference in between",
        claims=CLAIMS,
    )
