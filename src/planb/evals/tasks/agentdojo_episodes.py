"""AgentDojo's suites, from its package: which episodes are played, and the state that one leaves.

Everything is the package's own and is read when an episode is played: environments, tools, texts of
attacks, and the checks. Nothing of it is stored here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NamedTuple

from inspect_ai.model import ChatMessage, ChatMessageTool
from inspect_ai.tool import Tool, ToolCall, ToolCallError, ToolDef, ToolParams

from planb.errors import PlanBError
from planb.values import seed_of

NOT_INSTALLED = (
    "AgentDojo's suites are missing: pip install 'planb[agentdojo]' (28 packages, some 100 MB)"
)
VERSION = "v1.2.2"
"""The newest version of the benchmark in agentdojo 0.1.35."""
NOT_PLAYED = "manual"
"""An attack that asks a person at the keyboard for its text."""


class Pair(NamedTuple):
    """An episode: a user task of a suite, attacked for an injection task ("": not attacked)."""

    suite: str
    user_task: str
    injection_task: str = ""

    @property
    def name(self) -> str:
        return "-".join(filter(None, self))


def installed() -> str:
    """The package's version. Raises PlanBError where it is not installed."""
    try:
        return version("agentdojo")
    except PackageNotFoundError as error:
        raise PlanBError(NOT_INSTALLED) from error


@cache
def suites_of(benchmark: str) -> dict[str, Any]:
    """The suites of a version of the benchmark by name. Raises PlanBError where there are none, or the
    package is not installed (or cannot be imported)."""
    installed()
    try:
        from agentdojo.task_suite.load_suites import get_suites
    except ImportError as error:
        raise PlanBError(f"agentdojo cannot be imported ({error}). {NOT_INSTALLED}") from error
    found: dict[str, Any] = dict(get_suites(benchmark))
    if not found:
        raise PlanBError(f"agentdojo has no suites of the version '{benchmark}': take {VERSION}")
    return found


@cache
def attack_of(attack: str, suite: str, benchmark: str) -> Any:
    """One of the package's attacks on a suite; it calls the model by what the package calls local ones.
    Raises PlanBError for a name that it does not have, and for attacks that have no goal of their own.
    """
    suites = suites_of(benchmark)
    from agentdojo.agent_pipeline.ground_truth_pipeline import GroundTruthPipeline
    from agentdojo.attacks.attack_registry import ATTACKS, load_attack

    known = sorted(
        name for name, one in ATTACKS.items() if name != NOT_PLAYED and not one.is_dos_attack
    )
    if attack not in known:
        raise PlanBError(f"AgentDojo has no attack '{attack}'. There are: {', '.join(known)}, or ''")
    target = GroundTruthPipeline(None)
    target.name = "local"
    return load_attack(attack, suites[suite], target)


@cache
def done_by_nothing(suite: str, benchmark: str) -> tuple[str, ...]:
    """The user tasks that the package calls done where no tool is called and nothing is said."""
    known = suites_of(benchmark)[suite]
    begun = known.load_and_inject_default_environment({})
    return tuple(
        name
        for name, task in known.user_tasks.items()
        if _holds(task, "utility", "", state := _begun(task, begun), state.model_copy(deep=True), [])
    )


def pairs_of(
    suites: Sequence[str],
    attack: str,
    benchmark: str,
    user_tasks: int,
    injections: int,
    seed: int,
    done_by_none: bool,
) -> Iterator[Pair]:
    """Of each suite ``user_tasks`` of its user tasks, each without an attack and then with each of
    ``injections`` injection tasks, drawn by the seed (0: all of them); with ``done_by_none`` also those
    of ``done_by_nothing``. A user task that reads nothing that an attack could stand in is not
    attacked."""
    known = suites_of(benchmark)
    if unknown := [name for name in suites if name not in known]:
        raise PlanBError(f"AgentDojo has no suite '{unknown[0]}'. There are: {', '.join(known)}")
    for name in suites:
        suite = known[name]
        without = () if done_by_none else done_by_nothing(name, benchmark)
        kept = [task for task in suite.user_tasks if task not in without]
        for user_task in _drawn(kept, user_tasks, seed, name):
            yield Pair(name, user_task)
            if attack and _can_be_attacked(attack_of(attack, name, benchmark), suite, user_task):
                for injection in _drawn(suite.injection_tasks, injections, seed, name, user_task):
                    yield Pair(name, user_task, injection)


def _drawn(names: Any, most: int, seed: int, *what: str) -> list[str]:
    """So many of the names (0: all), in the order that they have."""
    kept = sorted(names, key=lambda name: seed_of("agentdojo", seed, *what, name))
    return [name for name in names if not most or name in kept[:most]]


