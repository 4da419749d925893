"""Real runs in real worker processes: order, reuse, failures, kills, two runs at once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

import pytest
from small_steps import Count, Surroundings, Threads, Trained, TwoThreads

from planb.study.running import worker
from planb.study.running.progress import Snapshot, Watcher
from planb.study.running.scheduler import Outcome, plan, run
from planb.study.steps.step import Step
from planb.study.store.store import Store

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parents[1] / "small_steps.py"


class Heard(Watcher):
    """Keeps what it was told."""

    def __init__(self) -> None:
        self.started_: list[str] = []
        self.finished_: list[str] = []
        self.last: Snapshot | None = None

    def started(self, step: Step) -> None:
        self.started_.append(step.slug.removeprefix("count-"))

    def finished(self, step: Step, seconds: float | None, snapshot: Snapshot) -> None:
        assert seconds is None or seconds >= 0
        self.finished_.append(step.slug.removeprefix("count-"))
        self.last = snapshot


def names(steps: Sequence[Step]) -> list[str]:
    return [step.slug.removeprefix("count-") for step in steps]


def go(
    folder: Path, scenario: str, to: IO[str] | int = subprocess.PIPE, **settings: str
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-u", str(SCRIPT), str(folder), scenario],
        stdout=to,
        env={**os.environ, **settings},
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=hear_ctrl_c,
    )


def hear_ctrl_c() -> None:
    """A test run started in the background has Ctrl-C ignored, and its children inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def until(true: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def tries(folder: Path, name: str) -> list[int]:
    """The worker's process id for each try of a step."""
    (path,) = folder.glob(f"steps/count-{name}-*/begun.txt")
    return [int(line.split()[0]) for line in path.read_text().splitlines()]


def counted(folder: Path, name: str) -> list[int]:
    found = list(folder.glob(f"steps/count-{name}-*/counted.txt"))
    return [int(line) for line in found[0].read_text().split()] if found else []


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def test_order_reuse_and_publication(tmp_path: Path) -> None:
    root = Count(name="root")
    early = [Count(name=n, after=(root,), rank=1) for n in ("a", "b")]
    late = [Count(name="late", after=(root,), rank=2)]
    deep = [
        Count(name=f"on-{s.name}", after=(s,), rank=s.rank, publishes=True) for s in (*early, *late)
    ]
    heard = Heard()
    outcome = run([*late, *deep], tmp_path, jobs=1, watch=heard)
    assert heard.started_ == ["root", "a", "on-a", "b", "on-b", "late", "on-late"]
    assert outcome.exit_code == 0
    assert heard.last is not None
    assert (heard.last.done, heard.last.total, heard.last.fraction) == (7, 7, 1.0)
    assert (tmp_path / "on-a.txt").read_text() == "3"
    assert len({tries(tmp_path, n)[0] for n in names(outcome.ran)}) == 1, "one worker did them all"

    (tmp_path / "on-a.txt").unlink()
    again = Heard()
    outcome = run([*late, *deep], tmp_path, jobs=1, watch=again)
    assert again.started_ == []
    assert (len(outcome.reused), outcome.ran) == (7, ())
    assert (tmp_path / "on-a.txt").read_text() == "3", "what was published is there again"
    assert {state for _, state in plan(deep, tmp_path)} == {"done"}

    changed = Count(name="on-a", to=5, after=(early[0],), rank=1)
    assert names(run([changed], tmp_path, jobs=1).ran) == ["on-a"]


def test_what_trainings_wait_for_comes_first(tmp_path: Path) -> None:
    base = Trained(name="base")
    looks = [Count(name=f"look-{n}", after=(base,)) for n in range(2)]
    organism = Trained(name="organism", after=(base,))
    treated = Trained(name="treated", after=(organism,))
    heard = Heard()
    run([*looks, treated, Count(name="last", after=(treated,))], tmp_path, jobs=1, watch=heard)
    assert heard.started_ == ["base", "organism", "treated", "last", "look-0", "look-1"]


@pytest.mark.parametrize("jobs", [1, 2, 3])
def test_steps_run_side_by_side_within_the_budget(tmp_path: Path, jobs: int) -> None:
    (tmp_path / "met").mkdir()
    met = str(tmp_path / "met")
    steps = [Count(name=str(i), pause=0.3, meets=met, meeting=jobs) for i in range(4)]

    class Counting(Watcher):
        most = 0

        def tick(self, snapshot: Snapshot) -> None:
            self.most = max(self.most, len(snapshot.running))

    counting = Counting()
    run(steps, tmp_path, jobs=jobs, watch=counting)
    assert counting.most == jobs
    assert len({tries(tmp_path, str(i))[0] for i in range(4)}) == jobs, "workers are used again"


def test_a_wide_step_takes_its_cores(tmp_path: Path) -> None:
    heard: list[int] = []

    class Listening(Watcher):
        def tick(self, snapshot: Snapshot) -> None:
            heard.append(sum(one.step.threads for one in snapshot.running))

    wide = TwoThreads(after=Threads())
    run([wide, *(Count(name=str(i), pause=0.3) for i in range(3))], tmp_path, jobs=2, watch=Listening())
    assert max(heard) == 2


def test_torch_gets_the_threads_of_the_step_and_no_others(tmp_path: Path) -> None:
    first = Threads()
    run([TwoThreads(after=first)], tmp_path, jobs=1)
    store = Store(tmp_path / "steps")
    one, pid = json.loads((store.folder(first) / "threads.json").read_text())
    two, same = json.loads((store.folder(TwoThreads(after=first)) / "threads.json").read_text())
    assert (one, two) == (1, 2)
    assert pid == same, "the worker lived on"


@pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux only")
def test_libraries_are_loaded_once_and_the_environment_is_the_present_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "_FORKED_FROM", {})  # as if this process had run nothing before,
    monkeypatch.setattr(worker, "loaded_sources", dict)  # and loaded no file of a study
    found = {}
    for name in ("first", "second", "third"):
        if name == "second":
            monkeypatch.setenv("AWS_DEFAULT_REGION", "elsewhere")  # read when a bucket is opened
        if name == "third":
            monkeypatch.setenv("SAID", "otherwise")
        step = Surroundings(name=name)
        assert run([step], tmp_path, jobs=1).exit_code == 0
        written = tmp_path / "steps" / step.folder_name / "surroundings.json"
        found[name] = json.loads(written.read_text())
    assert found["first"]["parent"] == found["second"]["parent"] != os.getpid()
    assert [one["SAID"] for one in found.values()] == [None, None, "otherwise"]
    assert found["second"]["AWS_DEFAULT_REGION"] == "elsewhere"
    assert found["second"]["torch"]
    assert not found["third"]["torch"], (
        "what libraries read when they are loaded is the present one too"
    )


