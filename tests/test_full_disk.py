"""A full disk is known whichever library runs into it: a small real one, if it may be mounted."""

from __future__ import annotations

import errno
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, models

from planb.errors import PlanBError, is_disk_full


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("disk")
    size = ["-t", "tmpfs", "-o", "size=256k", "tmpfs"]
    if subprocess.run(["mount", *size, folder], capture_output=True, check=False).returncode:
        pytest.skip("no disk can be mounted here: it needs root")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)  # a writer may not have let go of its file


def _tokenizer(path: Path) -> None:
    words = {f"w{number}": number for number in range(50_000)}
    Tokenizer(models.WordLevel(words, unk_token="w0")).save(str(path))


MUCH = torch.zeros(200_000)
WRITERS: dict[str, Callable[[Path], object]] = {
    "safetensors": lambda path: save_file({"a": MUCH}, path),
    "tokenizers": _tokenizer,
    "torch": lambda path: torch.save(MUCH, path),
    "numpy": lambda path: np.save(path, MUCH.numpy()),
    "a plain file": lambda path: path.write_bytes(bytes(1_000_000)),
}


@pytest.mark.parametrize("name", WRITERS)
def test_it_is_known_by_every_librarys_error(disk: Path, name: str) -> None:
    path = disk / "written.npy"
    error = _error(WRITERS[name], path)
    assert is_disk_full(error, disk)
    assert is_disk_full(_behind(error), disk), "also behind another error"
    path.unlink(missing_ok=True)


def _error(write: Callable[[Path], object], path: Path) -> Exception:
    try:
        write(path)
    except Exception as error:
        return error
    raise AssertionError("it was written")


def _behind(error: Exception) -> Exception:
    try:
        raise PlanBError("the checkpoint cannot be written") from error
    except PlanBError as other:
        return other


def test_other_errors_are_not_taken_for_it(tmp_path: Path) -> None:
    assert not is_disk_full(RuntimeError("counted wrong"), tmp_path)
    assert not is_disk_full(OSError(errno.EACCES, "Permission denied"), tmp_path)
    assert not is_disk_full(OSError("100 requested and 20 written"), tmp_path)
    assert not is_disk_full(None, tmp_path)
    assert not is_disk_full(RuntimeError("x"), tmp_path / "not there")
