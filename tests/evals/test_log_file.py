"""A log is written as Inspect writes it, without its threads."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest
import zstandard
from inspect_ai.log import (
    EvalConfig,
    EvalDataset,
    EvalLog,
    EvalSample,
    EvalSpec,
    read_eval_log,
    write_eval_log,
)

from planb.evals.log_file import one_thread, put_log


def a_log(samples: int = 3) -> EvalLog:
    spec = EvalSpec(
        created="2026-11-30T00:00:00+00:00",
        task="counting",
        dataset=EvalDataset(name="numbers"),
        model="nobody/nothing",
        config=EvalConfig(),
    )
    made = [EvalSample(id=n, epoch=1, input=f"count to {n}", target="") for n in range(samples)]
    return EvalLog(eval=spec, samples=made, status="success")


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many threads each compressor was really made with."""
    made: list[int] = []
    real = zstandard.ZstdCompressor

    def noted(*args: Any, **settings: Any) -> zstandard.ZstdCompressor:
        made.append(settings.get("threads", 0))
        return real(*args, **settings)

    monkeypatch.setattr(zstandard, "ZstdCompressor", noted)
    return made


def test_a_log_is_the_same_without_threads(tmp_path: Path, threads: list[int]) -> None:
    log = a_log()
    write_eval_log(log, str(tmp_path / "theirs.eval"), format="eval")
    theirs, threads[:] = list(threads), []
    put_log(log, tmp_path / "folder" / "ours.eval")
    assert len(threads) == len(theirs)
    assert set(threads) == {0}
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["ours.eval"]
    with (
        zipfile.ZipFile(tmp_path / "theirs.eval") as one,
        zipfile.ZipFile(tmp_path / "folder" / "ours.eval") as other,
    ):
        kept = [
            [(i.filename, i.CRC, i.compress_size) for i in file.infolist()] for file in (one, other)
        ]
    assert kept[0] == kept[1]
    read = read_eval_log(str(tmp_path / "folder" / "ours.eval"))
    assert read.samples is not None
    assert [sample.id for sample in read.samples] == [0, 1, 2]


def test_others_keep_their_threads(threads: list[int]) -> None:
    with one_thread():
        zstandard.ZstdCompressor(threads=2)
    with pytest.raises(KeyError), one_thread():
        raise KeyError
    zstandard.ZstdCompressor(threads=2)
    assert threads == [0, 2]
