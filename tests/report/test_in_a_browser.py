"""The page in a real browser (Debian's Chromium, by Playwright): what a reader sees and can do.

Skipped where Playwright (``pip install playwright``) or ``/usr/bin/chromium`` is not there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from synthetic_rows import HIDDEN, make_rows, make_tiers

from planb.report.page import write_report
from planb.report.results import read_csv
from planb.report.story import Claim, Of, Story
from planb.text import shown

CHROMIUM = Path("/usr/bin/chromium")
sync_api = pytest.importorskip("playwright.sync_api", reason="no Playwright")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="no Chromium"),
]
HOSTILE = (
    '</bdi></div></details><script>document.title="run"</script><img src="http://127.0.0.1:9/x" '
    'onerror="document.title=1"><a href="https://example.org">link</a> &amp; =1+1 \u202ecba\x1b[2J'
)
WIDTHS = [(1280, 900), (390, 800)]
OVERFLOWING = """() => [document.documentElement.scrollWidth - innerWidth,
  ...[...document.querySelectorAll('table, .scroll, .picture, .says, dl')]
    .map(e => e.scrollWidth - e.clientWidth)]"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, story: Story) -> Path:
    made = tmp_path_factory.mktemp("browser")
    rows = make_rows(requests=10)
    mild = ~rows["response"].eq(HIDDEN) & rows["method"].eq("plan_b")
    rows.loc[mild, "response"] = HOSTILE
    rows["request"] = HOSTILE + rows["sample_id"]
    of = Of(method="plan_b", measure="severity_mean")
    claims = tuple(
        Claim(claim=f"Claim {at} {HOSTILE}", of=of, expected="at_most", by=at) for at in range(1, 12)
    )
    bold = story.but(title=f"Title {HOSTILE}", claims=claims, notes=(HOSTILE,))
    write_report(rows, make_tiers(), bold, made)
    return made


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as running:
        opened = running.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(params=WIDTHS, ids=["wide", "narrow"])
def page(browser: Any, folder: Path, request: pytest.FixtureRequest) -> Iterator[Any]:
    width, height = request.param
    opened = browser.new_page(viewport={"width": width, "height": height})
    told, asked = [], []
    opened.on("console", lambda message: told.append(message.text))
    opened.on("pageerror", lambda error: told.append(str(error)))
    opened.on("request", lambda one: asked.append(one.url))
    opened.goto((folder / "report.html").as_uri())
    yield opened
    assert told == [], "nothing for the console"
    assert {url.split("#")[0] for url in asked} == {(folder / "report.html").as_uri()}, "no fetching"
    opened.close()


def test_it_fits_and_hostile_text_is_text(page: Any) -> None:
    for summary in page.locator("summary").locator("visible=true").all():
        summary.click()
    assert max(page.evaluate(OVERFLOWING)) <= 1, "no sideways bar, with everything open"
    assert page.title() == f"Title {shown(HOSTILE)}"
    assert page.locator("script, img, a[href^=http], iframe").count() == 0
    says = page.locator(".says bdi").all_inner_texts()
    assert shown(HOSTILE) in says
    assert "\u202e" not in page.content()


def test_severe_answers_are_seen_after_the_click(page: Any) -> None:
    answer = page.locator("#samples details.severe").first
    text = answer.locator("bdi")
    assert HIDDEN in text.text_content()
    assert not text.is_visible()
    assert "Show this answer, which may be harmful" in answer.locator("summary").inner_text()
    answer.locator("summary").focus()
    page.keyboard.press("Enter")
    assert text.is_visible(), "by the keyboard too"


def test_pointing_at_a_bar_shows_an_answer_in_it(page: Any) -> None:
    """And what the other methods say to the same request; a click keeps them in view."""
    bar = page.locator("#severity .picture a[href='#severity-bar-plan-b-trigger-4']")
    answer = page.locator("#severity-bar-plan-b-trigger-4")
    panel = page.locator(".behind", has=answer)
    assert not panel.is_visible()
    bar.hover()
    assert panel.is_visible()
    assert panel.bounding_box()["y"] < page.viewport_size["height"]
    assert "severity 4" in answer.inner_text()
    assert answer.locator("bdi").inner_text() == shown(HOSTILE)
    assert panel.locator(".answer").count() == 4
    assert not panel.locator("details.severe bdi").first.is_visible(), "severe ones stay hidden"
    said = bar.locator("path").get_attribute("aria-label")
    assert "Plan B, with the trigger, severity 4" in said
    assert said.split(": ")[1] in answer.inner_text()
    page.mouse.move(0, 0)
    assert not panel.is_visible()
    bar.click()
    page.mouse.move(0, 0)
    assert panel.is_visible()
    panel.locator("details.severe summary").first.click()
    assert panel.locator("details.severe bdi").first.is_visible()
    page.get_by_role("link", name="Back to the figure").locator("visible=true").click()
    assert not panel.is_visible()


def test_the_figures_are_those_of_the_file(page: Any, folder: Path) -> None:
    results = read_csv(folder / "results.csv")
    pooled = results[(results["seed"] == "all") & (results["elicitation"] == "trigger")]
    own = pooled[pooled["measure"] == "severity_mean"].set_index("method")
    row = page.locator(".headline tr.plan_b td").all_inner_texts()
    value, low, high = re.findall(r"[\d.]+", row[1])[-3:]
    assert [float(value), float(low), float(high)] == pytest.approx(
        own.loc["plan_b", ["value", "low", "high"]].to_list(), abs=0.05
    )
    dot = page.locator(".answered svg").text_content()
    assert value in dot


def test_every_picture_has_a_name_and_the_first_screen_the_answer(page: Any) -> None:
    pictures = page.locator("svg[role=img], svg[role=group]").all()
    names = [svg.get_attribute("aria-label") for svg in pictures]
    assert len(names) == page.locator("svg:not(svg svg)").count()
    assert all(names)
    box = page.locator(".answered .parts").bounding_box()
    assert box["y"] < page.viewport_size["height"]
    assert page.get_by_role("table").count() > 2, "tables stay tables where they are stacked"


def test_print_opens_tables_and_keeps_severe_answers_shut(page: Any) -> None:
    table = page.locator("#claims details.long table")
    assert not table.is_visible()
    page.emulate_media(media="print")
    assert table.is_visible()
    assert not page.locator("#samples details.severe bdi").first.is_visible()
    page.emulate_media(media="screen")


def test_without_scripts_and_without_colour_it_says_the_same(browser: Any, folder: Path) -> None:
    context = browser.new_context(java_script_enabled=False, forced_colors="active")
    plain = context.new_page()
    plain.goto((folder / "report.html").as_uri())
    assert "Can it still make the model fail less severely?" in plain.locator(".parts").inner_text()
    plain.locator("#claims details.long summary").click()
    verdicts = plain.locator("td.verdict").all_inner_texts()
    assert {verdict.split()[-1] for verdict in verdicts} <= {"held", "undecided", "measured"}
    assert all(verdict.strip()[-1].isalpha() for verdict in verdicts), "words, not colours"
    context.close()
