"""Groups of two processes on this machine's CPU, and what they leave."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
from run_ddp import LIMIT
from safetensors.torch import load_file

from planb.models.checkpoints import ADAPTER

TORCHRUN = ("torch.distributed.run", "--standalone", "--nproc_per_node", "2")
ACCELERATE = ("accelerate.commands.launch", "--num_processes", "2", "--num_machines", "1")
ACCELERATE += ("--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0")
MULTIPLE = (*ACCELERATE, "--multi_gpu")
"""Without a GPU too: of ``--cpu`` accelerate 1.15 makes one process, whatever their number."""
FSDP2 = (*ACCELERATE, "--use_fsdp", "--fsdp_version", "2", "--fsdp_reshard_after_forward", "true")
FSDP2 += ("--fsdp_auto_wrap_policy", "TRANSFORMER_BASED_WRAP")
FSDP2 += ("--fsdp_state_dict_type", "SHARDED_STATE_DICT")


class Launch:
    """What the processes of ``script`` left in ``out``; if something is missing, what they said."""

    def __init__(
        self, out: Path, launcher: tuple[str, ...], script: str, *given: object, gpus: bool = False
    ) -> None:
        self.out, self.given = out, given
        out.mkdir(exist_ok=True)
        path = Path(__file__).with_name(script)
        command = [sys.executable, "-m", *launcher, str(path), *map(str, given)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "DS_ACCELERATOR": "cpu"}
        environment["ACCELERATE_USE_DEEPSPEED"] = str("deepspeed" in script).lower()
        environment |= {} if gpus else {"CUDA_VISIBLE_DEVICES": ""}
        with (out / "said.txt").open("w") as said:
            process = subprocess.Popen(command, stdout=said, stderr=said, env=environment)
            try:
                self.code = process.wait(LIMIT + 15)  # each process ends itself after LIMIT
            except subprocess.TimeoutExpired:
                process.terminate()  # launchers hand this on to their processes
                self.code = process.wait(40)
            finally:
                process.kill()

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


def checkpoint(folder: Path) -> dict[str, torch.Tensor]:
    """Its weights, full or of an adapter."""
    full = folder / "model.safetensors"
    return load_file(full if full.exists() else folder / ADAPTER / "adapter_model.safetensors")
