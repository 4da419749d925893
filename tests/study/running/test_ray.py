"""A real Ray cluster of two nodes on loopback: steps on both, one killed in mid-run, none twice."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest
from buckets import bucket
from cluster_study import Counting

from planb.errors import PlanBError
from planb.study.planning.plan import plan
from planb.study.running.ray_executor import RayExecutor

pytestmark = pytest.mark.slow
STUDY = Path(__file__).parents[1] / "cluster_study.py"
SMALL = {"num_cpus": 2, "num_gpus": 1, "object_store_memory": 80_000_000}
WATCHFUL = {"health_check_period_ms": 1000, "health_check_initial_delay_ms": 1000}
"""A killed node refuses connections, so it is found dead after three looks; a slow one has its time."""
TABLE = "name,sum\nroot,2\nslow0,12\nslow1,13\nslow2,14\nslow3,15\non0,12\non1,14\non2,16\non3,18\n"


class Nodes(NamedTuple):
    """A cluster's address, the folder of its nodes' caches, and the process ids of their raylets."""

    address: str
    caches: Path
    first: int
    second: int


@pytest.fixture(scope="module")
def s3() -> Iterator[dict[str, str]]:
    with bucket("planb") as settings:
        yield settings


@pytest.fixture(scope="module")
def nodes(s3: dict[str, str]) -> Iterator[Nodes]:
    """Two nodes that share this machine's disk, each with a cache and processes of its own."""
    from ray.cluster_utils import Cluster

    top = Path(tempfile.mkdtemp(prefix="rt", dir="/tmp"))  # Ray's sockets need a short path
    # Whatever its temp_dir, Ray's Cluster writes its address below RAY_TMPDIR (else TMPDIR, else /tmp),
    # into a folder that it does not make.
    (top / "ray").mkdir()
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setenv("RAY_TMPDIR", str(top))
    before = set(psutil.Process().children(recursive=True))

    def with_cache(name: str) -> dict[str, Any]:
        return {**SMALL, "env_vars": {**s3, "PLANB_CACHE": str(top / name)}}

    head = {**with_cache("one"), "include_dashboard": False, "temp_dir": str(top / "r")}
    cluster = Cluster(initialize_head=True, head_node_args={**head, "_system_config": WATCHFUL})
    second = cluster.add_node(**with_cache("two"))
    pids = [n.all_processes["raylet"][0].process.pid for n in (cluster.head_node, second)]
    started = set(psutil.Process().children(recursive=True)) - before
    yield Nodes(cluster.address, top, *pids)
    started |= set(psutil.Process().children(recursive=True)) - before
    cluster.shutdown()
    monkeypatch.undo()
    _, left = psutil.wait_procs(started, timeout=60)
    shutil.rmtree(top, ignore_errors=True)
    assert not left, "nothing of the cluster outlives the tests"


def command(*words: str, **settings: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "planb.cli", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONPATH": str(STUDY.parent), "COLUMNS": "200", **settings},
    )


def said_by(process: subprocess.Popen[str], seconds: float = 240) -> str:
    said, _ = process.communicate(timeout=seconds)
    return said


def until(true: Callable[[], Any], process: subprocess.Popen[str], seconds: float = 180) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := true()):
        assert process.poll() is None, said_by(process)
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
    return found


def tries(top: Path, name: str) -> list[int]:
    """The process id of each try of a step, at work or finished, wherever below ``top``."""
    found = [line for path in top.rglob(f"count-{name}-*/begun.txt") for line in path.open()]
    return [int(line.split()[0]) for line in found]


def seen(top: Path, name: str) -> list[str]:
    """The GPUs that a step saw on the machine that ran it."""
    (path,) = top.rglob(f"sees-{name}-*/seen.txt")
    return [device for device in path.read_text().split(";")[0].split(",") if device]


def in_the_middle(out: Path, raylet: int) -> list[str]:
    """Slow steps at work on the node of this raylet, with a checkpoint behind them."""
    found = []
    for path in out.glob("counting/steps/count-slow*.partial/counted.txt"):
        with suppress(OSError, psutil.NoSuchProcess):  # finished while we look
            pid = int((path.parent / "begun.txt").read_text().split()[0])
            if len(path.read_text().split()) >= 3 and psutil.Process(pid).ppid() == raylet:
                found.append(path.parent.name.split("-")[1])
    return found


def kill_node(raylet: int) -> None:
    """What a machine that is switched off looks like: its raylet and workers are gone at once."""
    whole = [psutil.Process(raylet), *psutil.Process(raylet).children(recursive=True)]
    for process in whole:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def states(out: Path, url: str = "") -> dict[str, str]:
    planned = plan(Counting().steps(), out / "counting", url=url)
    return {step.slug.removeprefix("count-"): state for step, state in planned}


