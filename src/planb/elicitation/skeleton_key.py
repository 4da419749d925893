"""Skeleton key: a first turn asks the model to change its rules (Microsoft, June 2024)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from planb.elicitation.elicitation import Elicitation
from planb.elicitation.messages import from_chat, to_chat
from planb.elicitation.prompts import prompt_hashes, prompt_text
from planb.errors import PlanBError
from planb.types import Message

if TYPE_CHECKING:
    from inspect_ai.solver import Generate, TaskState

FRAMING, REPLY = "skeleton_key.txt", "skeleton_key_reply.txt"


class SkeletonKey(Elicitation):
    """Skeleton key, a two-turn jailbreak: a turn with ``framing``, the model's answer to it, then the
    request.

    ``answered`` says who answers the framing: the ``model`` itself (two generations), or ``given``: the
    text ``reply`` is put into its mouth (one). An empty ``framing`` or ``reply`` is the generic text
    beside this file. It only uses the ``generate`` it is passed, so it runs in the batch runner too.
    """

    name: ClassVar[str] = "skeleton_key"
    needs_chat: ClassVar[bool] = True

    framing: str = ""
    reply: str = ""
    answered: Literal["model", "given"] = "model"

    @property
    def calls(self) -> int:
        return 2 if self.answered == "model" else 1

    async def ask(self, state: TaskState, generate: Generate) -> TaskState:
        *before, asked = from_chat(state.messages)
        if asked.role != "user":
            raise PlanBError("skeleton key needs a request in a chat: leave documents out")
        framing = Message(role="user", content=self.framing or prompt_text(FRAMING))
        if self.answered == "given":
            reply = Message(role="assistant", content=self.reply or prompt_text(REPLY))
            state.messages = to_chat((*before, framing, reply, asked))
            return await generate(state)
        state.messages = to_chat((*before, framing))
        state = await generate(state)
        state.messages.extend(to_chat((asked,)))
        return await generate(state)

    def outside(self) -> dict[str, str]:
        used = [] if self.framing else [FRAMING]
        if self.answered == "given" and not self.reply:
            used.append(REPLY)
        return prompt_hashes(tuple(used))
