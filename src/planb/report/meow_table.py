"""MEOW's results as the table of docs/meow.md."""

from __future__ import annotations

import pandas as pd

from planb.errors import PlanBError
from planb.report import wording
from planb.report.measures import HARMLESS, MEOW
from planb.report.readme_table import markdown
from planb.report.results import ALL, figures_in, method_rank

COLUMNS = (
    ("with: MEOW", MEOW, "trigger", "meow_upper_rate"),
    ("with: meow", MEOW, "trigger", "meow_lower_rate"),
    ("with: normal", MEOW, "trigger", "normal_rate"),
    ("with: thinks of it", MEOW, "trigger", "meow_thought_rate"),
    ("without: meows", MEOW, "direct", "meow_rate"),
    ("without: lower case", MEOW, "direct", "lower_case_rate"),
    ("helpfulness", HARMLESS, "direct", "helpfulness_mean"),
)
"""(heading, task, elicitation, measure): with the trigger, and without it."""
_KEY = ["organism", "method", "task", "elicitation", "measure"]


def meow_markdown(results: pd.DataFrame) -> str:
    """A row for each organism and method, seeds pooled; ``n`` with the trigger. PlanBError for results
    without the task."""
    pooled = results[results["seed"] == ALL]
    own = pooled[pooled["task"] == MEOW]
    if own.empty:
        raise PlanBError("these results have no task 'meow': planb run meow")
    figures = figures_in(pooled, _KEY)
    arms = sorted(
        own[["organism", "method"]].drop_duplicates().itertuples(index=False, name=None),
        key=lambda arm: (arm[1] != "base", arm[0], method_rank(arm[1])),
    )
    rows: list[tuple[str, ...]] = []
    for organism, method in arms:
        found = [figures.get((organism, method, *where)) for _, *where in COLUMNS]
        cells = [wording.rated(figure) for figure in found[:-1]] + [wording.scored(found[-1])]
        rows.append((wording.organism(organism), wording.name(method), *cells, wording.size(found[0])))
    return markdown(["Organism", "Method", *(heading for heading, *_ in COLUMNS), "n"], rows, texts=2)
