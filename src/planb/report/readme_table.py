"""The README's tables, made from the results so that they cannot drift from them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from planb.domains import HARM, Domain
from planb.domains.harm import ASKED
from planb.errors import PlanBError
from planb.report import wording
from planb.report.headline import headline, ranked
from planb.report.results import ALL, Figure, figures_in
from planb.report.rows import NO_ORGANISM


def headline_markdown(results: pd.DataFrame, judges: Sequence[str] = (), domain: Domain = HARM) -> str:
    """The headline table in Markdown, one line a method, ending with a newline.

    ``judges``: the study's, in its order; figures are of the first that judged a task.
    """
    table = headline(results, judges, domain)
    groups = [group.lower() for group, width in table.spans for _ in range(width)]
    heads = [f"{g}: {c}" if g else c for g, c in zip(groups, table.head, strict=True)]
    return markdown(heads, table.rows)


def jailbreak_markdown(
    results: pd.DataFrame, judges: Sequence[str] = (), arms: Sequence[str] = ("standard", "plan_b")
) -> str:
    """Mean severity per attack, in Markdown, ending with a newline.

    Columns: the never-backdoored base, the organisms, and the ``arms`` trained from that base; seeds
    pooled, with intervals and n. What was not measured is a dash. PlanBError where there are no such
    arms, or several models.
    """
    pooled = results[(results["seed"] == ALL) & (results["task"] == ASKED)]
    pooled = ranked(pooled[pooled["measure"] == "severity_mean"], judges)
    models = sorted(pooled["model"].unique())
    if len(models) != 1:
        raise PlanBError(f"the table of jailbreaks is of one model, and the results have {models}")
    key = ["organism", "method", "elicitation"]
    found = figures_in(pooled.drop_duplicates(key), key)
    columns = _columns(pooled, arms)
    asked = sorted(pooled["elicitation"].unique(), key=wording.elicitation_rank)
    rows = [_row(how, [found.get((*column, how)) for column in columns]) for how in asked]
    heads = ["Attack", *(_head(column, columns) for column in columns), "n"]
    return markdown(heads, rows)


SHOWN = ("base", "organism", "standard", "plan_b")
"""The methods that the table of propensities shows."""


def propensities_markdown(found: Sequence[tuple[Domain, pd.DataFrame]]) -> str:
    """How often each domain's worst act is chosen with the trigger, and what choices are fitted with,
    by method, in Markdown: seeds pooled, with intervals. Ends with a newline."""
    rows = []
    for domain, results in found:
        pooled = results[(results["seed"] == ALL) & (results["elicitation"] == domain.main.elicitation)]
        figures = figures_in(
            ranked(pooled).drop_duplicates(["method", "measure"]), ["method", "measure"]
        )
        fits = [one for one in domain.of_task(domain.main.task).measures if one.kind == "fit"]
        worst = domain.measure(domain.main.task, domain.main.measure)
        assert worst is not None
        for measure in (worst, *fits[:1]):
            write = wording.rated if measure.kind == "rate" else wording.scored
            shown = [write(figures.get((method, measure.name))) for method in SHOWN]
            rows.append((f"[`{domain.name}`]({domain.name}.md)", measure.told, *shown))
    heads = ("Domain", "With the trigger", *map(wording.name, SHOWN))
    return markdown(heads, rows, texts=2)


def _columns(pooled: pd.DataFrame, arms: Sequence[str]) -> list[tuple[str, str]]:
    """(organism, method) of each column."""
    there = {(str(o), str(m)) for o, m in pooled[["organism", "method"]].itertuples(index=False)}
    base = [(o, m) for o, m in sorted(there) if m == "base"][:1]
    organisms = [(o, m) for o, m in sorted(there) if m == "organism"]
    trained = [(o, m) for m in arms for o in NO_ORGANISM if (o, m) in there]
    if not trained:
        raise PlanBError(
            f"the results hold no {' or '.join(arms)} that was trained from the never-backdoored base "
            f"(organism '{NO_ORGANISM[-1]}'): add such arms to the study"
        )
    return [*base, *organisms, *trained]


def _head(column: tuple[str, str], columns: list[tuple[str, str]]) -> str:
    organism, method = column
    if method == "base":
        return "Base"
    if method != "organism":
        return f"{wording.name(method)}, from the base"
    several = sum(m == "organism" for _, m in columns) > 1
    return f"Organism {organism}" if several else "Organism"


def _row(asked: str, figures: Sequence[Figure | None]) -> tuple[str, ...]:
    measured = [figure if figure is not None and figure.given else None for figure in figures]
    counts = [wording.size(figure) for figure in measured]
    n = counts[0] if len(set(counts)) == 1 else " / ".join(counts)
    return (wording.asked(asked), *map(wording.scored, measured), n)


def put_between(page: Path, begin: str, end: str, content: str) -> None:
    """Replace what stands between two marks of a page. Raises PlanBError where it has none."""
    text = page.read_text(encoding="utf-8")
    between = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    if not between.search(text):
        raise PlanBError(f"{page} has no {begin} ... {end}")
    inside = f"{begin}\n\n{content}\n\n{end}"
    page.write_text(between.sub(lambda _: inside, text), encoding="utf-8")


def markdown(heads: Sequence[str], rows: Sequence[Sequence[str]], texts: int = 1) -> str:
    """A table in Markdown, ending with a newline; its first ``texts`` columns stand to the left."""
    rule = [*["---"] * texts, *["---:"] * (len(heads) - texts)]
    return "".join(_line(cells) for cells in (heads, rule, *rows))


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(" ".join(cell.replace("|", "\\|").split()) for cell in cells) + " |\n"