def test_a_temporary_folder_with_a_long_path_is_no_hindrance(tmp_path: Path) -> None:
    """A socket's path has at most 107 characters: workers are spawned then."""
    temporary = tmp_path / ("long" * 25)
    temporary.mkdir()
    process = go(tmp_path / "out", "mixed", TMPDIR=str(temporary))
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 1, said
    assert "Traceback" not in said
    assert len(tries(tmp_path / "out", "sound")) == 1


def test_failures_stop_only_what_needs_them(tmp_path: Path) -> None:
    process = go(tmp_path, "mixed")
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 1, said
    assert "FAILED    count-user-error: there are no numbers in numbers.txt: write some" in said
    assert "FAILED    count-exit: its worker process ended with exit code 7" in said
    assert "FAILED    count-kill: its worker process was killed by SIGKILL" in said
    assert "FAILED    count-raise: RuntimeError: counted wrong\n" in said
    assert "Traceback" not in said
    assert "chatter" not in said
    for name in ("root", "sound", "fine"):
        assert len(tries(tmp_path, name)) == 1
    assert not list(tmp_path.glob("steps/count-after-*"))
    (log,) = tmp_path.glob("steps/count-raise-*.partial/error.txt")
    assert "counted wrong\nin two lines" in log.read_text()
    (output,) = tmp_path.glob("steps/count-raise-*.partial/output.log")
    assert output.read_text() == "counting raise\nchatter from C\n"

    import small_steps

    states = {step.slug: state for step, state in plan(small_steps.mixed(), tmp_path)}
    assert {states[f"count-{n}"] for n in ("raise", "user-error", "exit", "kill")} == {"failed"}
    assert {states[f"count-after-{n}"] for n in ("raise", "exit")} == {"blocked"}
    assert {states[f"count-{n}"] for n in ("sound", "fine", "root")} == {"done"}


def test_a_failed_step_is_tried_again_and_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    step = Count(name="once", to=3, way="raise once")
    first = run([step], tmp_path, jobs=1)
    assert [f.message for f in first.failed] == ["RuntimeError: only this once"]
    assert first.failed[0].log is not None
    second = run([step], tmp_path, jobs=1)
    assert second.exit_code == 0
    assert counted(tmp_path, "once") == [1, 2, 3]
    assert Store(tmp_path / "steps").manifest(step).resumed
    assert not list(tmp_path.glob("steps/*/error.txt"))


def test_a_full_disk_is_said_and_nothing_more_is_started(tmp_path: Path) -> None:
    outcome = run([Count(name="full", way="disk full"), Count(name="next")], tmp_path, jobs=1)
    assert "no space left on the device for" in outcome.failed[0].message
    assert "weights" in outcome.failed[0].message
    assert names(outcome.blocked) == ["next"]
    assert outcome.exit_code == 1


