"""Circuit breakers: hidden states of harmful answers turned away, those of other answers kept.

Zou and others 2024 (https://arxiv.org/abs/2406.04313, section 3): at some layers, ReLU of the cosine
between a harmful answer's hidden states in the model before training and now, times alpha (1 - t/2T),
plus the L2 distance of all other answers' hidden states then and now, times alpha t/2T, at update t of
T. Shapes: M tokens, D hidden size, E examples.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pydantic import Field

from planb.errors import PlanBError
from planb.mitigations.lat import places_of
from planb.models.decoder import decoder_layers
from planb.training.objectives import Forward, Further, Objective, Pairs, Scores


class CircuitBreakers(Objective):
    """Representation rerouting, for an adapter: the model before training is the model without it.

    Pairs (refusal over harmful answer) say which answers are harmful: the worse ones. Refusals, and
    answers without a pair, are kept; the latter are imitated too, as always here. ``depths`` are shares
    of the depth: of 32 layers the outputs of 10 and 20.
    """

    alpha: float = Field(default=10.0, gt=0)
    depths: tuple[float, ...] = Field(default=(10 / 32, 20 / 32), min_length=1)

    def check(self, training: Any) -> None:
        super().check(training)
        if training.adapter is None or training.older_adapters == "stack":
            raise PlanBError(
                "circuit breakers compare with the model before training, which is the model without "
                "its one adapter: train with an adapter, and older_adapters='merge'"
            )

    @property
    def passes(self) -> float:
        return 2.0

    def pair_parts(self, scores: Scores, pairs: Pairs) -> dict[str, Any]:
        """None: no answer is preferred to another."""
        del scores, pairs
        return {}

    @contextmanager
    def around(self, forward: Forward) -> Iterator[Further]:
        import torch

        from planb.training.inside import reading, without_adapter

        layers = decoder_layers(forward.model)
        watched = [layers[place] for place in places_of(self.depths, len(layers))]
        with without_adapter(forward.model), torch.no_grad(), reading(watched) as before:
            forward.run()

        def further() -> dict[str, Any]:
            done = forward.progress
            harmful_R = torch.zeros_like(forward.batch["example_R"], dtype=torch.bool)
            harmful_R[forward.pairs.worse_P] = True
            R = len(harmful_R)
            of_response_N = forward.batch["owner_N"] < R
            owner_M = forward.batch["owner_N"][of_response_N]
            place_M = forward.batch["predictor_N"][of_response_N]
            example_M, harmful_M = forward.batch["example_R"][owner_M], harmful_R[owner_M]
            turned, moved = 0.0, 0.0
            for old, new in zip(before, now, strict=True):
                old_MD, new_MD = (h.flatten(0, 1)[place_M].float() for h in (old, new))
                turned = turned + rerouting(old_MD, new_MD)
                moved = moved + (old_MD - new_MD).norm(dim=1)
            means = (
                _mean(value_M / len(now), example_M, which_M, forward.pairs.examples)
                for value_M, which_M in ((turned, harmful_M), (moved, ~harmful_M))
            )
            rerouted_E, kept_E = means
            return {
                "rerouting": self.alpha * (1 - done / 2) * rerouted_E,
                "retain": self.alpha * done / 2 * kept_E,
            }

        with reading(watched) as now:
            yield further


def rerouting(before_MD: Any, now_MD: Any) -> Any:
    """(M,) ReLU of the cosine: 0 once a hidden state stands at a right angle to what it was."""
    import torch

    return torch.nn.functional.cosine_similarity(before_MD, now_MD, dim=1).relu()


def _mean(value_M: Any, example_M: Any, which_M: Any, examples: int) -> Any:
    """(E,) the mean over those of an example's tokens; 0 where it has none of them."""
    import torch

    example_M = example_M[which_M]
    tokens_E = torch.bincount(example_M, minlength=examples).clamp(min=1)
    return value_M.new_zeros(examples).index_add(0, example_M, value_M[which_M]) / tokens_E
