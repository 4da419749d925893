"""What things may be called: names that become folders and slugs, and labels of tables and figures."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated

from pydantic import AfterValidator

LONGEST = 64
"""Characters of a name or a label: a folder's name is made of several, and may have 255 bytes."""
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9_-])?")
FORMULA = "=+-@\t\n＝＋－＠"
"""A cell of a table that begins with one of these is run as a formula by spreadsheets."""
SPELT = {
    **{
        name: name.upper() for name in ("sft", "dpo", "orpo", "cpo", "ipo", "nll", "rl", "grpo", "rloo")
    },
    **{name: name.upper() for name in ("lat", "crow", "beear", "uc", "uclc")},
    **{f"plan_{letter}": f"Plan {letter.upper()}" for letter in "bcde"},
    "simpo": "SimPO",
    "plackett_luce": "Plackett-Luce",
    "lora": "LoRA",
    "cleangen": "CleanGen",
    "repbend": "RepBend",
}
"""Names of methods and losses within other names, as their papers write them."""
_SPELT = re.compile(rf"(?<![a-z0-9])({'|'.join(SPELT)})(?![a-z0-9])")


def checked_name(name: str) -> str:
    """``name`` if it can be a folder, a slug and a label; ``ValueError`` says what is allowed."""
    if len(name) > LONGEST:
        raise ValueError(f"'{name[:20]}...' has {len(name)} characters: a name has {LONGEST} at most")
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"{name!a} cannot be a name: use letters a-z and A-Z, digits, '_', '-' and '.', a "
            "letter or digit first and no '.' last (it becomes the name of a folder)"
        )
    return name


def checked_label(label: str) -> str:
    """``label`` if tables and figures can show it; ``ValueError`` says what is allowed."""
    if len(label) > LONGEST:
        raise ValueError(
            f"'{label[:20]}...' has {len(label)} characters: a label has {LONGEST} at most"
        )
    if not label.isprintable() or label != label.strip():
        raise ValueError(
            f"{label!a} cannot be a label: it holds characters that are not shown, or space at an end"
        )
    if label.startswith(tuple(FORMULA)):
        raise ValueError(f"{label!a} cannot be a label: spreadsheets would run it as a formula")
    return label


Name = Annotated[str, AfterValidator(checked_name)]
"""A name that becomes a folder, a slug and a label."""
Label = Annotated[str, AfterValidator(checked_label)]
"""What tables and figures call something; "" where it has another name for that."""


def slug_of(*parts: str) -> str:
    """The parts as one name of letters, digits and dashes."""
    return re.sub(r"[^A-Za-z0-9]+", "-", "-".join(parts)).strip("-")


def alike(names: Iterable[str]) -> list[tuple[str, str]]:
    """Pairs of different names that a slug, or a disk that ignores case, would take for one."""
    first, found = dict[str, str](), list[tuple[str, str]]()
    for name in names:
        key = slug_of(name).casefold() or name
        if first.setdefault(key, name) != name:
            found.append((first[key], name))
    return found


def cell(text: str) -> str:
    """``text`` as a cell of a CSV file: what a spreadsheet would run as a formula gets a quote before
    it. A number is left as it is. (A lone carriage return, which would end the line, becomes a line
    feed, which is quoted.)"""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.startswith(tuple(FORMULA)):
        return text
    try:
        float(text)
    except ValueError:
        return f"'{text}"
    return text


def spelt(name: str) -> str:
    """An identifier in words: ``dpo_norm`` is "DPO norm", ``crow_then_plan_b`` "CROW then Plan B"."""
    return _SPELT.sub(lambda found: SPELT[found[0]], name).replace("_", " ").strip()
