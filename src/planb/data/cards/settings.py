"""Questions that lie nested in settings, as those of arXiv 2411.10588 do.

A setting is an object with ``questions``, and may have a ``setup`` (text that stands before each of
them) and ``tags``; what is among its questions may be a setting again. A question has a
``question_text``. The form is known from public readers of the set; what is neither is refused.
"""

from __future__ import annotations

import hashlib
import logging
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from planb.data.cards.card import DataCard
from planb.data.json5 import strict
from planb.data.lines import BadRowError, decoded, parsed
from planb.errors import PlanBError
from planb.values import digest_of

LOG = logging.getLogger(__package__)
PASSWORD = b"onebox"
"""Of the published zip file. No secret: it keeps the questions out of crawled training data."""
PLACE, SETTING = "place", "setting"
"""Columns that are added: where the question stands, and the outermost setting that has a text."""
OF_QUESTIONS = ("question_text", "permissible_answers", "correct_answer", "attitude_q")
"""What a setting must not have: whether its questions inherit it is not known."""
MOST_BAD_ROWS = 5
Rows = list[dict[str, Any]]


class _Above(NamedTuple):
    text: str = ""
    tags: tuple[str, ...] = ()
    setting: str = ""


def read_settings(path: Path, card: DataCard) -> tuple[Rows, str]:
    """The questions of a JSON (JSON5) or JSONL file, or of a folder or a zip file of JSON files, each
    with the text and tags of the settings around it; and their digest.

    Where there are files ``setting*.json``, these alone are read. Raises PlanBError where anything in
    them is neither setting nor question, or where a question lacks a column of the card.
    """
    texts = _texts(path)
    if not texts:
        raise PlanBError(f"{path} holds no JSON file: it should be {card.about}")
    rows, bad = Rows(), list[str]()
    for name, text in texts.items():
        for found in _read(name, text):
            if isinstance(found, BadRowError):
                bad.append(str(found))
            elif lacking := [one for one in card.columns if found.get(one) in (None, "", [])]:
                bad.append(f"{found[PLACE]}: no {', no '.join(lacking)}")
            else:
                rows.append(found)
    if bad:
        more = f"; and {len(bad) - MOST_BAD_ROWS} more" if len(bad) > MOST_BAD_ROWS else ""
        raise PlanBError(
            f"{path} is not read, since some of it cannot be: {'; '.join(bad[:MOST_BAD_ROWS])}{more}. "
            f"It should be {card.about}: settings (setup, tags, questions) and questions "
            f"({', '.join(card.columns)}). Correct these, or remove them"
        )
    return rows, _digest(texts)


def _digest(texts: dict[str, bytes]) -> str:
    """SHA-256 of the one file, or of the names and hashes of several."""
    hashes = {name: hashlib.sha256(text).hexdigest() for name, text in texts.items()}
    return digest_of(hashes) if len(hashes) > 1 else next(iter(hashes.values()))


def _texts(path: Path) -> dict[str, bytes]:
    if path.is_dir():
        files = {file.name: file for file in sorted(path.glob("*.json"))}
        return {name: files[name].read_bytes() for name in _chosen([*files], path)}
    if not path.is_file():
        raise PlanBError(f"there is no file or folder {path}")
    if zipfile.is_zipfile(path):
        return _unzipped(path)
    if path.suffix not in (".json", ".jsonl"):
        raise PlanBError(
            f"{path}: these questions are read from a .json or .jsonl file, or from a folder or a zip "
            "file of .json files"
        )
    return {path.name: path.read_bytes()}


def _unzipped(path: Path) -> dict[str, bytes]:
    """The JSON files of a zip file, read in memory: none of them is written to the disk."""
    with zipfile.ZipFile(path) as packed:
        names = [n for n in packed.namelist() if n.endswith(".json") and not n.startswith("__MACOSX")]
        try:
            return {name: packed.read(name, pwd=PASSWORD) for name in _chosen(sorted(names), path)}
        except (RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
            raise PlanBError(
                f"{path} cannot be unpacked with the password '{PASSWORD.decode()}' ({error}): unpack "
                "it elsewhere, and name the folder"
            ) from error


def _chosen(names: list[str], path: Path) -> list[str]:
    """The files of settings, where there are any; which others there are is logged."""
    settings = [name for name in names if PurePosixPath(name).name.startswith("setting")]
    if settings and (others := [name for name in names if name not in settings]):
        LOG.warning("%s: only setting*.json is read, not %s", path, ", ".join(others))
    return settings or names


def _read(name: str, content: bytes) -> Iterator[dict[str, Any] | BadRowError]:
    try:
        nodes = _nodes(name, content.decode("utf-8-sig"))
        for where, node in nodes:
            yield from [*_questions(node, where, _Above())]
    except UnicodeDecodeError:
        yield BadRowError(f"{name}: not UTF-8")
    except RecursionError:
        yield BadRowError(f"{name}: nested too deeply to be read")
    except BadRowError as error:
        yield BadRowError(f"{name}: {error}")


def _nodes(name: str, text: str) -> list[tuple[str, Any]]:
    """What stands at the top of a file, each with where that is."""
    if name.endswith(".jsonl"):
        lines = enumerate(text.split("\n"), start=1)
        return [(f"{name}, line {n}", decoded(line)) for n, line in lines if line.strip()]
    whole = parsed(strict(text))
    if isinstance(whole, list):
        return [(f"{name}, row {number}", node) for number, node in enumerate(whole, start=1)]
    return [(name, whole)]


def _questions(node: Any, where: str, above: _Above) -> Iterator[dict[str, Any] | BadRowError]:
    try:
        below = _below(node, where, above)
    except BadRowError as error:
        yield BadRowError(f"{where}: {error}")
        return
    if "questions" in node:
        for number, inner in enumerate(node["questions"], start=1):
            yield from _questions(inner, f"{where}, question {number}", below)
    else:
        told = {"question_text": below.text, "tags": [*below.tags], PLACE: where}
        yield {SETTING: above.setting, **node, **told}


def _below(node: Any, where: str, above: _Above) -> _Above:
    """What holds inside a setting; or the whole text of a question and all its tags."""
    if not isinstance(node, dict):
        raise BadRowError("no object with fields")
    setup, tags, inner = node.get("setup") or "", node.get("tags") or [], node.get("questions")
    if not isinstance(setup, str):
        raise BadRowError("its setup is no text")
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise BadRowError("its tags are no list of texts")
    both = (*above.tags, *tags)
    if "questions" in node:
        if not isinstance(inner, list) or not inner:
            raise BadRowError("its questions are no list, or an empty one")
        if wrong := [name for name in OF_QUESTIONS if name in node]:
            raise BadRowError(
                f"it has questions, and {wrong[0]} of its own: is it one, or has it some?"
            )
        return _Above(_joined(above.text, setup), both, above.setting or (where if setup else ""))
    text = node.get("question_text")
    if not isinstance(text, str) or not text.strip():
        raise BadRowError("neither questions nor a question_text (a text)")
    return _Above(_joined(above.text, text if setup in text else _joined(setup, text)), both)


def _joined(first: str, then: str) -> str:
    """As they stand, which is what the set's own reader does; words that would touch are set apart."""
    touch = first and then and not (first[-1].isspace() or then[0].isspace())
    return f"{first}\n\n{then}" if touch else first + then
