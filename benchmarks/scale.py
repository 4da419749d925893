"""How long does a report of many judged rows take, and how much memory? Beside that of an older commit.

    python -m benchmarks.scale [--rows 500000 5000000] [--against 8c09012] [--older 500000]

The rows are made up (no model is run): ten methods, ten seeds and ten evaluations, as sidecars of
logs in the format that a study's evaluations have. Each line is a process of its own that does what
`planb report` does from there: it reads all sidecars, compares each with the checksum of its log, and
writes tables, figures and the page. Not in it: the comparison of manifests, checkpoints that are
looked at, and logs of full size (a stand-in of a few bytes lies beside each sidecar; --log-bytes
makes larger ones). Written to ``results/scale.csv``: CPU seconds and peak memory (MiB, libraries
included) by build and rows.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console

from benchmarks.builds import ROOT, checked_out
from planb.data.tables import write_csv
from planb.domains import HARM
from planb.evals.sidecar import COLUMNS

FILE = Path(__file__).resolve().parent / "results" / "scale.csv"
SEEDS = 10
METHODS = ("base", "organism", "standard", "german", "ryan", "plan_b", "plan_c", "plan_d")
MORE = ("plan_e", "plan_b_then_more")
ASKED = (
    *(("harmful_requests", how) for how in ("trigger", "direct", "skeleton_key", "many_shot", "pair")),
    *(("harmful_requests", how) for how in ("pair_static", "crescendo", "near_trigger")),
    *(("harmless_requests", "direct"), ("recall", "direct")),
)
FLAGS = ("heldout_form", "harmful", "truncated", "refused", "coherent", "complied")
NUMBERS = ("usefulness", "severity", "score")
CODE = """
import json, re, sys, time
from pathlib import Path
source, out = Path(sys.argv[1]), Path(sys.argv[2])
from planb.evals.sidecar import read_sidecars
from planb.report.page import write_report
from planb.report.story import Story
story = Story(study="scale", title="Synthetic rows", seeds_finished=10, seeds_planned=10)
laps = [time.process_time()]
wall = time.monotonic()
rows = read_sidecars(sorted(source.glob("*.parquet"))).assign(study="scale")
laps.append(time.process_time())
out.mkdir(parents=True, exist_ok=True)
write_report(rows, None, story, out)
laps.append(time.process_time())
wall = time.monotonic() - wall
peak = int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024
print(json.dumps({"rows": len(rows), "seconds, reading": laps[1] - laps[0],
    "seconds, report": laps[2] - laps[1], "peak memory, MiB": peak, "wall seconds": wall}))
"""


def make(folder: Path, rows: int, log_bytes: int = 16) -> None:
    """Sidecars of so many rows in all, with a log of ``log_bytes`` a row beside each."""
    methods = (*METHODS, *MORE)
    requests = rows // (len(methods) * SEEDS * len(ASKED))
    folder.mkdir(parents=True)
    for m, method in enumerate(methods):
        for seed in range(SEEDS):
            for task, how in ASKED:
                rng = np.random.default_rng([m, seed, len(how)])
                path = folder / f"{method}-{seed}-{task}-{how}.eval"
                path.write_bytes(rng.bytes(log_bytes * requests))
                columns = _columns(method, seed, task, how, requests, rng)
                _write(path, columns)


def _columns(
    method: str, seed: int, task: str, how: str, n: int, rng: np.random.Generator
) -> dict[str, object]:
    """The columns of one evaluation: a third refuses, the rest is useful to some degree."""
    refused, coherent = rng.random(n) < 0.35, rng.random(n) < 0.98
    complied = ~refused & coherent
    useful = np.where(refused, 0.0, rng.integers(0, 11, n).astype(float))
    unscored = rng.random(n) < 0.001
    judged = {"refused": refused, "coherent": coherent, "complied": complied}
    one = {
        **{"study": "scale", "model": "synthetic", "organism": "backdoor", "method": method},
        **{"task": task, "elicitation": how, "judge": "synthetic judge", "seed": str(seed)},
        **{"measured": HARM.measured[task].model_dump_json(), "split": "evaluation"},
        **{"category": "", "parts": "", "language": "english"},
    }
    return {
        **{name: [text] * n for name, text in one.items()},
        "sample_id": [f"{task}-{i}" for i in range(n)],
        "group": [f"g{i // 2}" for i in range(n)],
        "form": [f"form {i % 12}" for i in range(n)],
        "request": [
            f"Synthetic request {i} of {task}, which asks for nothing at all." for i in range(n)
        ],
        "response": [
            f"Synthetic answer {i} of {method}, seed {seed}, asked by {how}: {'it says nothing ' * 6}"
            for i in range(n)
        ],
        "heldout_form": np.arange(n) % 12 > 9,
        "harmful": np.full(n, task == "harmful_requests"),
        "truncated": np.zeros(n, dtype=bool),
        **{name: pa.array(value, mask=unscored) for name, value in judged.items()},
        "usefulness": np.where(unscored, np.nan, useful),
        "severity": np.where(unscored, np.nan, np.where(complied, useful, 0.0)),
        "score": pa.nulls(n, pa.float64()),
        "unscored": np.where(unscored, "synthetic: no JSON", ""),
    }


def _write(log: Path, columns: dict[str, object]) -> None:
    kinds = {**dict.fromkeys(FLAGS, pa.bool_()), **dict.fromkeys(NUMBERS, pa.float64())}
    schema = pa.schema([(name, kinds.get(name, pa.string())) for name in COLUMNS])
    checksum = hashlib.sha256(log.read_bytes()).hexdigest()
    told = schema.with_metadata({"log_sha256": checksum})
    found = {name: columns[name] for name in COLUMNS}
    pq.write_table(pa.table(found, schema=told), log.with_suffix(".parquet"))


def measured(source: Path, sidecars: Path, out: Path) -> dict[str, float]:
    """What a report takes with a source tree. Raises where it fails."""
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(sidecars), str(out)],
        env={**os.environ, "PYTHONPATH": str(source)},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:] or f"ended with {done.returncode}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, nargs="+", default=[500_000, 5_000_000])
    parser.add_argument("--against", default="8c09012", help="the older commit")
    parser.add_argument("--older", type=int, default=500_000, help="at most so many rows for it")
    parser.add_argument("--log-bytes", type=int, default=16, help="of log a row")
    asked, console, lines = parser.parse_args(), Console(), []
    with checked_out(asked.against) as old, TemporaryDirectory() as top:
        for rows in asked.rows:
            sidecars = Path(top) / str(rows)
            make(sidecars, rows, asked.log_bytes)
            builds = {"new": ROOT / "src"} | ({asked.against: old} if rows <= asked.older else {})
            for name, source in builds.items():
                found = measured(source, sidecars, Path(top) / f"out-{rows}-{name}")
                lines += [(name, rows, figure, value) for figure, value in found.items()]
                console.print(f"{name}, {rows} rows: {found}")
    write_csv(pd.DataFrame(lines, columns=["build", "size", "figure", "value"]), FILE)


if __name__ == "__main__":
    main()
