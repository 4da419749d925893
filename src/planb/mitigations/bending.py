"""What circuit breakers and RepBend have in common: hidden states of answers, before training and now.

The model before training is the model without its one adapter. Pairs (refusal over harmful answer) say
which answers are harmful: the worse ones. Shapes: M tokens of answers, D hidden size, E examples, L
layers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from planb.errors import PlanBError
from planb.mitigations.lat import places_of
from planb.models.decoder import decoder_layers
from planb.training.objectives import Forward, Objective, Pairs, Scores


class Bending(Objective):
    """An objective for an adapter that moves hidden states of harmful answers, at some layers, and
    keeps those of other answers; answers without a pair are imitated too, as always here. ``depths``
    are shares of the depth."""

    depths: tuple[float, ...] = Field(min_length=1)

    def check(self, training: Any) -> None:
        super().check(training)
        if training.adapter is None or training.older_adapters == "stack":
            raise PlanBError(
                f"{type(self).__name__} compares with the model before training, which is the model "
                "without its one adapter: train with an adapter, and older_adapters='merge'"
            )

    @property
    def passes(self) -> float:
        return 2.0

    def pair_parts(self, scores: Scores, pairs: Pairs) -> dict[str, Any]:
        """None: no answer is preferred to another."""
        del scores, pairs
        return {}

    @contextmanager
    def states(self, forward: Forward) -> Iterator[States]:
        """Within it, what the layers give before training, and what they give in the next pass."""
        import torch

        from planb.training.inside import last_hidden, reading, without_adapter

        layers = decoder_layers(forward.model)
        watched = [layers[place] for place in places_of(self.depths, len(layers))]
        with (
            without_adapter(forward.model),
            torch.no_grad(),
            reading(watched) as before,
            last_hidden(forward.model) as end_before,
        ):
            first = forward.run()
        with reading(watched) as now, last_hidden(forward.model) as end_now:
            yield States(answers_of(forward), before, now, end_before, end_now, first)


@dataclass(frozen=True)
class Answers:
    """The tokens of a batch's answers: which they are (M,), the flat place (M,) in (B, T) where each is
    predicted, its response (M,), its example (M,), and whether the answer is harmful (M,)."""

    target_M: Any
    place_M: Any
    response_M: Any
    example_M: Any
    harmful_M: Any
    examples: int

    def mean(self, value_M: Any, which_M: Any) -> Any:
        """(E,) the mean over those of an example's tokens; 0 where it has none of them."""
        example_M, tokens_E = self.example_M[which_M], self.number(which_M)
        sum_E = value_M.new_zeros(self.examples).index_add(0, example_M, value_M[which_M])
        return sum_E / tokens_E.clamp(min=1)

    def number(self, which_M: Any) -> Any:
        """(E,) how many of an example's tokens."""
        import torch

        return torch.bincount(self.example_M[which_M], minlength=self.examples)


@dataclass(frozen=True)
class States:
    """Hidden states (B, T, D) of the watched layers and of the model's end, before training and now
    (there after the pass), and the log-probabilities before training."""

    answers: Answers
    before: Sequence[Any]
    now: Sequence[Any]
    end_before: Sequence[Any]
    end_now: Sequence[Any]
    scores: Scores

    def pairs(self) -> Iterator[tuple[Any, Any]]:
        """Layer by layer (M, D) of the answers' tokens: before training, and now."""
        for old, new in zip(self.before, self.now, strict=True):
            yield self.of(old), self.of(new)

    def of(self, state_BTD: Any) -> Any:
        """(M, D) float32 of the answers' tokens."""
        return state_BTD.flatten(0, 1)[self.answers.place_M].float()


def answers_of(forward: Forward) -> Answers:
    """Which tokens of the batch are of answers, and whose."""
    import torch

    batch, pairs = forward.batch, forward.pairs
    harmful_R = torch.zeros_like(batch["example_R"], dtype=torch.bool)
    harmful_R[pairs.worse_P] = True
    of_response_N = batch["owner_N"] < len(harmful_R)
    owner_M = batch["owner_N"][of_response_N]
    target_M, place_M = (batch[name][of_response_N] for name in ("target_N", "predictor_N"))
    whose = (owner_M, batch["example_R"][owner_M], harmful_R[owner_M])
    return Answers(target_M, place_M, *whose, pairs.examples)
