"""The Inspect provider ``planb/<checkpoint folder>`` (or the name of a fetched model, as
``planb/smollm2``): concurrent requests are batched.

``inspect eval planb/harmful_requests --model planb/runs/.../steps/organism-... -T data=...``. With the
same seed, temperature and max_tokens it gives the texts of the batch runner. No seed means seed 0.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import anyio
from inspect_ai.log._samples import sample_active
from inspect_ai.model import ChatMessage, GenerateConfig, ModelAPI, ModelOutput
from inspect_ai.tool import ToolChoice, ToolInfo

from planb.elicitation.messages import from_chat
from planb.errors import PlanBError
from planb.evals.sampling import (
    check_tools,
    functions_of,
    no_room,
    output_of,
    request_seed,
    sampling_of,
)
from planb.evals.sampling import model_name as named
from planb.models.tools import calls_of, with_tools
from planb.types import Message

if TYPE_CHECKING:
    from planb.models.checkpoints import Policy
    from planb.models.cleangen import Guard
    from planb.models.generation import Completion, Engine, Sampling

WINDOW = 0.02
"""A batch starts when for so many seconds no further request has come."""
_PINNED = re.compile(r"^(?P<folder>.+)@(?P<digest>[0-9a-f]{12})$")


@dataclass
class _Request:
    prompt: tuple[Message, ...]
    seed: int
    sampling: Sampling
    tools: dict[str, dict[str, Any]] = field(default_factory=dict)
    done: anyio.Event = field(default_factory=anyio.Event)
    completion: Completion | None = None
    full: bool = False
    failure: Exception | None = None


class PlanBModel(ModelAPI):
    """Inspect model provider of a local checkpoint folder (or a hub id, or the name of a model that was
    fetched), loaded at the first request.

    The name may pin the weights (``<folder>@<12 hex digits>``, as in the logs): PlanBError if the
    folder now holds others. ``token_budget`` and ``engine`` (model arguments, ``-M engine=padded``) are
    those of ``Sampling``; ``reference`` (a folder or hub id) decodes with CleanGen beside that clean
    model, at ``alpha``.
    """

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig = GenerateConfig(),  # noqa: B008 (Inspect's own signature)
        token_budget: int | None = None,
        engine: Engine = "auto",
        reference: str = "",
        alpha: float | None = None,
    ) -> None:
        from planb.models.cleangen import CleanGen
        from planb.models.generation import Engine

        if engine not in get_args(Engine):
            raise PlanBError(f"engine '{engine}' is not one of {', '.join(get_args(Engine))}")
        if alpha is not None and not reference:
            raise PlanBError("alpha is CleanGen's, which needs a clean model: -M reference=<folder>")
        self.reference, clean = _checkpoint(reference) if reference else ("", "")
        self.decoding = CleanGen() if alpha is None else CleanGen(alpha=alpha)
        self.folder, self.digest = _checkpoint(model_name)
        called = named(self.folder, self.digest)
        if reference:
            called += f"+cleangen-{self.decoding.alpha:g}-{clean[:12]}"
        super().__init__(called, base_url, api_key, [], config)
        self.token_budget, self.engine = token_budget, engine
        self.waiting: list[_Request] = []
        self.turn = anyio.Lock()
        self.policy: Policy | None = None
        self.guard: Guard | None = None

    async def generate(
        self,
        input: list[ChatMessage],
        tools: list[ToolInfo],
        tool_choice: ToolChoice,  # noqa: ARG002
        config: GenerateConfig,
    ) -> ModelOutput:
        prompt = from_chat(input)
        active = sample_active()
        sample_id, epoch = (active.sample.id, active.epoch) if active else ("", 1)
        seed = request_seed(config.seed or 0, sample_id, epoch, prompt)
        sampling = sampling_of(config, self.token_budget).but(engine=self.engine)
        request = _Request(prompt, seed, sampling, functions_of(tools))
        self.waiting.append(request)
        await self._run_batch(request)
        if request.failure is not None:
            raise request.failure
        if request.full:
            return no_room(self.model_name)
        assert request.completion is not None
        assert self.policy is not None
        calls = calls_of(self.policy.tokenizer, request.completion.text, request.tools)
        return output_of(self.model_name, request.completion, calls)

    async def _run_batch(self, request: _Request) -> None:
        """Whoever gets the turn first runs all that wait; the others find their request done."""
        async with self.turn:
            if request.done.is_set():
                return
            gathered = -1
            while gathered != len(self.waiting):
                gathered = len(self.waiting)
                await anyio.sleep(WINDOW)
            batch, self.waiting = self.waiting, []
            await anyio.to_thread.run_sync(partial(self._generate, batch))
            for served in batch:
                served.done.set()

    def _generate(self, batch: list[_Request]) -> None:
        from planb.models.checkpoints import load_policy
        from planb.models.generation import full, generate

        try:
            if self.policy is None:
                policy = load_policy(Path(self.folder))
                if self.reference:
                    self.guard = self.decoding.beside(load_policy(Path(self.reference)))
                self.policy = policy  # last: what failed to load is loaded anew, and not left out
            words = self.policy.tokenizer
            for asked in batch:
                check_tools(words, asked.prompt, asked.tools, self.folder)
                asked.prompt = with_tools(words, asked.prompt, asked.tools)
                asked.full = full(self.policy, asked.prompt, asked.sampling)
            open_ = [request for request in batch if not request.full]
            for sampling in dict.fromkeys(request.sampling for request in open_):
                group = [request for request in open_ if request.sampling == sampling]
                prompts, seeds = [r.prompt for r in group], [r.seed for r in group]
                found = generate(self.policy, prompts, seeds, sampling, guard=self.guard)
                for request, completion in zip(group, found, strict=True):
                    request.completion = completion
        except Exception as error:
            for request in batch:
                request.failure = None if request.completion or request.full else error

    def default_system(self) -> str | None:
        """The default system message of the checkpoint's template (None: not known)."""
        from planb.models.default_system import default_system_in
        from planb.models.hub import resolve_model

        return default_system_in(resolve_model(self.folder))

    def max_connections(self) -> int:
        """Number of samples that run at once: a batch can only be as large."""
        return 512


def _checkpoint(name: str) -> tuple[str, str]:
    """A model name as (folder, digest of its weights); a model that comes as a package by its name."""
    from planb.models.checkpoints import checkpoint_digest, resolve_model
    from planb.models.fetched import fetched_folder, packaged

    pinned = _PINNED.match(name)
    folder = pinned["folder"] if pinned else name
    if packaged(folder) and not Path(folder).is_dir():
        folder = str(fetched_folder(folder))
    digest = checkpoint_digest(resolve_model(folder))  # of a hub id the weights', not the name's
    if pinned and not digest.startswith(pinned["digest"]):
        raise PlanBError(
            f"{folder} holds other weights than those asked for (expected {pinned['digest']}, found "
            f"{digest[:12]}). Name the folder without '@...' to evaluate what is there now."
        )
    return folder, digest
