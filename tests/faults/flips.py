"""One byte changed in each kind of file that a step makes: noticed, named, and made again."""

from __future__ import annotations

import random
import re
import shutil
from pathlib import Path

from broken import NAME, BrokenError, Reference, Run, finished

_OWN = re.compile(r"-[0-9a-f]{12}$")


def flips(reference: Reference, room: Path, seed: int) -> list[str]:
    """A byte of one file of each kind (kind of step and name) is another; then the same command.

    The run names the file or its step, and ends with the undisturbed run's files.
    """
    draw, kinds = random.Random(seed), _kinds(reference.folder)
    for number, (kind, file) in enumerate(sorted(kinds.items()), start=1):
        out = room / f"flip-{number}"
        shutil.copytree(reference.folder, out / NAME)
        changed = out / NAME / file.relative_to(reference.folder)
        content = bytearray(changed.read_bytes())
        place = draw.randrange(len(content))
        content[place] ^= 1 << draw.randrange(8)
        changed.write_bytes(content)
        run = Run(out)
        if run.end():
            raise BrokenError(f"{kind} was changed, and the run failed: {run.said[-2000:]}")
        step = next(part for part in changed.parts if _OWN.search(part))
        if step not in "".join(run.said.split()):
            raise BrokenError(f"byte {place} of {kind} was changed, and the run does not say so")
        reference.same(out / NAME)
        shutil.rmtree(out)
        print(f"{number} of {len(kinds)}: {kind}", flush=True)
    return [f"a changed byte in a file of a finished step,{len(kinds)},{len(kinds)}"]


def _kinds(folder: Path) -> dict[str, Path]:
    """A file of each kind of step and name, by the two in words."""
    found = dict[str, Path]()
    for step in finished(folder):
        what = step.name.split("-")[0]
        for file in sorted(step.rglob("*")):
            if file.is_file() and file.stat().st_size:
                found.setdefault(f"{what}: {file.relative_to(step)}", file)
    return found
