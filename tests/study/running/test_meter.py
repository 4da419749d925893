"""Seconds of processors and peak memory of a step, apart from what ran before it."""

from __future__ import annotations

import sys
import time

import pytest

from planb.study.running.meter import Meter

MIB = 2**20


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is known on Linux alone")
def test_a_peak_is_the_steps_own_and_time_that_is_slept_is_not_spent() -> None:
    large = bytearray(64 * MIB)
    before = Meter().spent().memory
    del large
    meter = Meter()
    time.sleep(0.2)
    quiet = meter.spent()
    assert quiet.cpu_seconds < 0.15
    assert quiet.memory < before - 32 * MIB
    held = bytearray(48 * MIB)
    assert meter.spent().memory > quiet.memory + 32 * MIB
    del held
