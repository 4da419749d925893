"""A look inside a model during a forward pass: hidden states read, or moved, by hooks.

Both layouts of a batch are known here, so that an objective that looks inside gives the same numbers in
packed and in separate rows. Shapes: B sequences, T tokens, D hidden size, E examples, M places, U
distinct prompt tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import torch

from planb.errors import PlanBError
from planb.training.packing import Batch

Change = Callable[[torch.Tensor], torch.Tensor]
Places = tuple[torch.Tensor, torch.Tensor]
"""Flat places (M,) in (B, T), and which of U moves (M,) is put on each."""


class Attack(NamedTuple):
    """How a perturbation is found: steps of AdamW at a rate, each move within an L2 ball."""

    steps: int
    rate: float
    radius: float


@contextmanager
def changing(modules: Sequence[Any], changes: Sequence[Change]) -> Iterator[None]:
    """Within it the output of each module (B, T, D), or the first of several, is what its function
    makes of it."""
    with ExitStack() as stack:
        for module, change in zip(modules, changes, strict=True):

            def hook(_m: Any, _i: Any, output: Any, change: Change = change) -> Any:
                if isinstance(output, tuple):
                    return (change(output[0]), *output[1:])
                return change(output)

            stack.callback(module.register_forward_hook(hook).remove)
        yield


@contextmanager
def reading(modules: Sequence[Any]) -> Iterator[list[torch.Tensor]]:
    """Within it the outputs of the modules are appended to the list, in the order of the pass."""
    found: list[torch.Tensor] = []

    def read(output: torch.Tensor) -> torch.Tensor:
        found.append(output)
        return output

    with changing(modules, [read] * len(modules)):
        yield found


@contextmanager
def last_hidden(model: Any) -> Iterator[list[torch.Tensor]]:
    """Within it what the decoder gives its head, (B, T, D) a pass, is appended to the list."""
    found: list[torch.Tensor] = []

    def see(_m: Any, _i: Any, output: Any) -> None:
        found.append(output[0])

    handle = model.get_decoder().register_forward_hook(see)
    try:
        yield found
    finally:
        handle.remove()


def logits_of(model: Any, hidden_MD: torch.Tensor) -> torch.Tensor:
    """(M, V) float32 logits of last hidden states, scaled and capped as the model does it. Raises
    PlanBError where the head is no plain linear layer."""
    from planb.training.head import logits, scaling

    head = model.get_output_embeddings()
    if not isinstance(head, torch.nn.Linear):
        raise PlanBError(
            f"the model's head is a {type(head).__name__}, and this needs a linear one: leave out what "
            "compares predictions (RepBend: gamma=0)"
        )
    weight_VD = head.weight.to(hidden_MD.dtype)
    bias_V = None if head.bias is None else head.bias.to(hidden_MD.dtype)
    with torch.autocast(hidden_MD.device.type, enabled=False):
        return logits(hidden_MD, weight_VD, bias_V, *scaling(model))


@contextmanager
def attacked(
    modules: Sequence[Any], places: Places, attack: Attack, loss: Callable[[], Any]
) -> Iterator[None]:
    """Within it the modules' outputs are moved at these places so that ``loss()``, which runs the model
    with gradients, is low. The moves begin at 0 and are found on entering; without places there are
    none."""
    place_M, move_M = places
    if not len(place_M):
        yield
        return
    moves: list[torch.Tensor] = []

    def moving(at: int) -> Change:
        def change(hidden_BTD: torch.Tensor) -> torch.Tensor:
            flat = hidden_BTD.flatten(0, 1)
            if len(moves) == at:  # the first pass tells how wide a hidden state is
                shape = (int(move_M.max()) + 1, flat.shape[1])
                moves.append(torch.zeros(shape, device=flat.device, requires_grad=True))
            added = flat.index_add(0, place_M, moves[at][move_M].to(flat.dtype))
            return added.view_as(hidden_BTD)

        return change

    with changing(modules, [moving(at) for at in range(len(modules))]):
        optimizer: torch.optim.Optimizer | None = None
        for _ in range(attack.steps):
            found = loss()
            optimizer = optimizer or torch.optim.AdamW(moves, lr=attack.rate, weight_decay=0.0)
            for move_UD, slope_UD in zip(moves, torch.autograd.grad(found, moves), strict=True):
                move_UD.grad = slope_UD
            optimizer.step()
            for move_UD in moves:
                project(move_UD, attack.radius)
        moves[:] = [move_UD.detach() for move_UD in moves]
        yield


def project(move_UD: torch.Tensor, radius: float) -> None:
    """Bring each row back into the ball of this radius, in place."""
    with torch.no_grad():
        norm_U1 = move_UD.norm(dim=1, keepdim=True)
        move_UD.mul_((radius / norm_U1.clamp(min=1e-12)).clamp(max=1.0))


@contextmanager
def without_adapter(model: Any) -> Iterator[None]:
    """Within it the model is what it was before its adapter was trained. Raises PlanBError where it has
    none, or several."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    layers = [module for module in model.modules() if isinstance(module, BaseTunerLayer)]
    adapters = {name for layer in layers for name in layer.active_adapters}
    if len(adapters) != 1:
        raise PlanBError(
            "the model before training is the model without its one adapter, and this one has "
            f"{len(adapters) or 'none'}: train with an adapter, and older_adapters='merge'"
        )
    for layer in layers:
        layer.enable_adapters(False)
    try:
        yield
    finally:
        for layer in layers:
            layer.enable_adapters(True)


