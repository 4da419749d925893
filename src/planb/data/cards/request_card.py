"""A source of requests as a value: which column is the request, and what says that it is harmful."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from planb.data.cards.card import DataCard
from planb.types import Tier


class RequestCard(DataCard):
    """A source whose rows become examples. All columns are called by our names (see ``renamed``).

    ``request`` is the column of the request: a ``text``, chat ``messages`` ({role, content}), or a
    ``transcript`` ("\\n\\nHuman: ...\\n\\nAssistant: ..."); of the latter two the first user turn is
    the request, and the first reply the response. ``context``, where a row has it, is put to the
    request by ``joined``. Either the whole set is ``harmful`` or not, or ``harmful_column`` says so by
    ``harmful_values``. ``group`` holds what belongs together, ``category`` what it is about.
    ``responses`` are {tier: column}, ``only`` keeps the rows with these values of a column.
    ``columns`` and ``may_be_empty`` follow from these where they are not given.
    """

    columns: tuple[str, ...] = ()
    request: str = "prompt"
    form: Literal["text", "messages", "transcript"] = "text"
    context: str = ""
    joined: str = "{request}\n\n{context}"
    harmful: bool | None = None
    harmful_column: str = ""
    harmful_values: dict[str, bool] = Field(default_factory=dict)
    group: str = ""
    category: str = ""
    responses: dict[Tier, str] = Field(default_factory=dict)
    only: dict[str, tuple[str, ...]] = Field(default_factory=dict)

    def derived_fields(self) -> dict[str, Any]:
        """The columns that the other fields name."""
        needed = [self.request, self.harmful_column, self.group, self.category, *self.only]
        texts = [self.context, *self.responses.values()]
        return {
            "columns": tuple(dict.fromkeys(name for name in needed if name)),
            "may_be_empty": tuple(dict.fromkeys(c for c in texts if c and c != self.request)),
        }

    @model_validator(mode="after")
    def _says_what_is_harmful(self) -> RequestCard:
        by_column = bool(self.harmful_column and self.harmful_values)
        if by_column is (self.harmful is not None):
            raise ValueError(
                f"the card '{self.name}' must say what is harmful: give 'harmful' (the whole set), or "
                "'harmful_column' with 'harmful_values', and not both"
            )
        return self

    @property
    def rule(self) -> str:
        """What is harmful, in words."""
        if self.harmful is not None:
            return "all harmful" if self.harmful else "all harmless"
        harmful = [value for value, is_harmful in self.harmful_values.items() if is_harmful]
        return f"harmful where {self.harmful_column} is {' or '.join(harmful)}"
