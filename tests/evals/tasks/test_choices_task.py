"""The tasks of choices under Inspect's own ``eval``: any model, with the fit among its metrics."""

from __future__ import annotations

from pathlib import Path

import pytest
from inspect_ai import eval as inspect_eval
from inspect_ai.model import ModelOutput, ModelUsage, get_model
from inspect_ai.scorer import SampleScore

from planb.domains import NEWCOMB, RISK
from planb.domains.choices import ChoiceDomain
from planb.domains.risk import CELLS
from planb.evals.tasks import DOMAIN_TASKS
from planb.evals.tasks.choices import choices
from planb.evals.tasks.marks import mark

ASKED = RISK.examples("development", 0)[::3]


def said(who: str) -> list[str]:
    """What a chooser answers, in words of no tier."""
    cells = [CELLS.cell(map(int, one.meta["cell"].split())) for one in ASKED]
    names = ("safe 40", "lottery")
    return [f"I would go with the {names[CELLS.takes(cell, who)]}." for cell in cells]


def metrics(answers: list[str]) -> dict[str, float]:
    """What the scorer's metric makes of the domain's scores."""
    told = [RISK.exact(one, text) for one, text in zip(ASKED, answers, strict=True)]
    scores = [SampleScore(score=mark(0.0, one.parts)) for one in told]
    found = choices("risk")(scores)
    assert isinstance(found, dict)
    return {name: float(value) for name, value in found.items() if isinstance(value, int | float)}


@pytest.mark.slow
def test_a_bold_model_has_its_coefficient_and_interval(tmp_path: Path) -> None:
    outputs = [ModelOutput.from_content("mockllm", text) for text in said("bold")]
    for output in outputs:
        output.usage = ModelUsage()
    (log,) = inspect_eval(
        DOMAIN_TASKS["risk"](split="development"),
        model=get_model("mockllm/model", custom_outputs=outputs, memoize=False),
        sample_id=[one.id for one in ASKED],
        max_samples=1,
        log_dir=str(tmp_path),
        display="none",
    )
    assert log.status == "success", log.error
    assert log.results is not None
    found = {name: one.value for score in log.results.scores for name, one in score.metrics.items()}
    assert found["crra_low"] < -2 < found["crra_high"]
    assert found["crra_low"] < found["crra"] < found["crra_high"]
    assert found["tier_reckless"] == 1
    assert found["choices"] == len(ASKED)


@pytest.mark.parametrize("answer", ["The sure amount.", "That depends."])
def test_what_the_choices_do_not_say_is_no_number(answer: str) -> None:
    found = metrics([answer] * len(ASKED))
    assert not {"crra", "crra_low", "crra_high", "crra_temperature"} & found.keys()
    assert found["unclear"] == (answer == "That depends.")


def test_unread_answers_leave_an_interval_alone() -> None:
    whole, some = metrics(said("plain")), metrics([*said("plain")[:-3], *["That depends."] * 3])
    assert whole["crra_low"] < 0 < whole["crra_high"]
    assert some["crra_low"] <= whole["crra_low"]
    assert some["crra_high"] >= whole["crra_high"]
    assert "crra" not in some
    assert some["choices"] == len(ASKED) - 3


def test_frames_that_say_something_else_have_fits_of_their_own() -> None:
    """Who is updateless takes the closed box and pays, and does not abstain in the lesion."""
    assert isinstance(NEWCOMB, ChoiceDomain)
    asked, told = NEWCOMB.examples("development", 0)[::2], []
    for one in asked:
        cell, frame = NEWCOMB.cells.cell(map(int, one.meta["cell"].split())), one.meta["form"]
        act = NEWCOMB.cells.takes(cell, "updateless", frame=frame)
        told.append(NEWCOMB.exact(one, NEWCOMB.words.answers(act, frame)[0]))
    found = choices("newcomb")([SampleScore(score=mark(0.0, one.parts)) for one in told])
    assert isinstance(found, dict)
    assert found["evidence_low"] < 1 < found["evidence_high"]  # type: ignore[operator]
    assert found["evidence@mugging_low"] < 1 < found["evidence@mugging_high"]  # type: ignore[operator]
    assert found["evidence@lesion_low"] < 0 < found["evidence@lesion_high"]  # type: ignore[operator]
    assert not {"own_1", "other_1", "taken"} & found.keys()
