"""Groups of two processes on this machine's CPU, and what they leave."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from forked import forked
from run_ddp import LIMIT
from safetensors.torch import load_file
from torch.distributed import TCPStore

from planb.models.checkpoints import ADAPTER
from planb.study.running.task import redirect

TORCHRUN = ("torch.distributed.run", "--standalone", "--nproc_per_node", "2")
ACCELERATE = ("accelerate.commands.launch", "--num_processes", "2", "--num_machines", "1")
ACCELERATE += ("--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0")
FSDP2 = (*ACCELERATE, "--use_fsdp", "--fsdp_version", "2", "--fsdp_reshard_after_forward", "true")
FSDP2 += ("--fsdp_auto_wrap_policy", "TRANSFORMER_BASED_WRAP")
FSDP2 += ("--fsdp_state_dict_type", "SHARDED_STATE_DICT")


class Group:
    """What two processes left in ``out``; if something is missing, what they said."""

    def __init__(self, out: Path, code: Any) -> None:
        self.out, self.code = out, code

    @property
    def said(self) -> str:
        """From the first error on, or the end."""
        text = (self.out / "said.txt").read_text(errors="replace")
        error = re.search(r"Traceback \(most|Timeout \(|terminate called", text)
        return text[error.start() :][:6000] if error else text[-3000:]

    def __call__(self, name: str) -> list[Any]:
        """What each of the two processes kept under this name."""
        files = [self.out / f"{name}-{rank}.pt" for rank in (0, 1)]
        assert all(file.exists() for file in files), f"exit {self.code}, no {name}:\n{self.said}"
        return [torch.load(file, weights_only=False) for file in files]

    def weights(self, run: str) -> dict[str, torch.Tensor]:
        """Of the checkpoint that a run of ``train`` wrote."""
        folder = self.out / run
        assert (folder / "planb.json").exists(), f"exit {self.code}, no {run}:\n{self.said}"
        return checkpoint(folder)


class Launch(Group):
    """Of a script, by one of torch's or accelerate's launchers."""

    def __init__(
        self, out: Path, launcher: tuple[str, ...], script: str, *given: object, gpus: bool = False
    ) -> None:
        self.given = given
        out.mkdir(exist_ok=True)
        path = Path(__file__).with_name(script)
        command = [sys.executable, "-m", *launcher, str(path), *map(str, given)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "DS_ACCELERATOR": "cpu"}
        environment["ACCELERATE_USE_DEEPSPEED"] = str("deepspeed" in script).lower()
        environment |= {} if gpus else {"CUDA_VISIBLE_DEVICES": ""}
        with (out / "said.txt").open("w") as said:
            process = subprocess.Popen(command, stdout=said, stderr=said, env=environment)
            try:
                code = process.wait(LIMIT + 15)  # each process ends itself after LIMIT
            except subprocess.TimeoutExpired:
                process.terminate()  # launchers hand this on to their processes
                code = process.wait(40)
            finally:
                process.kill()
        super().__init__(out, code)


def forked_group(out: Path, function: Callable[..., None], *args: object) -> Group:
    """Of a function, without a launcher: the processes need not load the libraries. ``code``: both."""
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    processes = [forked(_member, rank, store.port, out, function, *args) for rank in (0, 1)]
    for process in processes:
        process.join(LIMIT + 15)
        process.kill()
        process.join()
    return Group(out, [process.exitcode for process in processes])


def _member(rank: int, port: int, out: Path, function: Callable[..., None], *args: object) -> None:
    """With the variables that torch's launchers set."""
    torchelastic = {"USE_AGENT_STORE": "True", "RESTART_COUNT": "0"}
    os.environ |= {f"TORCHELASTIC_{name}": value for name, value in torchelastic.items()}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    os.environ |= dict.fromkeys(("RANK", "LOCAL_RANK"), str(rank))
    os.environ |= dict.fromkeys(("WORLD_SIZE", "LOCAL_WORLD_SIZE"), "2")
    os.environ |= {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    said = os.open(out / "said.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    redirect(said, said)
    function(*args)


def checkpoint(folder: Path) -> dict[str, torch.Tensor]:
    """Its weights, full or of an adapter."""
    full = folder / "model.safetensors"
    return load_file(full if full.exists() else folder / ADAPTER / "adapter_model.safetensors")
