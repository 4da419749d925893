"""The README's table, made from the results so that it cannot drift from them."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from planb.report.headline import headline


def headline_markdown(results: pd.DataFrame) -> str:
    """The headline table in Markdown, one line a method, ending with a newline."""
    table = headline(results)
    groups = [group.lower() for group, width in table.spans for _ in range(width)]
    heads = [f"{g}: {c}" if g else c for g, c in zip(groups, table.head, strict=True)]
    rule = ["---", *["---:"] * (len(heads) - 1)]
    return "".join(_line(cells) for cells in (heads, rule, *table.rows))


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(" ".join(cell.replace("|", "\\|").split()) for cell in cells) + " |\n"
