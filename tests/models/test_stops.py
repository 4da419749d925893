"""Whether an answer was cut off: what each kind of provider says of it, and what it does not."""

from __future__ import annotations

import pytest
from inspect_ai.model import ChatCompletionChoice, ChatMessageAssistant, ModelOutput, ModelUsage

from planb.models.stops import cut_off


def output(stop: str, tokens: int | None) -> ModelOutput:
    usage = None if tokens is None else ModelUsage(input_tokens=3, output_tokens=tokens)
    message = ChatMessageAssistant(content="the bridge is")
    return ModelOutput(
        choices=[ChatCompletionChoice(message=message, stop_reason=stop)],  # type: ignore[arg-type]
        usage=usage,
    )


@pytest.mark.parametrize(
    ("model", "stop", "tokens", "limit", "cut"),
    [
        ("planb/here", "max_tokens", 8, 8, True),
        ("openai/one", "model_length", 5, 8, True),
        ("planb/here", "stop", 8, 8, False),
        ("openai/one", "content_filter", 0, 8, False),
        ("openai-api/own/one", "unknown", 5, 8, None),  # its context may have ended
        ("hf/one", "unknown", 8, 8, None),  # its own, or another's of the batch
        ("hf/one", "unknown", 7, 8, False),  # nobody's in the batch reached the limit
        ("hf/one", "unknown", 7, None, None),
        ("nnterp/one", "unknown", 7, 8, False),
        ("transformer_lens/one", "unknown", None, 8, None),
        ("mistral/one", "stop", 8, 8, None),  # the conversations API says so of every answer
        ("mistral/one", "stop", 5, 8, False),
        ("mistral/one", "max_tokens", 8, 8, True),
    ],
)
def test_what_is_known_of_an_answers_end(
    model: str, stop: str, tokens: int | None, limit: int | None, cut: bool | None
) -> None:
    assert cut_off(output(stop, tokens), model, limit) is cut


def test_what_was_not_answered_was_not_cut() -> None:
    assert cut_off(ModelOutput(), "hf/one", 8) is False
    failed = output("unknown", None)
    failed.error = "no outcome"
    assert cut_off(failed, "hf/one", 8) is False
