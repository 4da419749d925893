"""Where the time of a packed step goes, by class of operator.

``torch.profiler`` with a scope around each module of the model. An operator of the backward pass is in
the class of the forward operator that made its node: both carry the same sequence number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from torch.profiler import ProfilerActivity, profile, record_function
from transformers.models.llama import modeling_llama

from benchmarks.cases import Size, case
from benchmarks.contestants import Field

COLUMNS = ("size", "K", "ratio", "class", "share")
STEP, BODY = "step", "body"
LINEAR, ATTENTION, HEAD, COPIES = "linear layers", "attention", "head and loss", "copies and gathers"
NORMS, ROTARY, ACTIVATION = "norms", "rotary positions", "activation"
RESIDUALS, PYTHON = "residual sums and other operators", "Python between operators"
CLASSES = (LINEAR, ATTENTION, NORMS, ROTARY, ACTIVATION, HEAD, COPIES, RESIDUALS, PYTHON)
SCOPES = {
    "LlamaModel": BODY,
    "LlamaMLP": ACTIVATION,  # what is not in its linear layers: SiLU and the product
    "Linear": LINEAR,
    "LlamaRMSNorm": NORMS,
    "LlamaRotaryEmbedding": ROTARY,
}
MARK = "bench::"
NODE = "autograd::engine::evaluate_function: "
COPYING = (
    "copy", "clone", "contiguous", "cat", "index", "gather", "scatter", "select", "slice", "embedding",
    "stack", "split", "pad", "fill", "zero", "repeat", "expand",
)  # fmt: skip
PRODUCTS = ("bmm", "matmul", "softmax")
"""In the body, and not in a linear layer: attention that is spelt out."""


def measure(size: Size, K: int, ratio: str, repeats: int = 3) -> list[dict[str, Any]]:
    """Rows of ``profile.csv``: shares of the step's time, which sum to 1."""
    contestant = Field(case(size, K, ratio)).contestant("packed")
    contestant.step(0)
    contestant.zero_grad()
    with _scopes(contestant.model), profile(activities=[ProfilerActivity.CPU]) as seen:
        for _ in range(repeats):
            with record_function(MARK + STEP):
                contestant.step(0)
            contestant.zero_grad()
    steps = [event for event in seen.events() if event.name == MARK + STEP]
    spent: Counter[str] = Counter()
    for step in steps:
        _attribute(step, _classes(step), STEP, spent)
    total = sum(spent.values())
    return [
        dict(zip(COLUMNS, (size.name, K, ratio, name, f"{spent[name] / total:.3f}"), strict=True))
        for name in CLASSES
    ]


@contextmanager
def _scopes(model: Any) -> Iterator[None]:
    """A record around each module that has a class, and around the rotation of queries and keys."""
    rotate = modeling_llama.apply_rotary_pos_emb

    def recorded(*args: Any, **kwargs: Any) -> Any:
        with record_function(MARK + ROTARY):
            return rotate(*args, **kwargs)

    with ExitStack() as stack:
        for name, module in model.named_modules():
            scope = HEAD if name.endswith("lm_head") else SCOPES.get(type(module).__name__)
            if scope:
                for hook in _hooks(module, MARK + scope):
                    stack.callback(hook.remove)
        modeling_llama.apply_rotary_pos_emb = recorded
        stack.callback(setattr, modeling_llama, "apply_rotary_pos_emb", rotate)
        yield


def _hooks(module: Any, name: str) -> tuple[Any, Any]:
    open_records = []

    def enter(*_: Any) -> None:
        open_records.append(record_function(name))
        open_records[-1].__enter__()

    def leave(*_: Any) -> None:
        open_records.pop().__exit__(None, None, None)

    return module.register_forward_pre_hook(enter), module.register_forward_hook(leave)


def _classes(step: Any) -> dict[int, str]:
    """Scope by sequence number; of the events that carry one, the last made the node."""
    found: dict[int, str] = {}

    def walk(event: Any, scope: str) -> None:
        if event.name.startswith(NODE):
            return
        scope = event.name.removeprefix(MARK) if event.name.startswith(MARK) else scope
        if _operator(event.name, scope) == ATTENTION:
            scope = ATTENTION
        if event.sequence_nr >= 0:
            found[event.sequence_nr] = _operator(event.name, scope)
        for child in event.cpu_children:
            walk(child, scope)

    walk(step, STEP)
    return found


def _attribute(event: Any, classes: dict[int, str], scope: str, spent: Counter[str]) -> None:
    """Add each event's own time to its class."""
    if event.name.startswith(MARK):
        scope = event.name.removeprefix(MARK)
        spent[PYTHON] += event.self_cpu_time_total
    else:
        if event.name.startswith(NODE):
            scope = classes.get(event.sequence_nr, BODY)
        kind = _operator(event.name, scope)
        scope = ATTENTION if kind == ATTENTION else scope
        spent[kind] += event.self_cpu_time_total
    for child in event.cpu_children:
        _attribute(child, classes, scope, spent)


def _operator(name: str, scope: str) -> str:
    """The class of an operator by its scope, and in the body at large by its name."""
    if "attention" in name.lower() or (scope == BODY and any(word in name for word in PRODUCTS)):
        return ATTENTION
    if scope == STEP:
        return HEAD
    if scope == BODY:
        return COPIES if any(word in name.lower() for word in COPYING) else RESIDUALS
    return scope
