"""DeepSpeed ZeRO over two processes: ``run_deepspeed.py BASE OUT STAGE`` under torchrun.

On a CPU all of it runs but two lines: its shared-memory kernel is not compiled, and accelerate, which
has no backend for DeepSpeed on a CPU, is told gloo.
"""

from __future__ import annotations

import faulthandler
import sys
from functools import partial
from pathlib import Path
from unittest.mock import patch

import deepspeed.comm.torch
import killed_training
import torch
from accelerate import PartialState
from accelerate.utils import DistributedType
from run_ddp import CASES, LIMIT, keep, run
from transformers.integrations.deepspeed import unset_hf_deepspeed_config

from planb.errors import PlanBError
from planb.training import train


def settings(stage: int) -> dict[str, object]:
    """Every weight is sharded, however small."""
    zero = {
        "stage": stage,
        "stage3_param_persistence_threshold": 0,
        "stage3_gather_16bit_weights_on_model_save": True,
    }
    sizes = ("train_micro_batch_size_per_gpu", "gradient_accumulation_steps", "gradient_clipping")
    return {
        "zero_optimization": zero,
        "zero_allow_untested_optimizer": True,
        "zero_force_ds_cpu_optimizer": False,
        **dict.fromkeys(sizes, "auto"),
    }


if __name__ == "__main__":
    faulthandler.dump_traceback_later(LIMIT, exit=True)
    torch.set_num_threads(1)
    base, out, config = Path(sys.argv[1]), Path(sys.argv[2]), settings(int(sys.argv[3]))
    deepspeed.comm.torch.build_shm_op = lambda: None
    PartialState._prepare_backend = lambda *_, **__: ("gloo", DistributedType.NO)
    for name in CASES:
        keep(run(name, out, use_cpu=False, deepspeed=config), out, name)
        unset_hf_deepspeed_config()  # else the next model is sharded before it is there
    refused = ""
    try:
        # as long as it is there, models are made in shards
        sharded = train.RankedPreferenceConfig(output_dir=str(out), use_cpu=False, deepspeed=config)
        run("dpo_adapter", out, use_cpu=False, deepspeed=config)
    except PlanBError as error:
        refused = str(error)
    keep(refused, out, "sharded")
    unset_hf_deepspeed_config()
    arguments = partial(train.RankedPreferenceConfig, deepspeed=config)
    with patch.object(
        train, "RankedPreferenceConfig", lambda **said: arguments(**said | {"use_cpu": False})
    ):
        killed_training.run(base, out / "undisturbed", adapter=None)