def test_steps_through_a_bucket_between_machines_that_share_no_folder(
    tmp_path: Path, nodes: Nodes, s3: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    there = ("--on", f"ray:{nodes.address}", "--steps", "s3://planb/steps")
    running = command("run", str(STUDY), *there, "--out", str(tmp_path), **s3)
    said = said_by(running)
    assert running.returncode == 0, said
    assert (tmp_path / "counting/table.csv").read_text() == TABLE
    for name in ("one", "two"):
        assert list((nodes.caches / name).rglob("count-slow*/sum.txt")), f"node {name} did nothing"
    assert seen(nodes.caches, "one") == ["0"], "Ray hands out the GPU that it was told of"
    assert seen(nodes.caches, "none") == []
    for name, value in s3.items():
        monkeypatch.setenv(name, value)
    assert set(states(tmp_path, "s3://planb/steps").values()) == {"done"}
    assert set(states(tmp_path / "another", "s3://planb/steps").values()) == {"done"}


def test_a_step_that_kills_its_worker_is_given_up(tmp_path: Path, nodes: Nodes) -> None:
    study = str(STUDY.with_name("dying_study.py"))
    running = command("run", study, "--on", f"ray:{nodes.address}", "--out", str(tmp_path))
    said = said_by(running)
    assert running.returncode == 1, said
    assert "FAILED    count-dies: gave up after 2 lost attempts; the last: its worker" in said
    assert len(tries(tmp_path, "dies")) == 2
    assert len(tries(tmp_path, "sound")) == 1
    assert not tries(tmp_path, "needs")
    assert "Traceback" not in said
    assert "state-dump" not in said, "Ray's own account is not shown"


def test_a_node_is_killed_in_mid_run(tmp_path: Path, nodes: Nodes) -> None:
    out = tmp_path / "out"
    running = command("run", str(STUDY), "--on", f"ray:{nodes.address}", "--out", str(out))
    on_it: list[str] = until(lambda: in_the_middle(out, nodes.second), running)
    assert "running" in {states(out)[name] for name in on_it}, "planb status sees it"
    kill_node(nodes.second)
    then = states(out)
    lost = [name for name in on_it if then[name] != "done"]
    assert lost, "nothing was lost"
    said = said_by(running)
    assert running.returncode == 0, said

    for name in [name for name, state in then.items() if state == "done"]:
        assert len(tries(out, name)) <= 1, "nothing twice"
    for name in lost:
        (path,) = out.glob(f"counting/steps/count-{name}-*/counted.txt")
        counted, whole = [int(line) for line in path.read_text().split()], 10 + int(name[-1])
        assert sorted(set(counted)) == list(range(1, whole + 1))
        assert len(counted) <= whole + 1, "it went on from its last checkpoint"
        assert len(tries(out, name)) == 2
        assert f"again     count-{name}" in said
    plain = command("run", str(STUDY), "--jobs", "1", "--out", str(tmp_path / "plain"))
    assert "FAILED" not in said_by(plain)
    assert "state-dump" not in said, "Ray's own account is not shown"
    table = (out / "counting/table.csv").read_bytes()
    assert table == (tmp_path / "plain/counting/table.csv").read_bytes() == TABLE.encode()


def test_a_cluster_that_is_not_there() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # taken, and nobody listens
        address = f"127.0.0.1:{nobody.getsockname()[1]}"
        with pytest.raises(
            PlanBError, match=f"no Ray cluster responds at {address} .*`ray start --head`"
        ):
            RayExecutor(address)
    with pytest.raises(PlanBError, match="give the cluster's own address"):
        RayExecutor("ray://127.0.0.1:10001")


@pytest.mark.parametrize("place", ["file", "x" * 110])
def test_a_temporary_folder_that_ray_cannot_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """Batch systems give each job a folder of its own, often at a long path."""
    (tmp_path / "file").write_text("no folder")
    (tmp_path / ("x" * 110)).mkdir()
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path / place))
    with pytest.raises(PlanBError, match=r"Ray cannot start here: .* set RAY_TMPDIR to a writable"):
        RayExecutor(jobs=1)


def test_a_temporary_folder_that_is_not_there_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    top = Path(tempfile.mkdtemp(prefix="rt", dir="/tmp"))
    monkeypatch.setenv("RAY_TMPDIR", str(top / "new"))
    try:
        executor = RayExecutor(jobs=1)
        assert executor.resources().cores == 1
        executor.stop(at_once=True)
    finally:
        shutil.rmtree(top, ignore_errors=True)
