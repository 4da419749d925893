"""What a training says of the processor that it ran on."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from planb.training import processor

INTEL = "processor\t: 0\nmodel name\t: Made-up CPU\ncpu family\t: 6\nmodel\t\t: 207\n\nprocessor\t: 1\n"
ARM = "processor\t: 0\nBogoMIPS\t: 50.00\nCPU implementer\t: 0x41\n"


def test_it_is_named_with_its_instructions_and_their_limits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "cpuinfo"
    monkeypatch.setattr(processor, "_CPUINFO", told)
    for name in processor.LIMITS:
        monkeypatch.delenv(name, raising=False)
    used = torch.backends.cpu.get_cpu_capability()
    told.write_text(INTEL)
    assert processor.processor() == f"Made-up CPU (family 6, model 207), {used}"
    monkeypatch.setenv("MKL_ENABLE_INSTRUCTIONS", "AVX2")
    assert processor.processor().endswith(f"{used}, MKL_ENABLE_INSTRUCTIONS=AVX2")
    told.write_text(ARM)
    assert "BogoMIPS" not in processor.processor()
    told.unlink()
    assert processor.processor().split(",")[0]
