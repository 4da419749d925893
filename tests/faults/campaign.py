"""Break a small real study again and again: ``python tests/faults/campaign.py`` (``make faults``).

What is seen is written to benchmarks/results/faults.csv: the fault, how often, over how many rounds
or files.
Ends with exit code 1 at the first thing that must never be.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from broken import BrokenError, Reference
from disk import full_disks
from flips import flips
from kills import kills

KEPT = Path(__file__).parents[2] / "benchmarks" / "results" / "faults.csv"
HEAD = "fault,times,over"


def main() -> int:
    """0: every promise was kept."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    asked.add_argument("faults", nargs="*", help="kills, disk, flips; none: all of them")
    asked.add_argument("--moments", type=int, default=50, help="how many kills")
    asked.add_argument(
        "--sizes", type=int, default=12, help="how many sizes of a disk that is too small"
    )
    asked.add_argument("--seed", type=int, default=0, help="of the moments and the bytes")
    given = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="planb-faults-") as room:
        here, began = Path(room), time.monotonic()
        reference = Reference.made(here / "undisturbed")
        print(f"the undisturbed run took {reference.seconds:.0f} s", flush=True)
        campaigns: dict[str, Callable[[], list[str]]] = {
            "kills": lambda: kills(reference, here / "kills", given.moments, given.seed),
            "disk": lambda: full_disks(reference, here / "disk", given.sizes),
            "flips": lambda: flips(reference, here / "flips", given.seed),
        }
        unknown = set(given.faults) - set(campaigns)
        if unknown:
            asked.error(f"{', '.join(sorted(unknown))}: choose from {', '.join(campaigns)}")
        lines = list[str]()
        for name in given.faults or campaigns:
            try:
                lines += campaigns[name]()
            except BrokenError as error:
                print(f"BROKEN ({name}, seed {given.seed}): {error}", file=sys.stderr)
                return 1
        _keep(lines)
        print(f"all promises kept, in {(time.monotonic() - began) / 60:.0f} min: {KEPT.name}")
    return 0


def _keep(lines: list[str]) -> None:
    """Write them in the place of earlier lines of the same faults."""
    told = dict[str, str]()
    if KEPT.is_file():
        told = {line.split(",")[0]: line for line in KEPT.read_text().splitlines()[1:]}
    told |= {line.split(",")[0]: line for line in lines}
    KEPT.write_text("\n".join([HEAD, *told.values()]) + "\n")


if __name__ == "__main__":
    sys.exit(main())
