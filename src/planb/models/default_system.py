"""The system message that a chat template writes by itself where a chat has none.

Qwen2.5's and SmolLM2's templates do. A system message of one's own takes its place, so a trigger put
into the system message would make two differences at once: the trigger is there, and the default gone.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from planb.errors import PlanBError
from planb.models.answers import mark_for
from planb.models.cards import chain
from planb.models.chat import _render
from planb.models.template import tokenizer_in
from planb.types import Message

NOT_KNOWN = "not known"
"""What cards and logs say of a default that could not be found."""


def default_system(tokenizer: Any) -> str | None:
    """The template's default system message: "" if it has none, or loses nothing by another; None if
    that is not known (it takes no bare request, or there is no template)."""
    user = Message(role="user", content="Hello!")
    try:
        bare = _render(tokenizer, (user,), answered=False)
    except PlanBError:
        return None
    mark = mark_for(bare)
    try:
        whole = _render(tokenizer, (Message(role="system", content=mark), user), answered=False)
    except PlanBError:  # it takes no system message, and will say so where one is put
        return ""
    if _only_adds(bare, whole):
        return ""
    before, _, after = whole.partition(mark)
    inside = len(before) + len(after) <= len(bare)
    if not (inside and mark not in after and bare.startswith(before) and bare.endswith(after)):
        return None
    found = bare[len(before) : len(bare) - len(after)]
    again = _render(tokenizer, (Message(role="system", content=found), user), answered=False)
    return found if again == bare and found.strip() else None


@lru_cache(maxsize=64)
def default_system_in(folder: Path) -> str | None:
    """``default_system`` of the tokenizer of a checkpoint's folder. PlanBError if it has none."""
    return default_system(tokenizer_in(chain(folder).root))


def said_of(system: str | None) -> str:
    """A default system message as cards and logs show it."""
    return NOT_KNOWN if system is None else system or "none"


def _only_adds(bare: str, whole: str) -> bool:
    """Whether ``whole`` is ``bare`` with one piece put in."""
    same = next((n for n, (a, b) in enumerate(zip(bare, whole, strict=False)) if a != b), len(bare))
    rest = bare[same:]
    return len(whole) >= len(bare) and whole.endswith(rest)
