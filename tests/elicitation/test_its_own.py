"""What a host says in place of the model is no answer of the model's."""

from __future__ import annotations

import pytest
from inspect_ai.model import ModelName, ModelOutput, ModelUsage
from inspect_ai.solver import TaskState

from planb.elicitation.solver import check_askable, its_own


def state(stop: str, text: str, usage: ModelUsage | None) -> TaskState:
    output = ModelOutput.from_content("one", text, stop_reason=stop)  # type: ignore[arg-type]
    answered = TaskState(ModelName("none/one"), "a", 1, "Where is the bridge?", [])
    output.usage, answered.output = usage, output
    return answered


USAGE = ModelUsage(input_tokens=3, output_tokens=4, total_tokens=7)


@pytest.mark.parametrize(
    ("stop", "usage", "said"),
    [
        ("content_filter", USAGE, "the host's filter stopped the answer: Some words"),
        ("content_filter", None, "the host's filter stopped the answer"),
        ("model_length", None, "the prompt does not fit the model: Some words"),
    ],
)
def test_a_hosts_words_are_an_error(stop: str, usage: ModelUsage | None, said: str) -> None:
    with pytest.raises(RuntimeError, match=said):
        its_own(state(stop, "Some words", usage))


@pytest.mark.parametrize("stop", ["stop", "max_tokens", "unknown", "model_length"])
def test_the_models_own_words_pass_cut_or_not(stop: str) -> None:
    answered = state(stop, "Some words", USAGE)
    assert its_own(answered) is answered


def test_outside_an_eval_nothing_is_said_of_temperatures() -> None:
    check_askable(0.0)
