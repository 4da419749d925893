"""Wanda: pruning by weights and activations.

Sun and others 2023 (https://arxiv.org/abs/2306.11695, section 3): the score of a weight is its absolute
value times the norm of its input feature over the calibration tokens, S_ij = |W_ij| * ||X_j||_2, and
the lowest scores of each output (row) are removed. Layers are pruned one after another, each with the
inputs that the pruned layers before it give. Shapes: Y outputs, X inputs.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

from pydantic import Field

from planb.errors import PlanBError
from planb.mitigations.magnitude import zero_least, zeros
from planb.mitigations.mitigation import Material, Mitigation
from planb.models.chat import exchanges
from planb.models.checkpoints import Policy
from planb.models.decoder import Matrix, decoder_layers, layer_matrices
from planb.stats.numbers import plain_percent
from planb.types import HELPFUL, Example
from planb.values import seed_of


class WandaPruning(Mitigation):
    """``sparsity`` of the weights of each output become 0: those with the lowest Wanda score.

    ``requests`` harmless requests with their helpful answers are the calibration data, each cut at
    ``max_length`` tokens.
    """

    needs_data: ClassVar[bool] = True
    sparsity: float = Field(default=0.35, ge=0, lt=1)
    requests: int = Field(default=128, gt=0)
    max_length: int = Field(default=2048, gt=0)

    @property
    def words(self) -> str:
        share = plain_percent(self.sparsity)
        return f"Wanda pruning, {share} of each output, {self.requests} harmless requests"

    def change(self, policy: Policy, material: Material) -> dict[str, str]:
        layers = decoder_layers(policy.model)
        matrices = [layer_matrices(layer) for layer in layers]
        for matrix in (one for some in matrices for one in some):
            _refuse_other_than_linear(matrix)
        texts = self.calibration(policy.tokenizer, material.clean, material.seed)
        for done, some in enumerate(matrices, 1):
            norms = input_norms(some, lambda: _run(policy, texts))
            for matrix, norm_X in zip(some, norms, strict=True):
                rows_YX = matrix.rows
                zero_least(rows_YX, rows_YX.abs().float() * norm_X, self.sparsity)
            material.progress(done, len(layers), "pruning")
        return {"zeros": zeros(policy.model), "calibration": f"{len(texts)} requests"}

    def calibration(self, tokenizer: Any, clean: Sequence[Example], seed: int) -> list[tuple[int, ...]]:
        """Token ids of the requests with one helpful answer each, drawn by the seed."""
        helped = [one for one in clean if HELPFUL in one.responses]
        if not helped:
            raise PlanBError(
                f"link '{self.name}' runs the model on harmless requests with a helpful answer, and "
                f"the data have none: add the tier '{HELPFUL}', or use MagnitudePruning"
            )
        random.Random(seed_of("calibration", seed)).shuffle(helped)
        pairs = [(one.prompt, one.responses[HELPFUL][0]) for one in helped[: self.requests]]
        return [
            tuple([*prompt, *answer][: self.max_length])
            for prompt, answer in exchanges(tokenizer, pairs)
        ]


def input_norms(matrices: Sequence[Matrix], run: Callable[[], None]) -> list[Any]:
    """(X,) float32 L2 norms of the input features of each matrix over all tokens that ``run`` gives
    the model. Raises PlanBError for a matrix that saw none."""
    import torch

    squares: list[Any] = [None] * len(matrices)

    def seeing(place: int) -> Callable[..., None]:
        def see(_: Any, inputs: tuple[Any, ...]) -> None:
            tokens_NX = inputs[0].detach().flatten(0, -2).float()
            found_X = tokens_NX.square().sum(0)
            squares[place] = found_X if squares[place] is None else squares[place] + found_X

        return see

    with _hooked([(one.module, seeing(place)) for place, one in enumerate(matrices)]), torch.no_grad():
        run()
    unseen = [one.path for one, found in zip(matrices, squares, strict=True) if found is None]
    if unseen:
        raise PlanBError(
            f"no input reached {unseen[0]}, so Wanda has no score for it: this model uses that weight "
            "in a way of its own. Use MagnitudePruning"
        )
    return [found_X.sqrt() for found_X in squares]


@contextmanager
def _hooked(hooks: Sequence[tuple[Any, Callable[..., None]]]) -> Iterator[None]:
    handles = [module.register_forward_pre_hook(hook) for module, hook in hooks]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _run(policy: Policy, texts: Sequence[tuple[int, ...]]) -> None:
    """Each text alone: no padding, so no token counts that is none."""
    import torch

    for ids in texts:
        policy.model(input_ids=torch.tensor([ids], device=policy.device), use_cache=False)


def _refuse_other_than_linear(matrix: Matrix) -> None:
    if not matrix.multiplies:
        raise PlanBError(
            f"Wanda needs the inputs of every matrix, and {matrix.path} is no linear layer of its own "
            f"(it is held by a {type(matrix.module).__name__}, as experts and routers are): use "
            "MagnitudePruning"
        )
