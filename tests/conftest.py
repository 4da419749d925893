"""What holds for every test, and for the processes that tests start."""

from __future__ import annotations

import os

# Several test processes share the cores: one thread each, and none that spins while it waits. A step
# of a study sets its own number of threads.
os.environ |= {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}
