"""The README and the guide say what is there: the tree, the commands, the code, the table."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from verbs import planb

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
GUIDE = (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")
TRAINER = (ROOT / "docs" / "trainer.md").read_text(encoding="utf-8")
STUDIES = [(ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8") for name in ("paper", "hosted")]


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


def test_the_make_commands_are_targets() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    assert {"run", "test", "check", "bench", "menu"} <= targets
    named = set(re.findall(r"\bmake ([a-z]+)\b", README + GUIDE))
    assert named
    assert named <= targets
    menu = subprocess.run(["make", "menu"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert named <= set(re.findall(r"make ([a-z]+)", menu)) | {"menu"}


def test_the_gate_runs_the_test_command() -> None:
    assert "make test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "make test" in blocks(README, "sh")[0]


@pytest.mark.slow
def test_the_planb_verbs_exist() -> None:
    verbs = set(
        re.findall(r"planb (run|plan|status|report|list|data validate|data surprise)\b", README + GUIDE)
    )
    assert len(verbs) == 7
    for verb in sorted(verbs):
        code, said = planb(ROOT, *verb.split(), "--help")
        assert code == 0, verb
        assert "Example" in said or verb == "list", verb


@pytest.mark.parametrize(
    "code", [code for page in (README, GUIDE, TRAINER, *STUDIES) for code in blocks(page, "python")]
)
def test_the_code_runs(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks that begin with a file's name are there to be imported by others."""
    for block in blocks(GUIDE, "python"):
        if named := re.match(r"# (\w+)\.py\n", block):
            (tmp_path / f"{named[1]}.py").write_text(block, encoding="utf-8")
            monkeypatch.delitem(sys.modules, named[1], raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    names: dict[str, object] = {}
    exec(compile(code, "readme", "exec"), names)
    assert {"cautious", "study", "trainer", "data"} & set(names)


def test_the_table_is_made_of_the_results_beside_it() -> None:
    from planb.report.readme_table import headline_markdown
    from planb.report.results import read_csv

    shown = README.split("from runs/sandbox/results.csv -->")[1].split("<!-- /results -->")[0].strip()
    assert shown == headline_markdown(read_csv(ROOT / "docs" / "results" / "sandbox.csv")).strip()
    assert (ROOT / "docs" / "images" / "severity.svg").stat().st_size > 1000


PAGES = sorted((ROOT / "docs" / "results").glob("*-claims.csv"))


@pytest.mark.slow
@pytest.mark.parametrize("study", [path.stem.removesuffix("-claims") for path in PAGES])
def test_a_studys_page_shows_the_results_beside_it(study: str) -> None:
    from planb.report.meow_table import meow_markdown
    from planb.report.readme_table import headline_markdown
    from planb.report.results import read_csv

    if study in ("sandbox", "jailbreaks"):  # shown in the README
        return
    page = (ROOT / "docs" / f"{study}.md").read_text(encoding="utf-8")
    table = meow_markdown if study.startswith("meow") else headline_markdown
    assert table(read_csv(ROOT / "docs" / "results" / f"{study}.csv")).strip() in page
    pictures = re.findall(r"\(images/([^)]+)\)", page)
    assert pictures
    assert all((ROOT / "docs" / "images" / name).stat().st_size > 1000 for name in pictures)


def test_the_links_lead_somewhere() -> None:
    for page in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")):
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            assert "://" in target or (page.parent / target).exists(), f"{page}: {target}"
