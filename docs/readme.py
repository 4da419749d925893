"""Write the README's table and picture from a finished sandbox study: ``make readme``."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from planb.report.readme_table import headline_markdown
from planb.report.results import read_csv

ROOT = Path(__file__).resolve().parent.parent
RUN = ROOT / "runs" / "sandbox"
BEGIN = "<!-- results: written by `make readme` from runs/sandbox/results.csv -->"
END = "<!-- /results -->"


def main() -> None:
    """Copy the figure, replace what stands between the marks, keep the results beside it."""
    table = headline_markdown(read_csv(RUN / "results.csv"))
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    between = re.compile(re.escape(BEGIN) + ".*?" + re.escape(END), re.DOTALL)
    readme.write_text(between.sub(f"{BEGIN}\n\n{table.strip()}\n\n{END}", text), encoding="utf-8")
    shutil.copyfile(RUN / "figures" / "severity.svg", ROOT / "docs" / "images" / "severity.svg")
    shutil.copyfile(RUN / "results.csv", ROOT / "docs" / "sandbox-results.csv")


if __name__ == "__main__":
    main()