def test_a_publication_that_fails_is_a_failure_and_the_step_is_kept(tmp_path: Path) -> None:
    outcome = run([Count(name="unpublishable")], tmp_path, jobs=1)
    assert "could not be published: RuntimeError: no printer" in outcome.failed[0].message
    assert outcome.exit_code == 1
    assert len(outcome.ran) == 1


def test_a_file_that_changes_while_the_study_runs_is_noticed(tmp_path: Path) -> None:
    text = tmp_path / "prompt.txt"
    text.write_text("one")

    class Meddling(Heard):
        def started(self, step: Step) -> None:  # noqa: ARG002
            text.write_text("two")

    step = Count(name="reader", reads=str(text), to=2, pause=0.2)
    outcome = run([step], tmp_path, jobs=1, watch=Meddling())
    assert "changed while the study was running" in outcome.failed[0].message


def in_the_middle(folder: Path) -> int:
    """Wait until the slow step has counted a little; its worker's process id."""
    until(lambda: len(counted(folder, "slow")) >= 3)
    return tries(folder, "slow")[-1]


def went_on(folder: Path, before: list[int]) -> None:
    """The first steps were not run again and the slow one went on where it was."""
    assert len(tries(folder, "first")) == len(tries(folder, "beside")) == 1
    assert len(tries(folder, "slow")) == 2
    now = counted(folder, "slow")
    assert now[: len(before)] == before
    assert sorted(set(now)) == list(range(1, 21))
    assert len(now) <= 21, "at most what was since the last checkpoint is done twice"


def test_kill_9_and_the_same_command_again(tmp_path: Path) -> None:
    process = go(tmp_path, "chain")
    worker = in_the_middle(tmp_path)
    workers = {worker, *tries(tmp_path, "beside")}
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    until(lambda: not any(alive(pid) for pid in workers), seconds=4)
    before = counted(tmp_path, "slow")
    assert len(before) < 20

    from small_steps import chain

    slow = chain()[0].inputs()[0]
    until(lambda: dict(plan([slow], tmp_path))[slow] == "partial", seconds=4)
    again = go(tmp_path, "chain")
    said, _ = again.communicate(timeout=120)
    assert again.returncode == 0, said
    assert "2 already finished" in said
    went_on(tmp_path, before)


def test_ctrl_c_stops_cleanly(tmp_path: Path) -> None:
    process = go(tmp_path, "chain")
    worker = in_the_middle(tmp_path)
    os.killpg(process.pid, signal.SIGINT)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert "FAILED" not in said
    assert not alive(worker)
    before = counted(tmp_path, "slow")
    again = go(tmp_path, "chain")
    again.communicate(timeout=120)
    went_on(tmp_path, before)


def test_two_runs_at_once_make_nothing_twice(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with (tmp_path / "0").open("w") as first, (tmp_path / "1").open("w") as second:
        runs = [go(out, "chain", to, HELD=str(tmp_path / "held")) for to in (first, second)]
        waits = "in progress in another run"
        until(lambda: any(waits in (tmp_path / name).read_text() for name in "01"))
        (tmp_path / "held").touch()
        for process in runs:
            process.wait(timeout=120)
    said = [(tmp_path / name).read_text() for name in "01"]
    assert [process.returncode for process in runs] == [0, 0], said
    for name in ("first", "beside", "slow", "last"):
        assert len(tries(out, name)) == 1, name
    assert any("in progress in another run" in text for text in said)
    assert any("by another run" in text for text in said)


def test_a_second_run_takes_over_from_a_killed_one(tmp_path: Path) -> None:
    first = go(tmp_path, "chain")
    in_the_middle(tmp_path)
    second = go(tmp_path, "chain")
    time.sleep(1)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    said, _ = second.communicate(timeout=120)
    assert second.returncode == 0, said
    assert counted(tmp_path, "slow") == list(range(1, 21))
    assert len(tries(tmp_path, "slow")) == 2


def test_exit_codes() -> None:
    def ended(**how: object) -> int:
        plain = {"ran": (), "reused": (), "failed": (), "blocked": (), "interrupted": False}
        return Outcome(**{**plain, "seconds": 0.0, **how}).exit_code  # type: ignore[arg-type]

    assert [ended(), ended(blocked=(Count(name="a"),)), ended(interrupted=True)] == [0, 1, 130]


@pytest.mark.parametrize("left_there", ["manifest.json", ".manifest.tmp"])
def test_a_kill_between_the_manifest_and_the_renaming(tmp_path: Path, left_there: str) -> None:
    step, store = Count(name="a"), Store(tmp_path / "steps")
    store.prepare()
    store.partial(step).mkdir()
    (store.partial(step) / left_there).write_text("{}")
    assert run([step], tmp_path, jobs=1).exit_code == 0
    assert store.manifest(step).identity == step.identity()
