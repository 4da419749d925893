"""What a disk says no to, in words; and bringing files to it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from planb.errors import PlanBError


def explained(error: OSError, path: Path) -> PlanBError:
    """The commonest ways in which a disk says no, as something that the user can put right."""
    where = error.filename or path
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return PlanBError(
                f"no space is left for {where}: free some and run the same command again. "
                "What is finished is kept, and the step goes on from its last checkpoint."
            )
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return PlanBError(
                f"{where} may not be written to: change its permissions, or choose another "
                "folder with --out"
            )
        case errno.ENOTDIR | errno.EEXIST:
            return PlanBError(
                f"{path} cannot be a folder, since a file stands there or on the way to it: "
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
