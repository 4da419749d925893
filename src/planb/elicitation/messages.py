"""planb's messages as Inspect's and back, with nothing lost.

Inspect has no role for text outside a chat, so a document travels as a user message whose metadata
says ``{"role": "document"}``. The opening of an answer, for which it has none either, is an
assistant's that says ``{"role": "opening"}``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from planb.types import Message

if TYPE_CHECKING:
    from inspect_ai.model import ChatMessage

_OWN = {"document": "user", "opening": "assistant"}
"""Roles that Inspect does not have, and as what they travel."""


def to_chat(prompt: Sequence[Message]) -> list[ChatMessage]:
    """The prompt as Inspect's chat messages."""
    from inspect_ai.model import (
        ChatMessageAssistant,
        ChatMessageSystem,
        ChatMessageTool,
        ChatMessageUser,
    )

    plain = {
        **{"system": ChatMessageSystem, "user": ChatMessageUser, "assistant": ChatMessageAssistant},
        **{"tool": ChatMessageTool},
    }
    return [
        plain[_OWN[message.role]](content=message.content, metadata={"role": message.role})
        if message.role in _OWN
        else plain[message.role](content=message.content)
        for message in prompt
    ]


def from_chat(messages: Sequence[ChatMessage]) -> tuple[Message, ...]:
    """Inspect's chat messages as a prompt. A turn that calls a tool is what the model wrote."""
    return tuple(_message(message) for message in messages)


def _message(message: ChatMessage) -> Message:
    told = (message.metadata or {}).get("role")
    role = told if told in _OWN and _OWN[told] == message.role else message.role
    wrong = message.error if message.role == "tool" else None
    return Message(role=role, content=f"Error: {wrong.message}" if wrong else message.text)
