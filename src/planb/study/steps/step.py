"""A step: a frozen value that says what it makes, from which other steps, and how.

Its identity is the hash of its own fields, of what it reads from outside (files, prompts) and of its
inputs' identities. So a rerun does nothing, and a change anywhere upstream makes a new step. (The
idea is that of marin's executor: a step is a name, a function and a frozen configuration.)
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel

from planb.errors import PlanBError
from planb.names import slug_of
from planb.values import Value, canonical, digest_of, fields_that_count, sha256

__all__ = ["Step", "Work", "folder_of", "identities_once", "slug_of"]


class Step(Value):
    """Subclasses add fields (values, or other steps: its inputs) and ``run``."""

    kind: ClassVar[str]
    revision: ClassVar[int] = 1
    """Raise this when the step's code changes what it makes."""
    threads: ClassVar[int] = 1
    """Fixed for each kind of step, so that a rerun gives the same numbers."""

    @property
    def slug(self) -> str:
        """A short readable name for the folder: letters, digits and dashes."""
        return self.kind

    @property
    def seed_rank(self) -> int:
        """Which seed of the study this belongs to: lower ones are run first. A step that has no seed
        of its own goes with its inputs; 0 is shared by all."""
        return max((step.seed_rank for step in self.inputs()), default=0)

    @property
    def cost(self) -> float:
        """Roughly how many seconds this takes on one core of a laptop: for the time left."""
        return 1.0

    @property
    def gpus(self) -> int:
        """How many GPUs this takes, and it sees no others. 0: it runs on the CPU. On a machine that
        has none at all, a step that requests some runs on the CPU too."""
        return 0

    def outside(self) -> dict[str, str]:
        """Hashes of what the step reads from outside: files, prompt texts."""
        return {}

    def check(self) -> None:
        """Raise ``PlanBError`` for what is wrong with what the step reads from outside. Called for
        every step that is to be run, in the main process, before the first of them is."""

    def run(self, work: Work) -> None:
        """Write what the step makes into ``work.out``. What a killed run left there is still there."""
        raise NotImplementedError

    def publish(self, out: Path, study_folder: Path) -> None:
        """Called in the main process when the step is done, and on a rerun: must be idempotent."""

    def inputs(self) -> tuple[Step, ...]:
        """The steps among the fields, in the order of the fields."""
        current = _IDENTITIES.get()
        if current and id(self) in current.inputs:
            return current.inputs[id(self)][1]
        found = tuple(_steps_in([getattr(self, name) for name in type(self).__pydantic_fields__]))
        if current:
            current.inputs[id(self)] = (self, found)
        return found

    def identity(self) -> str:
        """64 hex digits."""
        known = _IDENTITIES.get()
        if known is None:
            with identities_once():
                return self.identity()
        if id(self) not in known.steps:
            fields = self.plain_fields()
            content = {
                "kind": canonical(self.kind),
                "revision": canonical(self.revision),
                "fields": _object({name: _text(part) for name, part in fields.items()}),
                "outside": canonical(self._outside_once(known, fields)),
            }
            known.steps[id(self)] = (self, sha256(_object(content)))
        return known.steps[id(self)][1]

    def _outside_once(self, known: Known, fields: dict[str, Any]) -> dict[str, str]:
        """``outside``, once for all equal steps without inputs: seeds and arms each have theirs, and it
        may read or write whole data sets."""
        if self.inputs():
            return self.outside()
        equal = (type(self), digest_of(fields))
        if equal not in known.outside:
            known.outside[equal] = self.outside()
        return known.outside[equal]

    def plain_fields(self) -> dict[str, Any]:
        """The fields as JSON; a step among them stands as its identity."""
        return {name: _identified(getattr(self, name)) for name in type(self).__pydantic_fields__}

    @property
    def folder_name(self) -> str:
        return folder_of(self.slug, self.identity())


@dataclass
class Known:
    """What is computed once within ``identities_once``: identities and inputs of steps and JSON of
    values, by their ids (they are held, so that ids stay theirs), and what equal steps read from
    outside."""

    steps: dict[int, tuple[Step, str]] = field(default_factory=dict)
    inputs: dict[int, tuple[Step, tuple[Step, ...]]] = field(default_factory=dict)
    values: dict[int, tuple[Any, Any]] = field(default_factory=dict)
    outside: dict[tuple[type[Step], str], dict[str, str]] = field(default_factory=dict)
    made: dict[Callable[[], Any], Any] = field(default_factory=dict)


