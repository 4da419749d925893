"""What this machine has that a study needs: cores, memory, disk, GPUs, packages, keys."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import NamedTuple

from planb.study.running.devices import visible_gpus

GIB = 2**30
OPTIONAL = {
    "ray": "runs on a cluster: pip install 'planb[ray]'",
    "gguf": "conversion of GGUF files: pip install 'planb[gguf]'",
    "if-verifiable": "the benchmark IFEval: pip install 'planb[ifeval]'",
    "bitsandbytes": "4-bit bases on a GPU: pip install 'planb[gpu]'",
    "vllm": "fast generation on a GPU, as a server of its own",
}
"""Packages that only some studies need, and what for."""
KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GOOGLE_API_KEY", "HF_TOKEN")
"""Keys that are named also where they are not set: of judges, writers and gated models."""


class Package(NamedTuple):
    """An installed version, "" where it is missing; ``use`` is "" of what planb always needs."""

    name: str
    version: str
    use: str


class Machine(NamedTuple):
    """``memory`` and ``disk`` are free GiB; ``keys`` are names of variables and whether each is set."""

    processor: str
    cores: int
    bf16: str
    memory: float
    memory_total: float
    disk: float
    folder: str
    gpus: tuple[str, ...]
    packages: tuple[Package, ...]
    keys: tuple[tuple[str, bool], ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """What planb always needs and is not installed."""
        return tuple(one.name for one in self.packages if not one.use and not one.version)


def this_machine(folder: Path) -> Machine:
    """Read from the system; nothing is loaded or changed. ``folder`` is where results would go."""
    processor, flags = _processor()
    free, total = _memory()
    there = next(part for part in (folder.absolute(), *folder.absolute().parents) if part.exists())
    return Machine(
        processor=processor,
        cores=cores(),
        bf16=_bf16(flags),
        memory=free,
        memory_total=total,
        disk=shutil.disk_usage(there).free / GIB,
        folder=str(folder),
        gpus=_gpus(),
        packages=_packages(),
        keys=_keys(),
    )


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _processor() -> tuple[str, set[str]]:
    """Its name, and its instruction sets where the system tells them."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine(), set()
    said = {key.strip(): value.strip() for key, _, value in (one.partition(":") for one in lines)}
    flags = set((said.get("flags") or said.get("Features") or "").split())
    return said.get("model name") or platform.machine(), flags


def _bf16(flags: set[str]) -> str:
    fast = [name for name in ("amx_bf16", "avx512_bf16", "bf16") if name in flags]
    if fast:
        return f"in hardware ({', '.join(fast)})"
    return "emulated, slow: train in float32 on the CPU" if flags else "not known"


def _memory() -> tuple[float, float]:
    """Free and total GiB, no more than a container may have; (0, 0) where the system does not tell."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0.0, 0.0
    kib = {line.partition(":")[0]: int(line.split()[1]) for line in lines if len(line.split()) > 1}
    free, total = kib["MemAvailable"] / 2**20, kib["MemTotal"] / 2**20
    try:
        limit = int(Path("/sys/fs/cgroup/memory.max").read_text()) / GIB
        used = int(Path("/sys/fs/cgroup/memory.current").read_text()) / GIB
    except (OSError, ValueError):
        return free, total
    return min(free, max(limit - used, 0.0)), min(total, limit)


def _gpus() -> tuple[str, ...]:
    """Each visible GPU in words: its name and memory where the driver tells them."""
    visible = visible_gpus()
    if not visible or shutil.which("nvidia-smi") is None:
        return tuple(f"GPU {name}" for name in visible)
    asked = ["nvidia-smi", "--query-gpu=index,uuid,name,memory.total", "--format=csv,noheader"]
    said = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=30)
    told = {}
    for line in said.stdout.splitlines() if said.returncode == 0 else []:
        index, uuid, name, memory = (part.strip() for part in line.split(",", 3))
        told[index] = told[uuid] = f"{name}, {memory}"
    return tuple(told.get(name, f"GPU {name}") for name in visible)


def _packages() -> tuple[Package, ...]:
    try:
        needed = requires("planb") or []
    except PackageNotFoundError:
        needed = []
    names = [_bare(one) for one in needed if "extra ==" not in one]
    return tuple(Package(name, _version(name), OPTIONAL.get(name, "")) for name in (*names, *OPTIONAL))


def _bare(requirement: str) -> str:
    """``"torch>=2.10"`` -> ``"torch"``."""
    for place, letter in enumerate(requirement):
        if not (letter.isalnum() or letter in "-_."):
            return requirement[:place]
    return requirement


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _keys() -> tuple[tuple[str, bool], ...]:
    """Names alone: no value of a variable is looked at, but for whether it is empty."""
    found = [name for name in sorted(os.environ) if name.endswith("_API_KEY")]
    return tuple((name, bool(os.environ.get(name))) for name in dict.fromkeys((*KEYS, *found)))
