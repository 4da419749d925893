"""A disk that is full at one moment after another: small ones, in memory."""

from __future__ import annotations

import subprocess
from pathlib import Path

from broken import NAME, BrokenError, Reference, Run, stamps, untouched

SAID = "no space left on the device"


def full_disks(reference: Reference, room: Path, sizes: int) -> list[str]:
    """The study on a disk that holds a part of it, ``sizes`` parts up to the whole; then, with room
    enough, the same command. Needs the right to mount (root).

    Each run that finds the disk full says so, leaves no torn step, and the next ends as it should.
    """
    whole = sum(file.stat().st_size for file in reference.folder.rglob("*") if file.is_file())
    full = 0
    for part in range(1, sizes + 1):
        disk = room / f"disk-{part}"
        disk.mkdir(parents=True)
        size = whole * part // (sizes + 1)
        _mount(disk, "-t", "tmpfs", "-o", f"size={size}", "tmpfs")
        try:
            full += _filled(reference, disk)
        finally:
            subprocess.run(["umount", disk], check=False)
        print(f"{part}: a disk of {size:,} bytes", flush=True)
    return [f"a full disk,{full},{sizes}"]


def _filled(reference: Reference, disk: Path) -> bool:
    """Whether the disk was found full."""
    out = disk / "runs"
    run = Run(out, said_at=disk.parent)
    code, said = run.end(), run.said
    if code and SAID not in " ".join(said.split()):
        raise BrokenError(f"the disk is full, and the run says: {said[-2000:]}")
    before = stamps(out / NAME)
    _mount(disk, "-o", "remount,size=1g")
    again = Run(out, said_at=disk.parent)
    if again.end():
        raise BrokenError(f"with room again, the run failed: {again.said[-2000:]}")
    untouched(before, stamps(out / NAME))
    reference.same(out / NAME)
    return bool(code)


def _mount(disk: Path, *words: str) -> None:
    done = subprocess.run(["mount", *words, disk], capture_output=True, text=True, check=False)
    if done.returncode:
        raise BrokenError(f"a small disk cannot be mounted here (it needs root): {done.stderr.strip()}")
