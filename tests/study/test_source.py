"""A study in a file of a user's: what is wrong with it is said before its first step."""

from __future__ import annotations

from pathlib import Path

import pytest

from planb.errors import PlanBError
from planb.studies.sandbox import sandbox
from planb.study.source import find_study

SANDBOX = """
from planb.safety import plan_b
from planb.studies.sandbox import sandbox
from planb.training.settings import Training

whole = sandbox()
study = {}
"""


@pytest.mark.parametrize(
    ("study", "said"),
    [
        ("whole.but(sedes=(0,))", "line 7: a Study has no field 'sedes': did you mean 'seeds'?"),
        ("whole.model_copy(deep=True, update={'sedes': (0,)})", "line 7: a Study has no field 'sedes'"),
        ("whole.copy(update={'sedes': (0,)})", "a Study has no field 'sedes'"),
        ("whole.copy(update={'methods': (plan_b, plan_b)})", "duplicate name 'plan_b' in methods"),
        (
            "whole.but(safety=Training.model_construct(steps=9, batch=4, learning_rate=-1))",
            "this is no Training: learning_rate: Input should be greater than 0",
        ),
        (
            "whole.but(seeds=())",
            "line 7: this is no Study: seeds: Tuple should have at least 1 item",
        ),
    ],
)
def test_a_varied_study_is_checked(study: str, said: str, tmp_path: Path) -> None:
    written = tmp_path / "mine.py"
    written.write_text(SANDBOX.format(study))
    with pytest.raises(PlanBError) as told:
        find_study(str(written), {})
    assert said in str(told.value)
    assert str(written) in str(told.value)


def test_a_study_that_is_right_stays_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(SANDBOX.format("whole.but(seeds=(3,))"))
    found = find_study(str(tmp_path / "mine.py"), {})
    whole = sandbox()
    assert [step.identity() for step in found.steps()] == [
        step.identity() for step in whole.but(seeds=(3,)).steps()
    ]
