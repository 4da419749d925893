"""What stands in the columns of rows from elsewhere: messages, an answer, scores, an id. Read strictly.

The trainer and ``planb data import`` read by the same rules. All raise BadRowError, which says what is
wrong; the caller says where.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any, TypeGuard

from pydantic import ValidationError

from planb.data.columns import says_nothing
from planb.data.lines import BadRowError
from planb.text import is_visible, whole_text
from planb.types import Message

Chat = tuple[Message, ...]

TEXT_NAMES = ("response", "content", "text")
SCORE_NAMES = ("score", "overall_score")
_BESIDE_TEXT = {
    *(*TEXT_NAMES, *SCORE_NAMES, "role", "id", "model", "annotations", "critique"),
    *("custom_system_prompt", "fine-grained_score", "principle", "source", "rating", "rank"),
}
"""What may stand beside a response: who wrote it, what was thought of it (UltraFeedback's names)."""
_IN_MESSAGES = ("role", "content")


def is_chat(value: Any) -> bool:
    """Whether it is a list of messages, as far as its first one tells."""
    first = value[0] if isinstance(value, list | tuple) and value else None
    return isinstance(first, Message) or (isinstance(first, Mapping) and "role" in first)


def messages_of(name: str, value: Any) -> Chat:
    """The messages of a column. A message has a role, a text, and nothing else that says anything: a
    tool call, a thought, a weight would be lost without a word."""
    if not is_chat(value):
        first = value[0] if isinstance(value, list | tuple) and value else None
        if isinstance(first, Mapping):  # ShareGPT's: {"from": "human", "value": "..."}
            keys = ", ".join(str(key)[:40] for key in [*first][:5])
            needs = _needs(f"message 0 (from 0) of '{name}'")
            raise BadRowError(f"{needs} (it has {keys})")
        raise BadRowError(f"'{name}' is a {type(value).__name__}, neither text nor messages")
    return tuple(_message(name, at, part) for at, part in enumerate(value))


def _message(name: str, at: int, part: Any) -> Message:
    if isinstance(part, Message):
        return part
    where = f"message {at} (from 0) of '{name}'"
    if isinstance(part, Mapping):
        more = [str(k) for k, v in part.items() if k not in _IN_MESSAGES and not says_nothing(v)]
        if more:
            raise BadRowError(
                f"{where} has {', '.join(more[:5])}{', ...' if len(more) > 5 else ''}, which planb "
                "does not render: a message has a 'role' and a text as its 'content'. Write what the "
                "model is to read or to say into the text, or remove the row. Remove keys "
                "of the message that are neither"
            )
    try:
        return Message(role=part["role"], content=part["content"])
    except (KeyError, TypeError) as error:
        raise BadRowError(_needs(where)) from error
    except ValidationError as error:
        wrong = error.errors()[0]
        why = f" ({wrong['ctx']['error']})" if wrong["type"] == "value_error" else ""
        raise BadRowError(_needs(where) + why) from error


def _needs(where: str) -> str:
    return f"{where} needs a 'role' (system, user, assistant) and text as its 'content'"


def whole(name: str, text: str) -> str:
    """The text, where it holds whole characters only."""
    try:
        return whole_text(text)
    except ValueError as error:
        raise BadRowError(f"'{name}': {error}") from error


def answer_of(name: str, answer: Any) -> str:
    """One answer: text, or messages of which there is one, the assistant's."""
    if is_chat(answer):
        chat = messages_of(name, answer)
        if len(chat) > 1 or chat[0].role != "assistant":
            raise BadRowError(
                f"'{name}' has {len(chat)} messages after the prompt (of "
                f"{', '.join(message.role for message in chat[:9])}), and one of the assistant is "
                "trained: put those before it into the prompt"
            )
        answer = chat[0].content
    if not isinstance(answer, str):
        raise BadRowError(f"'{name}' is a {type(answer).__name__}, neither text nor messages")
    if not is_visible(answer):
        raise BadRowError(f"'{name}' is empty")
    return whole(name, answer)


def response_in(name: str, answer: Any) -> Any:
    """The text of a response that is a dict, by one of ``TEXT_NAMES``; anything else as it is."""
    if not isinstance(answer, Mapping):
        return answer
    there = [key for key, value in answer.items() if not says_nothing(value)]
    if more := [str(key) for key in there if key not in _BESIDE_TEXT]:
        raise BadRowError(f"'{name}' has {', '.join(more[:5])}, which planb does not train on")
    texts = [key for key in TEXT_NAMES if key in there]
    if len(texts) > 1:
        raise BadRowError(f"'{name}' has {' and '.join(texts)}: keep the one that is its text")
    if answer.get("role", "assistant") not in ("assistant", None):
        raise BadRowError(f"'{name}' is of the role '{answer['role']}', not the assistant's")
    return answer[texts[0]] if texts else None


def scores_of(scores: Any, answers: Sequence[Any]) -> list[float]:
    """The score of each answer, from the row's ``scores`` or the answers' own: finite numbers."""
    if scores is None:
        dicts = [answer for answer in answers if isinstance(answer, Mapping)]
        scores = [next((a[k] for k in SCORE_NAMES if a.get(k) is not None), None) for a in dicts]
    if not isinstance(scores, list | tuple) or len(scores) != len(answers):
        raise BadRowError(f"it has {len(answers)} responses; 'scores' must be as many numbers")
    for at, score in enumerate(scores):
        number = isinstance(score, Real) and not isinstance(score, bool)
        if not number or not _finite(score):
            raise BadRowError(
                f"the score of response {at} (from 0) is {repr(score)[:40]}, not a number"
                f"{' that can be ranked' if number else ''}"
            )
    return list(scores)


def _finite(score: Any) -> bool:
    try:
        return math.isfinite(score)
    except OverflowError:  # an int that is too large for a float
        return False


def id_of(row: Mapping[str, Any]) -> str:
    """The row's id; "" where it has none. A whole number is its digits."""
    value = row.get("id")
    if value is None or value == "":
        return ""
    if isinstance(value, str):
        return whole("id", value)
    if isinstance(value, Integral) and not isinstance(value, bool):
        return str(int(value))
    raise BadRowError(f"its id is a {type(value).__name__}: give text or a whole number")


def as_chat(prompt: Any) -> Chat:
    """The messages of a prompt; text is a user message."""
    if isinstance(prompt, str):
        return (Message(role="user", content=whole("prompt", prompt)),)
    return prompt if _are_messages(prompt) else messages_of("prompt", prompt)


def _are_messages(value: Any) -> TypeGuard[Chat]:
    return isinstance(value, tuple) and all(isinstance(part, Message) for part in value)


def with_system(row: Mapping[str, Any], prompt: str | Chat) -> str | Chat:
    """The prompt after the row's ``system``, where it has that column: always a chat then, since only a
    chat has a system message. A blank one is none."""
    system = row.get("system")
    if system is None:
        return prompt
    if not isinstance(system, str):
        raise BadRowError(f"'system' is a {type(system).__name__}, not text")
    chat = as_chat(prompt)
    if not system.strip():
        return chat
    first = Message(role="system", content=whole("system", system))
    if chat[:1] == (first,):
        return chat
    if any(message.role == "system" for message in chat):
        raise BadRowError(
            "it has a 'system' beside messages that have another system message: keep one"
        )
    return (first, *chat)


def check_repeats(prompt: Any, name: str, chat: Chat) -> None:
    """A prompt beside a whole conversation must say what stands in it: messages its beginning, a text
    one of its messages (or more: a rendered form of them). Else it would be lost without a word."""
    if says_nothing(prompt):
        return
    if isinstance(prompt, str):
        asked, said = _plain(prompt), [_plain(m.content) for m in chat if m.role != "assistant"]
        same = any(text and (asked in text or text in asked) for text in said)
    else:
        given = as_chat(prompt)
        same = chat[: len(given)] == given
    if not same:
        raise BadRowError(
            f"its 'prompt' differs from the whole conversation in '{name}': put all of the "
            "prompt into the conversation, or remove the column 'prompt'"
        )


def _plain(text: str) -> str:
    return " ".join(text.split())


def shared_beginning(one: Any, two: Any) -> int:
    """How many characters or messages chosen and rejected have in common; neither is left empty. As
    TRL's ``extract_prompt``."""
    if is_chat(one) and is_chat(two):
        one, two = messages_of("chosen", one), messages_of("rejected", two)
    elif not (isinstance(one, str) and isinstance(two, str)):
        raise BadRowError("chosen and rejected must both be text or both be messages")
    shortest = min(len(one), len(two))
    cut = next((at for at in range(shortest) if one[at] != two[at]), None)
    if cut is None:
        return shortest - 1
    return cut - (cut > 0 and one[cut - 1] == " ")  # the space goes with the answer's first word
