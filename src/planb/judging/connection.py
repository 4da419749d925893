"""The models that judges ask, one connection each and event loop.

Inspect remembers models across event loops, and an HTTP client of a loop that has ended is dead; so
they are remembered here, with the loop that they live in.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from planb.errors import PlanBError
from planb.redaction import redacted

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from inspect_ai.model import Model

BATCHING = ("openai", "anthropic", "google", "grok", "together")
"""Inspect's providers that have a batch API."""
_SERVED = "openai-api"

_open: WeakKeyDictionary[AbstractEventLoop, dict[tuple[str, str], Model]] = WeakKeyDictionary()


def connect(name: str, base_url: str, role: str) -> Model:
    """The model ``name``, at ``base_url`` if that is given; no name is the running eval's ``role``.

    A server of one's own (``openai-api/...`` with a ``base_url``) needs no key. Raises PlanBError.
    """
    import asyncio

    from inspect_ai.model import get_model

    here = _open.setdefault(asyncio.get_running_loop(), {})
    if (name, base_url) in here:
        return here[name, base_url]
    try:
        if not name:
            return get_model(role=role, required=True)
        model = made(name, base_url)
    except Exception as error:
        wanted = f"the model {name}" if name else f"a model in the role '{role}'"
        raise PlanBError(
            f"{wanted} is not available to the judge: {redacted(' '.join(str(error).split()))}. Name "
            'a model of Inspect\'s (model="openai-api/local/judge", base_url="http://..."), or give '
            f"an eval --model-role {role}=..."
        ) from error
    here[name, base_url] = model
    return model


def made(name: str, base_url: str = "") -> Model:
    """The model as Inspect makes it; it raises in its own words where it knows no such model, or has no
    key."""
    from inspect_ai.model import get_model

    key = _key(name) if base_url else None
    return get_model(name, base_url=base_url or None, api_key=key, memoize=False)


async def disconnect() -> None:
    """Close what was opened in the running event loop."""
    import asyncio

    for model in _open.pop(asyncio.get_running_loop(), {}).values():
        await model.api.aclose()


def _key(name: str) -> str | None:
    """A word in place of the key that Inspect requires and most servers of one's own do not."""
    provider, _, rest = name.partition("/")
    variable = f"{rest.partition('/')[0].upper().replace('-', '_')}_API_KEY"
    return "none" if provider == _SERVED and not os.environ.get(variable) else None
