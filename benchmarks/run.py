"""``make bench``: run the benchmarks, write ``results/`` and the tables of this folder's README."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from benchmarks import trainer

HERE = Path(__file__).resolve().parent
BEGIN, END = "<!-- trainer -->", "<!-- /trainer -->"


def main() -> None:
    rows = trainer.main(HERE / "results")
    page = HERE / "README.md"
    between = re.compile(re.escape(BEGIN) + ".*?" + re.escape(END), re.DOTALL)
    table = f"{BEGIN}\n\n{_markdown(rows)}\n\n{END}"
    page.write_text(between.sub(table, page.read_text(encoding="utf-8")), encoding="utf-8")
    print(_markdown(rows))


def _markdown(rows: list[dict[str, Any]]) -> str:
    names = list(rows[0])
    lines = [names, ["---"] * len(names), *([str(row[name]) for name in names] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    main()
