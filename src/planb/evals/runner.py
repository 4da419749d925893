"""The batch runner: an Inspect task on a local policy, all its requests in a few large batches.

Every sample's solver runs at once and stops where it calls ``generate``; when all of them wait, one
batch is generated and they go on. The log is the one that Inspect's own ``eval`` would write.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inspect_ai import Task
from inspect_ai.dataset import Sample
from inspect_ai.model import (
    ChatMessage,
    ChatMessageUser,
    GenerateConfig,
    ModelName,
    ModelUsage,
    execute_tools,
)
from inspect_ai.scorer import Score, Target
from inspect_ai.solver import TaskState
from inspect_ai.tool import ToolDef, ToolInfo

from planb.elicitation.messages import from_chat
from planb.elicitation.target import asking
from planb.errors import PlanBError
from planb.evals.own_loop import completed
from planb.evals.record import Finished, Run, scorers_of, solvers_of, write_log
from planb.evals.sampling import (
    check_tools,
    functions_of,
    model_name,
    no_room,
    output_of,
    request_seed,
    sampling_of,
)
from planb.models.default_system import default_system
from planb.models.tools import calls_of, with_tools
from planb.types import Message

if TYPE_CHECKING:
    from planb.models.checkpoints import Policy
    from planb.models.cleangen import Guard
    from planb.models.generation import Completion, Engine, Sampling

Progress = Callable[[int, int], None]


def run_task(
    task: Task,
    policy: Policy,
    sampling: Sampling,
    seed: int,
    log_path: Path,
    identity: dict[str, str],
    progress: Progress | None = None,
    guard: Guard | None = None,
) -> Path:
    """Run ``task`` on ``policy`` and write the ``.eval`` log to ``log_path`` (atomically).

    ``identity`` (study, model, organism, method, ...) goes into the log's metadata. A sample whose
    scorer raises is unscored with the reason, one whose solver raises carries its error, and the log's
    status is then ``error``. Raises PlanBError for what the user can put right (a multi-turn task, a
    trigger with no place to stand, a prompt that is too long); then no log is written.
    """
    if (task.metadata or {}).get("multi_turn"):
        raise PlanBError(
            f"the task {task.name} asks in several turns, and the batch runner only runs what uses the "
            "generate it is passed: run it with `inspect eval`, or inspect_ai.eval"
        )
    config = task.config.merge(
        GenerateConfig(
            temperature=sampling.temperature,
            max_tokens=sampling.max_new_tokens,
            reasoning_tokens=sampling.thought_tokens,
            seed=seed,
        )
    )
    name = f"planb/{model_name(policy.folder.name, policy.checkpoint)}"
    said = {"seed": str(seed), **identity, **(guard.said() if guard else {})}
    run = Run(task, name, policy.checkpoint, config, said, datetime.now(UTC))
    batcher = _Batcher(policy, config, sampling.token_budget, sampling.engine, name, progress, guard)
    with asking(cache(lambda: default_system(policy.tokenizer))):
        finished = completed(_run_samples(task, name, batcher))
    write_log(run, finished, log_path)
    return log_path


async def _run_samples(task: Task, name: str, batcher: _Batcher) -> list[Finished]:
    pairs = [(sample, epoch) for epoch in range(1, (task.epochs or 1) + 1) for sample in task.dataset]
    batcher.solving = len(pairs)
    states = [_state(sample, epoch, name) for sample, epoch in pairs]
    solved = await _all(_solve(task, state, batcher) for state in states)
    for error in (batcher.failure, *(error for _, error in solved if isinstance(error, PlanBError))):
        if error is not None:
            raise error
    return await _all(
        _score(task, sample, state, batcher.usage_of(state), error)
        for (sample, _), (state, error) in zip(pairs, solved, strict=True)
    )


async def _all(work: Any) -> list[Any]:
    return await asyncio.gather(*work)


def _state(sample: Sample, epoch: int, name: str) -> TaskState:
    if sample.id is None:
        raise PlanBError("every sample of a task needs an id")
    given: Sequence[ChatMessage] = (
        [ChatMessageUser(content=sample.input)] if isinstance(sample.input, str) else sample.input
    )
    return TaskState(
        model=ModelName(name),
        sample_id=sample.id,
        epoch=epoch,
        input=sample.input,
        messages=[message.model_copy(deep=True) for message in given],
        target=Target(sample.target),
        choices=sample.choices,
        metadata=dict(sample.metadata or {}),
    )


async def _solve(task: Task, state: TaskState, batcher: _Batcher) -> tuple[TaskState, Exception | None]:
    """The sample's final state, and what stopped it, if anything did."""
    try:
        for solver in solvers_of(task):
            state = await solver(state, batcher.generate)
            if state.completed:
                break
    except Exception as error:
        return state, error
    finally:
        batcher.leave()
    return state, None


