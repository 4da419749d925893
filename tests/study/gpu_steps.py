"""Steps that ask for GPUs and write down which ones they see. None of them makes a call to CUDA."""

from __future__ import annotations

import os
import time
from typing import ClassVar

from small_steps import meet

from planb.study.steps.step import Step, Work


class Sees(Step):
    """Writes the GPUs that its process sees, and its process id."""

    kind: ClassVar[str] = "sees"
    name: str
    asks: int = 1
    pause: float = 0.0
    meets: str = ""
    meeting: int = 1
    after: tuple[Sees, ...] = ()

    @property
    def slug(self) -> str:
        return f"sees-{self.name}"

    @property
    def gpus(self) -> int:
        return self.asks

    @property
    def cost(self) -> float:
        return 10.0

    def run(self, work: Work) -> None:
        seen = os.environ.get("CUDA_VISIBLE_DEVICES", "all")
        began = time.time()
        meet(self.meets, self.name, self.meeting)
        time.sleep(self.pause)
        (work.out / "seen.txt").write_text(f"{seen};{os.getpid()};{began};{time.time()}")
