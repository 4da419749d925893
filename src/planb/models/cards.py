"""What a checkpoint folder is: its card, its digest, and the chain of adapters that it stands on.

A folder holds full weights, or an unmerged adapter in ``adapter/`` whose card names the base that it
was trained on by place and by digest. That base may be an adapter's folder again. A model at a host has
no weights here: ``hosted.json`` names it.
"""

from __future__ import annotations

import hashlib
import json
import os
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from pydantic import Field, ValidationError

from planb.errors import PlanBError, wrong_fields
from planb.models.hub import hub_identity, hub_snapshot
from planb.values import Value, digest_of

CARD = "planb.json"
ADAPTER = "adapter"
HOSTED = "hosted.json"
ADAPTER_CONFIG = "adapter_config.json"
_WEIGHT_NAMES = (
    *("*.safetensors", "config.json", ADAPTER_CONFIG, "generation_config.json"),
    *("tokenizer.json", "tokenizer_config.json", "*.jinja"),
)
_PLACE = ("base_model_name_or_path", "revision")


class Card(Value):
    """The card of a checkpoint: what it is, and what it was trained on. ``base`` is a path relative
    to the checkpoint's own folder, or, with ``base_revision`` (a commit), a hub id."""

    what: str
    warning: str = ""
    base: str = ""
    base_revision: str = ""
    base_digest: str = ""
    made_with: dict[str, str] = Field(default_factory=dict)


class Chain(NamedTuple):
    """A base model and its stack of adapters: folders of full weights and of adapters, the first
    trained first."""

    root: Path
    adapters: tuple[Path, ...]


def read_card(folder: Path) -> Card:
    """The card of a checkpoint folder; an empty one for a model that planb did not write."""
    path = folder / CARD
    if not path.exists():
        return Card(what="a model that planb did not write")
    try:
        return Card.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise PlanBError(f"{path} is not a checkpoint card: {wrong_fields(error, 'card')}") from error


def on_base(card: Card, base: Path, folder: Path) -> Card:
    """The card of an adapter that will lie in ``folder`` and was trained on ``base``."""
    found = hub_identity(base.resolve())
    name, revision = found or (Path(os.path.relpath(base.resolve(), folder.resolve())).as_posix(), "")
    place = {"base": name, "base_revision": revision, "base_digest": checkpoint_digest(base)}
    return card.but(**place)


def open_as_others(folder: Path, other: str) -> None:
    """Let those read the weights who may read the file ``other``: safetensors (0.8) writes them for
    their owner alone, which locks colleagues out of a shared folder."""
    mode = (folder / other).stat().st_mode & 0o666
    for path in folder.rglob("*.safetensors"):
        path.chmod(mode)


def base_folder(folder: Path) -> Path:
    """The folder that an adapter was trained on; PlanBError if it is gone or has changed."""
    card = read_card(folder)
    base = _hub_base(card) if card.base_revision else (folder / card.base).resolve()
    if not card.base or not base.exists():
        raise PlanBError(f"the adapter in {folder} needs its base at {base}, which does not exist")
    if checkpoint_digest(base) != card.base_digest:
        raise PlanBError(
            f"the adapter in {folder} was trained on other weights than those in {base} "
            f"(expected {card.base_digest[:12]}, found {checkpoint_digest(base)[:12]}). "
            "Restore the base, or retrain the adapter."
        )
    return base


def _hub_base(card: Card) -> Path:
    """From the cache if it is there: a commit never changes, so the hub need not be queried."""
    try:
        return hub_snapshot(card.base, card.base_revision, local_only=True)
    except PlanBError:
        return hub_snapshot(card.base, card.base_revision)


def chain(folder: Path) -> Chain:
    """The base model and adapters of ``folder``, each base checked against the digest in the card
    above it."""
    adapters: list[Path] = []
    while (folder / ADAPTER).is_dir():
        adapters.insert(0, folder)
        folder = base_folder(folder)
    return Chain(folder, tuple(adapters))


def checkpoint_digest(folder: Path | str) -> str:
    """SHA-256 over weights, configuration, tokenizer and, for an adapter, its base's digest. It names
    the weights and not their place: where an adapter's base lies is no part of it."""
    folder = Path(folder)
    if (folder / HOSTED).is_file():
        return digest_of(json.loads((folder / HOSTED).read_text(encoding="utf-8"))["identity"])
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
        raise PlanBError(f"{folder} has no safetensors weights")
    whole = hashlib.sha256()
    for path in files:
        stat = path.stat()
        whole.update(f"{path.name}\x1f{_file_digest(path, stat.st_size, stat.st_mtime_ns)}".encode())
    return whole.hexdigest()


@lru_cache(maxsize=4096)
def _file_digest(path: Path, size: int, changed: int) -> str:
    del size, changed  # part of the key: a file that was written anew is read anew
    if path.name == ADAPTER_CONFIG:
        config = json.loads(path.read_text(encoding="utf-8"))
        kept = {key: value for key, value in config.items() if key not in _PLACE}
        return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