Made = TypeVar("Made")
_IDENTITIES: ContextVar[Known | None] = ContextVar("identities", default=None)


@contextmanager
def identities_once(anew: bool = False) -> Iterator[Known]:
    """Within it each step's identity is computed once, as if no file changed meanwhile. (Else a step
    would be hashed once for every way that leads to it.) ``anew``: what was computed before it is not
    taken."""
    known = _IDENTITIES.get()
    if known is not None and not anew:
        yield known
        return
    fresh = Known()
    before = _IDENTITIES.set(fresh)
    try:
        yield fresh
    finally:
        _IDENTITIES.reset(before)


def once(make: Callable[[], Made]) -> Made:
    """What ``make`` gives; within ``identities_once`` it is called once."""
    known = _IDENTITIES.get()
    if known is None:
        return make()
    if make not in known.made:
        known.made[make] = make()
    found: Made = known.made[make]
    return found


@dataclass
class Work:
    """What a running step may touch: its own folder, its inputs' folders, and the progress file.

    ``step`` is the running one (None: it is not known, and any step's folder is given); ``url`` is
    where finished steps are kept besides the folder ``steps`` (empty: nowhere)."""

    out: Path
    steps: Path
    threads: int = 1
    step: Step | None = None
    url: str = ""
    _told: float = field(default=0.0, repr=False)

    def folder(self, step: Step) -> Path:
        """The finished folder of an input. Raises PlanBError for any other step: its files may be on
        another machine, or damaged."""
        if self.step and step.identity() not in {one.identity() for one in self.step.inputs()}:
            raise PlanBError(
                f"'{self.step.slug}' reads the files of '{step.slug}', which is none of its inputs: "
                f"give {type(self.step).__name__} a field for that step, or name it in `inputs`"
            )
        return self.steps / step.folder_name

    def progress(self, done: float, total: float, note: str = "") -> None:
        """Say how far the step is. Written to ``progress.json`` at most twice a second."""
        now = time.monotonic()
        if now - self._told < 0.5 and done < total:
            return
        self._told = now
        scratch = self.out / ".progress.tmp"
        scratch.write_text(json.dumps({"done": done, "total": total, "note": note}))
        scratch.replace(self.out / "progress.json")


LONGEST_SLUG = 150
"""Characters: with the hash, and what is put behind it, a folder's name stays below 255 bytes."""
_SLUG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


def folder_of(slug: str, identity: str) -> str:
    """The name of a step's folder. Raises PlanBError for a slug that would lead out of ``steps``."""
    if not _SLUG.fullmatch(slug):
        raise PlanBError(
            f"a step cannot be called {ascii(slug)[:100]}, since that is its folder: use letters, "
            "digits, '_', '-' and '.', and begin with none of '-' and '.'"
        )
    return f"{slug[:LONGEST_SLUG]}-{identity[:12]}"


_PLAIN = (str, int, float, bool, type(None))


def _steps_in(parts: Iterable[Any]) -> Iterator[Step]:
    for part in parts:
        if type(part) in _PLAIN:
            continue
        if isinstance(part, Step):
            yield part
        elif isinstance(part, dict):
            yield from _steps_in(part.values())
        elif isinstance(part, tuple | list):
            yield from _steps_in(part)


class _Written(dict[str, Any]):
    """The JSON of a value, with its canonical text, which is made once."""

    text = ""


def _text(content: Any) -> str:
    if not isinstance(content, _Written):
        return canonical(content)
    content.text = content.text or canonical(content)
    return content.text


def _object(texts: dict[str, str]) -> str:
    """The ``canonical`` JSON of an object whose values are written already."""
    return "{" + ",".join(f'"{name}":{texts[name]}' for name in sorted(texts)) + "}"


def _identified(value: Any) -> Any:
    """``plain``, with each step (a field, or inside a value, tuple or dict) as its identity."""
    if type(value) in _PLAIN:
        return value
    if isinstance(value, Step):
        return {"step": value.identity()}
    if isinstance(value, BaseModel):
        current = _IDENTITIES.get()
        known = current.values if current else {}
        if id(value) not in known:
            fields = {name: _identified(part) for name, part in fields_that_count(value).items()}
            known[id(value)] = (value, _Written({"class": type(value).__name__, **fields}))
        return known[id(value)][1]
    if isinstance(value, dict):
        return {str(key): _identified(part) for key, part in value.items()}
    if isinstance(value, tuple | list):
        return [_identified(part) for part in value]
    return value
