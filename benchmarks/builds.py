"""The whole sandbox study against that of an older commit: how long until the first report?

    python -m benchmarks.builds [--against 8c09012] [--seeds 1] [--rounds 1] [--beside]

Both builds run ``planb run sandbox`` from nothing, one after the other, in the same environment, on a
machine that does nothing else. Written to ``results/builds-SEEDS.csv``, a line a build, round and
figure: seconds of the base's pretraining, to the first report and to the end; the peak memory of all of
the run's processes together (MiB; PSS, so that what they share counts once); the held-out loss of the
base (nats a response token, 1,024 rows that no base is trained on). ``--beside``: the new build once
more, beside a process that keeps one core busy.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pandas as pd
import psutil
from rich.console import Console

from planb.data.tables import write_csv

ROOT = Path(__file__).resolve().parent.parent
FILE = Path(__file__).resolve().parent / "results" / "builds.csv"
HELD_OUT = 1024
Line = tuple[str, int, int, str, float]


@contextmanager
def checked_out(commit: str) -> Iterator[Path]:
    """The source tree of a commit, for as long as it is needed."""
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder) / "tree"
        git = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run([*git, "add", "--detach", str(where), commit], check=True, capture_output=True)
        try:
            yield where / "src"
        finally:
            subprocess.run([*git, "remove", "--force", str(where)], check=True)


@contextmanager
def busy() -> Iterator[None]:
    """A process that keeps one core busy."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def run(source: Path, seeds: int, out: Path) -> dict[str, float]:
    """``planb run sandbox`` of a source tree, from nothing. Raises where it fails."""
    command = [sys.executable, "-m", "planb.cli", "run", "sandbox", "--seeds", str(seeds)]
    environment = {**os.environ, "PYTHONPATH": str(source), "HF_HUB_OFFLINE": "1"}
    began, first, peak = time.monotonic(), 0.0, 0.0
    with (out / "output.log").open("w") as log:
        process = subprocess.Popen(
            [*command, "--out", str(out / "runs")], env=environment, stdout=log, stderr=log
        )
        while process.poll() is None:
            peak = max(peak, _memory(process.pid))
            if not first and (out / "runs" / "sandbox" / "report.html").exists():
                first = time.monotonic() - began
            time.sleep(1)
    whole = time.monotonic() - began
    if process.returncode:
        raise RuntimeError(f"planb run failed: {(out / 'output.log').read_text()[-2000:]}")
    steps = out / "runs" / "sandbox" / "steps"
    (base, *_) = sorted(steps.glob("base-*"), key=lambda path: path.stat().st_mtime)
    return {
        "base, seconds": json.loads((base / "manifest.json").read_text())["seconds"],
        "first report, seconds": first or whole,
        "whole run, seconds": whole,
        "peak memory, MiB": peak,
        "base, held-out loss": held_out_loss(base),
    }


def _memory(pid: int) -> float:
    found = 0
    try:
        parent = psutil.Process(pid)
        for one in (parent, *parent.children(recursive=True)):
            found += one.memory_full_info().pss
    except psutil.Error:
        pass
    return found / 2**20


def held_out_loss(base: Path) -> float:
    """The mean over rows of the NLL a token of each row's response, in nats."""
    import torch

    from planb.models.checkpoints import load_policy
    from planb.sandbox.corpus import CorpusMix, pretraining
    from planb.sandbox.world import World
    from planb.training import layout
    from planb.training.packing import parts
    from planb.training.rows import Ranking, schedule
    from planb.training.scoring import scores
    from planb.types import Ordering

    policy = load_policy(base)
    rows = list(pretraining(World(), CorpusMix(), HELD_OUT, seed=9998))
    ranking = Ranking(rows, Ordering(tiers=("text",)))
    made = schedule([ranking], policy.tokenizer, 1, HELD_OUT, 0, 2048)
    way = layout.choose(policy.model, made[:64], policy.tokenizer.pad_token_id)
    total = 0.0
    with torch.no_grad():
        for part in parts(made, policy.tokenizer.pad_token_id, way.layout):
            found = scores(policy.model, part, way)
            total -= float((found.s_R / found.n_R).sum())
    return total / HELD_OUT


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--against", default="8c09012", help="the older commit")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--beside", action="store_true", help="the new build beside a busy process")
    asked, console = parser.parse_args(), Console()
    lines: list[Line] = []
    with checked_out(asked.against) as old:
        builds = {"new": (ROOT / "src", False), asked.against: (old, False)}
        if asked.beside:
            builds["new, beside a busy process"] = (ROOT / "src", True)
        for number in range(asked.rounds):
            for name, (source, beside) in builds.items():
                with tempfile.TemporaryDirectory() as folder, busy() if beside else nullcontext():
                    for what, value in run(source, asked.seeds, Path(folder)).items():
                        lines.append((name, asked.seeds, number, what, value))
                        console.print(f"{name}: {what} {value:,.2f}")
    found = pd.DataFrame(lines, columns=["build", "seeds", "round", "figure", "value"])
    for what, part in found.groupby("figure", sort=False):
        means = part.groupby("build")["value"].mean()
        for name in means.index.drop("new"):
            console.print(f"{what}: new / {name} = {means['new'] / means[name]:.2f}")
    write_csv(found, FILE.with_stem(f"builds-{asked.seeds}"))


if __name__ == "__main__":
    main()
