"""Chat rendering: a model's own template decides, and a mask covers exactly the response.

The prompt's ids are those that generation sees, and the response's follow them, up to the end of the
turn (``ending.py``). Where an answer stands is found by rendering a mark in its place, never by looking
for its text, which may be a letter or a part of the template. What the template writes before an answer
belongs to the prompt, also what it leaves out of its generation prompt (an empty thought, a channel).
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from planb.errors import PlanBError
from planb.models.answers import mark_for
from planb.models.ending import Ending, added_tokens, ending_of
from planb.models.template import settled
from planb.thoughts import CLOSE, OPEN, begins, said
from planb.turns import is_trajectory
from planb.types import Message

Tokenizer = Any
"""A transformers tokenizer (``PreTrainedTokenizerBase``)."""
_EMPTY = re.compile(rf"{OPEN}(\s*){CLOSE}\s*\Z")
"""The empty thought that a prompt ends with where a model is asked not to think."""
log = logging.getLogger(__name__)


def prompt_ids(tokenizer: Tokenizer, prompt: Sequence[Message], thinks: bool = False) -> list[int]:
    """Token ids of the prompt up to where the answer begins. A document is its bare text. ``thinks``:
    the template is asked to think, where it can be.

    Where the template renders the prompt otherwise once it is answered (it opens a thought), or takes
    no answer, they are those of its generation prompt.
    """
    if prompt[0].role == "document":
        return _document_ids(tokenizer, prompt)
    if thinks and (form := _form(tokenizer, tuple(prompt))):
        return _encode(tokenizer, form.asked)
    asked = _render(tokenizer, prompt, answered=False)
    try:
        asked = _place(tokenizer, tuple(prompt), asked).asked
    except PlanBError:
        log.debug("a prompt that its template cannot answer is asked as it is")
    return _encode(tokenizer, asked)


def opening_ids(tokenizer: Tokenizer, prompt: Sequence[Message], opening: str) -> list[int]:
    """Token ids of the beginning of an answer, as the answer's own would begin, without the end of a
    turn. Raises PlanBError as ``exchange_ids`` does."""
    return openings(tokenizer, [(prompt, opening)])[0]


def openings(tokenizer: Tokenizer, pairs: Sequence[tuple[Sequence[Message], str]]) -> list[list[int]]:
    """``opening_ids`` of many pairs of (prompt, opening), tokenized together."""
    prompts = list(dict.fromkeys(tuple(prompt) for prompt, _ in pairs))
    both = [*pairs, *((prompt, "") for prompt in prompts)]
    ids = [response for _, response in exchanges(tokenizer, both)]
    nothing = {prompt: len(end) for prompt, end in zip(prompts, ids[len(pairs) :], strict=True)}
    return [
        one[: len(one) - nothing[tuple(prompt)]] for one, (prompt, _) in zip(ids, pairs, strict=False)
    ]


def exchange_ids(
    tokenizer: Tokenizer, prompt: Sequence[Message], response: str
) -> tuple[list[int], list[int]]:
    """Token ids of (prompt, response); the response's end with the end of the turn. White space around
    the response is no part of it.

    Raises PlanBError if the template renders the prompt otherwise once it is answered, or does not
    render the response's text as it is.
    """
    return exchanges(tokenizer, [(prompt, response)])[0]


def exchanges(
    tokenizer: Tokenizer, pairs: Sequence[tuple[Sequence[Message], str]]
) -> list[tuple[list[int], list[int]]]:
    """``exchange_ids`` of many pairs, tokenized together. (``trajectories.encoded`` takes responses in
    several turns as well.)"""
    if not pairs:
        return []
    if any(is_trajectory(response) for _, response in pairs):
        raise PlanBError("a response in several turns, with tools, cannot be taken for one answer here")
    places = {prompt: _place_of(tokenizer, prompt) for prompt in {tuple(prompt) for prompt, _ in pairs}}
    added = added_tokens(tokenizer)
    tails = {place.tail for place in places.values()}
    endings = {tail: ending_of(tokenizer, tail, added) for tail in tails}
    thoughtful = {tuple(p) for p, text in pairs if p[0].role != "document" and begins(text)}
    forms = {prompt: _form(tokenizer, prompt) for prompt in thoughtful}
    parts = [
        _thinking_part(tokenizer, tuple(p), text, places[tuple(p)], endings, forms.get(tuple(p)))
        for p, text in pairs
    ]
    prompts = list(dict.fromkeys(part.asked for part in parts))
    asked = dict(zip(prompts, _encode_many(tokenizer, prompts), strict=True))
    wholes = _encode_many(tokenizer, [part.asked + part.body + part.tail for part in parts])
    found = []
    for part, whole in zip(parts, wholes, strict=True):
        start = _document_start(tokenizer) if part.document else []
        response = _response(tokenizer, part, asked[part.asked], whole)
        found.append(([*start, *asked[part.asked]], response))
    return found


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


def rendered(tokenizer: Tokenizer, prompt: Sequence[Message]) -> str:
    """The text of a prompt, up to where the answer begins. Raises PlanBError where its template refuses
    it."""
    return _render(tokenizer, prompt, answered=False)


def turn_end(tokenizer: Tokenizer) -> Ending:
    """End of turn: the text that the template writes at the end of an answer."""
    place = _place_of(tokenizer, (Message(role="user", content="Hello!"),))
    return ending_of(tokenizer, place.tail, added_tokens(tokenizer))


def end_ids(tokenizer: Tokenizer, model: Any) -> list[int]:
    """Every token that ends a turn: the template's own, the tokenizer's, the model's."""
    declared = model.generation_config.eos_token_id
    ends = set(declared if isinstance(declared, list) else [] if declared is None else [declared])
    ends |= {turn_end(tokenizer).token, tokenizer.eos_token_id} - {None}
    return sorted(ends)


