"""The checkpoints of a run, where ``transformers.Trainer`` alone would write or read them wrongly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import Trainer

from planb.models.checkpoints import train_newest


class CheckpointingTrainer(Trainer):  # type: ignore[misc]
    """``Trainer`` whose checkpoints are right with several processes, and with stacked adapters."""

    def _save_rng_state(self, output_dir: str) -> None:
        """Each process writes its own, and none goes on before all have: what is written next, the
        trainer's state, says that the checkpoint is whole, and the one before it is then deleted."""
        super()._save_rng_state(output_dir)
        self.accelerator.wait_for_everyone()

    def _load_from_checkpoint(self, *args: Any, **kwargs: Any) -> None:
        """Trainer knows one active adapter; of stacked ones all are, and the newest is trained."""
        super()._load_from_checkpoint(*args, **kwargs)
        if len(getattr(self.model, "peft_config", ())) > 1:
            train_newest(self.model)

    def _load_best_model(self) -> None:
        """Of stacked adapters Trainer would look for the oldest, in a folder that is not there."""
        if len(getattr(self.model, "peft_config", ())) < 2:
            super()._load_best_model()
            return
        newest = list(self.model.peft_config)[-1]
        self.model.load_adapter(str(Path(self.state.best_model_checkpoint) / newest), newest)
        train_newest(self.model)
