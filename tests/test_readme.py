"""The README says what is there: the tree and the tables (code, commands and links: test_docs.py)."""

from __future__ import annotations

import importlib.util
import re
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

from planb.report.readme_table import headline_markdown, jailbreak_markdown
from planb.report.results import read_csv

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def tree() -> dict[str, str]:
    """Path -> caption, from the tree of the README."""
    drawn = README.split("## The tree")[1].split("```")[1]
    entries, above = dict[str, str](), [""]
    for line in drawn.strip("\n").split("\n"):
        indent, name, caption = re.match(r"(\s*)(\S+)\s+(.*)", line).groups()  # type: ignore[union-attr]
        depth = len(indent) // 2
        above[depth + 1 :] = [f"{above[depth]}{name}"]
        entries[above[-1]] = caption
    return entries


def test_every_entry_of_the_tree_exists_and_has_a_caption() -> None:
    for path, caption in tree().items():
        assert (ROOT / path).exists(), path
        assert (ROOT / path).is_dir() == path.endswith("/"), path
        assert len(caption) > 5, path


def test_every_tracked_folder_and_file_stands_in_the_tree() -> None:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split()
    if not listed:
        pytest.skip("not a git checkout")
    top = {f"{path.split('/')[0]}/" if "/" in path else path for path in listed}
    package = {path.removeprefix("src/planb/") for path in listed if path.startswith("src/planb/")}
    inside = {f"src/planb/{p.split('/')[0]}/" if "/" in p else f"src/planb/{p}" for p in package}
    inside |= {f"{Path(path).parent}/" for path in listed if re.match(r"src/planb/.+/.+/.+\.py$", path)}
    there = {name for name in top | inside if not Path(name).name.startswith((".", "__", "py.typed"))}
    there -= {"src/", ".ci/"}
    assert there - set(tree()) == set()


def test_what_one_adds_and_where_is_there() -> None:
    rows = re.findall(r"^\| an? [^|]+\|([^|]+)\|([^|]+)\|$", CONTRIBUTING, re.MULTILINE)
    assert len(rows) == 12
    for places, tables in rows:
        found = [ROOT / "src" / "planb" / place for place in re.findall(r"`([\w/.]+)`", places)]
        assert all(path.exists() for path in found), places
        files = [file for path in found for file in (path.glob("*.py") if path.is_dir() else [path])]
        code = "".join(file.read_text(encoding="utf-8") for file in files)
        for table in re.findall(r"`([A-Z_]+)`", tables):
            assert re.search(rf"^{table}\b.* = ", code, re.MULTILINE), (places, table)


def test_the_gate_runs_the_test_command() -> None:
    assert "make test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "make test" in blocks(README, "sh")[0]


@pytest.fixture(scope="module")
def writer() -> ModuleType:
    """docs/readme.py."""
    spec = importlib.util.spec_from_file_location("readme", ROOT / "docs" / "readme.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_is_made_of_the_results_beside_it(writer: ModuleType) -> None:
    shown = README.split("from runs/sandbox/results.csv -->")[1].split("<!-- /results -->")[0].strip()
    assert shown == writer.short(read_csv(ROOT / "docs" / "results" / "sandbox.csv")).strip()
    assert len(shown.splitlines()[0].split(" | ")) == len(writer.SHORT)
    assert (ROOT / "docs" / "images" / "severity.svg").stat().st_size > 1000


PAGES = sorted((ROOT / "docs" / "results").glob("*-claims.csv"))


@pytest.mark.slow
@pytest.mark.parametrize("study", [path.stem.removesuffix("-claims") for path in PAGES])
def test_a_studys_page_shows_the_results_beside_it(study: str, writer: ModuleType) -> None:
    from planb.report.results import read_csv
    from planb.studies import STUDIES

    if study == "sandbox":  # shown in the README
        return
    page = (ROOT / "docs" / f"{study}.md").read_text(encoding="utf-8")
    results = read_csv(ROOT / "docs" / "results" / f"{study}.csv")
    if study == "certificates":
        table = writer.certified(ROOT / "docs" / "results" / f"{study}-certificates.json")
    elif study == "jailbreaks":
        table = jailbreak_markdown(results)
    else:
        table = headline_markdown(results, domain=STUDIES[study]().domain)
    assert table.strip() in page
    pictures = re.findall(r"\(images/([^)]+)\)", page)
    assert pictures
    assert all((ROOT / "docs" / "images" / name).stat().st_size > 1000 for name in pictures)
