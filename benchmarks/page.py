"""The tables of this folder's README, between the markers of each: ``<!-- name -->``."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from benchmarks.cases import RATIOS

Row = Mapping[str, Any]
TITLES = {
    "trl-orpo": "TRL ORPO",
    "trl-dpo": "TRL DPO",
    "trl-dpo-precomputed": "TRL DPO, precomputed reference",
    "separate": "K separate rows",
    "packed": "packed",
    "trl-orpo-cheapest": "TRL ORPO, cheapest calls",
    "trl-dpo-cheapest": "TRL DPO, cheapest calls",
}
PAGE = Path(__file__).resolve().parent / "README.md"


def write(parts: Mapping[str, str], page: Path = PAGE) -> None:
    """Replace what stands between the markers of each part."""
    text = page.read_text(encoding="utf-8")
    for name, inside in parts.items():
        begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        between = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
        if not between.search(text):
            raise RuntimeError(f"{page.name} has no {begin} ... {end}")
        text = between.sub(f"{begin}\n\n{inside}\n\n{end}".replace("\\", r"\\"), text)
    page.write_text(text, encoding="utf-8")


def table(rows: Sequence[Row], titles: Mapping[str, str] | None = None) -> str:
    """Markdown; ``titles`` names the columns to show, in their order (all, if None)."""
    titles = titles or {name: name for name in rows[0]}
    lines = [list(titles.values()), ["---"] * len(titles)]
    lines += [[str(row.get(name, "")) for name in titles] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def across(rows: Sequence[Row], column: str, last: str | None = None) -> str:
    """One line a case, one column a baseline, of ``trainer.csv``'s ``column``; ``last`` is a further
    column, of packed rows. The tokens are those of all pairs over those of packed rows."""
    cases: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        line = cases.setdefault((row["size"], row["K"], row["ratio"]), {})
        line[TITLES[row["baseline"]]] = row[column]
        if last and row["baseline"] == "packed":
            line[f"packed: {last.replace('_', ' ')}"] = row[last]
    return table(
        [
            {"size": size, "K": K, "prompt:response": ratio, **line, "tokens": _tokens(K, ratio)}
            for (size, K, ratio), line in cases.items()
        ]
    )


def _tokens(K: int, ratio: str) -> str:
    prompt, response = RATIOS[ratio]
    return f"{K * (K - 1) * (prompt + response) / (prompt + K * response):.2f}"


def shares(rows: Sequence[Row]) -> str:
    """Each class with its share in per cent."""
    lines = [{"class": row["class"], "share of a step": f"{float(row['share']):.1%}"} for row in rows]
    return table(lines)


def machine() -> str:
    """What was measured on, read now."""
    libraries = ", ".join(
        f"{name} {version(name)}" for name in ("torch", "transformers", "trl", "datasets")
    )
    blas = "MKL" if torch.backends.mkl.is_available() else "no MKL"
    return (
        f"Machine: {_processor()}, {os.cpu_count()} cores of which one thread is used, "
        f"{torch.backends.cpu.get_cpu_capability()}; {libraries}; {blas}; "
        f"Python {platform.python_version()}."
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
