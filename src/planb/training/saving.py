"""What a training writes on its way: looks, and the checkpoints that it is taken up from, with sums."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback
from transformers.trainer import TRAINER_STATE_NAME
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR, get_last_checkpoint

from planb.data.files import file_hash
from planb.data.whole import write_whole
from planb.models.cards import Card
from planb.models.checkpoints import Policy, save_policy
from planb.training.settings import LOOKS
from planb.training.trainer import RankedPreferenceTrainer

if TYPE_CHECKING:
    import torch


def whole_weights(trainer: RankedPreferenceTrainer) -> dict[str, torch.Tensor] | None:
    """The weights gathered from the processes that share them (all must call); None: nobody shares."""
    if not (trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled):
        return None
    found: dict[str, torch.Tensor] = trainer.accelerator.get_state_dict(trainer.model_wrapped)
    return found


class Looks(TrainerCallback):  # type: ignore[misc]
    """Writes the checkpoint after every so many updates, but for the last: that is the training's own.

    An update's look is written before the trainer's own checkpoint of it, so a run that is taken up
    from there has it, or writes it again.
    """

    def __init__(
        self, every: int, trainer: RankedPreferenceTrainer, policy: Policy, card: Card, out: Path
    ) -> None:
        self.every, self.trainer, self.policy, self.card = every, trainer, policy, card
        self.folder = out / LOOKS

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002
        update = state.global_step
        if update % self.every or update >= state.max_steps:
            return
        weights = whole_weights(self.trainer)  # of all processes: each must ask
        if not state.is_world_process_zero:
            return
        out = self.folder / str(update)
        out.mkdir(parents=True, exist_ok=True)
        card = self.card.but(what=f"{self.card.what}; after {update} of {state.max_steps} updates")
        model = self.trainer.model
        save_policy(model, self.policy.tokenizer, out, card, self.policy.folder, weights)


SUMS = "sums.json"


class Summed(TrainerCallback):  # type: ignore[misc]
    """Writes a SHA-256 of each file beside every checkpoint of the trainer's, when all have written."""

    def __init__(self, together: Callable[[], None]) -> None:
        self.together = together

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002
        self.together()
        folder = Path(args.output_dir) / f"{PREFIX_CHECKPOINT_DIR}-{state.global_step}"
        if state.is_world_process_zero and folder.is_dir():
            write_whole(folder / SUMS, json.dumps(_sums(folder)))


def last_checkpoint(folder: Path) -> str | None:
    """The last checkpoint that is as it was written, to its end; others are put away.

    The trainer writes its state last, so one that a kill cut short has none; and what was changed since
    is known by the sums. Weights that a disk has altered would be trained on without a word.
    """
    for checkpoint in folder.glob(f"{PREFIX_CHECKPOINT_DIR}-*"):
        state = checkpoint / TRAINER_STATE_NAME
        whole = state.exists() and state.read_bytes().rstrip().endswith(b"}")
        if whole and (changed := _changed(checkpoint)):
            warnings.warn(
                f"{checkpoint / changed} was changed since it was written: the training does not go on "
                "from it",
                stacklevel=2,
            )
            whole = False
        if not whole:
            shutil.rmtree(checkpoint)
    return get_last_checkpoint(str(folder)) if folder.is_dir() else None


def _changed(checkpoint: Path) -> str:
    """The name of a file that is not as it was written; "" where all are, or where no sums say."""
    if not (checkpoint / SUMS).is_file():
        return ""
    try:
        told = dict(json.loads((checkpoint / SUMS).read_bytes()))
    except (ValueError, TypeError):
        return SUMS
    now = _sums(checkpoint)
    return next((name for name in (*told, *now) if told.get(name) != now.get(name)), "")


def _sums(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): file_hash(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != SUMS
    }
