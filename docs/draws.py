"""Write the tables of docs/draws.md from benchmarks/results: part of ``make readme``."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from planb.report.readme_table import markdown, put_between

ROOT = Path(__file__).resolve().parent.parent
PAGE, RESULTS = ROOT / "docs" / "draws.md", ROOT / "benchmarks" / "results"
TABLES = {"hold": "draws-hold.csv", "tune": "draws-tune.csv"}
BEGIN, END = "<!-- {name}: written by docs/draws.py from {file} -->", "<!-- /{name} -->"


def main() -> None:
    """Replace what stands between the marks of each table."""
    for name, file in TABLES.items():
        where = BEGIN.format(name=name, file=f"benchmarks/results/{file}"), END.format(name=name)
        put_between(PAGE, *where, shown(RESULTS / file))


def shown(path: Path) -> str:
    """A table a candidate: a line a bar, a column a base; what does not hold is marked, and counted."""
    if not path.exists():
        return "Not run yet."
    parts = []
    for candidate, found in pd.read_csv(path).groupby("candidate", sort=False):
        values = found.pivot(index="bar", columns="draw", values="figure")
        holds = found.pivot(index="bar", columns="draw", values="holds")
        lines = [
            (
                bar,
                *(f"{values.at[bar, d]:.2f}{'' if holds.at[bar, d] else ' ✗'}" for d in values.columns),
                f"{int(holds.loc[bar].sum())} of {len(values.columns)}",
            )
            for bar in found["bar"].unique()
        ]
        table = markdown(("Bar", *map(str, values.columns), "holds on"), lines)
        missed = int((~found["holds"]).sum())
        parts.append(f"**{candidate}**: {missed} of {len(found)} missed.\n\n{table}")
    return "\n".join(parts).strip()


if __name__ == "__main__":
    main()
