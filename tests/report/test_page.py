"""The page: whole, safe, honest about what is missing. All rows are synthetic."""

from __future__ import annotations

import csv
import re
import resource
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from synthetic_rows import HIDDEN, make_rows, make_tiers, row, unscored

from planb.errors import PlanBError
from planb.report.exhibits import EXHIBITS
from planb.report.headline import headline
from planb.report.page import write_report
from planb.report.readme_table import headline_markdown
from planb.report.results import read_csv, results_of
from planb.report.story import Story

pytestmark = pytest.mark.slow

ASKED_FOR = {
    *(
        "claims",
        "people",
        "line",
        "probe",
        "monitor",
        "series",
        "tradeoff",
        "cost",
        "kinds",
        "jailbreaks",
        "measures",
        "shares",
        "variants",
        "surprise",
        "log_probs",
        "forms",
    ),
    *("capability", "certificate", "judges"),
}
"""Exhibits of what this study has not: they leave no trace."""
VOID = {"meta", "br", "img", "link", "hr", "input"}


class Reader(HTMLParser):
    """Checks that tags close, and collects tags, ids, text and whatever points elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        self._note(attrs)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._note(attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def _note(self, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            assert not name.startswith("on"), name
            if name == "id":
                self.ids.append(value or "")
            if name in ("href", "xlink:href", "src", "action"):
                self.links.append(value or "")


def read(folder: Path) -> tuple[str, Reader]:
    html = (folder / "report.html").read_text(encoding="utf-8")
    reader = Reader()
    reader.feed(html)
    assert reader.open == []
    return html, reader


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    story = Story(
        **{"study": "synthetic", "title": "A synthetic report", "stamp": "synthetic rows"},
        **{"seeds_finished": 1, "seeds_planned": 3, "notes": ("Tuned on nothing.",)},
        methods=(("plan_b", "refusal > useless > harmful", "the talk's method"),),
    )
    write_report(make_rows(), make_tiers(), story, folder)
    return folder


def test_every_exhibit_stands_on_the_page_and_its_picture_in_a_file(written: Path) -> None:
    html, reader = read(written)
    shown = set(EXHIBITS) - ASKED_FOR
    assert set(reader.ids) & set(EXHIBITS) == shown
    assert "Left out:" not in html
    pictures = {path.stem for path in (written / "figures").iterdir()}
    assert pictures == {"answer", *shown} - {"samples"}
    assert reader.tags.count("svg") == len(pictures)
    assert len(reader.ids) == len(set(reader.ids))
    assert {path.name for path in written.iterdir()} == {
        *("results.csv", "differences.csv", "report.html", "figures", "tables")
    }


def test_the_page_says_what_it_must(written: Path) -> None:
    _, reader = read(written)
    for said in (
        *("synthetic rows", "seed 1 of 3, more are running", "not robustness", "Tuned on nothing."),
        *("refusal > useless > harmful", "0 unscored", "0 cut off at the length limit"),
    ):
        assert said in reader.text


def test_nothing_on_the_page_points_outside_or_runs(written: Path) -> None:
    html, reader = read(written)
    assert all(link.startswith("#") for link in reader.links)
    assert all(link[1:] in reader.ids for link in reader.links)
    assert not {"script", "iframe", "link", "object", "embed", "image", "img"} & set(reader.tags)
    assert "url(http" not in html
    assert "@import" not in html
    assert "default-src 'none'" in html


def test_severe_text_is_behind_a_click_and_absent_where_redacted(
    written: Path, tmp_path: Path, story: Story
) -> None:
    html, reader = read(written)
    shown = re.sub(r'<details class="says severe">.*?</details>', "", html, flags=re.DOTALL)
    assert HIDDEN in html
    assert HIDDEN not in shown
    assert "Hidden: severity 10. Show this answer, which may be harmful" in reader.text
    assert "<details open" not in html
    texts = [path for kind in ("figures", "tables") for path in (written / kind).iterdir()]
    assert not any(HIDDEN.encode() in path.read_bytes() for path in texts)
    write_report(make_rows(requests=10), None, story, tmp_path, redact=True)
    html, reader = read(tmp_path)
    assert HIDDEN not in html
    assert "hidden: severity 10" in reader.text
    assert "The text of severe answers is not in this file." in reader.text


def test_what_has_no_score_is_hidden_too_and_counted(tmp_path: Path, story: Story) -> None:
    rows = [unscored(sample_id=str(i), response=HIDDEN) for i in range(2)]
    write_report(pd.DataFrame([*rows, row(sample_id="9")]), None, story, tmp_path, redact=True)
    html, reader = read(tmp_path)
    assert HIDDEN not in html
    assert "hidden: not scored" in reader.text
    assert "2 unscored (synthetic: no JSON: 2)" in reader.text


def test_a_price_is_seen_by_the_difference_and_not_by_two_intervals(
    tmp_path: Path, story: Story
) -> None:
    """38 of 40 requests are answered well, and 32 of the same after Plan B: the intervals of the two
    overlap, that of their difference leaves out 0."""

    def asked(method: str, well: int) -> list[dict[str, object]]:
        harmless = {"task": "harmless_requests", "elicitation": "direct", "harmful": False}
        return [
            row(method=method, sample_id=f"h{i}", severity=points, usefulness=points, **harmless)
            for i, points in enumerate([10.0] * well + [0.0] * (40 - well))
        ]

    def price(*rows: dict[str, object]) -> str:
        triggered = [row(method=m, sample_id=str(i)) for m in ("organism", "plan_b") for i in range(9)]
        write_report(pd.DataFrame([*triggered, *rows]), None, story, tmp_path)
        found = re.findall(r"<b>(.*?)</b>", read(tmp_path)[0].split('class="answered"')[1])
        return str(found[1])

    assert price(*asked("organism", 38), *asked("plan_b", 32)) == "Some"
    assert price(*asked("organism", 38), *asked("plan_b", 38)) == "None seen"


def test_the_first_screen_answers_with_figures_of_results_csv(written: Path) -> None:
    html, reader = read(written)
    results = read_csv(written / "results.csv")
    asked = (results["seed"] == "all") & (results["elicitation"] == "trigger")
    own = results[asked & (results["measure"] == "severity_mean")].set_index("method")["value"]
    first = re.search(r'<div class="answered".*?</dl>', html, re.DOTALL)
    assert first is not None
    less, price, sure = re.findall(r"<b>(.*?)</b>(.*?)</dd>", first[0], re.DOTALL)
    assert less[0] == "Yes"
    assert f"Plan B: {own['plan_b']:.1f}\xa0[" in less[1]
    assert f"Organism {own['organism']:.1f}\xa0[" in less[1]
    assert "refuses" in price[1]
    assert sure[0] in ("One draw", "Few draws")
    assert html.index('class="answered"') < html.index('class="headline"')
    assert "Can it still make the model fail less severely?" in reader.text


def test_each_figure_and_table_is_a_file(written: Path) -> None:
    html, _ = read(written)
    figures = {path.name for path in (written / "figures").iterdir()}
    drawn = {name.removesuffix(".svg") for name in figures if name.endswith(".svg")}
    assert {"answer", "severity"} <= drawn
    assert figures == {f"{name}.{kind}" for name in drawn for kind in ("svg", "png")}
    png = (written / "figures" / "answer.png").read_bytes()
    assert png.startswith(b"\x89PNG")
    tables = {path.stem for path in (written / "tables").glob("*.csv")}
    assert tables == {path.stem for path in (written / "tables").glob("*.tex")}
    assert html.count("<table") == len(tables) + 1, "and what was judged"
    with (written / "tables" / "headline.csv").open(newline="") as file:
        heads, *lines = csv.reader(file)
    assert heads[:2] == ["Method", "With the trigger: severity"]
    assert lines == [list(row) for row in headline(read_csv(written / "results.csv")).rows]
    tex = (written / "tables" / "headline.tex").read_text()
    assert tex.count("rule") >= 4
    assert [line.count(" & ") for line in tex.splitlines() if line.startswith("Plan B")] == [
        len(heads) - 1
    ]


def test_markup_in_answers_and_names_is_text(tmp_path: Path, story: Story) -> None:
    attack = "</div><script>alert(1)</script><img src=x onerror=alert(2)>"
    rows = make_rows(methods=("organism", "<script>x</script>"), requests=6)
    rows["response"] = attack
    rows["request"] = attack
    bold = story.but(title=attack, notes=(attack,), stamp=attack)
    write_report(rows, None, bold, tmp_path)
    html, reader = read(tmp_path)
    assert "<script" not in html
    assert "<img" not in html
    assert attack in reader.text


def test_a_second_writing_changes_no_byte(written: Path, tmp_path: Path) -> None:
    story = Story(
        **{"study": "synthetic", "title": "A synthetic report", "stamp": "synthetic rows"},
        **{"seeds_finished": 1, "seeds_planned": 3, "notes": ("Tuned on nothing.",)},
        methods=(("plan_b", "refusal > useless > harmful", "the talk's method"),),
    )
    write_report(make_rows().sample(frac=1, random_state=3), make_tiers(), story, tmp_path)
    for name in ("results.csv", "differences.csv", "report.html", "figures/severity.svg"):
        assert (tmp_path / name).read_bytes() == (written / name).read_bytes()


def test_missing_data_leave_a_line_and_no_picture(tmp_path: Path, story: Story) -> None:
    rows = make_rows(methods=("organism",), requests=6, only="harmful_requests")
    write_report(rows[rows["elicitation"] == "direct"], None, story, tmp_path)
    _, reader = read(tmp_path)
    for reason in (
        *("the training data were not judged", "no recipe recall was judged"),
        *(
            "no harmless request has a scored answer",
            "no answer has a figure for “mean severity, with the trigger”",
        ),
        *("no method was evaluated on harmful requests", "no form of request was held out"),
        "there are no two methods with answers to the same harmful requests",
    ):
        assert f"Left out: {reason}" in reader.text
    pictures = {path.stem for path in (tmp_path / "figures").iterdir()}
    assert pictures == {"severity", "decomposition"}


def test_all_unscored_still_makes_a_page(tmp_path: Path, story: Story) -> None:
    write_report(pd.DataFrame([unscored()]), None, story, tmp_path)
    _, reader = read(tmp_path)
    assert "svg" not in reader.tags


def test_two_organisms_are_never_drawn_together(tmp_path: Path, story: Story) -> None:
    rows = make_rows(methods=("base", "organism", "plan_b"), requests=6)
    rows.loc[rows["method"] == "base", "organism"] = ""
    other = rows[rows["method"] != "base"].assign(organism="other", seed="0")
    other = other.drop_duplicates(["method", "task", "elicitation", "sample_id"])
    write_report(pd.concat([rows, other]), None, story, tmp_path)
    _, reader = read(tmp_path)
    assert {"severity-synthetic-backdoor", "severity-synthetic-other"} <= set(reader.ids)
    table = headline(results_of(pd.concat([rows, other])))
    assert table.head[:2] == ("Method", "Organism")
    assert [r[:2] for r in table.rows].count(("Plan B", "other")) == 1


def test_the_readmes_table_is_the_pages(written: Path) -> None:
    results = read_csv(written / "results.csv")
    lines = headline_markdown(results).splitlines()
    assert len(lines) == 2 + 4
    assert lines[0].startswith("| Method | with the trigger: severity | with the trigger: severe |")
    assert len({line.count("|") for line in lines}) == 1
    pooled = results[(results["seed"] == "all") & (results["method"] == "plan_b")]
    pooled = pooled[pooled["elicitation"] == "trigger"].set_index("measure")
    assert f"| Plan B | {pooled.loc['severity_mean', 'value']:.1f} [" in lines[-1]


def test_half_a_file_is_never_left(
    written: Path, story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (written / "report.html").read_bytes()
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(PlanBError, match="full"):
        write_report(make_rows(requests=4), None, story, written)
    assert (written / "report.html").read_bytes() == before
    assert not [path for path in written.iterdir() if path.name.startswith(".")]


def test_a_whole_report_is_quick_and_needs_no_torch(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; import planb.report.page as page;"
        "from planb.report.story import Story; from synthetic_rows import make_rows, make_tiers;"
        "names = ('organism', 'standard', 'german', 'ryan', 'plan_b');"
        "story = Story(study='s', title='synthetic', seeds_finished=3, seeds_planned=3);"
        f"page.write_report(make_rows(names, 3, 140), make_tiers(), story, Path({str(tmp_path)!r}));"
        "assert not {'torch', 'transformers', 'inspect_ai'} & set(sys.modules)"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parent, timeout=120)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 15
