"""JSON5 as strict JSON: comments, commas after the last entry, bare names, and JSON5's texts."""

from __future__ import annotations

import re

_TOKEN = re.compile(
    r"""(?P<text>"(?:[^"\\\n\r]|\\(?:\r\n|[\s\S]))*"|'(?:[^'\\\n\r]|\\(?:\r\n|[\s\S]))*')"""
    r"""|(?P<gap>\s+|//[^\n]*|/\*[\s\S]*?\*/)"""
    r"""|(?P<name>[A-Za-z_$][\w$]*(?=\s*:))"""
    r"""|(?P<other>[^\s"'/,:\[\]{}]+|[\s\S])"""
)
_INSIDE = re.compile(r"\\(\r\n|[\s\S])|[\x00-\x1f\"]")
_KEPT = '"\\/bfnrtu123456789'
"""After a backslash: what JSON has too, and digits, which JSON5 has as little."""
_WRITTEN = {"v": "\\u000b", "0": "\\u0000", "x": "\\u00"}
_OPENS = ("", "[", "{", ",", ":")


def strict(text: str) -> str:
    """The text as strict JSON with its lines where they were; what is no JSON5 stays as it is, and is
    then no JSON. Numbers are left alone: those that only JSON5 has (0x1F, .5, +1) are no JSON either.
    """
    found, comma, before = list[str](), False, ""
    for token in _TOKEN.finditer(text):
        kind, word = token.lastgroup, token.group()
        if kind == "gap":
            found.append("\n" * word.count("\n") or " ")
            continue
        if comma and word not in ("]", "}"):
            found.append(",")
        comma = word == "," and before not in _OPENS
        before = word
        if not comma:
            found.append({"text": _text, "name": '"{}"'.format}.get(kind or "", str)(word))
    return "".join([*found, "," * comma])


def _text(quoted: str) -> str:
    return f'"{_INSIDE.sub(_escaped, quoted[1:-1])}"'


def _escaped(found: re.Match[str]) -> str:
    after = found[1]
    if after is None:
        return '\\"' if found[0] == '"' else f"\\u{ord(found[0]):04x}"
    if after in ("\n", "\r", "\r\n", "\u2028", "\u2029"):
        return ""
    return found[0] if after in _KEPT else _WRITTEN.get(after, after)
