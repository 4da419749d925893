"""The documentation says what is there: code runs, commands parse, links work, prose is narrow."""

from __future__ import annotations

import importlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup
from typer.testing import CliRunner

from planb.cli import app
from planb.evals.tasks import BENCHMARKS, DOMAIN_TASKS, TASKS

ROOT = Path(__file__).resolve().parent.parent
OUTSIDE = ("README", "CONTRIBUTING")
"""Pages that are not of the site."""
LOG = ROOT / "docs" / "log.md"
PAGES = {
    str(page.relative_to(ROOT)): page.read_text(encoding="utf-8")
    for page in (*(ROOT / f"{name}.md" for name in OUTSIDE), *sorted((ROOT / "docs").rglob("*.md")))
    if page != LOG
}
"""Every page but the log of experiments, which is history."""
BLOCK = re.compile(
    r"(?:<!-- not run: (?P<reason>[^>]+) -->\n+)?```(?P<kind>\w*)\n(?P<text>.*?)```", re.S
)
WIDTH, CELL = 100, 120
CHEAP = ("planb list", "planb judge list", "planb data cards", "planb models")


def blocks(kind: str, text: str) -> Iterator[tuple[str, str | None]]:
    """(text, why it is not run) of each fenced block of a language."""
    for found in BLOCK.finditer(text):
        if found["kind"] == kind:
            yield found["text"], found["reason"]


def commands() -> list[tuple[str, str]]:
    """(page, command) for every line of a shell block that begins with a program."""
    found = []
    for page, text in PAGES.items():
        for block, _ in blocks("sh", text):
            lines = block.replace("\\\n", " ").splitlines()
            found += [(page, " ".join(shlex.split(line, comments=True))) for line in lines if line]
    return [(page, line) for page, line in found if line]


CODE = [
    pytest.param(code, id=f"{page}-{place}")
    for page, text in PAGES.items()
    for place, (code, reason) in enumerate(blocks("python", text))
    if not reason
]
NAMED = {
    named[1]: code
    for text in PAGES.values()
    for code, reason in blocks("python", text)
    if not reason and (named := re.match(r"# (\w+)\.py\b", code))
}
"""Blocks that begin with a file's name are there to be imported by others."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, with the pages' named study files in it."""
    for name, code in NAMED.items():
        (tmp_path / f"{name}.py").write_text(code, encoding="utf-8")
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("code", CODE)
@pytest.mark.usefixtures("folder")
def test_the_python_blocks_run(code: str) -> None:
    names: dict[str, object] = {"__name__": "docs", "__file__": str(Path("docs.py").absolute())}
    exec(compile(code, "docs", "exec"), names)
    study = names.get("study")
    if study is not None:
        assert study.steps()  # type: ignore[attr-defined]


def test_a_block_that_is_not_run_says_why() -> None:
    reasons = [reason for text in PAGES.values() for _, reason in blocks("python", text) if reason]
    assert all(len(reason.split()) >= 3 for reason in reasons)
    assert len(reasons) <= 5
    unmarked = [page for page, text in PAGES.items() if "```py\n" in text or "```Python" in text]
    assert unmarked == [], "every block of Python is marked `python`, so that it is run"


def parse(line: str) -> None:
    """Parse a ``planb`` command as the command line does, and run nothing."""
    command = typer.main.get_command(app)
    args, context = shlex.split(line)[1:], None
    name = "planb"
    while True:
        context = command.make_context(name, list(args), parent=context)
        if not isinstance(command, TyperGroup):
            return
        left = [*context._protected_args, *context.args]
        name, found, args = command.resolve_command(context, left)
        assert found is not None
        command = found


PLANB = sorted({line for _, line in commands() if re.match(r"(\S*/)?planb ", line)})


@pytest.mark.parametrize("line", PLANB)
def test_the_planb_commands_parse(line: str) -> None:
    parse(re.sub(r"[^\x00-\x7f]", "x", line))


@pytest.mark.parametrize("page", PAGES)
def test_commands_in_the_text_name_verbs_and_options(page: str) -> None:
    """``planb VERB --option`` between backticks: what is named is there."""
    group = typer.main.get_command(app)
    for line in re.findall(r"`(?:\.venv/bin/)?planb ([^`\n<>]+)`", PAGES[page]):
        words, command = line.split(), group
        assert isinstance(command, TyperGroup)
        while words and isinstance(command, TyperGroup):
            if words[0].startswith("-") or words[0].isupper():
                break
            assert words[0] in command.commands, f"planb {line}"
            command = command.commands[words.pop(0)]  # type: ignore[assignment]
        options = {name for param in command.params for name in param.opts} | {"--help"}
        for word in words:
            assert not word.startswith("--") or word.partition("=")[0] in options, f"planb {line}"


@pytest.mark.parametrize("line", CHEAP)
def test_cheap_commands_really_run(line: str) -> None:
    done = CliRunner().invoke(app, shlex.split(line)[1:])
    assert done.exit_code == 0
    assert len(done.stdout.splitlines()) > 2


@pytest.mark.usefixtures("folder")
def test_the_tutorials_plan_finds_its_own_study() -> None:
    assert "planb plan my_first.py --seeds 1" in PLANB
    done = CliRunner().invoke(app, ["plan", "my_first.py", "--seeds", "1"])
    assert done.exit_code == 0, done.output
    assert "plan_b_dpo-seed0" in done.stdout


