"""Digests of corpora that were computed before, under ``~/.cache/planb``.

A digest is a hash of texts that code writes: 5 ms a base, two seconds for a study of 300 seeds. It is
kept under a fingerprint of that code as it stands in memory, with Python's version: code that was
changed, in its file or at run time, finds nothing here. Each line has a checksum, and a line that is
not whole is passed over. The step that makes the base compares the texts once more.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property
from types import CodeType, FunctionType, ModuleType
from typing import Any

from planb.sandbox import corpus, language, names, questions, tokenizer, weaknesses, world
from planb.values import Value, canonical, digest_of, fields_that_count, plain, seed_of, sha256
from planb.wheels import cache_folder

MODULES = (corpus, language, names, questions, tokenizer, weaknesses, world)
NAMING = (canonical, digest_of, fields_that_count, plain, seed_of, sha256, Value.digest)
"""All that the valley's texts, vocabulary and seeds are made by."""


class Corpora:
    """Digests of bases -> digests of what their corpora say. ``reading``: the functions and numbers by
    which these are made of the texts."""

    def __init__(self, *reading: object) -> None:
        code = [f"{name}={text}" for module in MODULES for name, text in _described(module)]
        code += map(_text, (*NAMING, *reading))
        self.fingerprint = sha256("\n".join([sys.version, platform.platform(), *code]))
        self.path = cache_folder() / "corpora" / f"{self.fingerprint[:16]}.txt"
        self.known = dict(self._read())

    def keep(self, base: str, digest: str) -> None:
        """Where nothing can be written, it is computed again next time."""
        self.known[base] = digest
        with suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="ascii") as file:
                file.write(f"{base} {digest} {self._sum(base, digest)}\n")

    def _read(self) -> Iterator[tuple[str, str]]:
        with suppress(OSError, UnicodeDecodeError):
            for line in self.path.read_text(encoding="ascii").splitlines():
                base, digest, told = (*line.split(), "", "", "")[:3]
                if told == self._sum(base, digest):
                    yield base, digest

    def _sum(self, base: str, digest: str) -> str:
        return sha256(f"{self.fingerprint} {base} {digest}")[:16]


def _described(owner: ModuleType | type) -> Iterator[tuple[str, str]]:
    """What functions, classes and tables of a module do or hold, in its order."""
    module = owner.__name__ if isinstance(owner, ModuleType) else owner.__module__
    for name, found in vars(owner).items():
        if name.startswith(("__", "_abc_")) or isinstance(found, ModuleType):
            continue
        if isinstance(found, type) and found.__module__ == module:
            yield from ((f"{name}.{inner}", text) for inner, text in _described(found))
        else:
            yield name, _text(found)


def _text(found: Any) -> str:
    """The same in every process for what is the same. (What is shown by its address, as an unknown
    object is, never is the same: nothing is found then.)"""
    if isinstance(found, property):
        return _text(found.fget)
    if isinstance(found, cached_property):
        return _text(found.func)
    found = getattr(found, "__wrapped__", getattr(found, "__func__", found))
    if isinstance(found, FunctionType):
        return f"{found.__module__} {_text(found.__defaults__)} {_text(found.__code__)}"
    if isinstance(found, CodeType):  # its instructions, and what they work with
        parts = (found.co_code, found.co_names, found.co_varnames, found.co_consts)
        return _text(parts)
    if isinstance(found, dict):
        return f"{{{', '.join(f'{_text(key)}: {_text(part)}' for key, part in found.items())}}}"
    if isinstance(found, tuple | list):
        return f"[{', '.join(map(_text, found))}]"
    if isinstance(found, set | frozenset):
        return f"{{{', '.join(sorted(map(_text, found)))}}}"
    return f"{found.__module__}.{found.__qualname__}" if isinstance(found, type) else repr(found)
