"""What holds for every test, and for the processes that tests start."""

from __future__ import annotations

import gc
import os

# Several test processes share the cores: one thread each, also where a step of a study asks for two,
# and none that spins while it waits.
os.environ |= {"OMP_NUM_THREADS": "1", "OMP_THREAD_LIMIT": "1", "OMP_WAIT_POLICY": "passive"}

# The libraries are a million objects. Looking through them for garbage took a sixth of the tests' time.
gc.disable()


def pytest_collection_finish() -> None:
    """The libraries are loaded: what comes now is looked through, they are not."""
    gc.freeze()
    gc.enable()
