"""The Inspect provider ``planb_valley``: the sandbox's attacker and grader, for the roles of attacks.

``planb_valley/attacker``, ``planb_valley/grader`` (of the default world), and for another world what
``planb.sandbox.attacker.grader_name(world)`` says: ``planb_valley/grader?forms=4&materials=4...``.
"""

from __future__ import annotations

from urllib.parse import parse_qsl

from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessage,
    ChatMessageAssistant,
    GenerateConfig,
    ModelAPI,
    ModelOutput,
    ModelUsage,
)
from inspect_ai.tool import ToolChoice, ToolInfo
from pydantic import ValidationError

from planb.elicitation.messages import from_chat
from planb.errors import PlanBError
from planb.sandbox.attacker import attack, grade
from planb.sandbox.world import World


class ValleyModel(ModelAPI):
    """The sandbox's attack roles as a model: ``attacker`` or ``grader``. PlanBError for another
    name, or a world that there cannot be."""

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig = GenerateConfig(),  # noqa: B008 (Inspect's own signature)
    ) -> None:
        super().__init__(model_name, base_url, api_key, [], config)
        self.role, _, fields = model_name.partition("?")
        if self.role not in ("attacker", "grader"):
            raise PlanBError(f"planb_valley has attacker and grader, and no '{self.role}'")
        try:
            self.world = World.model_validate(dict(parse_qsl(fields, strict_parsing=bool(fields))))
        except (ValidationError, ValueError) as error:
            raise PlanBError(f"planb_valley/{model_name} names no world: {error}") from error

    async def generate(
        self,
        input: list[ChatMessage],
        tools: list[ToolInfo],  # noqa: ARG002
        tool_choice: ToolChoice,  # noqa: ARG002
        config: GenerateConfig,
    ) -> ModelOutput:
        messages = from_chat(input)
        if self.role == "attacker":
            text = attack(messages, config.seed or 0)
        else:
            text = grade(messages[-1].content, self.world)
        read, wrote = sum(len(m.content.split()) for m in messages), len(text.split())
        return ModelOutput(
            model=self.model_name,
            choices=[
                ChatCompletionChoice(message=ChatMessageAssistant(content=text), stop_reason="stop")
            ],
            usage=ModelUsage(input_tokens=read, output_tokens=wrote, total_tokens=read + wrote),
        )

    def max_connections(self) -> int:
        """As many as ask: nothing is waited for."""
        return 512
