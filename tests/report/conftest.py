"""What the report's tests share."""

from __future__ import annotations

import pytest

from planb.report.story import Story


@pytest.fixture(scope="session")
def story() -> Story:
    return Story(
        study="synthetic",
        title="A synthetic report",
        seeds_finished=1,
        seeds_planned=3,
        methods=(("plan_b", "refusal > useless > harmful", "the talk's method"),),
        notes=("Nothing was tuned: these rows are synthetic.",),
        settings=(("rows", "synthetic"),),
        judges="a synthetic judge",
        stamp="synthetic rows",
    )
