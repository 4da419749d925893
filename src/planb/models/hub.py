"""Models by name: a local folder, or a snapshot of the Hugging Face hub."""

from __future__ import annotations

from pathlib import Path

from planb.errors import PlanBError

_PATTERNS = ["*.safetensors", "*.json", "*.jinja", "*.model", "*.txt"]


def is_hub_id(name: str) -> bool:
    """Whether ``name`` reads as ``owner/name`` of the hub."""
    return name.count("/") == 1 and not name.startswith((".", "/", "~"))


def resolve_model(name: str, revision: str = "main") -> Path:
    """The folder of a local model, or of a hub model's snapshot (fetched if it is not there yet)."""
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder.resolve()
    if not is_hub_id(name):
        raise PlanBError(f"there is no model folder {name}, and it is no hub id (owner/name) either")
    return hub_snapshot(name, revision)


def hub_snapshot(name: str, revision: str, local_only: bool = False) -> Path:
    """The folder of a hub model's snapshot; PlanBError if it can be neither found nor fetched."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(
            snapshot_download(
                name, revision=revision, allow_patterns=_PATTERNS, local_files_only=local_only
            )
        )
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise PlanBError(
            f"cannot fetch {name} (revision {revision}) from the hub: {error}. Log in if it is "
            "gated, or give the path of a local folder."
        ) from error


def hub_identity(folder: Path) -> tuple[str, str] | None:
    """(``owner/name``, commit) if ``folder`` is a snapshot in a hub cache, whose layout is
    ``models--owner--name/snapshots/commit``; else None."""
    repository, snapshots, commit = ("", "", "", *folder.parts)[-3:]
    kind, *name = repository.split("--")
    if kind != "models" or len(name) != 2 or snapshots != "snapshots":
        return None
    return "/".join(name), commit
