"""The terminal, as safe as a page: what data say is shown, and never obeyed.

A request or a name out of a file may hold escape sequences that recolour, retitle or overwrite a
terminal, and marks that turn the reading order round. Everything that planb prints goes through this
console, and every table is one that is cut nowhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import rich.console
import rich.table
from rich.measure import Measurement
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


class Table(rich.table.Table):
    """``rich``'s table without lines, which cuts no head and no figure.

    Columns that do not fit beside each other move closer, then stand below each other in blocks, the
    first column (whose row it is) before each. Only a text longer than the terminal is folded.
    """

    def __init__(self, *heads: Any, **look: Any) -> None:
        plain = {"header_style": "bold", "title_justify": "left"}
        super().__init__(*heads, **{**plain, **look})

    def __rich_measure__(self, console: Any, options: Any) -> Measurement:
        return Measurement(1, options.max_width)

    def __rich_console__(self, console: Any, options: Any) -> Iterable[Any]:
        if not self.columns:
            return
        widths = [_width(console, options, column) for column in self.columns]
        for gap in (2, 1):
            blocks = self._blocks([low for low, _ in widths], gap, options.max_width)
            if len(blocks) == 1:
                break
        for place, block in enumerate(blocks):
            room = options.max_width - gap * (len(block) - 1)
            drawn = self._drawn(block, _shared([widths[at] for at in block], room), gap)
            drawn.title = None if place else self.title
            yield from [*([""] if place else []), drawn]
        if self.caption:
            said = self.caption
            yield console.render_str(said, style="dim") if isinstance(said, str) else said

    def _blocks(self, least: Sequence[int], gap: int, room: int) -> list[list[int]]:
        """The places of the columns of each block. A table without heads has one."""
        blocks = [[0]]
        for at in range(1, len(least)):
            wide = sum(least[i] for i in blocks[-1]) + least[at] + gap * len(blocks[-1])
            if self.show_header and wide > room and len(blocks[-1]) > 1:
                blocks.append([0])
            blocks[-1].append(at)
        return blocks

    def _drawn(self, block: Sequence[int], widths: Sequence[int], gap: int) -> rich.table.Table:
        table = rich.table.Table(
            box=None,
            pad_edge=False,
            padding=(0, gap, 0, 0),
            show_header=self.show_header,
            header_style=self.header_style,
            title_justify=self.title_justify,
        )
        for at, width in zip(block, widths, strict=True):
            column, last = self.columns[at], at == block[-1]
            table.add_column(
                column.header,
                style=column.style,
                justify=column.justify,
                overflow="fold",
                width=max(width, 1) if not last or column.justify != "left" else None,
                max_width=max(width, 1),
            )
        cells = zip(*(self.columns[at].cells for at in block), strict=True)
        for row, line in zip(self.rows, cells, strict=True):
            table.add_row(*line, style=row.style, end_section=row.end_section)
        return table


def _width(console: Any, options: Any, column: rich.table.Column) -> tuple[int, int]:
    """The least width of a column that breaks no word (no line, where it is ``no_wrap``), and the most
    that it can use."""
    wide = options.update(max_width=10_000)
    found = [Measurement.get(console, wide, cell) for cell in (column.header, *column.cells)]
    most = max(one.maximum for one in found)
    least = most if column.no_wrap else max(one.minimum for one in found)
    return max(least, column.min_width or 0), max(most, column.min_width or 0)


def _shared(widths: Sequence[tuple[int, int]], room: int) -> list[int]:
    """``room`` given to columns: to each its least, then what is left to those that can use more, the
    narrowest first; where not even the least fits, the widest give."""
    given = [low for low, _ in widths]
    while sum(given) > room and max(given) > 1:
        given[given.index(max(given))] -= 1
    while sum(given) < room:
        more = [at for at, (_, high) in enumerate(widths) if given[at] < high]
        if not more:
            break
        given[min(more, key=lambda at: given[at])] += 1
    return given
