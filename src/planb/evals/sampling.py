"""What the batch runner and the Inspect provider share: a request's seed, its sampling, its output.

Because both come here, a task gives the same texts whichever way it is run.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessageAssistant,
    GenerateConfig,
    ModelOutput,
    ModelUsage,
)
from inspect_ai.tool import ToolCall, ToolInfo

from planb.errors import PlanBError
from planb.models.tool_calls import Called
from planb.models.tools import why_no_tools
from planb.types import Message
from planb.values import seed_of

if TYPE_CHECKING:
    from planb.models.generation import Completion, Sampling

NOT_OFFERED = (
    *("top_p", "top_k", "stop_seqs", "best_of", "num_choices", "frequency_penalty"),
    *("presence_penalty", "logit_bias", "logprobs", "top_logprobs", "response_schema"),
)
"""Settings that change what is sampled and that planb's generation does not have."""
CUT_THOUGHT = "cut_thought"
"""In the metadata of a message whose thought was closed at its limit."""
_HARMLESS: dict[str, object] = {"num_choices": 1, "best_of": 1, "top_p": 1.0, "logprobs": False}


def request_seed(seed: int, sample_id: object, epoch: int, prompt: Sequence[Message]) -> int:
    """The seed of one request: another epoch of a sample, or another turn, has another."""
    text = "\x1e".join(f"{message.role}\x1f{message.content}" for message in prompt)
    return seed_of(seed, sample_id, epoch, text)


def sampling_of(config: GenerateConfig, token_budget: int | None = None) -> Sampling:
    """Inspect's settings as ours; PlanBError for one that would be silently ignored."""
    from planb.models.generation import Sampling

    asked = [name for name in NOT_OFFERED if getattr(config, name) not in (None, _HARMLESS.get(name))]
    if asked:
        raise PlanBError(
            f"planb's local generation does not offer {', '.join(asked)}: leave that out (it samples "
            "with temperature and max_tokens), or serve the checkpoint with another Inspect provider"
        )
    given = {
        "temperature": config.temperature,
        "max_new_tokens": config.max_tokens,
        "token_budget": token_budget,
        "thought_tokens": config.reasoning_tokens,
    }
    return Sampling(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]


def functions_of(tools: Sequence[ToolInfo]) -> dict[str, dict[str, Any]]:
    """Inspect's tools as ``planb.models.tools`` takes them."""
    return {
        tool.name: {
            "name": tool.name,
            "description": tool.description,
            "parameters": tool.parameters.model_dump(exclude_none=True),
        }
        for tool in tools
    }


def no_room(model: str) -> ModelOutput:
    """The output of a turn whose prompt no longer fits the model: Inspect's ``model_length``."""
    message = ChatMessageAssistant(content="", model=model, source="generate")
    choice = ChatCompletionChoice(message=message, stop_reason="model_length")
    return ModelOutput(model=model, choices=[choice], usage=ModelUsage())


def output_of(model: str, completion: Completion, calls: Sequence[Called] = ()) -> ModelOutput:
    """A completion as Inspect's output, with its stop reason and usage. ``calls`` are those of tools
    that it makes; where it was cut off it makes none."""
    message = ChatMessageAssistant(content=completion.text, model=model, source="generate")
    if completion.cut_thought:
        message.metadata = {CUT_THOUGHT: True}
    if completion.stop == "stop" and calls:
        message.tool_calls = [_call(message, at, call) for at, call in enumerate(calls)]
    total = completion.prompt_tokens + completion.tokens
    return ModelOutput(
        model=model,
        choices=[ChatCompletionChoice(message=message, stop_reason=completion.stop)],
        usage=ModelUsage(
            input_tokens=completion.prompt_tokens, output_tokens=completion.tokens, total_tokens=total
        ),
    )


def _call(message: ChatMessageAssistant, at: int, call: Called) -> ToolCall:
    return ToolCall(
        id=f"{message.id}-{at}" if at else str(message.id),
        function=call.tool or "unknown",
        arguments=call.arguments,
        parse_error=call.wrong or None,
    )


def check_tools(tokenizer: Any, prompt: Sequence[Message], tools: Collection[str], who: str) -> None:
    """PlanBError where a local policy, called ``who``, cannot be given these tools, or what one
    answered."""
    roles = {message.role for message in prompt}
    if not tools and "tool" not in roles:
        return
    if why := why_no_tools(tokenizer, tools):
        raise PlanBError(f"{who} can be given no tools: {why}")
    if "opening" in roles:
        raise PlanBError(
            "a turn that was begun for the model cannot be read as a call: prefill no tools"
        )


def model_name(folder: str, digest: str) -> str:
    """``<folder>@<digest>``: the name of a checkpoint holds its weights' identity, so that Inspect's
    cache, which knows a model by name only, never mixes two of them."""
    return f"{folder}@{digest[:12]}"
