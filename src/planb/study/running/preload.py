"""Loads what steps need, once, into the process from which worker processes are forked.

It does nothing else: no thread pool, no GPU and no random number is touched before the fork. What
cannot be loaded is left to the worker that needs it, whose step then fails with the reason.
"""

from __future__ import annotations

import gc
import os
from contextlib import suppress

from planb.study.running.task import redirect, set_library_defaults

set_library_defaults()  # before any library is loaded
gc.disable()
_nowhere = os.open(os.devnull, os.O_WRONLY)
redirect(_nowhere, _nowhere)
with suppress(Exception):
    import peft  # noqa: F401

    import planb.evals.rejudge
    import planb.evals.runner
    import planb.report.page
    import planb.training.train  # noqa: F401
gc.freeze()  # no worker looks through the modules for garbage, so their pages stay shared
gc.enable()
