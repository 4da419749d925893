"""Whether an answer was cut off at its limit: yes, no, or not known.

Some of Inspect's providers never say how an answer ended (read in inspect_ai 0.3.285). Where the count
of its tokens says that the limit was not reached, it was not cut; else nothing is known, and what is
made of the answer must say so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inspect_ai.model import GenerateConfig, Model, ModelOutput

CUT = ("max_tokens", "model_length")
"""Inspect's stop reasons of an answer that was cut off."""
SAYS_NOTHING = ("hf", "nnterp", "transformer_lens")
"""Providers whose stop reason is always ``unknown``; the first two count the new tokens of the longest
answer in the batch, its padding included, so fewer than the limit means that none was cut."""
ALWAYS_STOP = ("mistral",)
"""Providers that may say ``stop`` of an answer that was cut (Mistral's conversations API does)."""
SEEDLESS = (*SAYS_NOTHING, "anthropic", "bedrock", "google", "sagemaker")
"""Providers that take a request's seed and do nothing with it."""
GREEDY_REFUSED = ("hf", "nnterp")
"""Providers that sample in transformers whatever the temperature is, and raise at 0."""
UNKNOWN = "whether the answer was cut off is not known: its provider does not say how it ended"


def cut_off(output: ModelOutput, model: str, max_tokens: int | None) -> bool | None:
    """Whether the answer was cut; None where that is not known.

    ``model`` is Inspect's full name of the model ("hf/my-model"), ``max_tokens`` the limit that the
    request had. An output without any answer was not cut.
    """
    if not output.choices or output.error:
        return False
    if output.stop_reason in CUT:
        return True
    provider = model.partition("/")[0]
    if provider in ALWAYS_STOP or (provider in SAYS_NOTHING and output.stop_reason == "unknown"):
        return False if _room_was_left(output, max_tokens) else None
    return None if output.stop_reason == "unknown" else False


def _room_was_left(output: ModelOutput, max_tokens: int | None) -> bool:
    return output.usage is not None and max_tokens is not None and _spent(output) < max_tokens


def _spent(output: ModelOutput) -> int:
    return output.usage.output_tokens if output.usage is not None else 0


def why_not_greedy(model: Model, config: GenerateConfig) -> str:
    """Why the model cannot be sampled at the temperature 0 that ``config`` wants; "" if it can."""
    provider = str(model).partition("/")[0]
    if config.temperature != 0 or provider not in GREEDY_REFUSED or _is_greedy(model):
        return ""
    return (
        f"{model} is asked at temperature 0, and Inspect's provider {provider} refuses that. Name the "
        "same weights planb/<folder or hub id>, which is greedy at 0"
        + (", or give the model the argument do_sample=false (-M do_sample=false)" * (provider == "hf"))
    )


def _is_greedy(model: Model) -> bool:
    """Whether an ``hf`` model was made with ``do_sample=false``."""
    return vars(model.api).get("do_sample") is False