def test_the_guides_examples_are_valid(tmp_path: Path) -> None:
    (example,) = [text for text, _ in blocks("json", PAGES["docs/guide.md"])]
    assert all(json.loads(line) for line in example.splitlines())
    (tmp_path / "requests.jsonl").write_text(example, encoding="utf-8")
    done = CliRunner().invoke(app, ["data", "validate", str(tmp_path / "requests.jsonl")])
    assert done.exit_code == 0, done.output


def test_inspect_commands_name_tasks_and_make_commands_targets() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    for page, text in PAGES.items():
        for task in re.findall(r"inspect eval planb/(\w+)", text):
            assert task in {**TASKS, **BENCHMARKS, **DOMAIN_TASKS}, f"{page}: {task}"
        for target in re.findall(r"[`\n]make ([a-z-]+)", text):
            assert target in targets, f"{page}: make {target}"


def prose(text: str) -> list[str]:
    """Lines outside of code and tables."""
    plain = re.sub(r"```.*?```", "", text, flags=re.S)
    return [line for line in plain.splitlines() if not line.startswith(("|", "!", "<!--", ":::"))]


@pytest.mark.parametrize("page", PAGES)
def test_prose_wraps_and_cells_are_short(page: str) -> None:
    for line in prose(PAGES[page]):
        unbroken = max((len(word) for word in line.split()), default=0)
        assert len(line) <= WIDTH or unbroken > WIDTH / 2 or "](" in line or "`" in line, line
    for line in PAGES[page].splitlines():
        if line.startswith("|"):
            cells = re.split(r"(?<!\\)\|", line)
            shown = [re.sub(r"\]\([^)]*\)", "]", cell).strip() for cell in cells]
            assert all(len(cell) <= CELL for cell in shown), line


@pytest.mark.parametrize("page", [page for page in PAGES if "/reference/" not in page])
def test_a_page_opens_with_what_it_is_for_and_a_command(page: str) -> None:
    """One heading, and a block of commands or code before the second section."""
    text = re.sub(r"```.*?```", "```", PAGES[page], flags=re.S)
    assert text.startswith("# ")
    assert len(re.findall(r"^# ", text, re.MULTILINE)) == 1
    if page.startswith("docs/design/"):
        return
    opening = "##".join(text.split("\n## ")[:2])
    assert "```" in opening, f"{page} opens without a command"


@pytest.mark.parametrize("page", [page for page in PAGES if re.fullmatch(r"docs/\w+\.md", page)])
def test_a_page_ends_with_what_it_does_not_show(page: str) -> None:
    last = re.findall(r"^## (.+)$", re.sub(r"```.*?```", "", PAGES[page], flags=re.S), re.MULTILINE)[-1]
    assert re.search(r"\bnot\b", last), f"{page} ends with '{last}'"


def slugs(text: str) -> set[str]:
    """The anchors of a page's headings, as the site and GitHub make them."""
    heads = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", text, flags=re.S), re.MULTILINE)
    plain = (re.sub(r"[`*]|\]\([^)]*\)|\[", "", head).strip().lower() for head in heads)
    return {re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", head)) for head in plain}


@pytest.mark.parametrize("page", [*PAGES, "docs/log.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_the_links_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        place = (ROOT / page).parent / path if path else ROOT / page
        assert place.exists(), f"{page}: {target}"
        if anchor:
            assert anchor in slugs(place.read_text(encoding="utf-8")), f"{page}: {target}"


@pytest.mark.parametrize(
    "name", sorted({name for text in PAGES.values() for name in re.findall(r"^::: (\S+)", text, re.M)})
)
def test_the_reference_names_what_is_there_with_a_docstring(name: str) -> None:
    module, _, called = name.rpartition(".")
    found = getattr(importlib.import_module(module), called)
    assert (found.__doc__ or "").strip()


def test_the_design_page_shows_the_order_of_imports_that_is_checked() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
        "importlinter"
    ]
    assert f"`{' > '.join(contracts['contracts'][0]['layers'])}`" in PAGES["docs/design/house.md"]


def test_every_page_is_in_the_sites_navigation() -> None:
    named = set(re.findall(r'"([\w/]+\.md)"', (ROOT / "zensical.toml").read_text(encoding="utf-8")))
    pages = {page.removeprefix("docs/") for page in [*PAGES, "docs/log.md"] if page.startswith("docs/")}
    assert named == pages


@pytest.mark.slow
def test_the_site_is_built_with_reference_and_search_and_loads_nothing_from_outside(
    tmp_path: Path,
) -> None:
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copy(ROOT / "zensical.toml", tmp_path)
    (tmp_path / "src").symlink_to(ROOT / "src")
    done = subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--strict"],
        cwd=tmp_path,
        env={**os.environ, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    site = tmp_path / "site"
    search = (site / "search.json").read_text(encoding="utf-8")
    reference = "".join(
        page.read_text(encoding="utf-8") for page in site.glob("reference/*/index.html")
    )
    for name in ("planb.safety.method.Method", "planb.training.trainer.RankedPreferenceTrainer"):
        assert f'id="{name}"' in reference
        assert name.rpartition(".")[2] in search
    loads = re.compile(r"<(?:script|img|iframe)[^>]+src=\"?(https?:)?//|<link[^>]+stylesheet[^>]+//")
    outside = [page for page in site.rglob("*.html") if loads.search(page.read_text(encoding="utf-8"))]
    assert outside == []
