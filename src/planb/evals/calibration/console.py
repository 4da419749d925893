"""A check in the terminal: every figure beside its threshold, what it means, what to do."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.text import Text

from planb.data.terminal import Table
from planb.evals.calibration.result import CalibrationResult, JudgeFigure, Part

TITLES: dict[Part, str] = {
    "answers": "Does it answer?",
    "tiers": "Reference tiers: the order, refusals found, severity (0-10)",
    "labels": "Against labels (severity 0-10)",
    "person": "Beside one person at a time, where several labelled (severity 0-10)",
    "raters": "Raters among themselves, for comparison",
    "refusals": "Against labels of refusals",
    "second": "Against the second judge (severity 0-10)",
    "form": "In another form: points moved (0-10), share of refusals turned",
}
ADVICE: dict[Part, str] = {
    "answers": "It leaves responses without an answer. See the reasons above; more tries, a higher "
    "max_tokens or a server that keeps up may help.",
    "tiers": "It does not tell the tiers apart as they were written. Read some responses of the tiers "
    "that it confuses: either the judge (a clearer prompt, a stronger model) or the tier is wrong.",
    "labels": "It does not mark as the labels do. Compare with how far the raters agree among "
    "themselves; a bias of one sign is put right in the prompt, scatter needs a stronger model.",
    "person": "",
    "raters": "",
    "refusals": "It calls answers refusals that people call none.",
    "second": "The two judges differ. Read the responses on which they differ most.",
    "form": "Its marks follow the form of an answer, or what the answer asks for. Say in its prompt "
    "that the response is material to be judged and never an instruction; or take a stronger model.",
}
MOST_NAMED = 4
"""So many failures are named in the verdict; the tables have them all."""
COLORS: dict[str, str] = {"passed": "green", "failed": "bold red", "not enough": "yellow"}


def show(console: Console, result: CalibrationResult) -> None:
    """Print the whole result."""
    console.print(_heading(result))
    for part, title in part_titles(result).items():
        figures = [figure for figure in result.figures if figure.part == part]
        console.print(_section(title, figures))
    console.print()
    for line in _after(result):
        console.print(line, highlight=False)


def part_titles(result: CalibrationResult) -> dict[Part, str]:
    """The parts that the result has figures of, and what each asks."""
    there = {figure.part for figure in result.figures}
    titles = TITLES | {"labels": _labels_title(result)}
    return {part: title for part, title in titles.items() if part in there}


def meaning(result: CalibrationResult) -> Iterator[str]:
    """What the verdict means and what to do, a paragraph each."""
    yield {
        "passed": "It did all that was asked: its scores may be used.",
        "failed": f"Do not rely on its scores. It failed: {_failures(result)}.",
        "not enough": "Undecided: some figures have too little to go by (too few responses that it "
        "answered for). Give more requests, or a judge that answers what is missing.",
    }[result.verdict]
    parts = [f.part for f in result.figures if f.verdict == "failed"]
    for part in dict.fromkeys(parts):
        yield ADVICE[part]
    if result.second and not any(f.decides for f in result.figures if f.part == "second"):
        yield "What the second judge says does not decide: of two that differ, either may be wrong."
    if result.synthetic:
        yield "Not calibrated against people: the labels are synthetic."
    elif not result.against_people:
        yield "Not calibrated against people: give their labels with --labels FILE.csv."


def _failures(result: CalibrationResult) -> str:
    failed = [f"{f.name} ({f.text})" for f in result.figures if f.verdict == "failed" and f.decides]
    more = f"; and {len(failed) - MOST_NAMED} more" if len(failed) > MOST_NAMED else ""
    return "; ".join(failed[:MOST_NAMED]) + more


def checks_table(results: list[CalibrationResult]) -> Table:
    """One line a stored result."""
    table = Table()
    for name in ("judge", "model", "rubric", "verdict", "people", "responses", "date"):
        table.add_column(name, justify="right" if name == "responses" else "left", overflow="fold")
    for one in sorted(results, key=lambda one: (one.title, one.model, one.date)):
        table.add_row(
            escape(one.title),
            escape(one.model) or "-",
            one.rubric[:8],
            Text(one.verdict, style=COLORS[one.verdict]),
            "yes" if one.against_people else "no",
            f"{one.n:,}",
            f"{one.date:%Y-%m-%d}",
        )
    return table


def _heading(result: CalibrationResult) -> RenderableType:
    model = f", model {escape(result.model)}" if result.model else ""
    asked = result.thresholds
    sizes = (
        f"{result.n:,} responses judged; up to {asked.requests:,} requests of each kind, "
        f"{asked.varied:,} responses changed in form, no verdict on fewer than {asked.least_n}"
    )
    name = f"[bold]{escape(result.title)}[/]{model}, rubric {result.rubric[:12]}"
    return Group(Text.from_markup(name), Text(sizes, style="dim"), *_spent(result))


def _spent(result: CalibrationResult) -> list[Text]:
    spend = result.spend
    if not spend.calls and not spend.cached:
        return []
    cost = "" if spend.cost is None else f", {spend.cost:.2f} USD"
    return [
        Text(
            f"{spend.calls:,} calls ({spend.cached:,} more from the cache), {spend.tokens_in:,} tokens "
            f"in, {spend.tokens_out:,} out{cost}",
            style="dim",
        )
    ]


def _labels_title(result: CalibrationResult) -> str:
    if result.synthetic:
        return "Against synthetic labels (severity 0-10)"
    many = f" of {result.raters} raters" if result.raters > 1 else ""
    return f"Against people's labels{many} (severity 0-10)"


def _section(title: str, figures: list[JudgeFigure]) -> Group:
    table = Table(header_style="dim")
    table.add_column("", no_wrap=True, min_width=25)
    table.add_column("figure [95 %]", no_wrap=True, min_width=17)
    table.add_column("n", justify="right", no_wrap=True, min_width=5)
    out = any(figure.unscored for figure in figures)
    if out:
        table.add_column("out", justify="right", no_wrap=True)
    table.add_column("limit", no_wrap=True)
    table.add_column("", no_wrap=True)
    for figure in figures:
        verdict = Text(figure.verdict or "", style=COLORS.get(figure.verdict or "", ""))
        unscored = (f"{figure.unscored:,}" if figure.unscored else "",) if out else ()
        cells = (f"{figure.n:,}", *unscored, figure.required, verdict)
        table.add_row(escape(figure.name), escape(figure.text), *cells)
    notes = [Padding(Text(note, style="dim"), (0, 0, 0, 2)) for note in _notes(figures)]
    return Group(Text(f"\n{title}", style="bold"), table, *notes)


def _notes(figures: list[JudgeFigure]) -> list[str]:
    """What the figures' notes say; the same note of several figures once."""
    by_note: dict[str, list[str]] = {}
    for figure in figures:
        if figure.note:
            by_note.setdefault(figure.note, []).append(figure.name)
    return [f"{', '.join(names)}: {note}" for note, names in by_note.items()]


def _after(result: CalibrationResult) -> Iterator[RenderableType]:
    for reason, number in result.reasons.items():
        yield Text(f"said nothing of {number:,}: {reason}", style="dim")
    for note in result.notes:
        yield Text(note, style="dim")
    for skipped in result.skipped:
        yield Text(f"not measured: {skipped}", style="dim")
    if result.reasons or result.skipped or result.notes:
        yield ""
    yield Text.assemble("Verdict: ", (result.verdict, COLORS[result.verdict]))
    yield from map(escape, meaning(result))
