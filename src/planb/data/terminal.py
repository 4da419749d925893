"""The terminal, as safe as a page: what data say is shown, and never obeyed.

A request or a name out of a file may hold escape sequences that recolour, retitle or overwrite a
terminal, and marks that turn the reading order round. Everything that planb prints goes through this
console.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import rich.console
from rich.segment import Segment
from rich.text import Text

from planb.text import shown


class Console(rich.console.Console):
    """``rich``'s console, which prints control characters of any text as text (``planb.text.shown``).

    Its own colours and cursor movements are no part of a text and stay. Text in square brackets is
    still markup: escape what comes from data, or print it with ``markup=False``.
    """

    def render_str(self, text: str, **how: Any) -> Text:  # before a table measures it
        return super().render_str(shown(text), **how)

    def render(self, renderable: Any, options: Any = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            safe = segment.text if segment.control else shown(segment.text)
            yield segment if safe == segment.text else Segment(safe, segment.style)
