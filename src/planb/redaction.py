"""Keys in messages of somebody else: an error that echoes a request may hold the key it was sent with.

``redacted`` is for messages (of servers, libraries, exceptions): it takes out known secrets, and what
looks like one. ``without_secrets`` is for whole files, data among them: it takes out known secrets
alone, since a request or an answer may well speak of a password.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

GONE = "[redacted]"
SHORTEST, PIECE = 8, 12
"""Characters of a secret, and of a piece of one that is taken out of data too: fewer may be chance."""
_VARIABLE = re.compile(r"(?:^|_)(?:API_?KEY|KEY|KEY_ID|TOKEN|SECRET|PASSWORD|PASSWD|PAT|CREDENTIALS?)$")
_NO_SECRETS = {"GPG_KEY"}
"""Variables that images set to what everybody knows."""
_TOKEN_FILES = ("HF_TOKEN_PATH", "~/.cache/huggingface/token")
_told: set[str] = set()

_HEADER = re.compile(
    r"""(?ix)
    ( (?:proxy-)?authorization | (?:x-|x-goog-)?api[-_]?key | x-auth-token | (?:set-)?cookie
    | (?:access|secret|auth|session|refresh)[-_](?:token|key) | secret[-_]access[-_]key | password )
    ( \\?["']? \s* (?:[:=]|%3[ad]) \s* | \\?["'] \s* , \s* )
    ( (?:b?\\?["'])? (?:(?:bearer|basic|token|digest)(?:\s+|%20|\+))? )
    ( (?!\[redacted|(?:bearer|basic|token|digest)(?:\s|\+|%20)) [^\s"'\\,;()\[\]{}&<>]{6,} )
    """
)
_SHAPES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("bearer", re.compile(r"(?i)\bbearer(?:\s+|%20|\+)(?=[^\s\"']*\d)[\w.~+/=*-]{6,}")),
    ("basic", re.compile(r"(?i)\bbasic(?:\s+|%20|\+)(?=[\w+/=-]*[\d=])[\w+/=-]{12,}")),
    ("sk-", re.compile(r"\b[srp]k-(?=[\w*.-]*[\d*])[\w*.-]{8,}")),
    ("_", re.compile(r"\b(?:hf|gsk|gh[pousr]|github_pat|xai|nvapi|r8|pplx)[-_](?=\w*\d)[\w*-]{12,}")),
    ("-", re.compile(r"\b(?:xai|nvapi|pplx|glpat|xox[a-z])-(?=[\w-]*\d)[\w*-]{10,}")),
    ("a", re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bAIza[\w-]{30,}")),
    ("eyj", re.compile(r"\beyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*)?")),
    ("://", re.compile(r"(?<=://)[^\s/@:\"'<>]*:[^\s/@\"'<>]+(?=@)")),
)
"""A text that a message must hold (in lower case), and what then looks like a key in it."""


def redacted(message: str) -> str:
    """The message without keys: known ones, whole or in part, and what follows the name of a header or
    has the shape of one."""
    message = _without(message, SHORTEST)
    message = _HEADER.sub(rf"\1\2\3{GONE}", message)
    lowered = message.lower()
    for mark, shape in _SHAPES:
        if mark in lowered:
            message = shape.sub(GONE, message)
    return message


def without_secrets(text: str) -> str:
    """The text without the secrets of this process: as they are, as a part of a dozen characters and
    more, in a URL, in base64, in hexadecimal and as JSON writes them."""
    return _without(text, PIECE)


def _without(text: str, piece: int) -> str:
    spans = sorted({span for form in _forms(_secrets()) for span in _found(text, form, piece)})
    if not spans:
        return text
    kept, end = list[str](), 0
    for begin, over in spans:
        if begin >= end:
            kept += [text[end:begin], GONE]
        end = max(end, over)
    return "".join([*kept, text[end:]])


def without_secrets_in(value: Any) -> Any:
    """The same for every text in JSON's lists and objects."""
    if isinstance(value, str):
        return without_secrets(value)
    if isinstance(value, dict):
        return {name: without_secrets_in(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [without_secrets_in(part) for part in value]
    return value


def keep_secret(value: str) -> str:
    """Remember a secret that stands in a variable of another name; returns it."""
    if _is_secret(value):
        _told.add(value)
    return value


def _secrets() -> tuple[str, ...]:
    """What the environment's variables for keys hold, the hub's token, and what was registered."""
    found = {value for name, value in os.environ.items() if _VARIABLE.search(name.upper())}
    found -= {os.environ.get(name, "") for name in _NO_SECRETS}
    for place in _TOKEN_FILES:
        name = os.environ.get(place, "") if place.isupper() else place
        found.add(_content(str(Path(name).expanduser())) if name else "")
    return tuple(sorted(value.strip() for value in found | _told if _is_secret(value.strip())))


def _is_secret(value: str) -> bool:
    """Neither a path nor a word that stands where a server asks for no key ("not-needed")."""
    long = len(value) >= 20 or (len(value) >= SHORTEST and any(one.isdigit() for one in value))
    return long and value[0] not in "/~."


@lru_cache(maxsize=4)
def _content(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""


@lru_cache(maxsize=8)
def _forms(secrets: tuple[str, ...]) -> tuple[str, ...]:
    """The secrets as they may stand in a message. What base64 makes of one depends on what stands
    before it in three ways; what is the same whatever stands around it is looked for."""
    found = dict[str, None]()
    for secret in secrets:
        content = secret.encode("utf-8", "surrogatepass")
        found |= dict.fromkeys((secret, quote(secret, safe=""), quote_plus(secret)))
        found |= dict.fromkeys((repr(secret)[1:-1], secret.replace("\\", "\\\\").replace('"', '\\"')))
        found[content.hex()] = None
        for before in range(3):
            for encode in (base64.b64encode, base64.urlsafe_b64encode):
                whole = encode(b"\0" * before + content).decode().rstrip("=")
                clean = whole[-(-before * 8 // 6) :]
                found[clean[:-1] if (before + len(content)) % 3 else clean] = None
    return tuple(form for form in found if len(form) >= SHORTEST)


def _found(text: str, form: str, shortest: int) -> Iterator[tuple[int, int]]:
    """Where ``form``, or a piece not much longer than ``shortest``, stands: begin and end."""
    size = min(shortest, len(form))
    last = len(form) - size
    for at in {*range(0, last, SHORTEST // 2), last}:
        piece, place = form[at : at + size], -1
        while (place := text.find(piece, place + 1)) >= 0:
            begin, end, left, right = place, place + size, at, at + size
            while begin and left and text[begin - 1] == form[left - 1]:
                begin, left = begin - 1, left - 1
            while end < len(text) and right < len(form) and text[end] == form[right]:
                end, right = end + 1, right + 1
            yield begin, end
            place = end - 1
