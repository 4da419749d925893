"""Disk errors in words, and forcing files to the disk."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from planb.errors import PlanBError


def explained(error: OSError, path: Path) -> PlanBError:
    """The most common disk errors, with what the user can do about each."""
    where = error.filename or path
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return PlanBError(
                f"no space left on the device for {where}: free some, then rerun the same command. "
                "Finished steps are kept, and this step resumes from its last checkpoint."
            )
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return PlanBError(
                f"no permission to write {where}: change its permissions, or choose another "
                "folder with --out"
            )
        case errno.ENOTDIR | errno.EEXIST:
            return PlanBError(
                f"{path} cannot be a folder, because it, or a folder above it, is a file: "
                "move that file, or choose another folder with --out"
            )
    return PlanBError(f"{where} cannot be written: {error.strerror or error}")


def to_disk(path: Path) -> None:
    """Force a file, or a folder's list of files, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
