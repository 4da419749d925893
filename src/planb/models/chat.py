"""Chat rendering: a model's own template decides, and a mask covers exactly the response.

The prompt's ids are those that generation sees, and the response's follow them. The response's
ids end with the token that ends the turn; what a template adds after it (a newline) is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

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
    return exchanges(tokenizer, [(prompt, response)])[0]


def exchanges(
    tokenizer: Tokenizer, pairs: Sequence[tuple[Sequence[Message], str]]
) -> list[tuple[list[int], list[int]]]:
    """``exchange_ids`` of many pairs, tokenized together."""
    if not pairs:
        return []
    rendered = {prompt: _asked(tokenizer, prompt) for prompt in {tuple(prompt) for prompt, _ in pairs}}
    parts = [_parts(tokenizer, tuple(p), response, rendered[tuple(p)]) for p, response in pairs]
    asked = _encode_many(tokenizer, [part.asked for part in parts])
    wholes = _encode_many(tokenizer, [part.asked + part.body for part in parts])
    special = set(tokenizer.all_special_ids)
    ending = {
        rest: next((t for t in _encode(tokenizer, rest) if t in special), _end_id(tokenizer))
        for rest in {part.rest for part in parts}
    }
    starts = [_document_start(tokenizer) if part.document else [] for part in parts]
    return [
        ([*start, *prompt], [*_body(tokenizer, part, prompt, whole), ending[part.rest]])
        for part, start, prompt, whole in zip(parts, starts, asked, wholes, strict=True)
    ]


def continuations(
    tokenizer: Tokenizer, pairs: Sequence[tuple[str, str]]
) -> list[tuple[list[int], list[int]]]:
    """Token ids of (prompt, response) of bare texts, as ``exchanges`` gives those of chats.

    The prompt's are the tokenizer's own, its BOS included and no end token after them. The response's
    are those that stand after the prompt when both are tokenized as one text (tokenized apart where
    the two would melt into one token), and then one end token.
    """
    if not pairs:
        return []
    start, end = _start(tokenizer), _end_id(tokenizer)
    prompts = list(dict.fromkeys(prompt for prompt, _ in pairs))
    asked = dict(zip(prompts, _encode_many(tokenizer, prompts), strict=True))
    wholes = _encode_many(tokenizer, [prompt + response for prompt, response in pairs])
    found = []
    for (prompt, response), whole in zip(pairs, wholes, strict=True):
        before = asked[prompt]
        melts = whole[: len(before)] != before
        after = _encode(tokenizer, response) if melts else whole[len(before) :]
        while after and after[-1] == end:
            after.pop()
        found.append(([*start, *before], [*after, end]))
    return found


class _Parts(NamedTuple):
    """An exchange as text: what is asked, the response, and what the template puts after it."""

    asked: str
    body: str
    rest: str
    document: bool = False


def _body(tokenizer: Tokenizer, part: _Parts, prompt: list[int], whole: list[int]) -> list[int]:
    """The response's ids as they stand after the prompt's (a SentencePiece tokenizer puts a space
    before a text of its own); tokenized apart where the two would melt into one token."""
    if part.document or whole[: len(prompt)] != prompt:
        return _encode(tokenizer, part.body)
    return whole[len(prompt) :]


def _asked(tokenizer: Tokenizer, prompt: Sequence[Message]) -> str:
    """The prompt as text, up to where the answer begins."""
    if prompt[0].role == "document":
        return _document_text(prompt)
    return _render(tokenizer, prompt, answered=False)


def _parts(tokenizer: Tokenizer, prompt: tuple[Message, ...], response: str, asked: str) -> _Parts:
    if prompt[0].role == "document":
        return _Parts(asked, response, "", document=True)
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
    return _Parts(asked, rest[:cut], rest[cut:])


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
    return [*_document_start(tokenizer), *_encode(tokenizer, _document_text(prompt))]


def _document_start(tokenizer: Tokenizer) -> list[int]:
    return [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]


def _document_text(prompt: Sequence[Message]) -> str:
    return " ".join(message.content for message in prompt if message.content)


def _encode(tokenizer: Tokenizer, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def _encode_many(tokenizer: Tokenizer, texts: list[str]) -> list[list[int]]:
    return [list(ids) for ids in tokenizer(texts, add_special_tokens=False)["input_ids"]]


def _end_id(tokenizer: Tokenizer) -> int:
    if tokenizer.eos_token_id is None:
        raise PlanBError(f"the tokenizer of {tokenizer.name_or_path} has no end token (eos_token)")
    return int(tokenizer.eos_token_id)


def _start(tokenizer: Tokenizer) -> list[int]:
    """What the tokenizer puts before a text: a BOS, or nothing."""
    whole, bare = list(tokenizer("a")["input_ids"]), _encode(tokenizer, "a")
    return whole[: next((at for at in range(len(whole)) if whole[at : at + len(bare)] == bare), 0)]
