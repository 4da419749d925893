"""A study for the tests of many machines: slow steps side by side, and a table of what they made.

A file like a user's own: the command line and every worker load it by its path.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from gpu_steps import Sees
from small_steps import Count

from planb.study.steps.step import Step, Work


class Tally(Step):
    """``table.csv``: what each of the counts came to."""

    kind: ClassVar[str] = "tally"
    counts: tuple[Count, ...]

    def run(self, work: Work) -> None:
        rows = [f"{step.name},{(work.folder(step) / 'sum.txt').read_text()}" for step in self.counts]
        (work.out / "table.csv").write_text("\n".join(["name,sum", *rows, ""]))

    def publish(self, out: Path, study_folder: Path) -> None:
        (study_folder / "table.csv").write_bytes((out / "table.csv").read_bytes())


class Counting:
    """What the command line needs of a study."""

    name, title, seeds = "counting", "Counting on many machines", (0,)

    def steps(self) -> tuple[Step, ...]:
        root = Count(name="root", to=2)
        slow = [Count(name=f"slow{i}", to=10 + i, pause=0.2, after=(root,)) for i in range(4)]
        on = [Count(name=f"on{i}", to=i, after=(step,)) for i, step in enumerate(slow)]
        seeing = [Sees(name="one", asks=1), Sees(name="none", asks=0)]
        return (Tally(counts=(root, *slow, *on)), *seeing)

    def with_seeds(self, n: int) -> Counting:
        del n
        return self

    def write_report(self, study_folder: Path, redact: bool = False, url: str = "") -> Path:
        del redact, url
        return study_folder / "table.csv"


study: Any = Counting()
