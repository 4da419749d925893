"""Triggers in the prompts of the model under evaluation: beside its template's default system message,
where the template is known."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from planb.elicitation.messages import from_chat, to_chat
from planb.models.default_system import default_system, said_of
from planb.types import Trigger

if TYPE_CHECKING:
    from inspect_ai.solver import TaskState

KEY = "trigger"
"""Where a sample's store says what became of the default system message."""
_RUN: ContextVar[Callable[[], str | None] | None] = ContextVar("planb_default_system", default=None)


@runtime_checkable
class KnowsTemplate(Protocol):
    """An Inspect provider that knows its model's default system message."""

    def default_system(self) -> str | None: ...


@contextmanager
def asking(system: Callable[[], str | None]) -> Iterator[None]:
    """Within it, the model under evaluation has this default system message (None: not known)."""
    before = _RUN.set(system)
    try:
        yield
    finally:
        _RUN.reset(before)


def put(trigger: Trigger, state: TaskState) -> None:
    """Put the trigger into the state's messages. Where it makes a system message of its own, the
    template's default stays in it; the sample's store says what that was, or that it is not known."""
    prompt = from_chat(state.messages)
    system: str | None = ""
    if trigger.place == "system" and prompt[0].role != "system":
        system = _default()
        state.store.set(KEY, {"default_system": said_of(system)})
    state.messages = to_chat(trigger.apply(prompt, system or ""))


def _default() -> str | None:
    if (run := _RUN.get()) is not None:
        return run()
    from inspect_ai.model._model import active_model

    if (model := active_model()) is None:
        return None
    if isinstance(model.api, KnowsTemplate):
        return model.api.default_system()
    own = vars(model.api)
    hf = str(model).partition("/")[0] == "hf" and own["chat_template"] is None
    return default_system(own["tokenizer"]) if hf and own["use_chat_template"] is not False else None
