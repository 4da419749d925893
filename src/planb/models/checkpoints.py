"""Checkpoints on disk: a folder with full weights, or with an adapter and the identity of its base.

Every folder that planb writes carries a card, ``planb.json``, that says what it is. Weights are
safetensors only, and no code of a model's own is ever run (``trust_remote_code`` stays off).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from planb.errors import PlanBError
from planb.models.adapters import (
    add_adapter,
    merge_adapters,
    stack_adapters,
    train_newest,
    write_adapter,
)
from planb.models.cards import (
    ADAPTER,
    CARD,
    HOSTED,
    Card,
    Chain,
    base_folder,
    chain,
    checkpoint_digest,
    on_base,
    open_as_others,
    read_card,
)
from planb.models.hub import is_hub_id, resolve_model
from planb.models.quantized import four_bit, stored_quantized
from planb.models.template import settle

if TYPE_CHECKING:
    import torch

__all__ = [
    "ADAPTER",
    "CARD",
    "Card",
    "Policy",
    "add_adapter",
    "base_folder",
    "checkpoint_digest",
    "load_policy",
    "read_card",
    "resolve_model",
    "save_policy",
    "train_newest",
]


@dataclass
class Policy:
    """A model with its tokenizer, in memory."""

    model: Any
    tokenizer: Any
    folder: Path

    @property
    def device(self) -> torch.device:
        return next(iter(self.model.parameters())).device

    @property
    def inner(self) -> Any:
        """The transformers model; adapters that are stacked on it are inside its layers."""
        peft = hasattr(self.model, "get_base_model")
        return self.model.get_base_model() if peft else self.model

    @property
    def positions(self) -> int | None:
        """The longest text in tokens that the model has positions for; None: its configuration names
        no length. (A model that also takes pictures names it for its language model.)"""
        config = self.model.config.get_text_config()
        return getattr(config, "max_position_embeddings", None)

    @property
    def checkpoint(self) -> str:
        """The hash that names these weights."""
        return checkpoint_digest(self.folder)


def load_policy(
    folder: Path | str,
    dtype: str = "auto",
    *,
    adapters: Literal["merge", "stack"] = "merge",
    quantize: Literal["none", "4bit"] = "none",
) -> Policy:
    """Load a checkpoint folder (or a hub id): full weights, or the chain of adapters on them.

    ``adapters="merge"`` adds every adapter of the chain into the weights; ``"stack"`` keeps each as a
    frozen, active PEFT adapter, ``stage1`` first. Both compute the same function; on quantized weights
    only ``"stack"`` does so, as merging would round each adapter to 4 bits. ``quantize="4bit"`` loads
    the weights below the adapters as NF4 (not run on a GPU yet).

    Raises PlanBError if the folder is no checkpoint, if an adapter's base is not the one it was trained
    on, or if adapters were to be merged into quantized weights.
    """
    folder = Path(folder)
    if not folder.exists() and is_hub_id(str(folder)):
        folder = resolve_model(str(folder))
    if (folder / HOSTED).is_file():
        raise PlanBError(
            f"{folder} is a model at a host: it can be asked, but its weights are not here"
        )
    parts = chain(folder)
    merging = parts.adapters and adapters == "merge"
    if merging and (quantize == "4bit" or stored_quantized(parts.root)):
        raise PlanBError(
            f"{folder} is an adapter on weights that are quantized ({parts.root}), and merging it into "
            'them would lose precision. Load it with adapters="stack".'
        )
    policy = _load_full(parts.root, dtype, quantize)
    put = merge_adapters if adapters == "merge" else stack_adapters
    return Policy(put(policy.model, parts.adapters).eval(), policy.tokenizer, folder)


def _load_full(folder: Path, dtype: str, quantize: str) -> Policy:
    from transformers import AutoTokenizer

    if folder.exists() and not (folder / "config.json").exists():
        raise PlanBError(f"{folder} is not a checkpoint: it has neither config.json nor {ADAPTER}/")
    place = four_bit(folder) if quantize == "4bit" else {"device_map": _device()}
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder))
        model = _language_model(folder).from_pretrained(
            str(folder), dtype=dtype, use_safetensors=True, **place
        )
    except (OSError, ValueError, ImportError) as error:
        raise PlanBError(f"cannot load a model from {folder}: {error}") from error
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return Policy(model.eval(), settle(tokenizer), folder)


def _language_model(folder: Path) -> Any:
    """The class that loads it: a causal language model, or one that is only registered with images or
    sound (Mistral Small 3, Qwen-VL), which is a causal language model of the text all the same."""
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForMultimodalLM
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_CAUSAL_LM_MAPPING,
        MODEL_FOR_MULTIMODAL_LM_MAPPING,
    )

    config = AutoConfig.from_pretrained(str(folder))
    kind = type(config)
    only_multimodal = (
        kind not in MODEL_FOR_CAUSAL_LM_MAPPING and kind in MODEL_FOR_MULTIMODAL_LM_MAPPING
    )
    if only_multimodal and not config.is_encoder_decoder:
        return AutoModelForMultimodalLM
    return AutoModelForCausalLM


def save_policy(
    model: Any,
    tokenizer: Any,
    folder: Path,
    card: Card,
    base: Path | None = None,
    weights: dict[str, Any] | None = None,
) -> None:
    """Write full weights, or (for a PEFT model) the newest adapter, unmerged, and its base's identity.

    ``base`` is the checkpoint folder that the newest adapter was trained on, so the adapters below it
    in ``model`` are that folder's own. Raises PlanBError if it is missing or has fewer adapters.
    """
    from peft import PeftModel

    if isinstance(model, PeftModel):
        if base is None:
            raise PlanBError("an adapter is saved with the folder of its base")
        _check_base(model, chain(base))
        card = on_base(card, base, folder)
        write_adapter(model, folder, card.base, card.base_revision, weights)
    else:
        if weights is not None:
            weights = {k: v for k, v in weights.items() if k not in model.all_tied_weights_keys}
        model.save_pretrained(str(folder), state_dict=weights)
        tokenizer.save_pretrained(str(folder))
    (folder / CARD).write_text(card.model_dump_json(indent=2) + "\n", encoding="utf-8")
    open_as_others(folder, CARD)


def _check_base(model: Any, base: Chain) -> None:
    """Adapters of the base may be merged, so the model can have fewer; never more."""
    below = len(model.peft_config) - 1
    if below > len(base.adapters):
        raise PlanBError(
            f"the model has {below} adapters below the newest, and its base has {len(base.adapters)}: "
            "only the newest is saved. Name the checkpoint folder that it was trained on."
        )


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"
