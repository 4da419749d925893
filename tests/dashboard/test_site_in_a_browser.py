"""The dashboard in a real browser: hostile text is text, it fits, it works without scripts, and says
when nobody answers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hostile_study import HOSTILE, make_studies

from planb.study.running.run_file import FILE, read_run
from planb.text import shown

CHROMIUM = Path("/usr/bin/chromium")
sync_api = pytest.importorskip("playwright.sync_api", reason="no Playwright")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="no Chromium"),
]


@pytest.fixture
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as running:
        opened = running.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    out = make_studies(tmp_path / "runs")
    command = [sys.executable, "-m", "planb.cli", "dashboard", "--out", str(out), "--port", "0"]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert running.stdout is not None
    yield running, running.stdout.readline().split(" at ")[1].split()[0]
    running.kill()
    running.communicate()


def test_hostile_text_is_text_and_silence_is_said(browser: Any, server: Any, tmp_path: Path) -> None:
    running, url = server
    told, asked = [], []
    page = browser.new_page(viewport={"width": 390, "height": 800})
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("request", lambda one: asked.append(one.url))
    looked_at(page, f"{url}/bad/", tmp_path / "runs" / "bad")
    without_scripts(browser, f"{url}/bad/")
    assert told == [], "nothing for the console"
    assert all(one.startswith((f"{url}/", "data:,")) for one in asked), "nothing is fetched"
    page.goto(f"{url}/bad/report.html")
    assert page.title() == "", "a page's script is not run"
    page.go_back()
    page.locator("#live").wait_for()
    assert page.locator("#silent").is_hidden()
    running.kill()
    page.locator("#silent").wait_for(state="visible")
    assert "does not answer" in page.locator("#silent").inner_text()


def looked_at(page: Any, url: str, folder: Path) -> None:
    """The page of a study that runs, before and after it has changed."""
    page.goto(url)
    assert page.locator("#live script, #live iframe, a[href^=http], #live img[src^=http]").count() == 0
    assert page.locator("#failed dd bdi").inner_text() == shown(HOSTILE)
    assert page.locator("#headline td").nth(1).inner_text() == shown(HOSTILE)
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 1
    assert page.title() == "7/20 bad: running"
    assert all(bar.get_attribute("aria-label") for bar in page.locator("progress").all())
    state = read_run(folder)
    assert state is not None
    (folder / FILE).write_text(state.but(done=8).model_dump_json())
    sync_api.expect(page).to_have_title("8/20 bad: running", timeout=20_000)
    assert "8 of 20 steps done" in page.locator("p.status").inner_text()


def without_scripts(browser: Any, url: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    plain = context.new_page()
    plain.goto(url)
    assert "8 of 20 steps done" in plain.locator("p.status").inner_text()
    with plain.expect_navigation(timeout=20_000):
        pass  # by itself
    assert plain.url == url
    context.close()
