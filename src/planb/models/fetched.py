"""Chat models that come as packages: fetched and converted once, then found by their card's name."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from planb.errors import PlanBError
from planb.models.bases import MODELS
from planb.models.cards import read_card
from planb.wheels import Packaged, cache_folder, extract, fetch

if TYPE_CHECKING:
    from planb.models.gguf import Converted
    from planb.models.gguf.convert import Precision, Say


def packaged(name: str) -> Packaged | None:
    """The file in a package that the model of this name is made of; None if it comes otherwise."""
    return MODELS[name].packaged if name in MODELS else None


def command(name: str) -> str:
    """What to type to have the model."""
    return f"planb models fetch {name}"


def model_folder(name: str, cache: Path | None = None) -> Path:
    """Where the model of this name lies once it is fetched."""
    return cache_folder(cache) / "models" / name


def fetched_folder(name: str) -> Path:
    """The folder of a model that was fetched. Raises PlanBError, with the command, where it was not."""
    folder = model_folder(name)
    if not (folder / "config.json").is_file():
        raise PlanBError(f"the model '{name}' is not in {folder.parent}: type `{command(name)}` first")
    return folder


def fetch_model(
    name: str, cache: Path, precision: Precision, say: Say
) -> tuple[Converted | None, Path]:
    """Fetch and convert the model of a card, unless it is there; returns what was made, and its folder.

    Raises PlanBError where the name is not of such a model, where it is there in another precision, and
    where fetching or converting fails.
    """
    from planb.models.gguf import convert

    held = packaged(name)
    if held is None:
        known = ", ".join(one for one in MODELS if packaged(one))
        raise PlanBError(
            f"'{name}' is no model that comes as a package; there are: {known}. A study that names a "
            "model of the hub fetches it; `planb models convert` takes a GGUF file"
        )
    card, folder = MODELS[name], model_folder(name, cache)
    say(f"{name}: {card.terms} (the package {held.wheel.requirement}: {held.wheel.licence})")
    if folder.exists():
        _check_there(folder, held, precision)
        say("it is there already")
        return None, folder
    found = fetch(held.wheel, cache, say)
    with TemporaryDirectory(dir=cache) as scratch:
        file = extract(found, held, Path(scratch))[0]
        return convert(file, folder, precision, say), folder


def _check_there(folder: Path, held: Packaged, precision: Precision) -> None:
    made = read_card(folder).made_with
    if made.get("sha256") not in held.files.values() or made.get("precision") != precision:
        raise PlanBError(
            f"{folder} was made of another file or in another precision "
            f"({made.get('precision', 'not known')}): remove the folder, and fetch the model again"
        )
