"""The prompts of elicitations: text files beside this module, with ``$places`` where texts go in.

``$mark`` is a word that stands in none of the texts that are put in, so that a response which says
"end of response" cannot leave its place. A folder of one's own may hold other texts for the same files.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path
from string import Template

from planb.errors import PlanBError
from planb.models.answers import mark_for
from planb.values import digest_of

MARK = "mark"


def prompt_text(name: str, folder: str = "") -> str:
    """The text of the file ``name``: that in ``folder`` if there is one, else the one beside this
    module.

    Raises PlanBError if the folder's has other places than ours (``$mark`` may be left out).
    """
    own = _beside(name)
    path = Path(folder) / name
    if not folder or not path.exists():
        return own
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise PlanBError(f"the prompt {path} cannot be read: {error}") from error
    if not Template(text).is_valid() or places(text) - {MARK} != places(own) - {MARK}:
        listed = ", ".join(f"${place}" for place in sorted(places(own) - {MARK})) or "none"
        raise PlanBError(
            f"{path} must have these places for texts: {listed} (and may have $mark, a word that "
            "stands in none of them); a dollar sign is written $$"
        )
    return text


def prompt_hashes(names: tuple[str, ...], folder: str = "") -> dict[str, str]:
    """SHA-256 of each text, by its file's name. PlanBError if ``folder`` is given and holds none."""
    if folder and not any((Path(folder) / name).exists() for name in names):
        raise PlanBError(f"{folder} holds none of the prompts {', '.join(names)}: name another folder")
    return {name: digest_of(prompt_text(name, folder)) for name in names}


def fill(text: str, **texts: str) -> str:
    """The prompt with the texts in their places, and the same ``$mark`` whenever they are the same."""
    return Template(text).substitute(texts, mark=mark_for(*texts.values()))


def places(text: str) -> set[str]:
    return set(Template(text).get_identifiers())


@cache
def _beside(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8").strip()
