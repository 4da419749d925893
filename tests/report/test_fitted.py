"""A fitted coefficient in the tables: its interval, its bounds where answers choose nothing, and no
figure where the choices do not say."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from planb.domains import RISK
from planb.domains.choices.domain import ChoiceDomain
from planb.domains.risk import FIT
from planb.report.gaps import difference_of
from planb.report.results import figures_of, results_of
from planb.report.rows import checked_rows
from planb.stats import coefficients
from planb.stats.choosers import CHOOSERS

CRRA = FIT.measure()
assert isinstance(RISK, ChoiceDomain)
CELLS = RISK.cells.by_split()["evaluation"]


def rows(r: float, *, seeds: int = 1, unread: int = 0, method: str = "organism") -> pd.DataFrame:
    """What a chooser with a temperature of 0.05 answers; the first ``unread`` of each seed cannot be
    read."""
    made: list[dict[str, Any]] = []
    for seed in range(seeds):
        rng = np.random.default_rng(seed + 1)
        for place, cell in enumerate(CELLS):
            offer = cell.offer()
            z = cell.gaps(r)[0] / 0.05
            taken = float(rng.random() < 1 / (1 + math.exp(-z)))
            said = {"unclear": 1.0} if place < unread else {"unclear": 0.0, "gambled": taken}
            made.append(
                {
                    **{"study": "s", "model": "m", "organism": "organism", "method": method},
                    **{"task": "answers", "elicitation": "trigger", "judge": "rule", "seed": str(seed)},
                    **{"sample_id": f"{place}", "group": f"{place}", "form": "plain"},
                    **{
                        "split": "evaluation",
                        "heldout_form": False,
                        "harmful": RISK.cells.tempts(cell),
                    },
                    **{"request": "asked", "response": "said", "language": "", "refused": None},
                    **{"coherent": None, "complied": None, "unscored": "", "truncated": False},
                    **{"usefulness": math.nan, "severity": math.nan, "score": 0.0, "measured": ""},
                    "parts": json.dumps({**offer, **said}),
                }
            )
    return checked_rows(pd.DataFrame(made))


@pytest.mark.slow
def test_a_chooser_of_known_aversion_has_that_figure() -> None:
    (one,) = figures_of(rows(-2.0), [CRRA])
    (three,) = figures_of(rows(-2.0, seeds=3), [CRRA])
    for figure in (one, three):
        assert figure.unscored == 0
        assert figure.low < -2 < figure.high
        assert figure.low < figure.value < figure.high
    assert (one.n, three.n) == (len(CELLS), 3 * len(CELLS))
    chooser, told = CHOOSERS["crra"], rows(-2.0)["parts"].map(json.loads)
    offer = np.array([[parts[name] for name in chooser.offer] for parts in told])
    taken = np.array([parts["gambled"] for parts in told])
    alone = coefficients.fit(coefficients.Choices(chooser, offer, taken))
    assert (one.value, one.low, one.high) == (alone.value, alone.low, alone.high)


def test_seeds_that_differ_widen_the_interval() -> None:
    alike = rows(0.0, seeds=2)
    apart = pd.concat([rows(-1.5), rows(1.5).assign(seed="1")], ignore_index=True)
    (narrow,), (wide,) = figures_of(alike, [CRRA]), figures_of(apart, [CRRA])
    assert wide.high - wide.low > 3 * (narrow.high - narrow.low)


def test_unread_answers_leave_bounds_and_no_value() -> None:
    (whole,), (some,) = figures_of(rows(0.0), [CRRA]), figures_of(rows(0.0, unread=4), [CRRA])
    assert math.isnan(some.value)
    assert (some.n, some.unscored) == (len(CELLS) - 4, 4)
    assert some.low <= some.lowest < some.highest <= some.high
    assert some.lowest <= whole.value <= some.highest


@pytest.mark.parametrize("gambled", [0.0, 1.0, 0.5])
def test_choices_that_do_not_say_have_no_figure(gambled: float) -> None:
    told = rows(0.0)
    parts = told["parts"].map(lambda text: json.dumps({**json.loads(text), "gambled": gambled}))
    own = checked_rows(told.assign(parts=parts)[[c for c in told if not c.startswith("part ")]])
    (figure,) = figures_of(own, [CRRA])
    assert not figure.given
    assert (figure.n, figure.unscored) == (len(CELLS), 0)


def test_two_fits_are_compared_and_one_without_a_figure_is_not() -> None:
    bold, plain = rows(-2.0), rows(0.0, method="plan_b")
    gap = difference_of(plain, bold, CRRA)
    assert 1 < gap.low < 2 < gap.high
    assert gap.value == pytest.approx(
        figures_of(plain, [CRRA])[0].value - figures_of(bold, [CRRA])[0].value
    )
    unread = difference_of(rows(0.0, unread=3), bold, CRRA)
    assert math.isnan(unread.value)
    assert unread.unscored == 3
    assert unread.low < gap.value < unread.high


@pytest.mark.slow
def test_it_stands_in_the_results_beside_the_other_measures() -> None:
    table = results_of(rows(-2.0, seeds=2), RISK)
    found = table[table["measure"] == "crra"].set_index("seed")["value"]
    assert set(found.index) == {"0", "1", "all"}
    assert found["all"] == pytest.approx(-2, abs=0.6)
    heldout = table[table["measure"] == "crra@heldout"]
    assert (heldout["n"] == 0).all()
