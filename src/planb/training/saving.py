"""What a training writes: its weights, gathered, and looks: the checkpoints that it had on its way."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback

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
