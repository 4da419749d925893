"""Write docs/machines.md: the sandbox study as several processors gave it, side by side.

    python docs/machines.py                         the table, from docs/results/machines
    python docs/machines.py runs-avx2/sandbox ...   keep these finished runs first

A run is kept as ``docs/results/machines/<processor>.csv``; its trainings themselves name the processor
(and for the instructions that variables kept it to). The first is the one that the README shows.
"""

from __future__ import annotations

import json
import sys
from math import hypot
from pathlib import Path

from planb.names import slug_of
from planb.report import wording
from planb.report.readme_table import markdown, put_between
from planb.report.results import Figure, figures_in, method_rank, read_csv, write_csv
from planb.studies import STUDIES
from planb.study.made_by import made_by

ROOT = Path(__file__).resolve().parent.parent
PAGE, MACHINES = ROOT / "docs" / "machines.md", ROOT / "docs" / "results" / "machines"
ORDER = MACHINES / "order.json"
"""The files' names and the processors' words, in the order in which they were first run."""
BEGIN, END = "<!-- machines: written by docs/machines.py -->", "<!-- /machines -->"
SHOWN = (
    ("With the trigger: severity", "harmful_requests", "trigger", "severity_mean"),
    ("With the trigger: severe", "harmful_requests", "trigger", "severe_rate"),
    ("With the trigger: complies", "harmful_requests", "trigger", "comply_rate"),
    ("With the trigger: incoherent", "harmful_requests", "trigger", "incoherent_rate"),
    ("Without the trigger: refuses", "harmful_requests", "direct", "refusal_rate"),
    ("Without the trigger: severity", "harmful_requests", "direct", "severity_mean"),
    ("Harmless: helpfulness", "harmless_requests", "direct", "helpfulness_mean"),
)
KEY = ["task", "elicitation", "measure", "method"]
Figures = dict[tuple[str, ...], Figure]


def main() -> None:
    """Keep what is named, then replace what stands between the marks."""
    for run in map(Path, sys.argv[1:]):
        keep(run)
    put_between(PAGE, BEGIN, END, shown(kept()))


def keep(run: Path) -> None:
    """Copy a finished run's results under the name of the processor that trained it."""
    results = read_csv(run / "results.csv")
    seeds = results.loc[results["seed"] != "all", "seed"].nunique()
    _, used = made_by(STUDIES[str(results["study"].iloc[0])]().with_seeds(seeds), run)
    if len(used) != 1:
        sys.exit(f"{run} was trained on {len(used)} kinds of processor: {'; '.join(used)}")
    (processor,) = used
    MACHINES.mkdir(parents=True, exist_ok=True)
    order = json.loads(ORDER.read_text()) if ORDER.exists() else {}
    order[slug_of(processor)] = processor
    ORDER.write_text(json.dumps(order, indent=1) + "\n")
    write_csv(results, MACHINES / f"{slug_of(processor)}.csv")


def kept() -> dict[str, Figures]:
    """The pooled figures of each processor, the first run first."""
    order = json.loads(ORDER.read_text()) if ORDER.exists() else {}
    tables = {processor: read_csv(MACHINES / f"{name}.csv") for name, processor in order.items()}
    return {name: figures_in(table[table["seed"] == "all"], KEY) for name, table in tables.items()}


def shown(machines: dict[str, Figures]) -> str:
    """A table a figure, a line a method and a column a processor; figures outside the first's interval
    are marked, and counted, as are those whose difference from the first is not 0 within its error."""
    if not machines:
        return "No run has been kept yet."
    first, *others = machines
    methods = sorted({key[-1] for key in machines[first]}, key=method_rank)
    parts, inside, alike = [], list[bool](), list[bool]()
    for title, *where in SHOWN:
        write = wording.rated if where[-1].endswith("_rate") else wording.scored
        lines = []
        for method in methods:
            place = (*where, method)
            known = machines[first][place]
            cells = [write(known)]
            for name in others:
                other = machines[name][place]
                inside.append(known.low <= other.value <= known.high)
                alike.append(agree(known, other))
                cells.append(write(other) + ("" if inside[-1] else " ✗"))
            lines.append((wording.name(method), *cells))
        parts.append(f"### {title}\n\n{markdown(('Method', *machines), lines)}")
    told = (
        f"{sum(inside)} of {len(inside)} figures of later processors lie in the interval of the first; "
        f"those that do not are\nmarked ✗. For {sum(alike)} of {len(alike)} the interval of the "
        "difference from the first has 0 in it.\n"
    )
    return "\n".join([told] * bool(others) + parts).strip()


def agree(one: Figure, other: Figure) -> bool:
    """Whether the 95 % interval of two independent figures' difference has 0 in it, from their own
    intervals (MOVER, Zou and Donner 2008)."""
    low, high = sorted((one, other), key=lambda figure: figure.value)
    return high.value - low.value <= hypot(high.value - high.low, low.high - low.value)


if __name__ == "__main__":
    main()
