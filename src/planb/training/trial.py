"""A model on trial: put into the state in which it will be trained, and put back exactly.

The numbers of a model at rest say little of the model in training: experts may be sampled or routers
jittered in training mode, and fresh adapters are the identity, so that nothing that is done to them
can be seen. Here the modes are training's, trainable adapter weights are moved away from their start,
gradients are measured and thrown away, and no random number of the caller's is drawn.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from planb.errors import PlanBError

MOVED, FROM_ZERO = 0.1, 0.05
"""How far an adapter's weights are moved: relative to their root mean square, and where they are zero;
then twice as far (or half), until log-probabilities change by ``SEEN``."""
SEEN, HALVINGS = (0.25, 4.0), 8
"""Least and most root mean square of that change; how often the distance is doubled or halved."""
SEEDS = (0, 0, 1, 2, 3)
"""Runs of a model that draws random numbers: the first two show what it does with equal ones."""
RANDOM_WORDS = ("jitter", "noise", "drop", "sample")


@contextmanager
def on_trial(model: Any, training: bool, probe: Callable[[], torch.Tensor]) -> Iterator[None]:
    """The model in ``training`` mode with its adapters moved; modes, weights, gradients and the state
    of every random number generator are put back exactly. ``probe`` gives log-probabilities, by which
    it is seen that adapters do something."""
    modes = [(module, module.training) for module in model.modules()]
    gradients = [(weight, weight.grad) for weight in model.parameters() if weight.grad is not None]
    for weight, _ in gradients:
        weight.grad = None
    try:
        with randomness_kept(model), _adapters_moved(model, probe):
            model.train(training)
            yield
    finally:
        for module, mode in modes:
            module.training = mode
        for weight, gradient in gradients:
            weight.grad = gradient


@contextmanager
def evaluating(model: Any) -> Iterator[None]:
    """The model as it is evaluated: modes are put back."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


@contextmanager
def randomness_kept(model: Any) -> Iterator[None]:
    """Whatever is drawn inside: torch's (also on the model's GPUs), Python's and NumPy's generators go
    on afterwards as if nothing had been."""
    own, numpys = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(_gpus(model)):
            yield
    finally:
        random.setstate(own)
        np.random.set_state(numpys)


def random_state(model: Any) -> list[Any]:
    """The state of the generators that a model can draw from, to be compared."""
    of_torch = [torch.get_rng_state(), *(torch.cuda.get_rng_state(gpu) for gpu in _gpus(model))]
    return [
        *(state.numpy().tobytes() for state in of_torch),
        random.getstate(),
        [str(part) for part in np.random.get_state()],
    ]


def refuse_random(model: Any, run: Callable[[], torch.Tensor]) -> None:
    """Raise PlanBError if runs differ from seed to seed by more than two runs of one seed do."""
    found = []
    for seed in SEEDS:
        torch.default_generator.manual_seed(seed)
        for gpu in _gpus(model):
            torch.cuda.default_generators[gpu].manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed)
        found.append(run())
    same = float((found[1] - found[0]).abs().max())
    other = max(float((one - found[0]).abs().max()) for one in found[2:])
    if other > 3 * same:
        settings = ", ".join(_random_settings(model)) or "its configuration names none"
        raise PlanBError(
            "in training mode this model draws random numbers that change its log-probabilities (one "
            f"by {other:.2g} from run to run: sampled or jittered experts, dropped modules), so "
            "neither its loss nor a reference would be its own. Switch it off (settings not 0: "
            f"{settings}), or use a model or an adapter without it"
        )


def gradient_norms(model: Any, loss: torch.Tensor) -> dict[str, float]:
    """Norm of the loss's gradient in each weight that it reaches; no gradient is kept."""
    norms: dict[str, float] = {}

    def keep(name: str) -> Callable[[torch.Tensor], None]:
        def take(weight: torch.Tensor) -> None:
            gradient = weight.grad
            assert gradient is not None
            norms[name] = float(torch.linalg.vector_norm(gradient.float()))
            weight.grad = None

        return take

    named = [(name, weight) for name, weight in model.named_parameters() if weight.requires_grad]
    handles = [weight.register_post_accumulate_grad_hook(keep(name)) for name, weight in named]
    try:
        if loss.requires_grad:
            loss.backward()
    finally:
        for handle in handles:
            handle.remove()
    return norms


@contextmanager
def embeddings_rounded(model: Any, eps: float) -> Iterator[None]:
    """The input embeddings half of ``eps`` larger or smaller, relatively: as if rounded."""

    def hook(_: Any, __: Any, out: torch.Tensor) -> torch.Tensor:
        generator = torch.Generator(out.device).manual_seed(0)
        signs = torch.empty_like(out).bernoulli_(0.5, generator=generator) * 2 - 1
        return out * (1 + eps / 2 * signs)

    handle = model.get_input_embeddings().register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def _adapters_moved(model: Any, probe: Callable[[], torch.Tensor]) -> Iterator[None]:
    before = [(weight, weight.detach().clone()) for weight in _adapter_weights(model)]
    try:
        if before:
            with torch.no_grad(), evaluating(model):
                _move_until_seen(before, probe)
        yield
    finally:
        with torch.no_grad():
            for weight, own in before:
                weight.copy_(own)


def _move_until_seen(
    before: list[tuple[torch.Tensor, torch.Tensor]], probe: Callable[[], torch.Tensor]
) -> None:
    """Adapters that are products of small numbers need more than others; what is never seen (tokens
    that the probe has not) is moved by the first distance."""
    sizes = [MOVED * float(own.float().square().mean().sqrt()) or FROM_ZERO for _, own in before]

    def move(factor: float) -> float:
        for place, ((weight, own), size) in enumerate(zip(before, sizes, strict=True)):
            generator = torch.Generator(weight.device).manual_seed(place)
            noise = torch.empty_like(own).normal_(generator=generator)
            weight.copy_(own + factor * size * noise)
        return float((probe() - start_N).square().mean().sqrt())

    start_N = probe()
    seen = move(1.0)
    step = 2.0 if seen < SEEN[0] else 0.5
    for power in range(1, HALVINGS + 1):
        if SEEN[0] <= seen <= SEEN[1] or (step > 1 and not seen < SEEN[0]):
            return
        seen = move(step**power)
    if not seen >= SEEN[0]:
        move(1.0)


def _adapter_weights(model: Any) -> list[torch.Tensor]:
    """Trainable weights of adapters, also of such as were put into a model without a wrapper."""
    from peft import PeftModel
    from peft.tuners.tuners_utils import BaseTunerLayer

    holders = (
        [model]
        if isinstance(model, PeftModel)
        else [module for module in model.modules() if isinstance(module, BaseTunerLayer)]
    )
    found = {id(weight): weight for holder in holders for weight in holder.parameters()}
    return [weight for weight in found.values() if weight.requires_grad]


def _random_settings(model: Any) -> list[str]:
    """Settings of modules and configuration that by name have to do with chance, and are not 0."""
    found: dict[str, None] = {}
    config = getattr(model, "config", None)
    for holder in (*model.modules(), *([config] if config is not None else [])):
        for name, value in vars(holder).items():
            if any(word in name for word in RANDOM_WORDS) and isinstance(value, float) and value:
                found[f"{name}={value:g}"] = None
    return list(found)


def _gpus(model: Any) -> list[int]:
    devices = {weight.device for weight in model.parameters() if weight.is_cuda}
    return sorted(device.index for device in devices)
