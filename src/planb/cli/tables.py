"""What the command line prints about a study: its steps, what failed, its headline results."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.text import Text
from rich.tree import Tree

from planb.cli.planned import planned
from planb.data.terminal import Table
from planb.domains import HARM, Domain
from planb.domains.domain import WITH, WITHOUT
from planb.study.planning.plan import Outcome, State
from planb.study.running.progress import about, span, time_left
from planb.study.steps.step import Step
from planb.study.store.backends import opened
from planb.study.store.store import ERROR, OUTPUT, DamagedError, Store

if TYPE_CHECKING:
    from planb.study.planning.arrows import Branch
    from planb.study.planning.budget import Line

STYLE: dict[State, str] = {
    "done": "green",
    "running": "cyan",
    "partial": "yellow",
    "to do": "",
    "blocked": "dim",
    "failed": "red",
    "damaged": "red",
}


MOST_LISTED = 100
"""So many steps are listed singly; of more, each kind has a line for each state."""
MOST_BLOCKED = 6
"""So many steps that could not be started are named."""


def plan_table(
    states: Sequence[tuple[Step, State]],
    study_folder: Path,
    jobs: int,
    url: str = "",
    singly: bool = False,
) -> Table:
    """Each step with its state and how long it took or will take; the caption sums up.

    Many steps are summed up by kind, unless they are wanted ``singly``.
    """
    plan = planned(states, study_folder, jobs, url)
    table = Table()
    table.add_column("step")
    table.add_column("state")
    table.add_column("time", justify="right")
    rows = dict[tuple[str, State, str], list[float]]()
    alone = singly or len(plan.steps) <= MOST_LISTED
    for step, identity, state, seconds in plan.steps:
        name, one = (step.slug, identity) if alone else (step.kind, "")
        rows.setdefault((name, state, one), []).append(seconds)
    for (name, state, _), each in rows.items():
        time = (
            span(sum(each)) if state == "done" else "?" if math.isnan(sum(each)) else about(sum(each))
        )
        count = f"{name} ({len(each)} steps)" if len(each) > 1 else name
        table.add_row(Text(count), Text(state, style=STYLE[state]), time)
    left = f"{time_left(plan.left, plan.untimed, 'to do')} on {jobs} core(s)"
    left = left if plan.done < len(plan.steps) else "nothing to do"
    table.caption = f"{plan.done} of {len(plan.steps)} steps done, {left}"
    return table


MOST_NAMES = 8
"""So many names of trained checkpoints stand beside their kind."""


def arrows_tree(roots: Sequence[Branch]) -> Tree:
    """The kinds of step, each under what it is made of, with how many there are; behind a + stands
    what they also read, and then the names of checkpoints."""
    whole = Tree("", hide_root=True, guide_style="dim")
    for root in roots:
        _grow(whole.add(_branch(root)), root)
    return whole


def _grow(tree: Tree, branch: Branch) -> None:
    for below in branch.below.values():
        _grow(tree.add(Text("-> ").append(_branch(below))), below)


def _branch(branch: Branch) -> Text:
    names = [name for name in branch.names if name != branch.kind]
    shown, more = names[:MOST_NAMES], len(names) - MOST_NAMES
    told = ", ".join([*shown, *([f"{more} more"] if more > 0 else [])])
    label = Text(f"{branch.kind} ({branch.count})", style="bold")
    if branch.also_read:
        label.append(f" + {', '.join(branch.also_read)}", style="not bold")
    return label.append(f"  {told}" if told else "", style="not bold dim")


def status_table(states: Sequence[tuple[Step, State]], study_folder: Path, url: str = "") -> Table:
    """How many steps are in which state, and where those that run or failed stand."""
    store = opened(study_folder / "steps", url)
    table = Table(show_header=False)
    for state, style in STYLE.items():
        here = [step for step, other in states if other == state]
        if here:
            table.add_row(Text(state, style=style), f"{len(here)} of {len(states)}", "")
        for step in here if state in ("running", "partial", "failed", "damaged") else []:
            table.add_row("", Text(step.slug), Text(_standing(store, step, state), style="dim"))
    return table


def _standing(store: Store, step: Step, state: State) -> str:
    if state == "damaged":
        return f"{damage(store, step)}: planb run makes it again"
    if state == "failed":
        last = store.error(step).strip().split("\n")[-1]
        return f"{last} ({store.partial(step) / ERROR})"
    done, total, note = store.progress(step)
    far = f"{done:g}/{total:g} {note}".strip() if total else ""
    return f"{far} ({store.partial(step) / OUTPUT})".strip()


def damage(store: Store, step: Step) -> str:
    """What is wrong with a finished step, in words; "" where it is whole, or not finished."""
    try:
        store.check(step)
    except DamagedError as error:
        return error.what
    return ""


def failure_table(outcome: Outcome) -> Table:
    """What failed, why, and where the log is; then what could not be started for it."""
    table = Table()
    table.add_column("failed", style="red", no_wrap=True)
    table.add_column("why", overflow="fold")
    for failure in outcome.failed:
        why = Text(failure.message)
        if failure.log:
            why.append(f"\nlog: {failure.log}", style="dim")
        table.add_row(Text(failure.step.slug), why)
    if outcome.blocked:
        waiting = ", ".join(step.slug for step in outcome.blocked[:MOST_BLOCKED])
        more = len(outcome.blocked) - MOST_BLOCKED
        waiting += f" and {more} more" if more > 0 else ""
        table.add_row(Text("not started", style="yellow"), Text(waiting, style="dim"))
    return table


def budget_table(lines: Sequence[Line]) -> Table:
    """What the steps on published models will need, a line for each model and sort of step."""
    from planb.study.planning.budget import ASSUMED, totals

    table = Table()
    for name in ("model", "what"):
        table.add_column(name)
    for name in ("steps", "rows", "tokens", "GPU hours", "memory", "GPUs of 80 GB"):
        table.add_column(name, justify="right")
    for line in lines:
        numbers = (f"{line.steps:,}", f"{line.rows:,}", f"{line.tokens / 1e6:,.1f} M")
        memory = f"{line.gib:,.0f} GiB"
        table.add_row(line.model, line.what, *numbers, f"{line.hours:,.1f}", memory, str(line.gpus))
    steps, rows, tokens, hours = totals(lines)
    table.add_section()
    table.add_row(
        "all", "", f"{steps:,}", f"{rows:,}", f"{tokens / 1e6:,.1f} M", f"{hours:,.1f}", "", ""
    )
    table.caption = ASSUMED
    return table


def unknown_models(names: Sequence[str]) -> str:
    """What is printed of models that have no card."""
    return (
        f"GPU hours and memory are not estimated for {escape(', '.join(names))}: no model card. Give "
        "its LocalBase one, card='module:NAME' (docs/extending.md)."
    )


def untried_tasks(names: Sequence[str]) -> str:
    """What is printed of tasks whose data are not there yet."""
    return (
        f"Only tried when their data are there, after step 1: the tasks {escape(', '.join(names))}. A "
        "task whose data are a local file, or the study's own requests, is tried before."
    )


_SHORT = {WITH: "trigger", WITHOUT: "no trigger"}


def results_table(path: Path, domain: Domain = HARM) -> Table | None:
    """The report's headline table from ``results.csv``: pooled over seeds, a row for each method.

    ``None`` where there are no results yet.
    """
    from planb.report.headline import headline
    from planb.report.results import read_csv

    if not path.exists():
        return None
    shown = headline(read_csv(path), domain=domain)
    if not shown.rows:
        return None
    groups = [_SHORT.get(group, group.lower()) for group, width in shown.spans for _ in range(width)]
    table = Table()
    for place, (group, column) in enumerate(zip(groups[:-1], shown.head[:-1], strict=True)):
        heading = f"[dim]{escape(group)}[/]\n{escape(column)}"
        table.add_column(heading, justify="right" if place else "left", no_wrap=True)
    for *cells, _ in shown.rows:
        table.add_row(*map(_two_lines, cells))
    counts = dict.fromkeys(row[-1] for row in shown.rows)
    named = "; ".join(f"{n} ({', '.join(r[0] for r in shown.rows if r[-1] == n)})" for n in counts)
    asked = " / ".join(dict.fromkeys(group for group in groups if group))
    table.caption = Text(f"n, {asked}: {named}", style="dim")
    return table


def _two_lines(cell: str) -> Text:
    """A figure with its interval under it: the table then fits 80 columns."""
    value, bracket, interval = cell.partition(" [")
    below = f"\n[{interval}".replace(", ", ",") if bracket else ""
    return Text(value).append(below, style="dim")
