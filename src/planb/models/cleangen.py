"""CleanGen: decoding beside a reference that the attacker did not touch.

Li and others 2024 (https://arxiv.org/abs/2406.12257): a token x that the model proposes is suspicious
if P(x) / P_ref(x) >= alpha, both given the text so far, and the reference's own token takes its place.
The paper looks k = 4 tokens ahead and takes back what follows a suspicious one, for speed; here each
token is looked at as it comes, which gives the same text. Shapes: B rows, T tokens, V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import Field

from planb.errors import PlanBError
from planb.models.checkpoints import Policy
from planb.values import Value

if TYPE_CHECKING:
    import torch

    from planb.models.noise import Warped


class CleanGen(Value):
    """How far above the reference's a token's probability must be to be replaced. 1 replaces all that
    the reference finds less likely; a large one nothing."""

    alpha: float = Field(default=20.0, gt=0)

    @property
    def words(self) -> str:
        return f"decoded with CleanGen, alpha {self.alpha:g}"

    def beside(self, reference: Policy) -> Guard:
        """The decoding with this model as the reference."""
        return Guard(reference, self.alpha)


@dataclass(frozen=True)
class Guard:
    """CleanGen with its reference in memory."""

    reference: Policy
    alpha: float

    def said(self) -> dict[str, str]:
        """For the log of an evaluation."""
        beside = f"{self.reference.folder.name}@{self.reference.checkpoint[:12]}"
        return {"decoding": f"CleanGen, alpha {self.alpha:g}, beside {beside}"}

    def check(self, policy: Policy) -> None:
        """Raise PlanBError where the two models cannot be compared token by token."""
        import inspect

        own, other = policy.tokenizer.get_vocab(), self.reference.tokenizer.get_vocab()
        if own != other:
            raise PlanBError(
                f"CleanGen compares token by token, and {self.reference.folder} has another vocabulary "
                f"than {policy.folder}: take a reference with the same tokenizer, such as the base"
            )
        inner = self.reference.inner
        takes = inspect.signature(inner.forward).parameters
        if inner._is_stateful or not {"position_ids", "past_key_values"} <= set(takes):
            raise PlanBError(
                f"CleanGen runs its reference beside the model in padded batches, and a "
                f"{type(inner).__name__} keeps a state instead of keys and positions: take a reference "
                "with attention"
            )

    def processor(self, mask_BT: torch.Tensor, warped: Warped | None) -> Processor:
        """What transformers' ``generate`` calls with the logits of each step of one batch."""
        return Processor(self, mask_BT, warped)


class Processor:
    """The logits of a batch's next tokens -> those that leave only CleanGen's choice. ``mask_BT`` is 0
    where prompts are padded, on their left; ``warped`` is the sampling's noise (None: greedy)."""

    def __init__(self, guard: Guard, mask_BT: torch.Tensor, warped: Warped | None) -> None:
        self.guard, self.mask_BT, self.warped = guard, mask_BT, warped
        self.step, self.past = 0, None

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        import torch

        reference_BV = self._reference(input_ids)
        own_B, other_B = self._choice(scores), self._choice(reference_BV)
        bad_B = suspicious(scores, reference_BV, own_B, self.guard.alpha)
        self.step += 1
        taken_B1 = torch.where(bad_B, other_B, own_B)[:, None]
        return torch.full_like(scores, -torch.inf).scatter(1, taken_B1, 0.0)

    def _choice(self, logits_BV: torch.Tensor) -> torch.Tensor:
        import torch

        if self.warped is None:
            return logits_BV.argmax(-1)
        rows_B = torch.arange(len(logits_BV), device=logits_BV.device)
        return self.warped(logits_BV, rows_B, torch.full_like(rows_B, self.step)).argmax(-1)

    def _reference(self, input_ids: torch.Tensor) -> torch.Tensor:
        """(B, V) the reference's logits of the next token; its keys are kept from step to step."""
        import torch

        place = self.guard.reference.device
        if self.past is None:
            new_BT = input_ids.to(place)
            self.mask_BT = self.mask_BT.to(place)
        else:
            new_BT = input_ids[:, -1:].to(place)
            self.mask_BT = torch.cat([self.mask_BT, torch.ones_like(self.mask_BT[:, :1])], dim=1)
        position_BT = (self.mask_BT.cumsum(-1) - 1).clamp(min=0)[:, -new_BT.shape[1] :]
        out: Any = self.guard.reference.model(
            input_ids=new_BT,
            attention_mask=self.mask_BT,
            position_ids=position_BT,
            past_key_values=self.past,
            use_cache=True,
        )
        self.past = out.past_key_values
        found: torch.Tensor = out.logits[:, -1].to(input_ids.device)
        return found


def suspicious(
    own_BV: torch.Tensor, reference_BV: torch.Tensor, token_B: torch.Tensor, alpha: float
) -> torch.Tensor:
    """(B,) whether P(token) / P_ref(token) >= alpha, of two models' logits at temperature 1."""
    import math

    own_BV, reference_BV = (some.float().log_softmax(-1) for some in (own_BV, reference_BV))
    ratio_B = (own_BV - reference_BV).gather(1, token_B[:, None])[:, 0]
    return ratio_B >= math.log(alpha)
