"""A look inside a model during a forward pass: hidden states read, or moved, by hooks.

Both layouts of a batch are known here, so that an objective that looks inside gives the same numbers in
packed and in separate rows. Shapes: B sequences, T tokens, D hidden size, E examples, M places, U
distinct prompt tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch

from planb.training.packing import Batch

Change = Callable[[torch.Tensor], torch.Tensor]


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


def prompt_places(batch: Batch, examples: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
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
    return torch.tensor(places, device=device), torch.tensor(tokens, device=device)


def _prompts(batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """(R,) flat places of the first and of the last token of each response's prompt."""
    R, inputs = len(batch["example_R"]), batch["inputs"]
    of_response_N = batch["owner_N"] < R
    at_N, owner_N = batch["predictor_N"][of_response_N], batch["owner_N"][of_response_N]
    last_R = at_N.new_full((R,), inputs["input_ids"].numel()).scatter_reduce(0, owner_N, at_N, "amin")
    if "pack" in inputs:
        return last_R - inputs["position_ids"].flatten()[last_R], last_R
    return last_R - last_R % inputs["input_ids"].shape[1], last_R
