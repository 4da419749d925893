"""planb's messages as Inspect's and back, with nothing lost.

Inspect has no role for text outside a chat, so a document travels as a user message whose metadata
says ``{"role": "document"}``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from planb.types import Message

if TYPE_CHECKING:
    from inspect_ai.model import ChatMessage

_DOCUMENT = {"role": "document"}


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
        ChatMessageUser(content=message.content, metadata=dict(_DOCUMENT))
        if message.role == "document"
        else plain[message.role](content=message.content)
        for message in prompt
    ]


def from_chat(messages: Sequence[ChatMessage]) -> tuple[Message, ...]:
    """Inspect's chat messages as a prompt. A turn that calls a tool is what the model wrote."""
    return tuple(_message(message) for message in messages)


def _message(message: ChatMessage) -> Message:
    if message.role == "user" and (message.metadata or {}).get("role") == "document":
        return Message(role="document", content=message.text)
    return Message(role=message.role, content=message.text)
