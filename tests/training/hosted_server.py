"""A small host of fine-tuning on loopback: it speaks OpenAI's protocol, and it really trains.

Files, jobs with their events, lists in pages, chat completions. A job fine-tunes a tiny model with
planb's trainer, in a thread. It fails in ordinary ways where it is told to, and can be held just before
an answer, so that a client can be killed there.
"""

from __future__ import annotations

import json
import queue
import shutil
import threading
import time
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

from hosted_http import Handler, Hold, HostError, Json, asked_for, file_of, page

from planb.errors import PlanBError
from planb.models.checkpoints import Card, Policy, load_policy
from planb.models.generation import Sampling, generate
from planb.training.objectives import DPO, SFT, Objective
from planb.training.recipe import Recipe
from planb.training.rows import Ranking
from planb.training.settings import Training
from planb.training.train import retrain
from planb.types import Example, Message, Ordering
from planb.values import seed_of

BASE = "tiny-chat"
RATES = {"supervised": 1e-2, "dpo": 2e-3}


class HostedServer:
    """``with HostedServer(folder, base) as host``: ``host.url``, and its state in plain sight."""

    def __init__(self, folder: Path, base: Path) -> None:
        self.folder = folder
        self.models: dict[str, Path] = {BASE: base}
        self.files: list[Json] = []
        self.contents: dict[str, bytes] = {}
        self.jobs: list[Json] = []
        self.events: dict[str, list[Json]] = {}
        self.calls: list[str] = []
        self.keys: set[str] = set()
        self.failures: dict[str, list[int | str | tuple[int, str]]] = {}
        """``{"POST /files": [429, LOST]}``: how the next such requests fail, in this order."""
        self.holds: dict[str, Hold] = {}
        self.ends: list[Json | str] = []
        """How the next jobs end: an error, or "cancelled"; else they are trained."""
        self.filtered = ""
        """Prompts with this text are stopped by the host's own filter."""
        self.training, self.next_updates = threading.Event(), threading.Event()
        self.training.set()
        self.next_updates.set()
        self._lock = threading.RLock()
        self._loaded: dict[str, Policy] = {}
        self._queue: queue.Queue[Json | None] = queue.Queue()
        handler = type("Handler", (Handler,), {"host": self})
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._http.daemon_threads = True
        self._threads = [
            threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True),
            threading.Thread(target=self._work, daemon=True),
        ]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def __enter__(self) -> HostedServer:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.training.set()
        self.next_updates.set()
        for hold in self.holds.values():
            hold.released.set()
        self._http.shutdown()
        self._http.server_close()
        self._queue.put(None)
        for thread in self._threads:
            thread.join(60)

    def hold(self, what: str) -> Hold:
        """Hold the next request ``"POST /files"`` after it is carried out."""
        self.holds[what] = Hold()
        return self.holds[what]

    # -- what is asked of the host

    def answer(self, method: str, path: str, query: dict[str, str], body: bytes, kind: str) -> Json:
        parts = path.strip("/").split("/")
        with self._lock:
            match method, parts:
                case "POST", ["files"]:
                    return self._take_file(body, kind)
                case "GET", ["files"]:
                    return page(self.files, query)
                case "POST", ["fine_tuning", "jobs"]:
                    return self._take_job(json.loads(body))
                case "GET", ["fine_tuning", "jobs"]:
                    return page([job for job in self.jobs if asked_for(job, query)], query)
                case "GET", ["fine_tuning", "jobs", name]:
                    return self._job(name)
                case "GET", ["fine_tuning", "jobs", name, "events"]:
                    return page(self.events[self._job(name)["id"]], query)
                case "POST", ["fine_tuning", "jobs", name, "cancel"]:
                    return self._cancel(self._job(name))
                case "POST", ["chat", "completions"]:
                    return self._chat(json.loads(body))
        raise HostError(404, f"there is no {method} {path} here")

    def _take_file(self, body: bytes, kind: str) -> Json:
        name, content, purpose = file_of(body, kind)
        file = {
            "id": f"file-{len(self.files)}",
            "object": "file",
            "bytes": len(content),
            "created_at": int(time.time()),
            "filename": name,
            "purpose": purpose,
            "status": "processed",
        }
        self.contents[file["id"]] = content
        self.files.insert(0, file)
        return file

    def _take_job(self, asked: Json) -> Json:
        if asked["model"] not in self.models:
            raise HostError(404, f"The model `{asked['model']}` does not exist", "model_not_found")
        if asked["training_file"] not in self.contents:
            raise HostError(400, f"invalid training_file: {asked['training_file']}")
        job = {
            "id": f"ftjob-{len(self.jobs)}",
            "object": "fine_tuning.job",
            "created_at": int(time.time()),
            "error": None,
            "fine_tuned_model": None,
            "finished_at": None,
            "hyperparameters": {},
            "model": asked["model"],
            "organization_id": "org",
            "result_files": [],
            "seed": asked["seed"],
            "status": "validating_files",
            "trained_tokens": None,
            "training_file": asked["training_file"],
            "method": asked["method"],
            "metadata": asked["metadata"],
            "suffix": asked["suffix"],
        }
        self.jobs.insert(0, job)
        self.events[job["id"]] = []
        self._queue.put(job)
        return dict(job)

    def _job(self, name: str) -> Json:
        for job in self.jobs:
            if job["id"] == name:
                return job
        raise HostError(404, f"no job {name}")

    def _cancel(self, job: Json) -> Json:
        if job["status"] in ("succeeded", "failed", "cancelled"):
            raise HostError(400, f"{job['id']} has ended: {job['status']}")
        self._end(job, "cancelled")
        return job

    def _chat(self, asked: Json) -> Json:
        if asked["model"] not in self.models:
            raise HostError(404, f"The model `{asked['model']}` does not exist", "model_not_found")
        policy, texts = self._policy(asked["model"]), [m["content"] for m in asked["messages"]]
        prompt = tuple(Message(role=m["role"], content=m["content"]) for m in asked["messages"])
        sampling = Sampling(
            temperature=asked.get("temperature", 1.0), max_new_tokens=asked.get("max_tokens", 16)
        )
        seed = seed_of(asked.get("seed", 0), *(message.content for message in prompt))
        (found,) = generate(policy, [prompt], [seed], sampling)
        text, reason = found.text, "stop" if found.stop == "stop" else "length"
        if self.filtered and any(self.filtered in one for one in texts):
            text, reason = "", "content_filter"
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": text},
            "finish_reason": reason,
        }
        usage = {
            "prompt_tokens": found.prompt_tokens,
            "completion_tokens": found.tokens,
            "total_tokens": found.prompt_tokens + found.tokens,
        }
        return {
            "id": f"chatcmpl-{time.time_ns()}",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": asked["model"],
            "choices": [choice],
            "usage": usage,
        }

    def _policy(self, model: str) -> Policy:
        if model not in self._loaded:
            self._loaded[model] = load_policy(self.models[model])
        return self._loaded[model]

    # -- the jobs, one after another

    def _work(self) -> None:
        while (job := self._queue.get()) is not None:
            self.training.wait()
            if job["status"] == "cancelled":
                continue
            end = self.ends.pop(0) if self.ends else None
            try:
                if end == "cancelled":
                    self._end(job, "cancelled")
                elif end is not None:
                    self._end(job, "failed", error=end)
                else:
                    self._train(job)
            except (PlanBError, ValueError, KeyError) as error:
                said = {
                    "code": "invalid_training_file",
                    "message": str(error),
                    "param": "training_file",
                }
                self._end(job, "failed", error=said)

    def _train(self, job: Json) -> None:
        method = job["method"]["type"]
        settings = job["method"][method]["hyperparameters"]
        lines = self.contents[job["training_file"]].decode().splitlines()
        rows = [json.loads(line) for line in lines]
        if len(rows) < 10:
            raise ValueError(f"the file has {len(rows)} examples, and at least 10 are needed")
        ranking, objective, tokens = self._ranking(method, rows, settings, job["model"])
        training = Training(
            steps=settings["n_epochs"] * -(-len(rows) // settings["batch_size"]),
            batch=settings["batch_size"],
            learning_rate=RATES[method] * settings.get("learning_rate_multiplier", 1.0),
        )
        job["status"], job["estimated_finish"] = "running", int(time.time()) + 5
        out = self.folder / job["id"]
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
        start, card = self.models[job["model"]], Card(what="a fine-tuned model of the host")

        def told(done: float, total: float, note: str) -> None:
            data = {"step": int(done), "total_steps": int(total), "train_loss": note}
            self._event(job, f"Step {done:g}/{total:g}", "metrics", data)
            self.next_updates.wait()

        retrain(start, Recipe([ranking], objective, training, job["seed"], card), out, told)
        name = f"ft:{BASE}:org:{job['suffix']}:{job['id']}"
        self.models[name] = out
        self._end(job, "succeeded", fine_tuned_model=name, trained_tokens=tokens)

    def _ranking(
        self, method: str, rows: list[Json], settings: Json, model: str
    ) -> tuple[Ranking, Objective, int]:
        """The host's own reading of a file, which knows the format and not planb."""
        examples = []
        for number, row in enumerate(rows):
            if method == "supervised":
                *asked, said = row["messages"]
                texts = {"good": said["content"]}
            else:
                asked = row["input"]["messages"]
                ((good,), (bad,)) = row["preferred_output"], row["non_preferred_output"]
                texts = {"good": good["content"], "bad": bad["content"]}
            prompt = tuple(Message.model_validate(message) for message in asked)
            example = Example(id=str(number), prompt=prompt, harmful=False, responses=texts)
            examples.append(example)
        words = self._policy(model).tokenizer
        said = [m.content for e in examples for m in e.prompt]
        said += [text for e in examples for texts in e.responses.values() for text in texts]
        tokens = settings["n_epochs"] * sum(len(words(text)["input_ids"]) for text in said)
        if method == "supervised":
            return Ranking(examples, Ordering(tiers=("good",))), SFT(), tokens
        objective = DPO(beta=settings["beta"])
        return Ranking(examples, Ordering(tiers=("good", "bad"))), objective, tokens

    def _end(self, job: Json, status: str, **fields: Any) -> None:
        with self._lock:
            job.update(fields, status=status, finished_at=int(time.time()))
            self._event(job, f"The job ended: {status}", "message", {})

    def _event(self, job: Json, message: str, kind: str, data: Json) -> None:
        with self._lock:
            events = self.events[job["id"]]
            events.insert(
                0,
                {
                    "id": f"ftevent-{job['id']}-{len(events)}",
                    "object": "fine_tuning.job.event",
                    "created_at": int(time.time()),
                    "level": "info",
                    "message": message,
                    "type": kind,
                    "data": data,
                },
            )
