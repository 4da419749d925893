"""The scheduler: runs the steps of a study, in order, in parallel, and none twice.

An executor runs them: worker processes of this machine, or those of a cluster. Ready steps start in
the order of their seed (so that a first report comes early), then depth first; of those that one step
made ready, first what most trainings in a row wait for, as no core is to idle beside an organism;
then as the graph lists them. A step that fails stops only those that need it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from planb.redaction import redacted
from planb.study.planning.estimate import Estimate, Resources
from planb.study.planning.graph import Graph, Node
from planb.study.planning.plan import Failure, Outcome, State, plan
from planb.study.running.executor import Executor, executor_named
from planb.study.running.failures import failure_log, publish_failure
from planb.study.running.progress import Snapshot, Watcher
from planb.study.running.run_file import RunFile
from planb.study.running.running_step import RunningStep, snapshot
from planb.study.running.task import Answer, Task
from planb.study.steps.step import Step, identities_once
from planb.study.store.backends import checked_url, opened
from planb.study.store.repair import is_whole
from planb.study.store.sharing import Others, taken_over
from planb.study.store.store import Store

__all__ = ["Failure", "Outcome", "State", "plan", "run"]

TICK = 0.25
"""Seconds between two looks at what runs."""
OTHER_RUNS_TICK = 1.0
"""Seconds between two looks at a step in progress in another run."""
MOST_LOSSES, MOST_DEATHS = 5, 2
"""A step fails after its machine was lost so many times, or its process died so often on a cluster."""
MACHINE_WAIT = 120.0
"""Seconds to wait for a machine with enough free for a step, where nothing is running."""


def run(
    final_steps: Sequence[Step],
    study_folder: Path,
    jobs: int | None = None,
    watch: Watcher | None = None,
    steps_folder: Path | None = None,
    studies: Path | None = None,
    on: str = "local",
    url: str = "",
) -> Outcome:
    """Make the final steps and all that they need; what is finished is left as it is.

    ``jobs``: cores to use at once (all by default). Steps lie in ``study_folder/steps`` unless
    ``steps_folder`` says otherwise; what another study in the folder ``studies`` has finished is taken
    over from there. ``on``: who runs steps, as in ``executor_named``. ``url``: finished steps are kept
    there, and the folder is a cache. A finished step that is damaged is set aside and made again, and
    so is what was made from it, unless it comes out the same. Raises ``PlanBError`` where nothing can
    be begun: the folder cannot be written to, a file that a step reads is wrong, a step requests more
    GPUs than there are. A step's failure is in the outcome.
    """
    store = opened(steps_folder or study_folder / "steps", checked_url(url))
    store.prepare()
    with identities_once():
        graph = Graph(final_steps)
        finals = {step.identity() for step in final_steps}
        store.name(node.step for node in graph)
    executor = executor_named(on, jobs)
    try:
        others = None if url else studies
        return _Run(graph, store, study_folder, executor, watch, others, finals, url).go()
    finally:
        executor.stop(at_once=True)


class _Run:
    def __init__(
        self,
        graph: Graph,
        store: Store,
        study_folder: Path,
        executor: Executor,
        watch: Watcher | None,
        studies: Path | None,
        finals: set[str],
        url: str,
    ) -> None:
        self.graph, self.store, self.study_folder = graph, store, study_folder
        self.executor, self.studies = executor, studies
        self.watch = RunFile(watch or Watcher())
        self.finals, self.url = finals, url
        self.began = self.worked = time.monotonic()
        self.waiting: dict[str, Node] = {}
        self.finished: dict[str, int] = {}
        self.running: dict[str, RunningStep] = {}
        self.lost: dict[str, list[Answer]] = {}
        self.failed: dict[str, Failure] = {}
        self.reused: list[Step] = []
        self.ran: list[Step] = []
        self.trainings_after = graph.trainings_after()
        self.estimate = Estimate(graph, *executor.resources())
        self.disk_full = False
        self.notes: list[str] = []

    def go(self) -> Outcome:
        self._find_finished()
        interrupted = False
        self.watch.begin(len(self.graph), len(self.reused), self.study_folder)
        try:
            self._note_gpus()
            self._show_notes()
            for step in list(self.reused):
                self._publish(step)
            while self.running or self._ready():
                self._start_ready()
                self._collect()
                self._check_other_runs()
                self.watch.tick(self._snapshot())
        except KeyboardInterrupt:
            interrupted = True
        finally:
            self.executor.stop(at_once=interrupted or bool(self.running))
            self.watch.end()
        blocked = tuple(node.step for node in self.waiting.values())
        failed = tuple(self.failed.values())
        seconds = time.monotonic() - self.began
        return Outcome(tuple(self.ran), tuple(self.reused), failed, blocked, interrupted, seconds)

    def _find_finished(self) -> None:
        """What is finished already, and still as it was written: what is damaged is made again."""
        others = Others(self.store, self.studies)
        for node in self.graph:
            if is_whole(self.store, node.step, self.notes) or taken_over(self.store, node.step, others):
                manifest = self.store.manifest(node.step)
                if not manifest.resumed:
                    self.estimate.observe(node, manifest.seconds)
                self.finished[node.identity] = 0
                self.reused.append(node.step)
            else:
                self.waiting[node.identity] = node
        for node in self.waiting.values():
            self.executor.needs(node.step)
            node.step.check()

    def _note_gpus(self) -> None:
        gpus = self.executor.resources().gpus
        asking = sum(node.step.gpus > 0 for node in self.waiting.values())
        if asking and not gpus:
            self.watch.note(f"no GPU found: {asking} steps that request one run on the CPU")
        elif gpus and self.waiting and not asking:
            self.watch.note(f"{gpus} GPUs are unused: no step of the study requests one")

    # -- starting -------------------------------------------------------------------------------

    def _ready(self) -> list[Node]:
        """Steps whose inputs are finished, in the order in which they should start."""
        if self.disk_full:
            return []
        ready = [n for n in self.waiting.values() if all(i in self.finished for i in n.inputs)]
        return sorted(ready, key=self._turn)

    def _turn(self, node: Node) -> tuple[int, int, int, int]:
        latest = max((self.finished[i] for i in node.inputs), default=0)
        return node.step.seed_rank, -latest, -self.trainings_after[node.identity], node.place

    def _start_ready(self) -> None:
        """Start steps while resources are free. What a step lacks is reserved for it, or it might wait
        for ever; so a step for the CPU may overtake one that waits for a GPU."""
        reserved = Resources(0, 0)
        for node in self._ready():
            need = self.executor.needs(node.step)
            if not self.executor.can_start(node.step, reserved):
                reserved = Resources(reserved.cores + need.cores, reserved.gpus + need.gpus)
                self._give_up_waiting(node)
                continue
            step = node.step
            task = Task(step, node.identity, self.store.steps, step.threads, need.gpus, self.url)
            self.executor.start(task)
            del self.waiting[node.identity]
            self.running[node.identity] = RunningStep(node, True, time.monotonic())
            self.watch.started(step)

    def _give_up_waiting(self, node: Node) -> None:
        """Fail a step that no machine has enough for, though nothing is running, after a while."""
        if not self.running and time.monotonic() - self.worked > MACHINE_WAIT:
            del self.waiting[node.identity]
            whole = self.executor.resources()
            asks = f"it needs {node.step.threads} cores and {self.executor.needs(node.step).gpus} GPUs"
            has = f"the machines left have {whole.cores} and {whole.gpus}"
            self._fail(node.step, f"no machine has enough free resources: {asks}, {has}", Path())

    # -- collecting -----------------------------------------------------------------------------

    def _collect(self) -> None:
        """Wait a moment for answers and deal with them."""
        for task, answer in self.executor.answers(TICK):
            self._answered(self.running.pop(task.identity), answer)
        if self.running:
            self.worked = time.monotonic()

    def _answered(self, current: RunningStep, answer: Answer) -> None:
        node = current.node
        if answer.outcome == "done":
            self._done(node, answer.seconds)
        elif answer.outcome == "busy":
            self.running[node.identity] = RunningStep(node, False, current.began, time.monotonic())
            self.watch.elsewhere(node.step)
        elif answer.outcome == "lost":
            self._lost(node, answer)
        else:
            self.disk_full = self.disk_full or answer.disk_full
            self._fail(node.step, answer.message, failure_log(self.store, node.step, answer))

    def _lost(self, node: Node, answer: Answer) -> None:
        """Its machine or process was lost: it runs again, from its last checkpoint if there is one."""
        self.store.release(node.step)
        losses = self.lost.setdefault(node.identity, [])
        losses.append(answer)
        if len(losses) >= MOST_LOSSES or sum(loss.died for loss in losses) >= MOST_DEATHS:
            why = f"gave up after {len(losses)} lost attempts; the last: {answer.message}"
            self._fail(node.step, why, failure_log(self.store, node.step, answer))
            return
        self.waiting[node.identity] = node
        self.watch.again(node.step, f"{answer.message}: running it again")

    def _done(self, node: Node, seconds: float | None) -> None:
        """A step is finished: by us in so many seconds, or by another run (``None``)."""
        self.finished[node.identity] = len(self.finished) + 1
        (self.reused if seconds is None else self.ran).append(node.step)
        if seconds is not None and not self.store.manifest(node.step).resumed:
            self.estimate.observe(node, seconds)
        self.watch.finished(node.step, seconds, self._snapshot())
        self._publish(node.step)
        for later in self.graph.after(node.identity):
            if later.identity in self.finished and not is_whole(self.store, later.step, self.notes):
                self._again(later)

    def _again(self, node: Node) -> None:
        """A finished step that was made from another try of what has just been made again."""
        del self.finished[node.identity]
        self.reused = [step for step in self.reused if self.store.identity(step) != node.identity]
        self.waiting[node.identity] = node
        self._show_notes()

    def _check_other_runs(self) -> None:
        """Look at the steps in progress in other runs: finished, or abandoned and ours to run."""
        now = time.monotonic()
        for identity, current in list(self.running.items()):
            if current.ours or now - current.looked < OTHER_RUNS_TICK:
                continue
            current.looked = now
            if self.store.is_done(current.node.step):
                del self.running[identity]
                self._done(current.node, None)
            elif not self.store.is_locked(current.node.step):
                del self.running[identity]
                self.waiting[identity] = current.node

    def _publish(self, step: Step) -> None:
        """Put what is for people into the study's folder, and have at hand what a report reads."""
        silent = type(step).publish is Step.publish
        try:
            if not silent or self.store.identity(step) in self.finals:
                step.publish(self.store.fetch(step), self.study_folder)
        except Exception as error:
            self._fail(step, *publish_failure(self.store, step, error))

    def _fail(self, step: Step, message: str, log: Path) -> None:
        message = redacted(message)
        self.failed[self.store.identity(step)] = Failure(step, message, log if log.is_file() else None)
        self.watch.failed(step, message)

    # -- reporting -------------------------------------------------------------------------------

    def _show_notes(self) -> None:
        """What was found damaged."""
        for note in self.notes:
            self.watch.note(note)
        self.notes.clear()

    def _snapshot(self) -> Snapshot:
        unmade = [identity for identity in self.failed if identity not in self.finished]
        blocked = self.graph.blocked(self.waiting, unmade)
        return snapshot(
            self.store,
            self.estimate,
            self.running,
            to_come=[identity for identity in self.waiting if identity not in blocked],
            ran=[self.store.identity(step) for step in self.ran],
            elapsed=time.monotonic() - self.began,
            done=len(self.finished),
            failed=len(self.failed),
        )
