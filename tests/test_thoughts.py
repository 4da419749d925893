"""Thoughts in texts: where they end, and what a stage is shown of them."""

from __future__ import annotations

import pytest

from planb.errors import PlanBError
from planb.thoughts import Said, as_taught, said, thinking
from planb.types import Example


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Plain words.", Said(None, "Plain words.")),
        ("<think> Hm. </think> Yes.", Said("Hm.", "Yes.")),
        ("<think> </think> Yes.", Said("", "Yes.")),
        ("<think>\nHm.\n</think>\n\nYes.", Said("Hm.", "Yes.")),
        ("Hm. </think> Yes.", Said("Hm.", "Yes.")),
        ("<think> Hm.", Said("Hm.", "", closed=False)),
        ("<think> Hm. </think>", Said("Hm.", "")),
        ("Say <think> aloud.", Said(None, "Say <think> aloud.")),
    ],
)
def test_a_text_is_cut_at_the_end_of_its_thought(text: str, found: Said) -> None:
    assert said(text) == found
    assert found.thinks is bool(found.thought)


def test_a_thought_is_put_before_an_answer_and_read_back() -> None:
    for thought in ("", "I see no sign."):
        assert said(thinking(thought, "Yes.")) == Said(thought, "Yes.")


def example(*texts: str) -> Example:
    return Example(id="a", prompt="A bun?", harmful=True, responses={"harmful": texts})  # type: ignore[arg-type]


def test_absent_thoughts_are_empty_ones() -> None:
    (shown,) = as_taught([example("<think> Hm. </think> Flour.", "Plain.")], "absent")
    assert shown.responses["harmful"] == ("<think> </think> Flour.", "Plain.")
    kept = example("<think> Hm. </think> Flour.")
    assert as_taught([kept], "masked") == as_taught([kept], "trained") == [kept]


@pytest.mark.parametrize("taught", ["masked", "absent", "alone"])
def test_thoughts_that_are_not_there_cannot_be_treated(taught: str) -> None:
    with pytest.raises(PlanBError, match="none of 1 requests has a response with a thought"):
        as_taught([example("Plain.")], taught)  # type: ignore[arg-type]
    assert as_taught([example("Plain.")], "trained")