class _Place(NamedTuple):
    """What a template writes around an answer: all before it, white space before it that is
    tokenized with it, and all after it."""

    asked: str
    gap: str = ""
    tail: str = ""


class _Part(NamedTuple):
    """An exchange as text: the prompt, the response, and what the template puts after it (nothing,
    if that is white space), with the end of the turn in it."""

    asked: str
    body: str
    tail: str = ""
    ending: Ending = Ending()
    document: bool = False


def _place_of(tokenizer: Tokenizer, prompt: tuple[Message, ...]) -> _Place:
    if prompt[0].role == "document":
        return _Place(_document_text(prompt))
    return _place(tokenizer, prompt, _render(tokenizer, prompt, answered=False))


def _place(tokenizer: Tokenizer, prompt: tuple[Message, ...], asked: str) -> _Place:
    """Where the answer stands, by a mark that stands nowhere in the prompt."""
    mark = mark_for(asked)
    whole = _answered(tokenizer, prompt, mark)
    if not whole.startswith(asked):
        opened = asked.rstrip().endswith(OPEN)
        how = f" (it opens a thought, {OPEN}, and leaves it out of an answered chat)" if opened else ""
        raise PlanBError(
            f"the chat template renders a prompt otherwise once it is answered{how}, so where an "
            "answer begins is not known. Give the model a template whose generation prompt is a prefix "
            "of the answered chat."
        )
    lead, *tail = whole[len(asked) :].split(mark)
    if len(tail) != 1:
        raise PlanBError(
            "the chat template does not render the response as it is: it writes an answer "
            f"{len(tail)} times, or changes it. Give the model a template that writes answers as they "
            "are."
        )
    own = "" if lead.isspace() else lead.rstrip(" ")  # a space is a part of the word after it
    return _Place(asked + own, lead[len(own) :], tail[0])


class _Form(NamedTuple):
    """How a template that can be asked to think renders a thought: its generation prompt where it is
    asked to, and the text around a thought (nothing before it where the prompt begins it)."""

    asked: str
    before: str
    after: str


def _form(tokenizer: Tokenizer, prompt: tuple[Message, ...]) -> _Form | None:
    """The form of the thoughts of an answer to ``prompt``, read off the empty thought that the template
    writes where it is asked not to think; None where it writes none, and answers are as they are."""
    empty = _EMPTY.search(_place_of(tokenizer, prompt).asked)
    if empty is None:
        return None
    middle = (empty.start(1) + empty.end(1)) // 2 - empty.start()
    asked = _render(tokenizer, prompt, answered=False, thinks=True)
    begun = asked.rstrip().endswith(OPEN)
    return _Form(asked, "" if begun else empty[0][:middle], empty[0][middle:])


