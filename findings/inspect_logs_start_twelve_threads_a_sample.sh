#!/usr/bin/env bash
# Inspect's .eval logs are zip files with one zstd member a sample. Each member gets a compressor of its own
# with a pool of twelve threads, started and joined again for a few kilobytes; below 200 MiB the result is
# the same, byte for byte, as without threads. A log of many short samples (a benchmark of multiple choice,
# a small model's answers) spends most of its writing time on starting threads: here 600 samples start
# about 7,000 threads, and where cores are few or busy the write takes several times as long.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
  inspect_ai==0.3.285 zstandard==0.25.0 zipfile_zstd==0.0.4
cd "$folder"
cat > logs.py <<'PY'
import hashlib
import time
from importlib.metadata import version

import zstandard
from inspect_ai.log import EvalConfig, EvalDataset, EvalLog, EvalSample, EvalSpec, write_eval_log

spec = EvalSpec(
    created="2026-11-30T00:00:00+00:00", task="sums", dataset=EvalDataset(name="sums"),
    model="nobody/nothing", config=EvalConfig(),
)
samples = [
    EvalSample(id=n, epoch=1, input=f"What is {n} plus {n}?", target=str(2 * n), uuid=f"sample-{n}")
    for n in range(600)
]
log = EvalLog(eval=spec, samples=samples, status="success")
real = zstandard.ZstdCompressor
asked = []


def noted(*args, **settings):
    asked.append(settings.get("threads", 0))
    return real(*args, **settings)


def alone(*args, **settings):
    return real(*args, **{**settings, "threads": 0})


def written(compressor, name):
    """Seconds to write the log (the best of three), and a hash of each member as it lies in the file."""
    zstandard.ZstdCompressor = compressor
    seconds = []
    for _ in range(3):
        began = time.perf_counter()
        write_eval_log(log, name, format="eval")
        seconds.append(time.perf_counter() - began)
    import zipfile

    with zipfile.ZipFile(name) as file, open(name, "rb") as raw:
        content = hashlib.sha256()
        for member in file.infolist():
            raw.seek(member.header_offset)
            content.update(raw.read(30)[14:26])  # CRC-32 and both sizes
            raw.seek(member.header_offset + 30 + len(member.filename))
            content.update(raw.read(member.compress_size))
    return min(seconds), content.hexdigest()


written(real, "first.eval")  # imports
many, with_threads = written(noted, "many.eval")
few, without = written(alone, "alone.eval")
print("inspect_ai", version("inspect_ai"), "zstandard", version("zstandard"))
print(f"600 samples: {len(asked) // 3} compressors, threads of each {sorted(set(asked))}")
print(f"the same bytes without threads: {with_threads == without}; {many:.2f} s with, {few:.2f} s without")
print("expected: threads for what is large enough to be compressed in parts")
assert set(asked) == {12}, set(asked)
assert len(asked) // 3 > 600, len(asked)
assert with_threads == without
PY
"$folder/venv/bin/python" logs.py
