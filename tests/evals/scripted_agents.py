"""Scripted models for AgentDojo, under Inspect's own loop: their calls and words are the package's
ground truth, run in its real environments."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from inspect_ai.log._samples import sample_active
from inspect_ai.model import ChatMessageAssistant, Model, ModelOutput, ModelUsage, get_model
from inspect_ai.tool import ToolCall

from planb.evals.tasks.agentdojo import EPISODE
from planb.evals.tasks.agentdojo_episodes import VERSION, Pair, suites_of

FULL = "full"
"""In the place of a text: the conversation no longer fits the model."""
Turns = list[tuple[str, list[ToolCall]]]


def truth_of(pair: Pair, whose: str) -> Turns:
    """The turns that solve the user's task, or the attacker's, and the last word."""
    suite = suites_of(VERSION)[pair.suite]
    task = (suite.user_tasks if whose == "user" else suite.injection_tasks)[
        pair.user_task if whose == "user" else pair.injection_task
    ]
    calls = task.ground_truth(suite.load_and_inject_default_environment({}))
    made = [
        ToolCall(id=f"{whose}-{at}", function=call.function, arguments=dict(call.args))
        for at, call in enumerate(calls)
    ]
    return [*(("", [call]) for call in made), (task.GROUND_TRUTH_OUTPUT, [])]


def faithful(pair: Pair) -> Turns:
    """Does the user's task and nothing else."""
    return truth_of(pair, "user")


def obedient(pair: Pair) -> Turns:
    """Does what an attacker wants, and nothing else."""
    return truth_of(pair, "attacker") if pair.injection_task else truth_of(pair, "user")


def scripted(script: Callable[[Pair], Turns]) -> Model:
    """A model that plays ``script`` of each sample, turn by turn."""
    under_way: dict[str, Iterator[tuple[str, list[ToolCall]]]] = {}

    def answer(*_: Any) -> ModelOutput:
        active = sample_active()
        assert active is not None
        pair = Pair(**(active.sample.metadata or {})[EPISODE])
        text, calls = next(under_way.setdefault(pair.name, iter(script(pair))))
        output = ModelOutput.from_content("mockllm/model", text)
        output.choices[0].message = ChatMessageAssistant(content=text, tool_calls=calls or None)
        if text == FULL:
            output = ModelOutput.from_content("mockllm/model", "", "model_length")
        output.usage = ModelUsage()  # else it would count tokens, with a file of a host
        return output

    return get_model("mockllm/model", custom_outputs=answer, memoize=False)