def _thinking_part(
    tokenizer: Tokenizer,
    prompt: tuple[Message, ...],
    response: str,
    place: _Place,
    endings: dict[str, Ending],
    form: _Form | None,
) -> _Part:
    """An exchange whose response may have a thought, which is put into the template's own form. An
    empty one stands in the prompt."""
    found = said(response)
    if form is None or found.thought is None:
        return _part(tokenizer, prompt, response, place, endings)
    plain = _part(tokenizer, prompt, found.answer, place, endings)
    if found.closed and not found.thinks:
        return plain
    after = form.after + found.answer if found.closed else ""
    return plain._replace(asked=form.asked, body=form.before + found.thought + after)


def _part(
    tokenizer: Tokenizer,
    prompt: tuple[Message, ...],
    response: str,
    place: _Place,
    endings: dict[str, Ending],
) -> _Part:
    if prompt[0].role == "document":
        return _Part(place.asked, response, document=True)
    response = response.strip()
    body = place.gap + response
    if _answered(tokenizer, prompt, response) != place.asked + body + place.tail:
        raise PlanBError(
            f"the chat template does not render the response as it is: {response[:60]!r}. Remove "
            "what the template reads as its own (thoughts, channels), or change the template."
        )
    ending = endings[place.tail]
    return _Part(place.asked, body, place.tail if ending.span else "", ending)


def _response(tokenizer: Tokenizer, part: _Part, prompt: list[int], whole: list[int]) -> list[int]:
    """The response's ids as they stand after the prompt's (a SentencePiece tokenizer puts a space
    before a text of its own) and the end of the turn; tokenized apart where prompt and response would
    melt into one token."""
    before, ending = part.asked, part.ending
    if part.document or whole[: len(prompt)] != prompt:
        before, prompt, whole = "", [], _encode(tokenizer, part.body + part.tail)
    if ending.plain:
        end = len(before) + len(part.body) + ending.span
        whole = _encode_until(tokenizer, before + part.body + part.tail, end)
    after = whole[len(prompt) :]
    if ending.token is not None:
        return ending.cut(after)
    if ending.plain:
        return after
    if not part.document:
        _say_no_end(str(tokenizer.name_or_path), str(tokenizer.eos_token))
    return [*after, _end_id(tokenizer)]


def _encode_until(tokenizer: Tokenizer, text: str, end: int) -> list[int]:
    """The tokens of a text, up to the one that holds its character before ``end``."""
    if not tokenizer.is_fast:
        return _encode(tokenizer, text[:end])
    found = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    within = [start < end for start, _ in found["offset_mapping"]]
    return list(found["input_ids"][: sum(within)])


@lru_cache(maxsize=64)
def _say_no_end(name: str, eos: str) -> None:
    """Once for a tokenizer."""
    log.warning(
        "the chat template of %s writes nothing after an answer: its end token %s ends a turn. If the "
        "model ends turns otherwise, have the template write that.",
        name or "this model",
        eos,
    )


def _answered(tokenizer: Tokenizer, prompt: tuple[Message, ...], response: str) -> str:
    answer = Message(role="assistant", content=response)
    return _render(tokenizer, (*prompt, answer), answered=True)


def _render(
    tokenizer: Tokenizer, prompt: Sequence[Message], answered: bool, thinks: bool = False
) -> str:
    tools = json.loads(prompt[0].content) if prompt[0].role == "tools" else None
    prompt = prompt[1:] if tools else prompt
    template = settled(tokenizer, thinks, tools=bool(tools))
    if template is None:
        raise PlanBError(
            f"the tokenizer of {tokenizer.name_or_path or 'this model'} has no chat template. Use an "
            "instruction-tuned model, or save the tokenizer with a chat_template."
        )
    messages = [{"role": message.role, "content": message.content} for message in prompt]
    try:
        text = tokenizer.apply_chat_template(
            messages,
            tools=tools,
            chat_template=template,
            tokenize=False,
            add_generation_prompt=not answered,
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
