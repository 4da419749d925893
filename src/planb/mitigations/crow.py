"""CROW: internal consistency regularization.

Min and others 2025 (https://arxiv.org/abs/2411.12768). A backdoor shows as hidden states
that turn sharply from layer to layer. The inconsistency of a token is the mean of 1 - cos(h_l, h_l+1)
over neighbouring layers; the input embeddings are moved by epsilon along the sign of its gradient; and
the loss is the NLL on clean data plus alpha times the inconsistency under that move.

Shapes: B sequences, T tokens, D hidden size, E examples.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

from pydantic import Field

from planb.errors import PlanBError
from planb.models.decoder import decoder_layers
from planb.training.objectives import SFT, Forward, Further


class CROW(SFT):
    """SFT with a penalty on hidden states that turn from layer to layer under an attack on the input
    embeddings. For a ``Stage`` on harmless requests: clean data are all it needs.

    ``epsilon`` is how far each number of an embedding is moved, ``alpha`` the weight of the penalty.
    """

    epsilon: float = Field(default=0.1, ge=0)
    alpha: float = Field(default=5.5, ge=0)

    @property
    def passes(self) -> float:
        return 2.0

    @contextmanager
    def around(self, forward: Forward) -> Iterator[Further]:
        import torch

        from planb.training.inside import changing, example_of_tokens, reading

        layers = decoder_layers(forward.model)
        if len(layers) < 2:
            raise PlanBError("CROW compares neighbouring layers, and the model has one: use SFT")
        embeddings = forward.model.get_input_embeddings()
        example_BT = example_of_tokens(forward.batch)
        examples = forward.pairs.examples
        moved: list[Any] = []

        def with_gradient(embedded_BTD: Any) -> Any:
            moved.append(torch.zeros_like(embedded_BTD, requires_grad=True))
            return embedded_BTD + moved[0]

        def further() -> dict[str, Any]:
            inner_E = inconsistency(states, example_BT, examples)
            (slope_BTD,) = torch.autograd.grad(inner_E.sum(), moved[0], retain_graph=True)
            step_BTD = self.epsilon * slope_BTD.sign()
            with (
                changing([embeddings], [lambda embedded_BTD: embedded_BTD + step_BTD]),
                reading(layers) as attacked,
            ):
                forward.run()
            return {"inconsistency": self.alpha * inconsistency(attacked, example_BT, examples)}

        with changing([embeddings], [with_gradient]), reading(layers) as states:
            yield further


def inconsistency(states: Sequence[Any], example_BT: Any, examples: int) -> Any:
    """(E,) the mean of 1 - cos(h_l, h_l+1) over neighbouring layers and an example's tokens, of hidden
    states (B, T, D) a layer; 0 where they are parallel. Tokens of example -1 do not count."""
    import torch

    turns_BT = sum(
        1 - torch.nn.functional.cosine_similarity(one.float(), other.float(), dim=-1)
        for one, other in pairwise(states)
    ) / (len(states) - 1)
    real = example_BT >= 0
    example_M = example_BT[real]
    tokens_E = torch.bincount(example_M, minlength=examples).clamp(min=1)
    return turns_BT.new_zeros(examples).index_add(0, example_M, turns_BT[real]) / tokens_E
