"""How long does planning a study take, over its seeds? Beside that of an older commit.

    python -m benchmarks.planning [--against 8c09012] [--seeds 10 20 40] [--large 313]

Each line is a process of its own that makes the steps of the study ``sandbox`` with so many seeds, and
the state of each step in an empty folder (``planb plan``), with nothing known of the corpora; ``again``
is once more. ``--large`` is run by this build alone: the older one grows with the square of the seeds.
Written to ``results/planning.csv``: CPU seconds of planning (imports left out), its steps, and the peak
memory of the process (MiB, imports included).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
from rich.console import Console

from benchmarks.builds import ROOT, checked_out
from planb.data.tables import write_csv

FILE = Path(__file__).resolve().parent / "results" / "planning.csv"
CODE = """
import json, re, sys, tempfile, time
from pathlib import Path
from planb.studies.sandbox import sandbox
try:
    from planb.study.planning.plan import plan
except ImportError:
    from planb.study.plan import plan
seeds = tuple(range(int(sys.argv[1])))
whole = sandbox().model_copy(**{"update": {"seeds": seeds}})
with tempfile.TemporaryDirectory() as folder:
    plan(sandbox().with_seeds(1).steps(), Path(folder) / "one", Path(folder))  # what is loaded once
    began = time.process_time()
    found = plan(whole.steps(), Path(folder) / "all", Path(folder))
    seconds = time.process_time() - began
peak = int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024
print(json.dumps({"steps": len(found), "CPU seconds": seconds, "peak memory, MiB": peak}))
"""


def measured(source: Path, seeds: int, cache: str) -> dict[str, float]:
    """What planning so many seeds takes with a source tree. Raises where it fails."""
    environment = {**os.environ, "PYTHONPATH": str(source), "PLANB_CACHE": cache}
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(seeds)], env=environment, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--against", default="8c09012", help="the older commit")
    parser.add_argument("--seeds", type=int, nargs="+", default=[10, 20, 40])
    parser.add_argument("--large", type=int, default=313)
    asked, console, lines = parser.parse_args(), Console(), []
    with checked_out(asked.against) as old, TemporaryDirectory() as top:
        builds = {"new": ROOT / "src", "again": ROOT / "src", asked.against: old}
        runs = [(name, seeds) for seeds in asked.seeds for name in builds]
        for name, seeds in [*runs, ("new", asked.large), ("again", asked.large)]:
            found = measured(builds[name], seeds, f"{top}/{seeds}-{builds[name].parent.name}")
            lines += [(name, seeds, figure, value) for figure, value in found.items()]
            console.print(f"{name}, {seeds} seeds: {found}")
    table = pd.DataFrame(lines, columns=["build", "seeds", "figure", "value"])
    write_csv(table, FILE)


if __name__ == "__main__":
    main()
