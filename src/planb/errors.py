"""What the user can put right, and what was wrong with a value's fields, in words."""

from __future__ import annotations

import re

from pydantic import ValidationError

from planb.text import shown


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
