"""What the user can put right, and what was wrong with a value's fields, in words."""

from __future__ import annotations

import errno
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from planb.text import shown

_NO_SPACE = re.compile(r"no space left on device|disk quota exceeded", re.IGNORECASE)
_ROOM = 1 << 16
"""Bytes: a disk with less is full."""


class PlanBError(Exception):
    """Something the user can put right. The message says what is wrong, where, and what to do."""

    def __str__(self) -> str:
        return shown(Exception.__str__(self))


def wrong_fields(error: Exception, whole: str = "") -> str:
    """What is wrong with a value's fields, in one line: ``steps: Field required; batch: ...``.
    ``whole`` is what the value is called where no field of it is to blame. An error that kept the
    fields from being read at all speaks for itself."""
    if not isinstance(error, ValidationError):
        return str(error)
    told = error.errors(include_url=False, include_input=False, include_context=False)
    where = [".".join(map(_plain, one["loc"])) or whole for one in told]
    said = [one["msg"].removeprefix("Value error, ") for one in told]
    return "; ".join(
        f"{place}: {why}" if place else why for place, why in zip(where, said, strict=True)
    )


def _plain(part: int | str) -> str:
    """A part of a place, a class by its name alone where pydantic names its validators too."""
    return re.sub(r"function-\w+\[.*?(\w+)\]", r"\1", str(part))


def no_value(error: ValidationError) -> str:
    """Why something is no value of the class that it should be, in one line."""
    return f"this is no {error.title}: {wrong_fields(error)}"


def is_disk_full(error: BaseException | None, folder: Path) -> bool:
    """Whether a full disk is behind an error of writing into ``folder``.

    Not every library raises an OSError with its number: safetensors and tokenizers say it in words
    alone, numpy and torch only that less was written than should be. Then the disk itself is asked.
    """
    errors = list(_behind(error))
    if any(isinstance(one, OSError) and one.errno in (errno.ENOSPC, errno.EDQUOT) for one in errors):
        return True
    if any(_NO_SPACE.search(str(one)) for one in errors):
        return True
    cut_short = any(
        isinstance(one, RuntimeError) or (isinstance(one, OSError) and one.errno is None)
        for one in errors
    )
    return cut_short and folder.exists() and shutil.disk_usage(folder).free < _ROOM


def _behind(error: BaseException | None) -> Iterator[BaseException]:
    """The error, and those that it came from."""
    seen = set[int]()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