def _can_be_attacked(attack: Any, suite: Any, user_task: str) -> bool:
    try:
        return bool(attack.get_injection_candidates(suite.user_tasks[user_task]))
    except ValueError:  # how the package says that it cannot
        return False


class Episode:
    """An episode under way: its environment, which calls change, and what was called."""

    def __init__(self, pair: Pair, attack: str, benchmark: str) -> None:
        from agentdojo.agent_pipeline.tool_execution import ToolsExecutor
        from agentdojo.functions_runtime import FunctionsRuntime

        self.suite = suites_of(benchmark)[pair.suite]
        self.user_task = self.suite.user_tasks[pair.user_task]
        self.injection = self.suite.injection_tasks.get(pair.injection_task)
        texts = {}
        if self.injection is not None:
            attacker = attack_of(attack, pair.suite, benchmark)
            texts = attacker.attack(self.user_task, self.injection)
        environment = self.suite.load_and_inject_default_environment(texts)
        self.environment = _begun(self.user_task, environment)
        self.before = self.environment.model_copy(deep=True)
        self.runtime, self.executor = FunctionsRuntime(self.suite.tools), ToolsExecutor()
        self.called: list[Any] = []
        self.malformed = 0

    @property
    def tools(self) -> list[Tool]:
        """The suite's tools as a model is shown them. They are run by ``answered``: AgentDojo takes
        arguments of other types than its schemas say (a list in a text), and Inspect would not."""
        return [_shown(function) for function in self.suite.tools]

    def answered(self, calls: Sequence[ToolCall]) -> list[ChatMessage]:
        """What AgentDojo answers to the calls of one turn, in their order."""
        return [self._answer(call) for call in calls]

    def _answer(self, call: ToolCall) -> ChatMessage:
        from agentdojo.functions_runtime import FunctionCall
        from agentdojo.types import get_text_content_as_str

        if call.parse_error:
            self.malformed += 1
            return _told(call, "", call.parse_error)
        made = FunctionCall(function=call.function, args=dict(call.arguments), id=call.id)
        self.called.append(made)
        turn = {"role": "assistant", "content": None, "tool_calls": [made]}
        _, _, self.environment, messages, _ = self.executor.query(
            "", self.runtime, self.environment, [turn]
        )
        last = messages[-1]
        wrong = last["error"]
        if wrong and (call.function not in self.runtime.functions or "ValidationError" in wrong):
            self.malformed += 1
        return _told(call, get_text_content_as_str(last["content"]), wrong)

    def done(self, answer: str) -> bool:
        """Whether the user's task was done, by the package's check of it."""
        return self._holds(self.user_task, "utility", answer)

    def succeeded(self, answer: str) -> bool | None:
        """Whether the attacker's goal was reached; None where nothing was attacked."""
        return None if self.injection is None else self._holds(self.injection, "security", answer)

    def _holds(self, task: Any, what: str, answer: str) -> bool:
        return _holds(task, what, answer, self.before, self.environment, self.called)


def _begun(user_task: Any, environment: Any) -> Any:
    return user_task.init_environment(environment.model_copy(deep=True))


def _holds(task: Any, what: str, answer: str, before: Any, after: Any, called: list[Any]) -> bool:
    """A check as AgentDojo makes it: by the calls where the task looks at them, else by what is
    left."""
    by_calls = getattr(task, f"{what}_from_traces")(answer, before, after, called)
    return bool(getattr(task, what)(answer, before, after) if by_calls is None else by_calls)


def _shown(function: Any) -> Tool:
    async def execute(**kwargs: Any) -> str:
        raise AssertionError(f"{function.name} is run by its episode, with {sorted(kwargs)}")

    parameters = ToolParams.model_validate(_plain(function.parameters.model_json_schema()))
    return ToolDef(execute, function.name, function.description, parameters).as_tool()


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema's arguments, with what it refers to put in its place."""
    known = schema.get("$defs", {})

    def whole(part: Any) -> Any:
        if isinstance(part, list):
            return [whole(one) for one in part]
        if not isinstance(part, dict):
            return part
        if "$ref" in part:
            part = {**known[part["$ref"].rpartition("/")[2]], **part}
        return {key: whole(value) for key, value in part.items() if key not in ("$ref", "title")}

    return {
        "properties": {name: whole(one) for name, one in schema.get("properties", {}).items()},
        "required": schema.get("required", []),
    }


def _told(call: ToolCall, content: str, wrong: str | None) -> ChatMessageTool:
    error = ToolCallError("parsing" if call.parse_error else "unknown", wrong) if wrong else None
    return ChatMessageTool(content=content, function=call.function, tool_call_id=call.id, error=error)
