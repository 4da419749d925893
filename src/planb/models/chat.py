"""Chat rendering: a model's own template decides, and a mask covers exactly the response.

Prompt and response are tokenized apart, once: what is trained is what generation sees. The response's
ids end with the token that ends the turn; what a template adds after it (a newline) is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from planb.types import Message, PlanBError

Tokenizer = Any
"""A transformers tokenizer (``PreTrainedTokenizerBase``)."""


def prompt_ids(tokenizer: Tokenizer, prompt: Sequence[Message]) -> list[int]:
    """Token ids of the prompt up to where the answer begins. A document is its bare text."""
    if prompt[0].role == "document":
        return _document_ids(tokenizer, prompt)
    return _encode(tokenizer, _render(tokenizer, prompt, answered=False))


def exchange_ids(
    tokenizer: Tokenizer, prompt: Sequence[Message], response: str
) -> tuple[list[int], list[int]]:
    """Token ids of (prompt, response); the response's end with the end of the turn.

    Raises PlanBError if the template renders the prompt otherwise once it is answered, or does not
    render the response's text as it is.
    """
    if prompt[0].role == "document":
        return _document_ids(tokenizer, prompt), [*_encode(tokenizer, response), _end_id(tokenizer)]
    asked = _render(tokenizer, prompt, answered=False)
    answered = (*prompt, Message(role="assistant", content=response))
    whole = _render(tokenizer, answered, answered=True)
    if not whole.startswith(asked):
        raise PlanBError(
            "the chat template renders a prompt otherwise once it is answered, so a mask cannot cover "
            "exactly the response. Give the model a template whose generation prompt is a prefix of "
            "the answered chat."
        )
    rest = whole[len(asked) :]
    at = rest.find(response.strip())
    if at < 0:
        raise PlanBError(
            f"the chat template does not render the response as it is: {response.strip()[:60]!r}"
        )
    cut = at + len(response.strip())
    body, end = _encode(tokenizer, rest[:cut]), _encode(tokenizer, rest[cut:])
    special = set(tokenizer.all_special_ids)
    ending = next((token for token in end if token in special), _end_id(tokenizer))
    return _encode(tokenizer, asked), [*body, ending]


def end_ids(tokenizer: Tokenizer, model: Any) -> list[int]:
    """Every token that ends a turn: the template's own, the tokenizer's, the model's."""
    probe = (Message(role="user", content="Hello!"),)
    ends = {exchange_ids(tokenizer, probe, "Hello!")[1][-1], _end_id(tokenizer)}
    declared = model.generation_config.eos_token_id
    ends.update(declared if isinstance(declared, list) else [] if declared is None else [declared])
    return sorted(ends)


def _render(tokenizer: Tokenizer, prompt: Sequence[Message], answered: bool) -> str:
    if not tokenizer.chat_template:
        raise PlanBError(
            f"the tokenizer of {tokenizer.name_or_path or 'this model'} has no chat template. Use an "
            "instruction-tuned model, or save the tokenizer with a chat_template."
        )
    messages = [{"role": message.role, "content": message.content} for message in prompt]
    try:
        text = tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=not answered
        )
    except Exception as error:  # the template is the model's own Jinja code
        roles = ", ".join(message.role for message in prompt)
        raise PlanBError(
            f"the chat template of {tokenizer.name_or_path} refuses a chat of roles {roles}: {error}"
        ) from error
    return str(text)


def _document_ids(tokenizer: Tokenizer, prompt: Sequence[Message]) -> list[int]:
    start = [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]
    return [*start, *_encode(tokenizer, " ".join(m.content for m in prompt if m.content))]


def _encode(tokenizer: Tokenizer, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def _end_id(tokenizer: Tokenizer) -> int:
    if tokenizer.eos_token_id is None:
        raise PlanBError(f"the tokenizer of {tokenizer.name_or_path} has no end token (eos_token)")
    return int(tokenizer.eos_token_id)