def example_of_tokens(batch: Batch) -> torch.Tensor:
    """(B, T) which example each token belongs to; -1 for padding."""
    ids_BT = batch["inputs"]["input_ids"]
    if "pack" not in batch["inputs"]:
        mask_BT: torch.Tensor = batch["inputs"]["attention_mask"]
        return batch["example_R"][:, None].where(mask_BT > 0, -1)
    start_R, _ = _prompts(batch)
    place_T = torch.arange(ids_BT.shape[1], device=ids_BT.device)
    of_response_T = torch.searchsorted(start_R.contiguous(), place_T, right=True) - 1
    found: torch.Tensor = batch["example_R"][of_response_T][None]
    return found


def prompt_places(batch: Batch, examples: torch.Tensor) -> Places:
    """Flat places (M,) in (B, T) of the prompts of these examples, and which prompt token (M,) of U
    stands there: a prompt's copies before several responses are the same U tokens."""
    start_R, last_R = _prompts(batch)
    known: dict[tuple[int, int], int] = {}
    places, tokens, seen = list[int](), list[int](), set[int]()
    wanted = set(examples.tolist())
    for example, start, last in zip(
        batch["example_R"].tolist(), start_R.tolist(), last_R.tolist(), strict=True
    ):
        if example not in wanted or start in seen:
            continue
        seen.add(start)
        for place in range(start, last + 1):
            places.append(place)
            tokens.append(known.setdefault((example, place - start), len(known)))
    device = start_R.device
    return (
        torch.tensor(places, device=device, dtype=torch.long),
        torch.tensor(tokens, device=device, dtype=torch.long),
    )


def prompt_ends(batch: Batch, examples: torch.Tensor, tokens: int) -> Places:
    """The places of the last tokens of these examples' prompts, by how far each is from the end: the
    same move is put on the last token of every prompt."""
    start_R, last_R = _prompts(batch)
    wanted = set(examples.tolist())
    found = {
        (last - back, back)
        for example, start, last in zip(
            batch["example_R"].tolist(), start_R.tolist(), last_R.tolist(), strict=True
        )
        if example in wanted
        for back in range(min(tokens, last - start + 1))
    }
    places, backs = zip(*sorted(found), strict=True) if found else ((), ())
    device = start_R.device
    return (
        torch.tensor(places, device=device, dtype=torch.long),
        torch.tensor(backs, device=device, dtype=torch.long),
    )


def _prompts(batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """(R,) flat places of the first and of the last token of each response's prompt."""
    R, inputs = len(batch["example_R"]), batch["inputs"]
    of_response_N = batch["owner_N"] < R
    at_N, owner_N = batch["predictor_N"][of_response_N], batch["owner_N"][of_response_N]
    last_R = at_N.new_full((R,), inputs["input_ids"].numel()).scatter_reduce(0, owner_N, at_N, "amin")
    if "pack" in inputs:
        position_T = inputs["position_ids"].flatten()
        start_R = last_R - position_T[last_R]
        assert not position_T[start_R].any(), "prompts here must be whole: collate with share=False"
        return start_R, last_R
    return last_R - last_R % inputs["input_ids"].shape[1], last_R
