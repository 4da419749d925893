"""Frozen values: varied, and named by a hash of their fields."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from planb.errors import PlanBError, no_value


class Value(BaseModel):
    """A frozen value: two with the same fields are the same, and its digest is the hash of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def derived_fields(self) -> Mapping[str, Any]:
        """Values of fields that follow from others; a field that was given keeps what was given."""
        return {}

    @model_validator(mode="after")
    def _fields_follow(self) -> Self:
        """Derived fields do not count as set, so they follow again where ``but`` changes another."""
        if found := self.derived_fields():
            vars(self).update({name: found[name] for name in found.keys() - self.model_fields_set})
        return self

    def digest(self) -> str:
        """A hash of the fields and of the classes' names, the same on every machine: 64 hex digits."""
        return digest_of(plain(self))

    def but(self, /, **fields: Any) -> Self:
        """The same value with these fields changed, validated as if it were made anew.

        Raises PlanBError for a field that the value has not (the nearest name is given), and where the
        value as a whole would not be valid.
        """
        kind = type(self)
        kind._all_known(fields)
        kept = {name: getattr(self, name) for name in self.model_fields_set}
        try:
            return kind(**{**kept, **fields})
        except ValidationError as error:
            raise PlanBError(no_value(error)) from error

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """pydantic's way to vary a value, which would check nothing: ``but`` does it here."""
        return super().model_copy(deep=deep).but(**(update or {}))

    @classmethod
    def model_construct(cls, _fields_set: set[str] | None = None, **values: Any) -> Self:
        """pydantic's way to make a value unchecked. It would drop a field that there is not, so that
        the study of a misspelt name is the unvaried one: here that is an error."""
        cls._all_known(values)
        return super().model_construct(_fields_set, **values)

    @classmethod
    def _all_known(cls, names: Iterable[str]) -> None:
        """Raises PlanBError for a field that the value has not, with the nearest name."""
        if unknown := [name for name in names if name not in cls.model_fields]:
            near = difflib.get_close_matches(unknown[0], cls.model_fields, n=1, cutoff=0.4)
            hint = f"did you mean '{near[0]}'?" if near else f"it has {', '.join(cls.model_fields)}"
            raise PlanBError(f"a {cls.__name__} has no field '{unknown[0]}': {hint}")


def made_again(value: Any) -> Any:
    """``value`` with each value in it made anew of its fields, so that all of them are validated,
    however they were made. PlanBError says what is wrong."""
    if isinstance(value, tuple | list):
        return type(value)(map(made_again, value))
    if isinstance(value, dict):
        return {key: made_again(part) for key, part in value.items()}
    if not isinstance(value, Value):
        return value
    kind = type(value)
    held = {
        name: made_again(part)
        for name, part in vars(value).items()
        if name in value.model_fields_set or not (name in kind.model_fields or hasattr(kind, name))
    }
    return value.but(**held)


LATER: dict[str, Any] = {"later": True}
"""``json_schema_extra`` of a field that came when values of its class were already named by their
hashes: at its default it changes nothing, and is no part of the hash."""


def plain(value: Any) -> Any:
    """``value`` as JSON types; values inside it keep their class's name, so that two kinds of value
    with the same fields stay apart. Fields that came ``LATER`` are there where they are set."""
    if isinstance(value, BaseModel):
        fields = {name: plain(part) for name, part in fields_that_count(value).items()}
        return {"class": type(value).__name__, **fields}
    if isinstance(value, dict):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, tuple | list):
        return [plain(part) for part in value]
    return value


def fields_that_count(value: BaseModel) -> dict[str, Any]:
    """The fields of a value that its hash is made of: those that came ``LATER`` where they are set."""
    return {
        name: getattr(value, name)
        for name, field in type(value).__pydantic_fields__.items()
        if field.json_schema_extra != LATER
        or not ((part := getattr(value, name)) is field.default or part == field.default)
    }


def digest_of(content: Any) -> str:
    """SHA-256 of ``content`` written as canonical JSON: 64 hex digits."""
    return sha256(canonical(content))


def canonical(content: Any) -> str:
    """``content`` as JSON in which equal contents have equal texts."""
    return _ENCODER.encode(content)


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def sha256(text: str) -> str:
    """64 hex digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def seed_of(*parts: object) -> int:
    """A 63-bit seed made of ``parts``: randomness is named by what it is for, never by a counter."""
    return int(hashlib.sha256("\x1f".join(map(str, parts)).encode()).hexdigest()[:16], 16) >> 1
