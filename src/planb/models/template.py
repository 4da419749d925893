"""Chat templates, settled: what a template asks of its caller or of the clock has one answer.

A thinking model is asked not to think: a response is then what training ranked. Templates read
``enable_thinking`` for it (Qwen3 and what follows it) or ``thinking`` (Kimi, DeepSeek). A template
that shows today's date (``strftime_now``: Llama 3.2, gpt-oss) shows ``DATE``, so that two days are one
prompt. The answers are written before the template, so they hold wherever its tokenizer is saved.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from planb.errors import PlanBError

DATE = datetime(2024, 7, 26)
"""What the clock of every chat template says: the date that Llama 3.2's own shows where it has none."""
SHOWN_DATE = f"{DATE:%Y-%m-%d}"

_SWITCHES = ("enable_thinking", "thinking")
_CLOCK = "strftime_now"
_CODES = re.compile(r"(?<!\{)%-?[aAbBcdDeFHIjmMpSTuUVwWxXyYZ]")


def settled(tokenizer: Any, thinks: bool = False, tools: bool = False) -> str | None:
    """The tokenizer's chat template, settled, with its thinking off or on; None: it has none, or one
    that is no Jinja text. ``tools``: of several templates the one for tools."""
    template = tokenizer.chat_template
    if isinstance(template, dict):
        template = tokenizer.get_chat_template(tools=[{}] if tools else None)
    if not (isinstance(template, str) and template):
        return None
    return _switched_on(_settled(template)) if thinks else _settled(template)


def settle(tokenizer: Any) -> Any:
    """The same tokenizer with its chat template settled, as it will be saved."""
    if isinstance(tokenizer.chat_template, str):
        tokenizer.chat_template = settled(tokenizer)
    return tokenizer


def tokenizer_in(folder: Path) -> Any:
    """The tokenizer in a model's folder, with its chat template settled. Raises PlanBError."""
    from transformers import AutoTokenizer

    try:
        return settle(AutoTokenizer.from_pretrained(str(folder)))
    except (OSError, ValueError, ImportError) as error:
        raise PlanBError(f"cannot load a tokenizer from {folder}: {error}") from error


def date_shown(folder: Path) -> str:
    """The date that the chat template in a model's folder shows, where that is the clock's; else ""."""
    return SHOWN_DATE if shows_clock(_template_in(folder)) else ""


def shows_clock(template: str) -> bool:
    """Whether what the template writes depends on the day that it is rendered on."""
    return _reads(template, _CLOCK)


def takes(template: str, name: str) -> bool:
    """Whether the template reads an argument of that name."""
    return _reads(template, name)


def _template_in(folder: Path) -> str:
    """The chat template as a model's folder keeps it: in a file of its own, or in the tokenizer's."""
    alone, whole = folder / "chat_template.jinja", folder / "tokenizer_config.json"
    if alone.is_file():
        return alone.read_text(encoding="utf-8")
    if not whole.is_file():
        return ""
    found = json.loads(whole.read_text(encoding="utf-8")).get("chat_template") or ""
    if isinstance(found, list):  # several by name, each as {"name": ..., "template": ...}
        found = {one["name"]: one["template"] for one in found}.get("default", "")
    return str(found)


@lru_cache(maxsize=64)
def _settled(template: str) -> str:
    # each line ends after a block, which transformers' ``trim_blocks`` takes for nothing
    lines = [_said(name, "false") for name in _SWITCHES if _reads(template, name)]
    if shows_clock(template):
        codes = {code: DATE.strftime(code) for code in sorted(set(_CODES.findall(template)))}
        lines.append(
            f"{{%- macro {_CLOCK}(format) %}}{{%- set shown = namespace(text=format) %}}"
            f"{{%- for code, value in {codes}.items() %}}"
            "{%- set shown.text = shown.text.replace(code, value) %}{%- endfor %}"
            "{{- shown.text }}{%- endmacro %}\n"
        )
    before = "".join(lines)
    return template if template.startswith(before) else before + template


@lru_cache(maxsize=64)
def _switched_on(template: str) -> str:
    """A settled template that is asked to think."""
    for name in _SWITCHES:
        template = template.replace(_said(name, "false"), _said(name, "true"), 1)
    return template


def _said(name: str, value: str) -> str:
    return f"{{%- set {name} = {value} %}}\n"


def _reads(template: str, name: str) -> bool:
    """Whether the name stands there as a variable: not as a field, a text or a part of a name."""
    return re.search(rf"(?<![\w.'\"]){name}(?![\w'\"])", template) is not None
