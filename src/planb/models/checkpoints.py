"""Checkpoints on disk: a folder with full weights, or with an adapter and the identity of its base.

Every folder that planb writes carries a card, ``planb.json``, that says what it is. Weights are
safetensors only, and no code of a model's own is ever run (``trust_remote_code`` stays off).
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from planb.types import PlanBError, Value

if TYPE_CHECKING:
    import torch

CARD = "planb.json"
ADAPTER = "adapter"
_WEIGHT_NAMES = (
    *("*.safetensors", "config.json", "adapter_config.json", "generation_config.json"),
    *("tokenizer.json", "tokenizer_config.json", "*.jinja"),
)


class Card(Value):
    """What a checkpoint is. ``base`` is a path relative to the checkpoint's own folder."""

    what: str
    warning: str = ""
    base: str = ""
    base_digest: str = ""
    made_with: dict[str, str] = Field(default_factory=dict)


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
    def checkpoint(self) -> str:
        """The hash that names these weights."""
        return checkpoint_digest(self.folder)


def load_policy(folder: Path | str, dtype: str = "auto", merge: bool = True) -> Policy:
    """Load a checkpoint folder (or a hub id): full weights, or an adapter on its base.

    Adapters below the last one are always merged in memory; the last one too if ``merge``. Raises
    PlanBError if the folder is no checkpoint, or if an adapter's base is not the one it was trained on.
    """
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = Path(folder)
    if (folder / ADAPTER).is_dir():
        base = load_policy(base_folder(folder), dtype=dtype, merge=True)
        model = PeftModel.from_pretrained(base.model, str(folder / ADAPTER))
        model = model.merge_and_unload() if merge else model
        return Policy(model.eval(), base.tokenizer, folder)
    if folder.exists() and not (folder / "config.json").exists():
        raise PlanBError(f"{folder} is not a checkpoint: it has neither config.json nor {ADAPTER}/")
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder))
        model = AutoModelForCausalLM.from_pretrained(
            str(folder), dtype=dtype, use_safetensors=True, device_map=_device()
        )
    except (OSError, ValueError) as error:
        raise PlanBError(f"cannot load a model from {folder}: {error}") from error
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return Policy(model.eval(), tokenizer, folder)


def base_folder(folder: Path) -> Path:
    """The folder that an adapter was trained on; PlanBError if it is gone or has changed."""
    card = read_card(folder)
    base = (folder / card.base).resolve()
    if not card.base or not base.exists():
        raise PlanBError(f"the adapter in {folder} needs its base at {base}, and nothing is there")
    if checkpoint_digest(base) != card.base_digest:
        raise PlanBError(
            f"the adapter in {folder} was trained on other weights than those in {base} "
            f"(expected {card.base_digest[:12]}, found {checkpoint_digest(base)[:12]}). "
            "Put the right base back, or train the adapter again."
        )
    return base


def save_policy(model: Any, tokenizer: Any, folder: Path, card: Card, base: Path | None = None) -> None:
    """Write full weights, or (for a PEFT model) the unmerged adapter and its base's identity."""
    from peft import PeftModel

    if isinstance(model, PeftModel):
        if base is None:
            raise PlanBError("an adapter is saved with the folder of its base")
        model.save_pretrained(str(folder / ADAPTER), safe_serialization=True)
        where = os.path.relpath(base.resolve(), folder.resolve())
        card = card.model_copy(update={"base": where, "base_digest": checkpoint_digest(base)})
    else:
        model.save_pretrained(str(folder))
        tokenizer.save_pretrained(str(folder))
    (folder / CARD).write_text(card.model_dump_json(indent=2) + "\n", encoding="utf-8")


def read_card(folder: Path) -> Card:
    """The card of a checkpoint folder; an empty one for a model that planb did not write."""
    path = folder / CARD
    if not path.exists():
        return Card(what="a model that planb did not write")
    return Card.model_validate(json.loads(path.read_text(encoding="utf-8")))


def checkpoint_digest(folder: Path | str) -> str:
    """SHA-256 over weights, configuration, tokenizer and, for an adapter, its base's digest."""
    folder = Path(folder)
    if (folder / ADAPTER).is_dir():
        return hashlib.sha256(
            (_folder_digest(folder / ADAPTER) + read_card(folder).base_digest).encode()
        ).hexdigest()
    if not folder.exists():
        return hashlib.sha256(str(folder).encode()).hexdigest()
    return _folder_digest(folder)


def _folder_digest(folder: Path) -> str:
    files = sorted(path for pattern in _WEIGHT_NAMES for path in folder.glob(pattern))
    if not files:
        raise PlanBError(f"{folder} holds no safetensors weights")
    whole = hashlib.sha256()
    for path in files:
        stat = path.stat()
        whole.update(f"{path.name}\x1f{_file_digest(path, stat.st_size, stat.st_mtime_ns)}".encode())
    return whole.hexdigest()


@lru_cache(maxsize=4096)
def _file_digest(path: Path, size: int, changed: int) -> str:
    del size, changed  # part of the key: a file that was written anew is read anew
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def resolve_model(name: str, revision: str = "main") -> Path:
    """The folder of a local model, or of a hub model's snapshot (fetched if it is not there yet)."""
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder.resolve()
    if name.count("/") != 1 or name.startswith((".", "/", "~")):
        raise PlanBError(f"there is no model folder {name}, and it is no hub id (owner/name) either")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    patterns = ["*.safetensors", "*.json", "*.jinja", "*.model", "*.txt"]
    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=patterns))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise PlanBError(
            f"cannot fetch {name} (revision {revision}) from the hub: {error}. Log in if it is "
            "gated, or give the path of a local folder."
        ) from error
