"""The pages' templates: what is put into them is text, whatever it holds."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from planb.text import shown

_HERE = Path(__file__).parent


@cache
def environment(*folders: Path) -> Environment:
    """The templates of reports, and before them those of ``folders``.

    It escapes markup, shows control characters and direction marks as text (``\\u202e``), as the
    terminal does, and takes a name without a value for an error. One for a process: a template is
    compiled once, which is a twentieth of a page's time."""
    return Environment(
        loader=FileSystemLoader([*folders, _HERE, _HERE / "checks"]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_as_text,
    )


def _as_text(value: Any) -> Any:
    return shown(value) if isinstance(value, str) and not isinstance(value, Markup) else value
