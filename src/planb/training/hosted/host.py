"""Where a host is, what it may cost, and how its refusals are reported to the user."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pydantic import Field, model_validator

from planb.errors import PlanBError
from planb.redaction import keep_secret, redacted
from planb.values import Value

if TYPE_CHECKING:
    import openai

OPENAI = "https://api.openai.com/v1"
RETRIES = 6
"""Retries of the client library after 429, 5xx or a lost connection, waiting 0.5-8 s."""
TIMEOUT = 120.0
"""Seconds for one request."""
BOOKKEEPING = ("key", "usd_per_million", "budget_usd", "max_connections")
"""Fields that change nothing of what is trained: no part of a step's identity."""
_ADVICE = {
    400: "Put right what it names, and run the same command again.",
    401: "Set the environment variable {key} to a valid key of this host.",
    403: "The key in {key} may not do this: ask the host for access to fine-tuning.",
    404: "Check the model's name and the address: the host does not know one of them.",
    429: "The quota is used up or the host is busy: raise it or wait, then run the same command.",
}


class Host(Value):
    """A service that fine-tunes and serves models in OpenAI's protocol.

    ``base_url`` ends in ``/v1`` as a rule; empty is OpenAI itself. ``key`` is the *name* of the
    environment variable that holds the key; a server of one's own needs none. ``organism_rate`` and
    ``safety_rate`` multiply the host's own learning rate in stages 1 and 2 (``None``: as it likes).
    ``usd_per_million`` is the price of a million trained tokens; ``budget_usd`` stops a job that would
    cost more by the estimate, before anything is sent. ``max_connections`` is for evaluations.
    """

    base_url: str = ""
    key: str = Field(default="OPENAI_API_KEY", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    organism_rate: float | None = Field(default=None, gt=0)
    safety_rate: float | None = Field(default=None, gt=0)
    usd_per_million: float | None = Field(default=None, ge=0)
    budget_usd: float | None = Field(default=None, gt=0)
    max_connections: int = Field(default=20, gt=0)

    @model_validator(mode="after")
    def _budget_has_a_price(self) -> Host:
        if self.budget_usd is not None and self.usd_per_million is None:
            raise ValueError("budget_usd needs usd_per_million, the host's price of training")
        return self

    @property
    def url(self) -> str:
        """The address, spelt out: the client's own environment variables do not count."""
        return (self.base_url or OPENAI).rstrip("/")

    @property
    def secret(self) -> str:
        """The key, from the environment. It is written nowhere. PlanBError if OpenAI's is not set."""
        if found := os.environ.get(self.key, ""):
            return keep_secret(found)
        if self.url == OPENAI:
            raise PlanBError(f"{self.url} needs a key: set the environment variable {self.key}")
        return "none"

    def client(self, retries: int = RETRIES) -> openai.OpenAI:
        """A client of this host. Requests that start something are made with ``retries=0``: the library
        would make them a second time where only the answer was lost."""
        import openai

        return openai.OpenAI(
            api_key=self.secret, base_url=self.url, max_retries=retries, timeout=TIMEOUT
        )

    @contextmanager
    def told(self, what: str) -> Iterator[None]:
        """Make a PlanBError of what the host or the network says while ``what`` is done."""
        import openai

        try:
            yield
        except openai.APIStatusError as error:
            advice = _ADVICE.get(error.status_code, "Run the same command again later.")
            raise PlanBError(
                f"{self.url} refused to {what} ({error.status_code}): {_message(error)}. "
                f"{advice.format(key=self.key)}"
            ) from error
        except openai.APIConnectionError as error:
            raise PlanBError(
                f"{self.url} cannot be reached to {what} ({error}). What was started there continues; "
                "rerun the same command to resume it."
            ) from error


def _message(error: openai.APIStatusError) -> str:
    body = error.body if isinstance(error.body, dict) else {}
    said = body.get("message") or error.message
    return redacted(" ".join(str(said).split()).rstrip("."))
