"""The command line in this process, which has loaded already what a process of its own would load."""

from __future__ import annotations

import io
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from planb.cli import main


def planb(folder: Path, *words: str) -> tuple[int, str]:
    """``planb`` called in a folder: exit code, and stdout and stderr together."""
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(said), redirect_stderr(said):
        patch.chdir(folder)
        patch.setattr(sys, "argv", ["planb", *words])
        try:
            main()
            code = 0
        except SystemExit as done:
            code = int(done.code or 0)
    return code, said.getvalue()
