"""What data say is shown in the terminal, and never obeyed."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import RenderableType
from rich.markup import escape
from rich.text import Text

from planb.cli import main
from planb.data.terminal import Console, Table

ROOT = Path(__file__).resolve().parents[2]
OBEYED = "\x1b]0;title\x9c\x1b[2J\x9b31m\u202e[bold]x[/]"
SAFE = r"\x1b]0;title\x9c\x1b[2J\x9b31m\u202e[bold]x[/]"
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
"""What a console itself writes: colours."""


def printed(what: Any, **how: Any) -> str:
    out = io.StringIO()
    Console(file=out, force_terminal=True, width=200, color_system="truecolor").print(what, **how)
    return out.getvalue()


def unsafe(text: str) -> list[str]:
    """Control characters that are no colour of the console's own, and no line break."""
    return re.findall(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", ESCAPES.sub("", text))


@pytest.mark.parametrize("how", [{"markup": False}, {"style": "bold red"}, {"soft_wrap": True}])
def test_text_of_any_kind_is_shown(how: dict[str, Any]) -> None:
    text = OBEYED if how == {"markup": False} else escape(OBEYED)
    for what in (text, Text(OBEYED)):
        found = printed(what, highlight=False, **how)
        assert not unsafe(found)
        assert SAFE in ESCAPES.sub("", found)


def test_so_is_a_table_with_its_own_colours() -> None:
    table = Table(title=escape(OBEYED))
    table.add_column(escape(OBEYED), style="red")
    table.add_row(f"[bold]{escape(OBEYED)}[/]")
    found = printed(table)
    assert not unsafe(found)
    assert ESCAPES.search(found)
    assert ESCAPES.sub("", found).count(SAFE) == 3


def test_nothing_of_planb_makes_another_console() -> None:
    own = ROOT / "src" / "planb" / "data" / "terminal.py"
    for path in (ROOT / "src").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        made = re.search(r"(?<![.\w])Console\(", text) and path != own
        assert not made or "from planb.data.terminal import Console" in text, path


HOSTILE = {"id": OBEYED, "prompt": "Hi!", "harmful": True, "source": OBEYED, "split": OBEYED}


def test_the_data_commands_show_what_files_say(
    tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    same = {**HOSTILE, "responses": {"refusal": "No.", "harmful": "No. "}}
    (tmp_path / "good.jsonl").write_text(json.dumps(same) + "\n")
    tier = {**HOSTILE, "responses": {OBEYED: "No."}}
    (tmp_path / "tier.jsonl").write_text(json.dumps(tier) + "\n")
    (tmp_path / "bad.jsonl").write_text(json.dumps({**HOSTILE, OBEYED: 1}) + "\n")
    pair = {"prompt": "Hi!", "chosen": "No.", "rejected": "Yes.", OBEYED: 1}
    (tmp_path / "pairs.jsonl").write_text(json.dumps(pair) + "\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")
    form = ("--format", "trl-preference", "--chosen", "a", "--rejected", "b", "--harmful")
    for words, code in (
        (("validate", "good.jsonl"), 0),
        (("validate", "bad.jsonl"), 2),
        (("validate", "tier.jsonl"), 2),
        (("import", "pairs.jsonl", *form, "--out", "out.jsonl"), 2),
        (("import", "pairs.jsonl", *form, "--out", "out.jsonl", "--ignore", OBEYED), 0),
    ):
        monkeypatch.setattr(sys, "argv", ["planb", "data", *words])
        try:
            main()
            ended: Any = 0
        except SystemExit as done:
            ended = done.code or 0
        said = capsys.readouterr()
        assert ended == code, said
        assert not unsafe(said.out + said.err)
        assert r"\x1b]0;title" in said.out + said.err
        if words == ("validate", "good.jsonl"):
            assert "1 of them have the same text in two tiers" in said.out


def test_a_trainers_error_is_safe_in_a_plain_traceback() -> None:
    code = f"from planb.errors import PlanBError; raise PlanBError({OBEYED!r})"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, encoding="utf-8"
    )
    assert SAFE in done.stderr
    assert not unsafe(done.stderr)


def narrow(table: RenderableType, width: int) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=width).print(table)
    return out.getvalue().splitlines()


@pytest.mark.parametrize("width", [120, 80, 60, 40])
def test_a_table_that_is_too_wide_is_cut_nowhere(width: int) -> None:
    heads = ("Method", *(f"{group}\n{head}" for group in ("trigger", "none") for head in WIDE))
    table = Table(*heads, caption="n: 880")
    for method in ("Base model", "Plan D (cartoonish first)"):
        table.add_row(method, *[f"99.{at} %\n[98.1,99.{at}]" for at in range(2 * len(WIDE))])
    lines = narrow(table, width)
    said = "\n".join(lines)
    assert max(map(len, lines)) <= width
    assert "…" not in said
    assert [said.count(head) for head in WIDE] == [2, 2, 2]
    assert all(said.count(f"[98.1,99.{at}]") == 2 for at in range(2 * len(WIDE)))
    assert said.count("n: 880") == 1
    blocks = said.count("Method")
    assert said.count("first)") == said.count("Base model") == blocks
    assert (blocks == 1) == (width == 120), "one block where it fits"


WIDE = ("severity", "helpfulness", "complies")


def test_a_long_word_is_folded_and_a_list_stays_one_block() -> None:
    table = Table(show_header=False)
    table.add_row("failed", "count", "/a/very/long/path" * 6)
    lines = narrow(table, 50)
    assert max(map(len, lines)) <= 50
    assert "".join(line[13:].strip() for line in lines).endswith("/a/very/long/path" * 2)
    assert sum("failed" in line for line in lines) == 1


def test_every_table_of_the_terminal_is_one_that_is_not_cut() -> None:
    for path in (ROOT / "src" / "planb").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if "from rich.table import" in text:
            assert set(re.findall(r"(?<!\w)Table[.(]\w*", text)) == {"Table.grid"}, path