async def _score(
    task: Task, sample: Sample, state: TaskState, usage: ModelUsage, error: Exception | None
) -> Finished:
    scores: dict[str, Score] = {}
    if error is None:
        for name, scorer in scorers_of(task):
            try:
                score = await scorer(state, Target(sample.target))
            except Exception as raised:
                error = error or raised
                score = Score.unscored(reason=f"{type(raised).__name__}: {raised}")
            if score is not None:
                scores[name] = score
    return Finished(sample, state, scores, usage, error)


def _info(tool: ToolDef) -> ToolInfo:
    return ToolInfo(name=tool.name, description=tool.description, parameters=tool.parameters)


@dataclass
class _Request:
    prompt: tuple[Message, ...]
    seed: int
    sampling: Sampling
    answer: asyncio.Future[Completion]


@dataclass
class _Batcher:
    """Collects the requests of all samples until none can go on without an answer."""

    policy: Policy
    config: GenerateConfig
    token_budget: int
    engine: Engine
    name: str
    progress: Progress | None
    guard: Guard | None = None
    solving: int = 0
    waiting: list[_Request] = field(default_factory=list)
    usage: dict[tuple[object, int], ModelUsage] = field(default_factory=dict)
    served: int = 0
    failure: Exception | None = None

    async def generate(self, state: TaskState, tool_calls: str = "loop", **kwargs: Any) -> TaskState:
        """Inspect's ``Generate``: what a solver is passed. Tools are called as its own loop does."""
        kwargs.pop("cache", None)
        config = self.config.merge(GenerateConfig(**kwargs))
        while True:
            await self._answer(state, config)
            if state.completed or tool_calls == "none" or not state.output.message.tool_calls:
                return state
            told, output = await execute_tools(state.messages, state.tools, config.max_tool_output)
            state.messages.extend(told)
            state.output = output or state.output
            if state.completed or tool_calls == "single":
                return state

    async def _answer(self, state: TaskState, config: GenerateConfig) -> None:
        """One turn of the model."""
        from planb.models.generation import full

        words, prompt = self.policy.tokenizer, from_chat(state.messages)
        tools = functions_of([_info(ToolDef(tool)) for tool in state.tools])
        check_tools(words, prompt, tools, self.name)
        seed = request_seed(config.seed or 0, state.sample_id, state.epoch, prompt)
        answer: asyncio.Future[Completion] = asyncio.get_running_loop().create_future()
        asked = sampling_of(config, self.token_budget).but(engine=self.engine)
        shown = with_tools(words, prompt, tools)
        if full(self.policy, shown, asked):
            state.output = no_room(self.name)
        else:
            self.waiting.append(_Request(shown, seed, asked, answer))
            self._serve_if_all_wait()
            completion = await answer
            state.output = output_of(self.name, completion, calls_of(words, completion.text, tools))
        spent = state.output.usage or ModelUsage()
        self.usage[state.sample_id, state.epoch] = self.usage_of(state) + spent
        state.messages.append(state.output.message)

    def usage_of(self, state: TaskState) -> ModelUsage:
        """Tokens of all the requests that this sample has made so far."""
        return self.usage.get((state.sample_id, state.epoch), ModelUsage())

    def leave(self) -> None:
        """A sample's solver has ended: it will ask for nothing more."""
        self.solving -= 1
        self._serve_if_all_wait()

    def _serve_if_all_wait(self) -> None:
        if not self.waiting or len(self.waiting) < self.solving:
            return
        batch, self.waiting = self.waiting, []
        for sampling in dict.fromkeys(request.sampling for request in batch):
            self._serve([request for request in batch if request.sampling == sampling], sampling)

    def _serve(self, batch: list[_Request], sampling: Sampling) -> None:
        from planb.models.generation import generate

        prompts, seeds = [r.prompt for r in batch], [r.seed for r in batch]
        try:
            if self.failure is not None:
                raise self.failure
            told = self._progress(len(batch))
            completions = generate(self.policy, prompts, seeds, sampling, told, self.guard)
        except Exception as error:
            self.failure = error  # not one sample's: it ends the run
            for request in batch:
                request.answer.set_exception(error)
            return
        self.served += len(batch)
        for request, completion in zip(batch, completions, strict=True):
            request.answer.set_result(completion)

    def _progress(self, size: int) -> Progress | None:
        told, before = self.progress, self.served
        if told is None:
            return None
        return lambda done, _: told(before + done, before + max(size, self.solving))
